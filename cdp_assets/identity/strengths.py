"""How well the records of each person hold together: `identity.strengths`, kept beside `identity.record_persons`."""

import duckdb
import numpy as np
import pyarrow as pa
import scipy

from cdp_assets.identity.bridges import smaller_sides
from cdp_assets.identity.components import components

SIDE = 2
"""A link that alone holds at least this many different records to the rest of a person is one of its bridges."""


def update_strengths(con: duckdb.DuckDBPyConnection, threshold: float) -> None:
    """Measure the persons of the records in ``scope`` anew, in the open transaction. A lone record has no row.

    Needs ``linked`` of the resolution that made them, where records are numbered in the same order, and what
    assigning them left: ``persons_before``, ``changed_persons``, ``unsettled``.

    ``threshold`` is the match weight that a link needs to bring records together.
    """
    con.execute(MEMBERS)
    found = {
        name: np.asarray(column)
        for name, column in con.execute("SELECT l, r, weight, equal, joining FROM inner_links").fetchnumpy().items()
    }
    row = con.execute("SELECT count(*) FROM members").fetchone()
    n = int(row[0]) if row else 0
    node, weakest = weakest_links(n, found["l"], found["r"], found["weight"])
    # records with equal evidence are compared once, by their first: they count as one
    equal = found["equal"].astype(bool)
    group = components(n, found["l"][equal], found["r"][equal])
    joining = found["joining"].astype(bool) & ~equal & (found["weight"] >= threshold)
    ends = np.sort(np.stack([group[found["l"][joining]], group[found["r"][joining]]], axis=1), axis=1)
    left, right = np.unique(ends, axis=0).T
    bridge = left[smaller_sides(n, left, right) >= SIDE]
    con.register("weakest_rows", pa.table({"id": node, "weight": weakest}))
    con.register("bridge_rows", pa.table({"id": bridge}))
    con.execute(WRITE)
    con.unregister("weakest_rows")
    con.unregister("bridge_rows")


MEMBERS = """
CREATE OR REPLACE TEMP TABLE members AS
SELECT row_number() OVER (ORDER BY record_key) - 1 AS id, record_key, person_id
FROM (
    FROM changed_persons UNION ALL
    FROM persons_before ANTI JOIN changed_persons USING (record_key)
    ANTI JOIN (FROM unsettled WHERE cluster IS NULL) AS gone USING (record_key));
CREATE OR REPLACE TEMP TABLE inner_links AS
SELECT l.person_id, linked.l, linked.r, linked.weight, linked.rule = 'identical' AS equal, NOT linked.veto AS joining
FROM linked
JOIN members AS l ON linked.l = l.id
JOIN members AS r ON linked.r = r.id AND l.person_id = r.person_id;
"""

WRITE = """
CREATE OR REPLACE TEMP TABLE measured AS
SELECT person_id, weakest_link, cohesion, coalesce(bridges, 0) AS bridges
FROM (SELECT person_id, min(weight) AS weakest_link FROM weakest_rows JOIN members USING (id) GROUP BY person_id)
JOIN (SELECT person_id, round(avg(weight), 6) AS cohesion FROM inner_links GROUP BY person_id) USING (person_id)
LEFT JOIN (SELECT person_id, count(*) AS bridges FROM bridge_rows JOIN members USING (id) GROUP BY person_id)
    USING (person_id);
DELETE FROM lake.identity.strengths
WHERE person_id IN (SELECT person_id FROM members)
   OR person_id IN (SELECT person_id FROM persons_before);
INSERT INTO lake.identity.strengths BY NAME FROM measured ORDER BY person_id;
"""


def weakest_people(con: duckdb.DuckDBPyConnection, limit: int = 5) -> str:
    """Markdown table of the people whose records hold together worst, without personal data.

    The link is the one in whose absence the records would not be one person: rule and weight, and what each
    comparison added where Splink scored it.
    """
    rows = con.execute(
        """WITH weakest AS (
            SELECT person_id, weakest_link, cohesion FROM lake.identity.strengths
            ORDER BY weakest_link, person_id LIMIT $limit),
        members AS (SELECT person_id, record_key FROM lake.identity.record_persons SEMI JOIN weakest USING (person_id)),
        sizes AS (SELECT person_id, count(*) AS records FROM members GROUP BY person_id)
        SELECT person_id, any_value(records), any_value(weakest_link), any_value(cohesion),
            any_value(rule ORDER BY left_key, right_key), any_value(contributions ORDER BY left_key, right_key)
        FROM weakest
        JOIN sizes USING (person_id)
        JOIN members AS l USING (person_id)
        JOIN members AS r USING (person_id)
        JOIN lake.identity.links ON left_key = l.record_key AND right_key = r.record_key
            AND round(match_weight, 6) = weakest_link
        GROUP BY person_id ORDER BY any_value(weakest_link), person_id""",
        {"limit": limit},
    ).fetchall()
    lines = ["| person | records | weakest link | mean | rule | what it rests on |", "|---|--:|--:|--:|---|---|"]
    for person, records, weight, mean, rule, parts in rows:
        told = ", ".join(f"{name} {part:+.1f}" for name, part in (parts or {}).items())
        lines.append(f"| {person} | {records} | {weight:.1f} | {mean:.1f} | {rule} | {told} |")
    return "\n".join(lines)


def weakest_links(n: int, left: np.ndarray, right: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Links of the strongest tree that still connects what all links connect: (one end, weight), one per tree link.

    The smallest of them within a person is the weakest link its records cannot do without (Kruskal, 1956).
    """
    if not len(left):
        return np.empty(0, dtype=np.int64), np.empty(0)
    # the tree search takes smallest costs, and reads 0 as no edge
    top = float(weight.max()) + 1
    tree = scipy.sparse.csgraph.minimum_spanning_tree(
        scipy.sparse.coo_array((top - weight, (left, right)), shape=(n, n)).tocsr()
    ).tocoo()
    return tree.coords[0].astype(np.int64), np.round(top - tree.data, 6)
