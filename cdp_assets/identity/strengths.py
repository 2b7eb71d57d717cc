"""How well the records of each person hold together: `identity.strengths`, kept beside `identity.record_persons`."""

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree


def update_strengths(con: duckdb.DuckDBPyConnection) -> None:
    """Measure the persons of the records in ``scope`` anew, in the open transaction. A lone record has no row."""
    con.execute(MEMBERS)
    found = {
        name: np.asarray(column)
        for name, column in con.execute("SELECT l, r, weight FROM inner_links").fetchnumpy().items()
    }
    n = con.execute("SELECT count(*) FROM members").fetchone()
    node, weakest = weakest_links(int(n[0]) if n else 0, found["l"], found["r"], found["weight"])
    con.register("weakest_rows", pa.table({"id": node, "weight": weakest}))
    con.execute(WRITE)
    con.unregister("weakest_rows")


MEMBERS = """
CREATE OR REPLACE TEMP TABLE members AS
SELECT row_number() OVER (ORDER BY record_key) - 1 AS id, record_key, person_id
FROM lake.identity.record_persons SEMI JOIN scope USING (record_key);
CREATE OR REPLACE TEMP TABLE inner_links AS
SELECT l.person_id, l.id AS l, r.id AS r, links.match_weight AS weight
FROM lake.identity.links AS links
JOIN members AS l ON links.left_key = l.record_key
JOIN members AS r ON links.right_key = r.record_key AND l.person_id = r.person_id;
"""

WRITE = """
CREATE OR REPLACE TEMP TABLE measured AS
SELECT person_id, weakest_link, cohesion
FROM (SELECT person_id, min(weight) AS weakest_link FROM weakest_rows JOIN members USING (id) GROUP BY person_id)
JOIN (SELECT person_id, avg(weight) AS cohesion FROM inner_links GROUP BY person_id) USING (person_id);
DELETE FROM lake.identity.strengths
WHERE person_id IN (SELECT person_id FROM members)
   OR person_id NOT IN (SELECT person_id FROM lake.identity.record_persons);
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
    tree = minimum_spanning_tree(coo_array((top - weight, (left, right)), shape=(n, n)).tocsr()).tocoo()
    return tree.coords[0].astype(np.int64), np.round(top - tree.data, 6)
