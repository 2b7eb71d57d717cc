"""`identity.persons`: people, and how well their records hold together."""

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from cdp_assets.metadata import table_metadata
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "person_id": "Stable id of the person",
    "records": "How many source records are about this person",
    "sources": "Which sources know the person",
    "weakest_link": "Match weight of the weakest link that holds the records together; null for one record",
    "cohesion": "Mean match weight over all compared pairs of the person's records; null for one record",
    "first_seen": "When the first of the records was created",
    "last_seen": "When one of the records was last updated",
}
LINEAGE = {
    "person_id": [("identity/record_persons", "person_id")],
    "sources": [("standardized/customers", "source")],
    "weakest_link": [("identity/links", "match_weight")],
    "cohesion": [("identity/links", "match_weight")],
    "first_seen": [("standardized/customers", "created_at")],
    "last_seen": [("standardized/customers", "updated_at")],
}
QUERY = """
CREATE OR REPLACE TABLE lake.identity.persons AS
SELECT
    record_persons.person_id,
    count(*) AS records,
    list_sort(list(DISTINCT customers.source)) AS sources,
    any_value(weakest.weakest_link) AS weakest_link,
    any_value(cohesions.cohesion) AS cohesion,
    min(coalesce(customers.created_at, customers.updated_at)) AS first_seen,
    max(coalesce(customers.updated_at, customers.created_at)) AS last_seen
FROM lake.identity.record_persons
JOIN lake.standardized.customers USING (record_key)
LEFT JOIN (SELECT person_id, avg(weight) AS cohesion FROM inner_links GROUP BY person_id) AS cohesions
    USING (person_id)
LEFT JOIN weakest_links AS weakest USING (person_id)
GROUP BY record_persons.person_id
ORDER BY record_persons.person_id
"""


@dg.asset(
    key=["identity", "persons"],
    deps=[["standardized", "customers"], ["identity", "links"], ["identity", "record_persons"]],
    pool="lake",
    kinds={"duckdb"},
)
def persons(lake: Lake) -> dg.MaterializeResult:
    """One row per person: records, sources, and the weakest link that holds them together.

    From `identity.record_persons`, `identity.links` and `standardized.customers`.
    """
    update(lake)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.persons", COLUMNS, (), LINEAGE)
        sizes = con.execute("SELECT max(records), avg(records) FROM lake.identity.persons").fetchone()
    largest, mean = sizes or (0, 0)
    return dg.MaterializeResult(
        metadata={**metadata, "largest_person": largest or 0, "records_per_person": round(mean or 0, 3)}
    )


def update(lake: Lake) -> None:
    """Rebuild `lake.identity.persons`."""
    with lake.transaction("identity.persons") as con:
        measure(con)
        con.execute(QUERY)


def measure(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the temporary tables ``inner_links`` (links within a person) and ``weakest_links`` (one row a person)."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE members AS
        SELECT row_number() OVER (ORDER BY record_key) - 1 AS id, record_key, person_id
        FROM lake.identity.record_persons;
        CREATE OR REPLACE TEMP TABLE inner_links AS
        SELECT l.person_id, l.id AS l, r.id AS r, links.match_weight AS weight
        FROM lake.identity.links AS links
        JOIN members AS l ON links.left_key = l.record_key
        JOIN members AS r ON links.right_key = r.record_key AND l.person_id = r.person_id"""
    )
    found = {
        name: np.asarray(column)
        for name, column in con.execute("SELECT l, r, weight FROM inner_links").fetchnumpy().items()
    }
    n = con.execute("SELECT count(*) FROM members").fetchone()
    node, weakest = weakest_links(int(n[0]) if n else 0, found["l"], found["r"], found["weight"])
    con.register("weakest_rows", pa.table({"id": node, "weight": weakest}))
    con.execute(
        """CREATE OR REPLACE TEMP TABLE weakest_links AS
        SELECT person_id, min(weight) AS weakest_link FROM weakest_rows JOIN members USING (id) GROUP BY person_id"""
    )
    con.unregister("weakest_rows")


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


@dg.asset_check(asset=["identity", "persons"])
def no_giant_person(lake: Lake, company: Company) -> dg.AssetCheckResult:
    """No person has more records than `giant_person` of identity.yaml: such a one is usually many people."""
    limit = company.model.identity.giant_person
    with lake.reading() as con:
        row = con.execute(
            "SELECT count(*) FILTER (records > ?), max(records) FROM lake.identity.persons", [limit]
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=row[0] == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"giant_persons": row[0], "largest_person": row[1] or 0, "limit": limit},
    )
