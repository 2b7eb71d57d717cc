"""Writes who the records of new clusters are: most keep their person or make a new one, the contested are decided."""

import duckdb
import pyarrow as pa

from cdp_assets.identity.history import RECORD_HISTORY
from cdp_assets.identity.resolution import Resolved
from cdp_assets.identity.stable_ids import NEW, Change, decide, grouped, mint_sql


def assign(con: duckdb.DuckDBPyConnection, resolved: Resolved, run_id: str) -> dict[str, int]:
    """Write person ids and changes for new clusters of ``scope`` in the open transaction; returns changes by kind.

    Needs ``persons_before``: who the records in scope were.
    """
    keys = resolved.keys
    con.register("resolved_rows", pa.table({"record_key": keys, "cluster": keys.take(pa.array(resolved.labels))}))
    con.execute(UNSETTLED)
    con.unregister("resolved_rows")
    con.execute(MINTED, {"reason": NEW})
    clusters, previous = grouped(con.execute(CONTESTED).fetchall())
    mints = dict(con.execute("FROM mints").fetchall())
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
    return _append_changes(con, decision.changes, run_id)


ASSIGNED = pa.schema([("record_key", pa.string()), ("person_id", pa.string())])

UNSETTLED = """
-- records of clusters and persons that do not correspond one to one
CREATE OR REPLACE TEMP TABLE unsettled AS
WITH matched AS (
    SELECT coalesce(r.record_key, p.record_key) AS record_key, r.cluster, p.person_id, p.since
    FROM resolved_rows AS r
    FULL JOIN persons_before AS p ON r.record_key = p.record_key
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

MINTED = f"""
-- clusters of records that no person had: nothing to decide, and in a first run that is all of them
CREATE OR REPLACE TEMP TABLE mints AS
SELECT record_key, count(*) AS n FROM lake.identity.person_changes SEMI JOIN scope USING (record_key)
WHERE kind IN ('minted', 'split') GROUP BY record_key;
CREATE OR REPLACE TEMP TABLE minted AS
SELECT cluster, {mint_sql("record_key", "n")} AS person_id, record_key
FROM (
    SELECT cluster, min(record_key) AS record_key FROM unsettled
    WHERE cluster IS NOT NULL GROUP BY cluster HAVING count(person_id) = 0)
LEFT JOIN mints USING (record_key);
CREATE OR REPLACE TEMP TABLE changes_made AS
SELECT 'minted' AS kind, person_id, NULL::VARCHAR AS other_person_id, record_key, $reason AS reason FROM minted;
"""

CONTESTED = "FROM unsettled WHERE cluster IS NULL OR cluster NOT IN (SELECT cluster FROM minted) ORDER BY record_key"

CHANGED_PERSONS = """
CREATE OR REPLACE TEMP TABLE changed_persons AS
SELECT a.record_key, a.person_id, now() AS since
FROM (
    FROM assigned_rows
    UNION ALL SELECT unsettled.record_key, minted.person_id FROM unsettled JOIN minted USING (cluster)) AS a
ANTI JOIN persons_before AS p ON a.record_key = p.record_key AND a.person_id = p.person_id;
"""

WRITE_PERSONS = """
DELETE FROM lake.identity.record_persons AS p
WHERE p.record_key IN (SELECT record_key FROM changed_persons)
   OR p.record_key IN (SELECT record_key FROM unsettled WHERE cluster IS NULL);
INSERT INTO lake.identity.record_persons BY NAME FROM changed_persons ORDER BY record_key;
"""


def _append_changes(con: duckdb.DuckDBPyConnection, changes: list[Change], run_id: str) -> dict[str, int]:
    columns = ("kind", "person_id", "other_person_id", "record_key", "reason")
    schema = pa.schema([(column, pa.string()) for column in columns])
    rows = {column: [getattr(change, column) for change in changes] for column in columns}
    con.register("change_rows", pa.table(rows, schema=schema))
    con.execute("INSERT INTO changes_made FROM change_rows")
    con.unregister("change_rows")
    con.execute(
        """INSERT INTO lake.identity.person_changes BY NAME
        SELECT md5(concat_ws('|', $run_id, kind, person_id, other_person_id, record_key)) AS change_id,
               kind, person_id, other_person_id, record_key, now() AS occurred_at, $run_id AS run_id, reason
        FROM changes_made""",
        {"run_id": run_id},
    )
    return dict(con.execute("SELECT kind, count(*) FROM changes_made GROUP BY kind").fetchall())
