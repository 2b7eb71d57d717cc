"""`identity.record_persons` and `identity.person_changes`: who every record is, and every change of that."""

import hashlib

import dagster as dg
import duckdb

from cdp_assets.identity.alarms import REFUSED, end, raise_alarm
from cdp_assets.identity.assigning import assign
from cdp_assets.identity.decisions import DECIDED_ANEW
from cdp_assets.identity.decisions import ensure_tables as ensure_decisions
from cdp_assets.identity.drift import REMEMBER, Drift, extent, objections, standing, upheaval
from cdp_assets.identity.following import links_changed, require_links
from cdp_assets.identity.history import ensure_history
from cdp_assets.identity.in_use import read_settings
from cdp_assets.identity.links import remembered
from cdp_assets.identity.model_versions import versions
from cdp_assets.identity.resolution import resolve
from cdp_assets.identity.scope import JOINED, add, grow
from cdp_assets.identity.strengths import update_strengths
from cdp_assets.identity.weights import to_weight
from cdp_assets.metadata import count_rows, table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

RECORD_COLUMNS = {
    "record_key": "The standardized record",
    "person_id": "The person it is about; stable, never used again once retired",
    "since": "Since when the record belongs to this person",
}
CHANGE_COLUMNS = {
    "change_id": "Unique id of the change",
    "kind": "minted: a new person; split: a new person out of another's records; merged: the other person is now this "
    "one; moved: one record changed person; retired: no record is left",
    "person_id": "The person that is there after the change (before it, when retired)",
    "other_person_id": "The person merged, split from or moved from",
    "record_key": "The record that moved, or that gave a new person its id",
    "occurred_at": "When the run wrote it",
    "run_id": "Dagster run",
    "reason": "Why",
}
TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.record_persons (
    record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS lake.identity.person_changes (
    change_id VARCHAR, kind VARCHAR, person_id VARCHAR, other_person_id VARCHAR, record_key VARCHAR,
    occurred_at TIMESTAMPTZ, run_id VARCHAR, reason VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.resolved_overrides (
    left_key VARCHAR, right_key VARCHAR, decision VARCHAR, decided_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS lake.identity.resolutions (resolution_version VARCHAR, resolved_at TIMESTAMPTZ);
ALTER TABLE lake.identity.resolutions ADD COLUMN IF NOT EXISTS resolved_at TIMESTAMPTZ;
CREATE TABLE IF NOT EXISTS lake.identity.strengths (
    person_id VARCHAR, weakest_link DOUBLE, cohesion DOUBLE, bridges BIGINT);
"""
"""Beside the two: which decisions and settings they follow, and how well each person's records hold together."""

RESOLUTION_SETTINGS = {"link_threshold", "cut", "max_component"}
RECORD_LINEAGE = {
    "record_key": [("identity/evidence", "record_key")],
    "person_id": [("identity/links", column) for column in ("left_key", "right_key", "match_weight", "veto")],
}
CHANGE_LINEAGE = {
    "record_key": [("identity/evidence", "record_key")],
    "kind": [("identity/links", column) for column in ("left_key", "right_key", "match_weight", "veto")],
}


class ResolutionConfig(dg.Config):
    """Run configuration of `identity/record_persons`."""

    accept_change: bool = False


ACCEPT = '{"ops": {"identity_persons_of_records": {"config": {"accept_change": true}}}}'


@dg.multi_asset(
    name="identity_persons_of_records",
    specs=[
        dg.AssetSpec(
            ["identity", "record_persons"],
            deps=[["identity", "evidence"], ["identity", "links"], ["identity", "overrides"]],
            kinds={"duckdb"},
            description="One row per standardized record: the person it is about. From `identity.links` and "
            "`identity.overrides`, by average linkage with vetoes; a person keeps its id while most of its records "
            "stay together.",
        ),
        dg.AssetSpec(
            ["identity", "person_changes"],
            deps=[["identity", "evidence"], ["identity", "links"], ["identity", "overrides"]],
            kinds={"duckdb"},
            description="One row per change of identity, appended in the same commit as `identity.record_persons`: "
            "minted, merged, split, moved, retired. Nothing is ever renamed without a row here.",
        ),
    ],
    pool="lake",
)
def record_persons(
    context: dg.AssetExecutionContext, config: ResolutionConfig, lake: Lake, company: Company
) -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
    """Both tables in one transaction: a reader never sees a person without the change that made it."""
    settings = read_settings(lake, company.model.identity)
    try:
        kinds = update_persons(lake, settings, context.run.run_id, config.accept_change)
    except Drift as drift:
        said, run_id = str(drift), context.run.run_id
        lake.write(lambda con: raise_alarm(con, REFUSED, said, run_id), "identity.alarms")
        raise dg.Failure(
            f"People were left as they are, and syncs wait. {drift}. Look at identity.links and at what changed in the "
            f"sources. If it is right, launch again with the run configuration {ACCEPT}",
            allow_retries=False,
        ) from drift
    with lake.reading() as con:
        persons = table_metadata(con, "identity.record_persons", RECORD_COLUMNS, (), RECORD_LINEAGE)
        changes = table_metadata(con, "identity.person_changes", CHANGE_COLUMNS, (), CHANGE_LINEAGE)
        people = con.execute("SELECT count(DISTINCT person_id) FROM lake.identity.record_persons").fetchone()
        overrides = count_rows(con, "identity.overrides_in_force")
    return (
        dg.MaterializeResult(
            asset_key=["identity", "record_persons"],
            metadata={**persons, "persons": people[0] if people else 0, "overrides": overrides},
        ),
        dg.MaterializeResult(
            asset_key=["identity", "person_changes"],
            metadata={**changes, "changes_of_this_run": dg.MetadataValue.json(kinds)},
        ),
    )


def update_persons(lake: Lake, settings: IdentitySettings, run_id: str, accept_change: bool = False) -> dict[str, int]:
    """Bring both tables up to date with links and overrides, in one commit; returns changes by kind.

    Writes nothing and raises ``Drift`` when more changes than ``settings`` allow and ``accept_change`` is not set, or
    ``Behind`` when links are of another version than the one in use.
    """
    with lake.transaction("identity.record_persons") as con:
        con.execute(TABLES)
        ensure_decisions(con)
        ensure_history(con)
        resolved, version = last_resolution(con), resolution_version(con, settings)
        # after an upgrade alone links and people still belong together: a decision need not wait for new links
        if resolved != version or links_changed(con) or not remembered(con):
            require_links(con, settings)
        if not find_scope(con, resolved == version):
            end(con, REFUSED)
            return {}
        before = standing(con)
        con.execute(REMEMBER)
        kinds = assign(con, resolve(con, settings), run_id)
        update_strengths(con, to_weight(settings.link_threshold))
        against = objections(before, extent(con), upheaval(con), settings.max_change, settings.giant_person)
        # another version was promoted from a plan: whoever did so saw what it changes
        if against and not accept_change and resolved == version:
            raise Drift("; ".join(against))
        end(con, REFUSED)
        con.execute(RESOLVED)
        con.execute("INSERT INTO lake.identity.resolutions VALUES (?, now())", [version])
        return kinds


def resolution_version(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> str:
    """Changes when another linkage version is promoted, and whenever unchanged links could make other people."""
    promoted = [version.model_version for version in versions(con) if version.promoted]
    text = settings.model_dump_json(include=RESOLUTION_SETTINGS) + "".join(promoted)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def last_resolution(con: duckdb.DuckDBPyConnection) -> str | None:
    """The version that the present persons were made with; None before the first."""
    row = con.execute("SELECT resolution_version FROM lake.identity.resolutions").fetchone()
    return str(row[0]) if row else None


def find_scope(con: duckdb.DuckDBPyConnection, same_version: bool) -> bool:
    """Fill ``scope`` (record_key) with all records whose person may have to change; false when there are none.

    Those are records whose links changed or about whom a decision was made or withdrawn, and all that links,
    decisions and present persons bring together with them. Under another version, all records.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE scope (record_key VARCHAR)")
    if same_version:
        add(con, "FROM lake.identity.unresolved_records")
        add(con, DECIDED_ANEW)
        if con.execute("FROM scope LIMIT 1").fetchone() is None:
            return False
        grow(con, " UNION ALL ".join((JOINED.format(records=NOT_JOINED), DECIDED_SAME, OF_ONE_PERSON)))
    else:
        for table in ("evidence", "record_persons", "unresolved_records"):
            add(con, f"SELECT record_key FROM lake.identity.{table}")
    return con.execute("FROM scope LIMIT 1").fetchone() is not None


NOT_JOINED = "(FROM frontier ANTI JOIN lake.identity.unresolved_records USING (record_key))"
"""Linking a record again brings all that links join to it among the unresolved ones."""

DECIDED_SAME = """
SELECT right_key FROM lake.identity.overrides_in_force SEMI JOIN frontier ON left_key = frontier.record_key
UNION ALL SELECT left_key FROM lake.identity.overrides_in_force SEMI JOIN frontier ON right_key = frontier.record_key"""

OF_ONE_PERSON = """
SELECT record_key FROM lake.identity.record_persons SEMI JOIN (
    SELECT person_id FROM lake.identity.record_persons SEMI JOIN frontier USING (record_key)) USING (person_id)"""

RESOLVED = """
DELETE FROM lake.identity.unresolved_records;
DELETE FROM lake.identity.resolutions;
DELETE FROM lake.identity.resolved_overrides;
INSERT INTO lake.identity.resolved_overrides
SELECT left_key, right_key, decision, decided_at FROM lake.identity.overrides_in_force;
"""


@dg.asset_check(asset=["identity", "record_persons"], blocking=True)
def record_persons_are_unique(lake: Lake) -> dg.AssetCheckResult:
    """Each record is one person."""
    with lake.reading() as con:
        row = con.execute(
            """SELECT count(*) FROM (
                SELECT record_key FROM lake.identity.record_persons GROUP BY record_key HAVING count(*) > 1)"""
        ).fetchone()
    doubled = row[0] if row else 0
    return dg.AssetCheckResult(passed=doubled == 0, metadata={"records_with_several_persons": doubled})


@dg.asset_check(asset=["identity", "record_persons"], blocking=True)
def every_record_has_a_person(lake: Lake) -> dg.AssetCheckResult:
    """Every standardized record that is in the evidence has a person, and no other record has one."""
    with lake.reading() as con:
        row = con.execute(
            """SELECT count(*) FILTER (p.record_key IS NULL), count(*) FILTER (e.record_key IS NULL)
            FROM lake.identity.evidence AS e
            FULL JOIN lake.identity.record_persons AS p ON e.record_key = p.record_key"""
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=row == (0, 0), metadata={"records_without_person": row[0], "persons_of_no_record": row[1]}
    )
