"""`identity.evidence`: what every record knows about a person, in comparable form."""

import hashlib
from pathlib import Path

import dagster as dg
import duckdb

from cdp_assets.identity.addresses import definition, normalise_addresses
from cdp_assets.identity.in_use import read_settings
from cdp_assets.identity.normalization import macros, nicknames, prepare
from cdp_assets.metadata import has_table, table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "record_key": "The standardized record, `source:id`",
    "source": "System the record comes from",
    "first_name": "First names, folded: lower case, no accents, no titles",
    "call_name": "First of the first names",
    "middle_name": "The other first names or initials",
    "given": "First of the first names; its full form when it is short for exactly one (bob: robert)",
    "given_forms": "Every full form the first name may stand for, and itself",
    "known_name": "Whether the first of the first names is in a list of names, so that it is no misspelling",
    "last_name": "Last name, folded, in one word",
    "suffix": "jr, sr, ii, iii or iv: which of the namesakes of a family",
    "date_of_birth": "Plausible birth date as YYYY-MM-DD",
    "gender": "f or m, where the source says so",
    "email": "Personal e-mail address: no tags, no Gmail dots, no role or test address",
    "email_user": "The part before the @",
    "email_is_name": "Whether that part is made of first name, or what it is short for, last name and initials alone",
    "phone": "Phone number as E.164, if plausible",
    "phone_kind": "mobile or landline, where the country's numbers tell: one person's, or their household's",
    "street": "Street, number of the house, then of the flat; folded, common words abbreviated as in its country",
    "postal_code": "Postal code without spaces, as long as its country's are",
    "city": "City, folded, without district and region",
    "numbers": "The one value of each identifier type that a person has to themselves: account, loyalty, tax number",
    "named": "Whether any name is known",
    "scorable": "Whether enough is known to be compared by Splink",
    "evidence_hash": "Equal when everything above that is compared is equal",
    "identifiers": "Normalised identifiers that are declared to mean something: their types and hashes of their values",
    "record_version": "Another when evidence or identifiers are: what the record was when it was last linked",
    "input_hash": "Equal when the standardized record and the settings for normalising it are equal",
}
PII = (
    *(
        "first_name",
        "call_name",
        "middle_name",
        "given",
        "given_forms",
        "last_name",
        "suffix",
        "date_of_birth",
        "gender",
    ),
    *("email", "email_user", "phone", "street", "postal_code", "city", "numbers"),
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
INPUT_COLUMNS = ("source", *INPUTS, "country", "identifiers")
LINEAGE = {column: [("standardized/customers", column)] for column in ("record_key", "source", *INPUTS)}
LINEAGE |= {
    **dict.fromkeys(("call_name", "middle_name", "given", "given_forms", "known_name"), LINEAGE["first_name"]),
    "suffix": LINEAGE["last_name"],
    "numbers": [("standardized/customers", "identifiers")],
    "phone_kind": LINEAGE["phone"],
    **{part: [*LINEAGE[part], ("standardized/customers", "country")] for part in ("street", "postal_code", "city")},
    "email_user": LINEAGE["email"],
    "email_is_name": [column for part in ("email", "first_name", "last_name") for column in LINEAGE[part]],
}


@dg.asset(key=["identity", "evidence"], deps=[["standardized", "customers"]], pool="lake", kinds={"duckdb"})
def evidence(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per standardized record: its names, birth date and contact data in a form where equal things are equal.

    From `standardized.customers`. Placeholders, role addresses and implausible values become null here, for
    matching only, by the settings in use. Only records that changed are normalised and written.
    """
    settings = read_settings(lake, company.model.identity)
    written = update_evidence(lake, settings)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.evidence", COLUMNS, PII, LINEAGE)
    return dg.MaterializeResult(metadata={**metadata, "rows_written": written})


def update_evidence(lake: Lake, settings: IdentitySettings) -> int:
    """Bring `lake.identity.evidence` up to date with the records; returns how many rows were written.

    Every record is hashed; only those whose hash is new are normalised.
    """
    with lake.transaction("identity.evidence") as con:
        known = _is_current(con)
        # hashes of 64 bits: to miss a change, it would have to meet one of the records' in 10^19
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE changed_customers AS
            FROM (
                SELECT record_key, {", ".join(INPUT_COLUMNS)},
                       hash(record_key, {", ".join(INPUT_COLUMNS)}, $normalisation) AS input_hash
                FROM lake.standardized.customers)
            {"ANTI JOIN lake.identity.evidence USING (input_hash)" if known else ""}""",
            {"normalisation": normalisation_version(settings)},
        )
        written = _count(con, "SELECT count(*) FROM changed_customers")
        unchanged = _count(con, "SELECT count(*) FROM lake.standardized.customers") - written
        # every unchanged record has a row: where there are no more rows, none is of a record that changed or is gone
        if known and _count(con, "SELECT count(*) FROM lake.identity.evidence") != unchanged:
            _delete_outdated(con)
        if written or not known:
            prepare(con, settings)
            normalise_addresses(con)
            query = Path(__file__).with_name("evidence.sql").read_text(encoding="utf-8")
            con.execute(f"CREATE OR REPLACE TEMP TABLE fresh_evidence AS {query}")
        if not known:
            con.execute("CREATE OR REPLACE TABLE lake.identity.evidence AS FROM fresh_evidence LIMIT 0")
        if written:
            con.execute("INSERT INTO lake.identity.evidence BY NAME FROM fresh_evidence ORDER BY record_key")
        return written


def _delete_outdated(con: duckdb.DuckDBPyConnection) -> None:
    """Delete the rows of records that changed or are gone."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE outdated AS
        SELECT rowid AS row_number
        FROM (SELECT rowid, hash(record_key) AS key_hash FROM lake.identity.evidence)
        ANTI JOIN (
            SELECT hash(record_key) AS key_hash FROM lake.standardized.customers
            ANTI JOIN changed_customers USING (record_key)) USING (key_hash)"""
    )
    if _count(con, "SELECT count(*) FROM outdated"):
        con.execute("DELETE FROM lake.identity.evidence WHERE rowid IN (FROM outdated)")


def normalisation_version(settings: IdentitySettings) -> str:
    """Changes whenever an unchanged record could have other evidence."""
    query = Path(__file__).with_name("evidence.sql").read_text(encoding="utf-8")
    # a birth date that lies ahead today does not tomorrow: those few records are none the worse for waiting
    text = "\n".join([query, definition(), str(nicknames().to_pydict()), macros(settings)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_current(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the table is there as this release writes it; another is made anew."""
    if not has_table(con, "identity.evidence"):
        return False
    types = {name: kind for name, kind, *_ in con.execute("DESCRIBE lake.identity.evidence").fetchall()}
    return types.keys() == COLUMNS.keys() and types["record_version"] == "UBIGINT"


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
