"""The log of one person: everything that destinations were told of them, and answered. Reads only; personal data."""

from collections.abc import Collection
from typing import Any

import duckdb

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG

COLUMNS = ("at (UTC)", "sync", "destination", "known by", "what", "answer", "consent", "run")


def log_of(con: duckdb.DuckDBPyConnection, person_ids: Collection[str]) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, in order of time: acknowledged changes, refusals, and what was sent and not answered.

    ``person_ids``: the person's, and those of people who were merged into them. Acknowledgements that later ones have
    replaced are known as long as the lake keeps their snapshots; the latest of each row always is.
    """
    if not has_table(con, "activation.deliveries"):
        return []
    con.execute("CREATE TEMP TABLE same_person AS SELECT unnest(CAST(? AS VARCHAR[])) AS person_id", [list(person_ids)])
    kept = con.execute(f"SELECT min(snapshot_id), max(snapshot_id) FROM {CATALOG}.snapshots()").fetchone() or (0, 0)
    consents = CONSENTS if has_table(con, "standardized.consents") else NO_CONSENTS
    return con.execute(LOG.format(first=int(kept[0]), last=int(kept[1]), consents=consents)).fetchall()


CONSENTS = f"""
SELECT consent_id, concat_ws(' ', purpose, 'by', channel, status, strftime(occurred_at, '%Y-%m-%d'), 'in', record_key)
    AS said
FROM {CATALOG}.standardized.consents"""
NO_CONSENTS = "SELECT NULL::VARCHAR AS consent_id, NULL::VARCHAR AS said LIMIT 0"

LOG = f"""
WITH acknowledged AS (
    SELECT acked_at, sync, destination, destination_key, change, 'acknowledged' AS answer, consent_id, run_id
    FROM (
        FROM ducklake_table_insertions('{CATALOG}', 'activation', 'deliveries', {{first}}, {{last}})
        UNION BY NAME FROM {CATALOG}.activation.deliveries)
    SEMI JOIN same_person USING (person_id)),
told AS (
    FROM acknowledged
    UNION ALL SELECT last_seen, sync, destination, destination_key, change,
        'refused, ' || attempts || ' times: ' || error || coalesce(', then ' || resolution, ''), NULL, run_id
    FROM {CATALOG}.activation.rejections SEMI JOIN same_person USING (person_id)
    UNION ALL SELECT attempted_at, sync, destination, destination_key, 'sent', 'none yet', NULL, a.run_id
    FROM {CATALOG}.activation.attempts AS a SEMI JOIN same_person USING (person_id)
    WHERE NOT EXISTS (
        FROM {CATALOG}.activation.deliveries AS d WHERE d.sync = a.sync AND d.destination = a.destination
        AND d.destination_key = a.destination_key AND d.revision > a.revision))
SELECT strftime(acked_at, '%Y-%m-%d %H:%M:%S'), sync, destination, destination_key, change, answer,
    coalesce(said, consent_id), left(run_id, 8)
FROM (SELECT DISTINCT * FROM told) LEFT JOIN ({{consents}}) USING (consent_id) ORDER BY acked_at, sync, destination_key
"""
