"""`identity.plans`: what a candidate would change, found out before it does.

Written by `cdp identity plan`, one row per plan. Promotion needs the hash of one: see promotion.py.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.in_use import differing, settings_in_use
from cdp_assets.identity.links import update_links
from cdp_assets.identity.model_versions import (
    Made,
    Version,
    adopt_settings,
    kept_version,
    put_in_use,
    versions,
    write_version,
)
from cdp_assets.identity.persons import update as update_person_table
from cdp_assets.identity.plan_effects import Observed, compare, evaluated_day, observe
from cdp_assets.identity.record_persons import update_persons
from cdp_assets.identity.retraining import train_version, version_due
from cdp_assets.identity.soundness import doubts_of, objections
from cdp_assets.metadata import has_table
from cdp_model import Model
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake
from cdp_resources.scratch_lake import ScratchLake

TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.plans (
    plan_hash VARCHAR, made_at TIMESTAMPTZ, promoted_version VARCHAR, candidate_version VARCHAR, snapshot BIGINT,
    state VARCHAR, settings VARCHAR, summary VARCHAR)
"""
GATED = ("f1", "decisions")
"""Measures on labels that must not fall."""


class PlanRefused(Exception):
    """Why there is no plan, or why it cannot be promoted; the message names the way out."""


@dataclass(frozen=True)
class Plan:
    """One row of `identity.plans`. ``state``: hashes of the evidence, links and decisions that it was made from."""

    plan_hash: str
    made_at: dt.datetime
    promoted_version: str
    candidate_version: str
    snapshot: int
    state: dict[str, str]
    settings: dict[str, Any]
    summary: dict[str, Any]


def make_plan(lake: Lake, model: Model, settings: IdentitySettings, version: str | None = None) -> Plan:
    """Find out on a scratch lake what ``settings`` would change, and keep it. Trains their model if there is none.

    ``version``: one that is kept already, and has these settings; by default the latest that has them.

    Only the plan and a new candidate are written to the lake. Raises ``PlanRefused`` when there is nothing to plan.
    """
    with ScratchLake.over(lake) as scratch:
        used, promoted = _promoted(scratch, model.identity, settings, version)
        with scratch.reading() as con:
            state = state_of(con)
        day = evaluated_day(scratch)
        if used:
            # changes that the next run would make in any case are not the plan's
            _run_stage(scratch, used, "as it is")
        before = observe(scratch, "before", model, used or settings, day)
        update_evidence(scratch, settings)
        made = _candidate(scratch, settings, version)
        with scratch.transaction() as con:
            put_in_use(con, write_version(con, made))
        _run_stage(scratch, settings, "plan")
        after = observe(scratch, "after", model, settings, day)
        with scratch.reading() as con:
            summary = compare(con, before, after, "plan")
    summary["as_of"] = str(day) if day else None
    summary["settings"] = {key: list(pair) for key, pair in differing(settings, used).items()} if used else {}
    summary |= _judged(made, promoted, before, after)
    parts = [promoted.model_version, made.version, state]
    plan_hash = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    plan = Plan(
        plan_hash=plan_hash,
        made_at=dt.datetime.now(dt.UTC),
        promoted_version=promoted.model_version,
        candidate_version=made.version,
        snapshot=scratch.snapshot,
        state=state,
        settings=settings.model_dump(mode="json"),
        summary=json.loads(json.dumps(summary)),
    )
    lake.write(lambda con: _keep(con, plan, made), "identity.plans")
    return plan


def plans(con: duckdb.DuckDBPyConnection) -> list[Plan]:
    """Every plan, the latest first."""
    if not has_table(con, "identity.plans"):
        return []
    rows = con.execute("FROM lake.identity.plans ORDER BY made_at DESC").fetchall()
    return [Plan(*row[:5], *(json.loads(text) for text in row[5:])) for row in rows]


def state_of(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Hashes of what people are made from: equal contents, equal hashes."""
    keys = {
        "evidence": "record_key, record_version",
        "links": "left_key, right_key, match_weight, rule, veto",
        "overrides": "left_key, right_key, decision, decided_at, withdrawn_at",
    }
    state = {}
    for table, columns in keys.items():
        row = None
        if has_table(con, f"identity.{table}"):
            hashed = f"bit_xor(md5_number(row({columns})::VARCHAR))"
            row = con.execute(
                f"SELECT count(*) || '-' || coalesce(format('{{:x}}', {hashed}), '') FROM lake.identity.{table}"
            ).fetchone()
        state[table] = row[0] if row else "none"
    return state


def _promoted(
    scratch: ScratchLake, declared: IdentitySettings, wanted: IdentitySettings, version: str | None
) -> tuple[IdentitySettings | None, Version]:
    """The settings in use (None: this release cannot read them) and the version they belong to."""
    with scratch.reading() as con:
        known = versions(con)
    promoted = next((version for version in known if version.promoted), None)
    if promoted is None:
        raise PlanRefused(
            "nothing is in use yet, so there is nothing to compare with: materialize the group `identity`; the first "
            "sound model needs no plan"
        )
    with scratch.transaction() as con:
        adopt_settings(con, declared)
    with scratch.reading() as con:
        described = (v.model_version for v in versions(con) if v.describes(wanted))
        asked = version or next(described, None)
        if asked == promoted.model_version:
            raise PlanRefused(f"nothing would change: version {asked}, which is in use, has these settings already")
        try:
            return settings_in_use(con, declared), promoted
        except dg.Failure:
            return None, promoted


def _candidate(scratch: ScratchLake, settings: IdentitySettings, version: str | None) -> Made:
    with scratch.get_connection() as con:
        known = versions(con)
        kept = version or next((v.model_version for v in known if v.describes(settings)), None)
        if kept:
            return replace(kept_version(con, kept, settings), name=kept)
        due = version_due(known, settings, 0, retrain=False)
        if due and due.like:
            return kept_version(con, due.like, settings)
        return train_version(con, settings, scratch.snapshot)


def _run_stage(lake: Lake, settings: IdentitySettings, run_id: str) -> None:
    update_evidence(lake, settings)
    update_links(lake, settings)
    update_persons(lake, settings, run_id)
    update_person_table(lake, whole=True)


def _judged(made: Made, promoted: Version, before: Observed, after: Observed) -> dict[str, Any]:
    doubts = doubts_of(made.trained.diagnostics)
    was, now = ({name: seen.labels[name] for name in GATED if name in seen.labels} for seen in (before, after))
    loses = not promoted.rules_only and made.trained.settings is None
    return {
        "doubts": [str(doubt) for doubt in doubts],
        "objections": objections(doubts, loses_model=loses, before=was, after=now),
    }


def _keep(con: duckdb.DuckDBPyConnection, plan: Plan, made: Made) -> None:
    con.execute(TABLES)
    if plan.candidate_version not in {version.model_version for version in versions(con)}:
        write_version(con, made)
    con.execute("DELETE FROM lake.identity.plans WHERE plan_hash = ?", [plan.plan_hash])
    con.execute(
        "INSERT INTO lake.identity.plans VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(plan.plan_hash, plan.made_at, plan.promoted_version, plan.candidate_version, plan.snapshot),
            *(json.dumps(part, sort_keys=True) for part in (plan.state, plan.settings, plan.summary)),
        ],
    )
