"""Putting the candidate of a plan in use, while the plan still says what would happen."""

import duckdb

from cdp_assets.identity.model_versions import put_in_use, versions
from cdp_assets.identity.plans import Plan, PlanRefused, plans, state_of
from cdp_resources.lake import Lake, LakeMissing

MOVED_SHARE = 0.01
"""A plan holds while no more than this share of the records is new, changed or gone since."""


def promote(lake: Lake, plan_hash: str) -> Plan:
    """Put the candidate of a plan in use. Raises ``PlanRefused`` for an unknown, refused or outdated plan."""

    def work(con: duckdb.DuckDBPyConnection) -> Plan:
        known = plans(con)
        plan = next((plan for plan in known if plan.plan_hash == plan_hash), None)
        if plan is None:
            raise PlanRefused(
                f"there is no plan {plan_hash!r}: make one with `cdp identity plan`"
                + (f"; the latest is {known[0].plan_hash}" if known else "")
            )
        why = outdated(
            plan,
            [(version.model_version, version.promoted) for version in versions(con)],
            state_of(con),
            moved_share(con, plan),
        )
        if why:
            raise PlanRefused(f"plan {plan_hash} is outdated: {why}. Plan again with `cdp identity plan`")
        if plan.summary["objections"]:
            raise PlanRefused(f"plan {plan_hash} may not be promoted: {'; '.join(plan.summary['objections'])}")
        put_in_use(con, plan.candidate_version, plan_hash)
        return plan

    if not lake.exists():
        raise LakeMissing(lake.catalog)
    return lake.write(work, f"promoted {plan_hash}")


def outdated(plan: Plan, known: list[tuple[str, bool]], state: dict[str, str], moved: float) -> str:
    """Why a plan no longer says what would happen; empty while it does.

    ``known``: each version and whether it is in use. ``moved``: share of records that changed since the plan.
    """
    used = next((version for version, promoted in known if promoted), None)
    if used == plan.candidate_version:
        return f"its version {used} is in use already"
    if used != plan.promoted_version:
        return f"version {plan.promoted_version} was in use when it was made, and {used} is now"
    if plan.candidate_version not in {version for version, _ in known}:
        return f"its version {plan.candidate_version} is gone"
    if state["overrides"] != plan.state["overrides"]:
        return "people decided about records since"
    if moved > MOVED_SHARE:
        return f"{moved:.1%} of the records changed since, more than {MOVED_SHARE:.0%}"
    return ""


def moved_share(con: duckdb.DuckDBPyConnection, plan: Plan) -> float:
    """Share of records that are new, changed or gone since a plan. All of them, when its snapshot has been expired."""
    if state_of(con)["evidence"] == plan.state["evidence"]:
        return 0.0
    try:
        row = con.execute(
            f"""SELECT count(*) FILTER (now.record_version IS DISTINCT FROM was.record_version) / greatest(count(*), 1)
            FROM lake.identity.evidence AS now
            FULL JOIN (FROM lake.identity.evidence AT (VERSION => {plan.snapshot:d})) AS was USING (record_key)"""
        ).fetchone()
    except duckdb.Error:
        return 1.0
    return float(row[0]) if row else 1.0
