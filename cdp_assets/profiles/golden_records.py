"""`profiles/golden_records`: the best value of each attribute of a person, and which record it came from."""

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import same_columns, table_metadata
from cdp_resources.lake import CATALOG, Lake

MOST_FREQUENT = ("first_name", "last_name", "date_of_birth", "gender")
"""What seldom changes: the value most records agree on; of equals the most recent."""

MOST_RECENT = ("email", "phone")
"""What changes: the value of the record that was updated last."""

ADDRESS = ("street", "city", "region", "postal_code", "country")
"""Taken together from one record, so that no street stands in another city."""

KEY = ["profiles", "golden_records"]
EVERY_PERSON_ONCE = Fact(
    "every_person_has_one_record",
    "Each person of identity/persons stands here exactly once",
    f"""SELECT count(*) FROM (
        SELECT person_id, sum(here) AS here, sum(there) AS there FROM (
            SELECT person_id, 1 AS here, 0 AS there FROM {CATALOG}.profiles.golden_records
            UNION ALL SELECT person_id, 0, 1 FROM {CATALOG}.identity.persons)
        GROUP BY person_id HAVING sum(here) <> 1 OR sum(there) <> 1)""",
    blocking=True,
)
PII = {*MOST_FREQUENT, *MOST_RECENT, "street", "postal_code", "provenance"}
DESCRIPTIONS = {
    "person_id": "The person; never reused",
    "records": "How many source records are theirs",
    "household_id": "The household they share with others; null for people who live alone, as far as is known",
    "first_name": "The form most records agree on",
    "last_name": "The form most records agree on",
    "date_of_birth": "The date most records agree on",
    "gender": "female, male, other, or null",
    "email": "Of the record updated last",
    "phone": "E.164, of the record updated last",
    "street": "With city, region, postal code and country from one record: the latest complete address",
    "city": "See street",
    "region": "See street",
    "postal_code": "See street",
    "country": "ISO 3166, two letters; see street",
    "as_of": "The day whose end the traits are for",
    "sources": "Which sources know them",
    "first_seen": "Earliest record (UTC)",
    "last_seen": "Latest change of a record (UTC)",
    "provenance": "For each attribute the record that its value came from",
    "disagreeing": "For each attribute how many different values the records hold",
}


def query() -> str:
    """SELECT of one row a person. ``recency`` orders all records, so that no tie is left to chance."""
    ctes = [
        f"""records AS (
            SELECT rp.person_id, c.*, row_number() OVER (ORDER BY c.updated_at NULLS FIRST, c.record_key) AS recency
            FROM {CATALOG}.standardized.customers AS c
            JOIN {CATALOG}.identity.record_persons AS rp USING (record_key))"""
    ]
    for column in MOST_FREQUENT:
        ctes.append(f"""{column}_votes AS (
            SELECT person_id, max_by(value, votes) AS value, max_by(record_key, votes) AS record_key,
                count(*) AS variants
            FROM (SELECT person_id, {column} AS value, row(count(*), max(recency)) AS votes,
                    max_by(record_key, recency) AS record_key
                  FROM records WHERE {column} IS NOT NULL GROUP BY person_id, {column})
            GROUP BY person_id)""")
    recent = ", ".join(
        f"max_by({c}, recency) AS {c}, max_by(record_key, recency) FILTER ({c} IS NOT NULL) AS {c}_from, "
        f"count(DISTINCT {c}) AS {c}_variants"
        for c in MOST_RECENT
    )
    address = ", ".join(f"{c}: {c}" for c in ADDRESS)
    complete = "(street IS NOT NULL)::INT + (postal_code IS NOT NULL)::INT + (city IS NOT NULL)::INT"
    ctes.append(f"""latest AS (
        SELECT person_id, {recent},
            max_by({{{address}}}, row({complete} >= 2, {complete} >= 1, country IS NOT NULL, recency)) AS address,
            max_by(record_key, row({complete} >= 2, {complete} >= 1, country IS NOT NULL, recency)) AS address_from,
            count(DISTINCT row(street, postal_code)) FILTER (postal_code IS NOT NULL) AS address_variants
        FROM records GROUP BY person_id)""")
    votes = [f"LEFT JOIN {c}_votes AS {c} USING (person_id)" for c in MOST_FREQUENT]
    provenance = [f"'{c}': {c}.record_key" for c in MOST_FREQUENT]
    provenance += [f"'{c}': latest.{c}_from" for c in MOST_RECENT] + ["'address': latest.address_from"]
    variants = [f"'{c}': {c}.variants" for c in MOST_FREQUENT]
    variants += [f"'{c}': latest.{c}_variants" for c in MOST_RECENT] + ["'address': latest.address_variants"]
    return f"""
        WITH {", ".join(ctes)}
        SELECT p.person_id, p.records, p.sources, households.household_id,
            {", ".join(f"{c}.value AS {c}" for c in MOST_FREQUENT)},
            {", ".join(f"latest.{c}" for c in MOST_RECENT)}, {", ".join(f"latest.address.{c} AS {c}" for c in ADDRESS)},
            p.first_seen, p.last_seen,
            MAP {{{", ".join(provenance)}}} AS provenance, MAP {{{", ".join(variants)}}} AS disagreeing
        FROM {CATALOG}.identity.persons AS p
        LEFT JOIN {CATALOG}.identity.households AS households USING (person_id)
        LEFT JOIN latest USING (person_id) {" ".join(votes)}"""


@dg.asset(
    key=KEY,
    deps=[
        ["standardized", "customers"],
        ["identity", "record_persons"],
        ["identity", "persons"],
        ["identity", "households"],
    ],
    check_specs=[EVERY_PERSON_ONCE.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def golden_records(lake: Lake) -> dg.MaterializeResult:
    """Golden records: one row for each person, with the best value of each attribute.

    From `standardized/customers` by `identity/record_persons`. Names, birth date and gender: the value most records
    agree on, then the most recent. E-mail and phone: the most recent. The address comes whole from the most recent
    record that has one. `provenance` says which record each value came from.
    """
    with lake.transaction("profiles.golden_records") as con:
        require(con, "identity.persons", "identity.households")
        con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.profiles.golden_records AS {query()}")
        follow(con, "profiles.golden_records")
        lineage = same_columns("standardized/customers", [*MOST_FREQUENT, *MOST_RECENT, *ADDRESS])
        lineage |= same_columns("identity/persons", ["person_id", "records", "sources", "first_seen", "last_seen"])
        lineage |= same_columns("identity/households", ["household_id"])
        metadata = table_metadata(con, "profiles.golden_records", DESCRIPTIONS, PII, lineage)
        return dg.MaterializeResult(
            metadata=metadata | {"completeness": dg.MetadataValue.md(_completeness(con))},
            check_results=[EVERY_PERSON_ONCE.result(con, KEY)],
        )


def _completeness(con: duckdb.DuckDBPyConnection) -> str:
    attributes = [*MOST_FREQUENT, *MOST_RECENT, *ADDRESS]
    counts = ", ".join(f"count({c})" for c in attributes)
    row = con.execute(f"SELECT count(*), {counts} FROM {CATALOG}.profiles.golden_records").fetchone()
    total, *filled = row or (0,)
    rows = [f"| {name} | {count / total if total else 0:.1%} |" for name, count in zip(attributes, filled, strict=True)]
    return "\n".join(["| attribute | people who have it |", "|---|--:|", *rows])
