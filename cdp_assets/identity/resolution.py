"""From links and overrides to clusters of records: named records by average linkage, nameless ones attached to them."""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.identity.clusters import Pairs, cluster
from cdp_assets.identity.components import Integers, components
from cdp_assets.identity.scoring import to_weight
from cdp_model.identity import IdentitySettings

DECISIONS = """
CREATE OR REPLACE TEMP TABLE decisions AS
SELECT decision, l.id - 1 AS l, r.id - 1 AS r, row_number() OVER (ORDER BY decided_at DESC, left_key, right_key) AS rank
FROM lake.identity.overrides
JOIN nodes AS l ON left_key = l.record_key JOIN nodes AS r ON right_key = r.record_key
QUALIFY row_number() OVER (PARTITION BY least(l.id, r.id), greatest(l.id, r.id) ORDER BY decided_at DESC) = 1
"""


@dataclass(frozen=True)
class Resolved:
    """``labels``: one per record in key order, the index of the first record of its cluster."""

    keys: pa.Array
    labels: Integers


def resolve(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Resolved:
    """Cluster the records in ``scope``. Needs the tables links, evidence and overrides of the lake."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE nodes AS
        SELECT row_number() OVER (ORDER BY record_key) AS id, record_key, named OR scorable AS anchored, evidence_hash,
               given_forms, date_of_birth
        FROM lake.identity.evidence SEMI JOIN scope USING (record_key)"""
    )
    con.execute(DECISIONS)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE linked AS
        SELECT l.id - 1 AS l, r.id - 1 AS r, match_weight AS weight, veto IS NOT NULL AS veto, rule,
               coalesce(veto = 'exclusive identifier', false) AS final,
               veto IS NULL AND (rule LIKE 'strong:%' OR coalesce(l.date_of_birth = r.date_of_birth, false)) AS agree,
               l.anchored AS l_anchored, r.anchored AS r_anchored,
               veto IS NULL AND CASE
                   WHEN rule LIKE 'strong:%' THEN coalesce(
                       list_has_any(l.given_forms, r.given_forms) OR l.date_of_birth = r.date_of_birth, false)
                   WHEN rule = 'identical' OR rule LIKE '%+name' THEN l.evidence_hash = r.evidence_hash
                   ELSE false END AS fold
        FROM lake.identity.links
        JOIN nodes AS l ON left_key = l.record_key JOIN nodes AS r ON right_key = r.record_key"""
    )
    n = _arrays(con, "SELECT count(*) AS n FROM nodes")["n"][0]
    anchored = _cluster_anchored(con, int(n), settings)
    labels = _attach_nameless(con, int(n), anchored)
    keys = con.execute("SELECT record_key FROM nodes ORDER BY id").to_arrow_table().column("record_key")
    return Resolved(keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys, labels)


def _cluster_anchored(con: duckdb.DuckDBPyConnection, n: int, settings: IdentitySettings) -> Integers:
    """Clusters of records that have a name or enough evidence; every other record alone."""
    pairs = _arrays(con, "SELECT l, r, weight, veto, final, agree FROM linked WHERE l_anchored AND r_anchored")
    same = _arrays(
        con,
        """SELECT l, r FROM (
            SELECT l, r, 0 AS kind, rank FROM decisions WHERE decision = 'same'
            UNION ALL SELECT l, r, 1, l FROM linked WHERE fold AND l_anchored AND r_anchored)
        ORDER BY kind, rank, l, r""",
    )
    different = _arrays(con, "SELECT l, r FROM decisions WHERE decision = 'different'")
    return cluster(
        n,
        Pairs(
            pairs["l"], pairs["r"], pairs["weight"], *(pairs[name].astype(bool) for name in ("veto", "final", "agree"))
        ),
        np.stack([same["l"], same["r"]], axis=1),
        np.stack([different["l"], different["r"]], axis=1),
        threshold=to_weight(settings.link_threshold),
        cut=settings.cut,
        cap=settings.max_component,
    )


def _attach_nameless(con: duckdb.DuckDBPyConnection, n: int, anchored: Integers) -> Integers:
    """Attach records without a name to the one cluster their identifiers point at; where they point at several, none.

    Nameless records with a common identifier are one unit. A decision outranks a strong identifier, and that any other.
    """
    nameless = _arrays(
        con,
        """SELECT l, r FROM linked ANTI JOIN (FROM decisions WHERE decision = 'different') AS d
           ON least(linked.l, linked.r) = least(d.l, d.r) AND greatest(linked.l, linked.r) = greatest(d.l, d.r)
           WHERE NOT l_anchored AND NOT r_anchored AND NOT veto""",
    )
    unit = components(n, nameless["l"], nameless["r"])
    con.register("label_rows", pa.table({"id": np.arange(n), "cluster": anchored, "unit": unit}))
    con.execute("CREATE OR REPLACE TEMP TABLE labels AS FROM label_rows")
    con.unregister("label_rows")
    attached = _arrays(
        con,
        """WITH touching AS (
            SELECT l, r, CASE WHEN rule LIKE 'strong:%' THEN 1 ELSE 2 END AS rank
            FROM linked ANTI JOIN (FROM decisions WHERE decision = 'different') AS d
            ON least(linked.l, linked.r) = least(d.l, d.r) AND greatest(linked.l, linked.r) = greatest(d.l, d.r)
            WHERE l_anchored <> r_anchored AND NOT veto
            UNION ALL SELECT l, r, 0 FROM decisions WHERE decision = 'same'
        ), pointing AS (
            SELECT unit, to_cluster AS cluster, min(rank) AS rank
            FROM (SELECT l AS a, r AS b, rank FROM touching UNION ALL SELECT r, l, rank FROM touching)
            JOIN labels AS nameless ON a = nameless.id JOIN nodes AS na ON na.id = a + 1 AND NOT na.anchored
            JOIN (SELECT id, cluster AS to_cluster FROM labels) AS target ON b = target.id
            JOIN nodes AS nb ON nb.id = b + 1 AND nb.anchored
            GROUP BY unit, to_cluster
        )
        SELECT unit, min(cluster) AS cluster FROM pointing
        WHERE rank = (SELECT min(p.rank) FROM pointing AS p WHERE p.unit = pointing.unit)
        GROUP BY unit HAVING count(*) = 1""",
    )
    target = np.arange(n)
    target[attached["unit"]] = attached["cluster"]
    is_anchored = _arrays(con, "SELECT anchored FROM nodes ORDER BY id")["anchored"].astype(bool)
    labels = np.where(is_anchored, anchored, target[unit])
    smallest = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(n))
    return smallest[labels]


def _arrays(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, np.ndarray]:
    found = con.execute(sql).fetchnumpy()
    return {
        name: np.asarray(column, dtype=np.float64 if name == "weight" else np.int64) for name, column in found.items()
    }
