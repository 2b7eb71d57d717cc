"""`identity.households`: people who live together, without being merged."""

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.checks import Fact
from cdp_assets.identity.components import components
from cdp_assets.identity.following import follow
from cdp_assets.identity.in_use import read_settings
from cdp_assets.identity.replacing import replace_changed_rows
from cdp_assets.identity.stable_ids import decide, grouped
from cdp_assets.identity.statements import statement
from cdp_assets.metadata import table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake

KEY = ["identity", "households"]
COLUMNS = {
    "person_id": "A person who lives with others",
    "household_id": "The household; kept while most of its people stay together, never used again once gone",
    "since": "Since when the person has been seen in it",
    "basis": "What ties the person to another of the household: the address, and what more",
}
LINEAGE = {
    "person_id": [("identity/record_persons", "person_id")],
    "household_id": [("identity/evidence", c) for c in ("street", "postal_code", "city", "last_name", "identifiers")],
    "basis": [("identity/evidence", column) for column in ("last_name", "identifiers")],
}
TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.households (
    person_id VARCHAR, household_id VARCHAR, since TIMESTAMPTZ, basis VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.household_ids (
    household_id VARCHAR, named_for VARCHAR, minted_at TIMESTAMPTZ);
"""
"""Beside the households: every id that ever was one, and the person that it was named for."""

ONE_HOUSEHOLD = Fact(
    "people_have_one_household",
    "No person is in two households, and no household has one person alone",
    f"""SELECT (SELECT count(*) - count(DISTINCT person_id) FROM {CATALOG}.identity.households) + (
        SELECT count(*) FROM (
            SELECT household_id FROM {CATALOG}.identity.households GROUP BY household_id HAVING count(*) = 1))""",
)


@dg.asset(
    key=KEY,
    deps=[["standardized", "customers"], ["identity", "evidence"], ["identity", "record_persons"]],
    check_specs=[ONE_HOUSEHOLD.spec(KEY)],
    pool="lake",
    kinds={"duckdb"},
)
def households(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per person who shares an address, and a last name, e-mail address, phone or device, with someone there.

    From `identity.evidence` by `identity.record_persons`. The address is the one of the record updated last; an
    address of more people than `max_household` of identity.yaml, such as an office, is nobody's home.
    """
    settings = read_settings(lake, company.model.identity)
    written = update_households(lake, settings)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.households", COLUMNS, (), LINEAGE)
        row = con.execute("SELECT count(DISTINCT household_id) FROM lake.identity.households").fetchone()
        return dg.MaterializeResult(
            metadata={**metadata, "households": row[0] if row else 0, "rows_written": written},
            check_results=[ONE_HOUSEHOLD.result(con, KEY)],
        )


def update_households(lake: Lake, settings: IdentitySettings) -> int:
    """Bring `lake.identity.households` up to date, in one commit; returns how many rows were written."""
    with lake.transaction("identity.households") as con:
        con.execute(TABLES)
        con.execute(statement("households", "homes"), {"most": settings.max_household})
        con.execute(statement("households", "ties"), {"shared": settings.shared_prone})
        _cluster(con)
        con.execute(statement("households", "unsettled"))
        _decide(con)
        con.execute(statement("households", "fresh"))
        follow(con, "identity.households")
        return replace_changed_rows(
            con, "identity.households", "fresh_households", ("person_id",), ("household_id", "basis"), "true"
        )


def _cluster(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``clustered`` (person_id, cluster): who is tied to whom. Ties stay within an address, so no chain grows."""
    people = con.execute("SELECT person_id FROM homes ORDER BY id").to_arrow_table().column("person_id")
    found = con.execute("SELECT l, r FROM ties").fetchnumpy()
    left, right = (np.asarray(found[end], dtype=np.int64) for end in ("l", "r"))
    label = components(len(people), left, right)
    tied = np.unique(np.concatenate([left, right]))
    con.register("cluster_rows", pa.table({"person_id": people.take(pa.array(tied)), "cluster": label[tied]}))
    con.execute("CREATE OR REPLACE TEMP TABLE clustered AS FROM cluster_rows")
    con.unregister("cluster_rows")


def _decide(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``decided`` (person_id, household_id) for the people of ``unsettled``, as ids of persons are decided."""
    clusters, previous = grouped(con.execute("FROM unsettled ORDER BY person_id").fetchall())
    mints = dict(
        con.execute(
            """SELECT named_for, count(*) FROM lake.identity.household_ids
            SEMI JOIN unsettled ON named_for = unsettled.person_id GROUP BY named_for"""
        ).fetchall()
    )
    decision = decide(clusters, previous, mints, prefix="h")
    rows = [(person, decision.persons[name]) for name, people in clusters.items() for person in people]
    minted = [(c.person_id, c.record_key) for c in decision.changes if c.kind in ("minted", "split")]
    con.register("decided_rows", _pairs(rows, "person_id", "household_id"))
    con.register("minted_rows", _pairs(minted, "household_id", "named_for"))
    con.execute("CREATE OR REPLACE TEMP TABLE decided AS FROM decided_rows")
    if minted:
        con.execute("INSERT INTO lake.identity.household_ids SELECT household_id, named_for, now() FROM minted_rows")
    con.unregister("decided_rows")
    con.unregister("minted_rows")


def _pairs(rows: list[tuple[str, str | None]] | list[tuple[str, str]], first: str, second: str) -> pa.Table:
    schema = pa.schema([(first, pa.string()), (second, pa.string())])
    return pa.table({first: [row[0] for row in rows], second: [row[1] for row in rows]}, schema=schema)
