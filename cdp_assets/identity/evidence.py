"""`identity.evidence`: what every record knows about a person, in comparable form."""

from pathlib import Path

import dagster as dg
import duckdb

from cdp_assets.identity.normalization import prepare
from cdp_assets.metadata import table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "record_key": "The standardized record, `source:id`",
    "source": "System the record comes from",
    "first_name": "First names, folded: lower case, no accents, no titles",
    "given": "First of the first names; its full form when it is short for exactly one (bob: robert)",
    "given_forms": "Every full form the first name may stand for, and itself",
    "last_name": "Last name, folded, in one word",
    "date_of_birth": "Plausible birth date as YYYY-MM-DD",
    "gender": "f or m, where the source says so",
    "email": "Personal e-mail address: no tags, no Gmail dots, no role or test address",
    "email_user": "The part before the @",
    "phone": "Phone number as E.164, if plausible",
    "street": "Street and number, folded, common words abbreviated",
    "postal_code": "Postal code without spaces",
    "city": "City, folded",
    "named": "Whether any name is known",
    "scorable": "Whether enough is known to be compared by Splink",
    "evidence_hash": "Equal when everything above that is compared is equal",
}
PII = (
    *("first_name", "given", "given_forms", "last_name", "date_of_birth", "gender", "email", "email_user", "phone"),
    *("street", "postal_code", "city"),
)
INPUTS = (
    "first_name",
    "last_name",
    "date_of_birth",
    "gender",
    "email",
    "phone",
    "street",
    "postal_code",
    "city",
)
LINEAGE = {column: [("standardized/customers", column)] for column in ("record_key", "source", *INPUTS)}
LINEAGE |= {
    "given": LINEAGE["first_name"],
    "given_forms": LINEAGE["first_name"],
    "email_user": LINEAGE["email"],
}


@dg.asset(key=["identity", "evidence"], deps=[["standardized", "customers"]], pool="lake", kinds={"duckdb"})
def evidence(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per standardized record: its names, birth date and contact data in a form where equal things are equal.

    From `standardized.customers`. Placeholders, role addresses and implausible values become null here, for
    matching only. Only rows that changed are written.
    """
    written = update_evidence(lake, company.model.identity)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.evidence", COLUMNS, PII, LINEAGE)
    return dg.MaterializeResult(metadata={**metadata, "rows_written": written})


def update_evidence(lake: Lake, settings: IdentitySettings) -> int:
    """Bring `lake.identity.evidence` up to date with the records; returns how many rows were written."""
    with lake.transaction("identity.evidence") as con:
        prepare(con, settings)
        query = Path(__file__).with_name("evidence.sql").read_text(encoding="utf-8")
        con.execute(f"CREATE OR REPLACE TEMP TABLE fresh_evidence AS {query}")
        con.execute("CREATE TABLE IF NOT EXISTS lake.identity.evidence AS FROM fresh_evidence LIMIT 0")
        version = ("evidence_hash", "source")
        return replace_changed_rows(con, "identity.evidence", "fresh_evidence", ("record_key",), version)


def replace_changed_rows(
    con: duckdb.DuckDBPyConnection, table: str, fresh: str, key: tuple[str, ...], version: tuple[str, ...]
) -> int:
    """Make ``lake.<table>`` equal to temporary table ``fresh``, touching only rows that differ in key or version.

    Two rows with the same ``key`` and ``version`` columns are taken to be equal. Returns the rows inserted. Writes
    nothing when nothing differs, so that an idle run makes no new files.
    """
    same = " AND ".join(f"t.{column} IS NOT DISTINCT FROM f.{column}" for column in (*key, *version))
    gone = f"FROM lake.{table} AS t WHERE NOT EXISTS (SELECT 1 FROM {fresh} AS f WHERE {same})"
    new = f"FROM {fresh} AS f WHERE NOT EXISTS (SELECT 1 FROM lake.{table} AS t WHERE {same})"
    con.execute(f"CREATE OR REPLACE TEMP TABLE rows_to_insert AS SELECT f.* {new}")
    if _count(con, f"SELECT count(*) {gone}"):
        con.execute(f"DELETE {gone}")
    inserted = _count(con, "SELECT count(*) FROM rows_to_insert")
    if inserted:
        con.execute(f"INSERT INTO lake.{table} BY NAME FROM rows_to_insert ORDER BY {', '.join(key)}")
    return inserted


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
