"""From links and overrides to clusters of records: named records by average linkage, nameless ones attached to them."""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.identity.clusters import Pairs, cluster, join_decided
from cdp_assets.identity.components import Integers
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings

DECISIONS = """
CREATE OR REPLACE TEMP TABLE decisions AS
SELECT decision, l.id - 1 AS l, r.id - 1 AS r, row_number() OVER (ORDER BY decided_at DESC, left_key, right_key) AS rank
FROM lake.identity.overrides_in_force
JOIN nodes AS l ON left_key = l.record_key JOIN nodes AS r ON right_key = r.record_key
QUALIFY row_number() OVER (PARTITION BY least(l.id, r.id), greatest(l.id, r.id) ORDER BY decided_at DESC) = 1
"""


SAID = (
    *("first_name", "last_name", "suffix", "date_of_birth", "gender"),
    *("email", "phone", "street", "postal_code", "city"),
)
"""What a record says of a person, beside its identifiers."""

SHADOWS = f"""
-- a record that a rule links to another one, and that says nothing which the other does not say, stands behind it
CREATE OR REPLACE TEMP TABLE shadows AS
SELECT a.id - 1 AS shadow, arg_max(b.id - 1, (weight, -b.id)) AS behind
FROM (
    SELECT l, r, weight FROM linked WHERE NOT veto AND (rule LIKE 'strong:%' OR rule LIKE '%+name')
    UNION ALL SELECT r, l, weight FROM linked WHERE NOT veto AND (rule LIKE 'strong:%' OR rule LIKE '%+name')) AS pairs
JOIN nodes AS a ON pairs.l = a.id - 1 AND a.anchored JOIN nodes AS b ON pairs.r = b.id - 1 AND b.anchored
WHERE (a.said < b.said OR a.id > b.id)
    AND {" AND ".join(f"coalesce(a.{column} = b.{column}, a.{column} IS NULL)" for column in SAID)}
GROUP BY a.id
"""

HEARD = """
-- what a shadow scores is what the record before it scores, less what only that one knows: not heard a second time;
-- and a missing first name is no other name: it joins nobody, and parts nobody whom others join
SELECT l, r, weight, veto, final, agree
FROM linked
LEFT JOIN shadows AS left_shadows ON l = left_shadows.shadow
LEFT JOIN shadows AS right_shadows ON r = right_shadows.shadow
WHERE l_anchored AND r_anchored AND NOT unknown
    AND (rule NOT IN ('splink', 'compared') OR (left_shadows.shadow IS NULL AND right_shadows.shadow IS NULL))
"""


@dataclass(frozen=True)
class Resolved:
    """``labels``: one per record in key order, the index of the first record of its cluster."""

    keys: pa.Array
    labels: Integers


def resolve(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Resolved:
    """Cluster the records in ``scope``. Needs the tables links, evidence and overrides of the lake."""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE nodes AS
        SELECT row_number() OVER (ORDER BY record_key) AS id, record_key, named OR scorable AS anchored, evidence_hash,
               given_forms, {", ".join(SAID)}, {" + ".join(f"({column} IS NOT NULL)::INT" for column in SAID)} AS said
        FROM lake.identity.evidence SEMI JOIN scope USING (record_key)"""
    )
    con.execute(DECISIONS)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE linked AS
        SELECT l.id - 1 AS l, r.id - 1 AS r, match_weight AS weight, veto IS NOT NULL AS veto, rule,
               coalesce(veto = 'exclusive identifier', false) AS final,
               coalesce(veto = 'no first name', false) AS unknown,
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
    con.execute(SHADOWS)
    n = _arrays(con, "SELECT count(*) AS n FROM nodes")["n"][0]
    anchored = _cluster_anchored(con, int(n), settings)
    labels = _attach_nameless(con, int(n), anchored)
    keys = con.execute("SELECT record_key FROM nodes ORDER BY id").to_arrow_table().column("record_key")
    return Resolved(keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys, labels)


def _cluster_anchored(con: duckdb.DuckDBPyConnection, n: int, settings: IdentitySettings) -> Integers:
    """Clusters of records that have a name or enough evidence; every other record alone."""
    pairs = _arrays(con, HEARD)
    same = _arrays(
        con,
        """SELECT l, r FROM (
            SELECT l, r, 0 AS kind, rank FROM decisions WHERE decision = 'same'
            UNION ALL SELECT l, r, 1, l FROM linked WHERE fold AND l_anchored AND r_anchored
            UNION ALL SELECT shadow, behind, 2, shadow FROM shadows)
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

    Nameless records with a common identifier are one unit. A record that was decided to be the same as a named one is
    settled with it. A strong identifier outranks any other, and a unit never meets what it was decided different from.
    """
    named = _arrays(con, "SELECT anchored FROM nodes ORDER BY id")["anchored"].astype(bool)
    has_name = np.zeros(n, dtype=bool)
    has_name[anchored[named]] = True
    settled = has_name[anchored]
    con.register("label_rows", pa.table({"id": np.arange(n), "cluster": anchored, "settled": settled}))
    con.execute("CREATE OR REPLACE TEMP TABLE labels AS FROM label_rows")
    con.unregister("label_rows")
    shared = _arrays(
        con,
        """SELECT l, r FROM (
            SELECT l, r, 0 AS kind, rank FROM decisions WHERE decision = 'same'
            UNION ALL SELECT l, r, 1, l FROM linked WHERE NOT veto)
        JOIN labels AS a ON l = a.id AND NOT a.settled JOIN labels AS b ON r = b.id AND NOT b.settled
        ORDER BY kind, rank, l, r""",
    )
    decided = _arrays(con, "SELECT l, r FROM decisions WHERE decision = 'different'")
    different = np.stack([decided["l"], decided["r"]], axis=1)
    unit = join_decided(n, np.stack([shared["l"], shared["r"]], axis=1), different)
    con.register("unit_rows", pa.table({"id": np.arange(n), "unit": unit}))
    con.execute("CREATE OR REPLACE TEMP TABLE labels AS FROM labels JOIN unit_rows USING (id)")
    con.unregister("unit_rows")
    attached = _arrays(con, ATTACHED)
    label = np.where(settled, anchored, unit)
    pairs = np.concatenate(
        [np.stack([np.arange(n), label], axis=1), np.stack([attached["unit"], attached["cluster"]], axis=1)]
    )
    return join_decided(n, pairs, different)


ATTACHED = """
WITH both_ways AS (
    SELECT l AS a, r AS b, rule FROM linked WHERE NOT veto UNION ALL SELECT r, l, rule FROM linked WHERE NOT veto
),
pointing AS (
    SELECT here.unit, there.cluster, min(CASE WHEN rule LIKE 'strong:%' THEN 1 ELSE 2 END) AS rank
    FROM both_ways
    JOIN labels AS here ON a = here.id AND NOT here.settled
    JOIN labels AS there ON b = there.id AND there.settled
    GROUP BY here.unit, there.cluster
),
parted AS (
    SELECT here.unit, there.cluster
    FROM (SELECT l AS a, r AS b FROM decisions WHERE decision = 'different'
          UNION ALL SELECT r, l FROM decisions WHERE decision = 'different')
    JOIN labels AS here ON a = here.id JOIN labels AS there ON b = there.id
)
SELECT unit, min(cluster) AS cluster
FROM (FROM pointing ANTI JOIN parted USING (unit, cluster) QUALIFY rank = min(rank) OVER (PARTITION BY unit))
GROUP BY unit HAVING count(*) = 1 ORDER BY unit
"""


def _arrays(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, np.ndarray]:
    found = con.execute(sql).fetchnumpy()
    return {
        name: np.asarray(column, dtype=np.float64 if name == "weight" else np.int64) for name, column in found.items()
    }
