"""`identity.record_persons` and `identity.person_changes`: who every record is, and every change of that."""

import hashlib
from collections import defaultdict

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.identity.decisions import DECIDED_ANEW
from cdp_assets.identity.decisions import ensure_tables as ensure_decisions
from cdp_assets.identity.drift import REMEMBER, Drift, objections, standing, upheaval
from cdp_assets.identity.following import links_changed, require_links
from cdp_assets.identity.history import RECORD_HISTORY, ensure_history
from cdp_assets.identity.in_use import read_settings
from cdp_assets.identity.model_versions import versions
from cdp_assets.identity.resolution import Resolved, resolve
from cdp_assets.identity.scope import add, grow, joined
from cdp_assets.identity.scoring import to_weight
from cdp_assets.identity.stable_ids import Change, decide, grouped
from cdp_assets.identity.strengths import update_strengths
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
        raise dg.Failure(
            f"People were left as they are. {drift}. Look at identity.links and at what changed in the sources. If it "
            f"is right, launch again with the run configuration {ACCEPT}",
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
        if resolved != version or links_changed(con):
            require_links(con, settings)
        if not find_scope(con, settings, resolved == version):
            return {}
        before = standing(con)
        con.execute(REMEMBER)
        kinds = assign(con, resolve(con, settings), run_id)
        update_strengths(con, to_weight(settings.link_threshold))
        against = objections(before, standing(con), upheaval(con), settings.max_change, settings.giant_person)
        # another version was promoted from a plan: whoever did so saw what it changes
        if against and not accept_change and resolved == version:
            raise Drift("; ".join(against))
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


def find_scope(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, same_version: bool) -> bool:
    """Fill ``scope`` (record_key) with all records whose person may have to change; false when there are none.

    Those are records whose links changed or about whom a decision was made or withdrawn, and all that links,
    decisions and present persons bring together with them. Under another version, all records.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE scope (record_key VARCHAR)")
    if same_version:
        add(con, "FROM lake.identity.unresolved_records")
        add(con, DECIDED_ANEW)
        neighbours = (joined(to_weight(settings.link_threshold)), DECIDED_SAME, OF_ONE_PERSON)
        grow(con, " UNION ALL ".join(neighbours))
    else:
        for table in ("evidence", "record_persons", "unresolved_records"):
            add(con, f"SELECT record_key FROM lake.identity.{table}")
    return con.execute("FROM scope LIMIT 1").fetchone() is not None


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


def assign(con: duckdb.DuckDBPyConnection, resolved: Resolved, run_id: str) -> dict[str, int]:
    """Write person ids and changes for new clusters of ``scope`` in the open transaction; returns changes by kind."""
    keys = resolved.keys
    con.register("resolved_rows", pa.table({"record_key": keys, "cluster": keys.take(pa.array(resolved.labels))}))
    con.execute(UNSETTLED)
    con.unregister("resolved_rows")
    clusters, previous = grouped(con.execute("FROM unsettled ORDER BY record_key").fetchall())
    if not clusters and not previous:
        return {}
    mints = dict(
        con.execute(
            """SELECT record_key, count(*) FROM lake.identity.person_changes SEMI JOIN scope USING (record_key)
            WHERE kind IN ('minted', 'split') GROUP BY record_key"""
        ).fetchall()
    )
    decision = decide(clusters, previous, mints)
    assigned = [(record, decision.persons[name]) for name, records in clusters.items() for record in records]
    con.register(
        "assigned_rows",
        pa.table({"record_key": [r for r, _ in assigned], "person_id": [p for _, p in assigned]}, schema=ASSIGNED),
    )
    con.execute(CHANGED_PERSONS)
    con.execute(RECORD_HISTORY)
    con.execute(WRITE_PERSONS)
    con.unregister("assigned_rows")
    _append_changes(con, decision.changes, run_id)
    kinds: dict[str, int] = defaultdict(int)
    for change in decision.changes:
        kinds[change.kind] += 1
    return dict(kinds)


ASSIGNED = pa.schema([("record_key", pa.string()), ("person_id", pa.string())])

UNSETTLED = """
-- records of clusters and persons that do not correspond one to one
CREATE OR REPLACE TEMP TABLE unsettled AS
WITH matched AS (
    SELECT coalesce(r.record_key, p.record_key) AS record_key, r.cluster, p.person_id, p.since
    FROM resolved_rows AS r
    FULL JOIN (FROM lake.identity.record_persons SEMI JOIN scope USING (record_key)) AS p ON r.record_key = p.record_key
),
born AS (
    SELECT person_id, min(occurred_at) AS born FROM lake.identity.person_changes
    SEMI JOIN (SELECT person_id FROM matched) AS present USING (person_id)
    WHERE kind IN ('minted', 'split') GROUP BY person_id
),
unsettled_clusters AS (
    SELECT cluster FROM matched WHERE cluster IS NOT NULL
    GROUP BY cluster HAVING count(DISTINCT person_id) <> 1 OR count(person_id) < count(*)
),
unsettled_persons AS (
    SELECT person_id FROM matched WHERE person_id IS NOT NULL
    GROUP BY person_id HAVING count(DISTINCT cluster) <> 1 OR count(cluster) < count(*)
),
-- whatever shares a cluster or a person with something unsettled is decided together with it
reached AS (
    SELECT person_id FROM unsettled_persons
    UNION SELECT person_id FROM matched SEMI JOIN unsettled_clusters USING (cluster) WHERE person_id IS NOT NULL
)
SELECT record_key, cluster, person_id, coalesce(born, since)::VARCHAR AS since
FROM matched LEFT JOIN born USING (person_id)
WHERE cluster IN (FROM unsettled_clusters) OR person_id IN (FROM reached)
   OR cluster IN (SELECT cluster FROM matched SEMI JOIN reached USING (person_id) WHERE cluster IS NOT NULL);
"""

CHANGED_PERSONS = """
CREATE OR REPLACE TEMP TABLE changed_persons AS
SELECT a.record_key, a.person_id, now() AS since
FROM assigned_rows AS a
ANTI JOIN lake.identity.record_persons AS p ON a.record_key = p.record_key AND a.person_id = p.person_id;
"""

WRITE_PERSONS = """
DELETE FROM lake.identity.record_persons AS p
WHERE p.record_key IN (SELECT record_key FROM changed_persons)
   OR p.record_key IN (SELECT record_key FROM unsettled WHERE cluster IS NULL);
INSERT INTO lake.identity.record_persons BY NAME FROM changed_persons ORDER BY record_key;
"""


def _append_changes(con: duckdb.DuckDBPyConnection, changes: list[Change], run_id: str) -> None:
    columns = ("kind", "person_id", "other_person_id", "record_key", "reason")
    schema = pa.schema([(column, pa.string()) for column in columns])
    rows = {column: [getattr(change, column) for change in changes] for column in columns}
    con.register("change_rows", pa.table(rows, schema=schema))
    con.execute(
        """INSERT INTO lake.identity.person_changes BY NAME
        SELECT md5(concat_ws('|', $run_id, kind, person_id, other_person_id, record_key)) AS change_id,
               kind, person_id, other_person_id, record_key, now() AS occurred_at, $run_id AS run_id, reason
        FROM change_rows""",
        {"run_id": run_id},
    )
    con.unregister("change_rows")


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
