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
