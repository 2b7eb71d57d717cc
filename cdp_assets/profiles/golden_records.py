"""`profiles/golden_records`: the value of each attribute of a person that survives, and where it came from."""

from dataclasses import dataclass

import dagster as dg
import duckdb

from cdp_assets.changes import MOST, Made, changed_rows, count_of, last_made, net_changes, note, to_make
from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import count_rows, same_columns, table_metadata
from cdp_assets.profiles.rectification import ensure_table
from cdp_assets.profiles.survivorship import golden_records_query
from cdp_model.survivorship import ADDRESS, RECORD_ATTRIBUTES, RECORD_COLUMNS, ProfileSettings, rule_name
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake

KEY = ["profiles", "golden_records"]
TABLE = "profiles.golden_records"
INPUTS = ("standardized.customers", "identity.record_persons", "profiles.corrections")
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
PII = {*RECORD_ATTRIBUTES, "provenance"} - {"city", "region", "country"}
DESCRIPTIONS = {
    "person_id": "The person; never reused",
    "records": "How many source records are theirs",
    "household_id": "The household they share with others; null for people who live alone, as far as is known",
    "first_name": "Given name",
    "last_name": "Family name",
    "date_of_birth": "Date of birth",
    "email": "Lower case",
    "gender": "female, male, other, or null",
    "phone": "E.164",
    "street": "With city, region, postal code and country from one record",
    "city": "See street",
    "region": "See street",
    "postal_code": "See street",
    "country": "ISO 3166, two letters; see street",
    "as_of": "The day whose end the traits are for",
    "sources": "Which sources know them",
    "first_seen": "Earliest record (UTC)",
    "last_seen": "Latest change of a record (UTC)",
    "provenance": "For each attribute (the address as one) where its value came from: record_key, source, updated_at "
    "of the record, the rule that decided (only_value, correction, or one of profiles.yaml), and how many values there "
    "were. For a correction the time is when it was made",
    "disagreeing": "For each attribute how many different values the records hold",
}


@dataclass(frozen=True)
class Updated:
    """How many people's golden records were made again, of how many there are."""

    remade: int
    people: int


def update_golden_records(con: duckdb.DuckDBPyConnection, settings: ProfileSettings) -> Updated:
    """Bring the table up to date in the open transaction. Raises ``Behind`` when an input is of other people.

    Only people are looked at with a record that changed, moved or was corrected, or whose person or household did.
    """
    require(con, "identity.persons", "identity.households")
    ensure_table(con)
    now = to_make(con, golden_records_query(settings.attributes), INPUTS)
    was = last_made(con, TABLE, now)
    if was:
        _find_touched(con, was, now)
    touched = count_of(con, "touched") if was else 0
    if was and touched <= MOST * count_rows(con, TABLE):
        con.execute(f"""
            CREATE OR REPLACE TEMP TABLE fresh AS {golden_records_query(settings.attributes, "touched")};
            DELETE FROM {CATALOG}.{TABLE} WHERE person_id IN (FROM touched);
            INSERT INTO {CATALOG}.{TABLE} BY NAME FROM fresh ORDER BY person_id;
            DROP TABLE fresh""")
    else:
        con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.{TABLE} AS {golden_records_query(settings.attributes)}")
        touched = count_rows(con, TABLE)
    note(con, TABLE, now)
    follow(con, TABLE)
    return Updated(touched, count_rows(con, TABLE))


def _find_touched(con: duckdb.DuckDBPyConnection, was: Made, now: Made) -> None:
    """Fill ``touched`` (person_id): everybody whose row may have to be another."""
    persons = changed_rows("identity.record_persons", was, now, "record_key, person_id")
    customers = net_changes("standardized.customers", was, now, ", ".join(RECORD_COLUMNS))
    corrections = changed_rows("profiles.corrections", was, now, "record_key")
    # these are small, and need no more than a look at what stands here
    told = [f"row({person}.records, {person}.sources, {person}.first_seen, {person}.last_seen" for person in ("p", "g")]
    persons_differ = f"""
        SELECT coalesce(p.person_id, g.person_id) AS person_id
        FROM {CATALOG}.identity.persons AS p LEFT JOIN {CATALOG}.identity.households AS h USING (person_id)
        FULL JOIN {CATALOG}.{TABLE} AS g ON g.person_id = p.person_id
        WHERE {told[0]}, h.household_id) IS DISTINCT FROM {told[1]}, g.household_id)"""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_persons AS {persons};
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT person_id FROM changed_persons
        UNION SELECT person_id FROM {CATALOG}.identity.record_persons SEMI JOIN (
            SELECT record_key FROM changed_persons UNION ALL SELECT record_key FROM ({customers})
            UNION ALL SELECT record_key FROM ({corrections})) USING (record_key)
        UNION {persons_differ}""")


@dg.asset(
    key=KEY,
    deps=[
        ["standardized", "customers"],
        ["identity", "record_persons"],
        ["identity", "persons"],
        ["identity", "households"],
        ["profiles", "corrections"],
    ],
    check_specs=[EVERY_PERSON_ONCE.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def golden_records(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Golden records: one row for each person, with the best value of each attribute.

    From `standardized/customers` by `identity/record_persons`, by the rules of `profiles.yaml`. Without it: of names,
    birth date and gender the value that most records agree on, then the most recent; the most recent e-mail and phone;
    the address whole from the most recent record that has one. A correction of `profiles/corrections` beats every
    source. `provenance` says where each value came from, and which rule decided. A run makes only the rows of people
    about whom something changed since the last one.
    """
    settings = company.model.profiles
    with lake.transaction("profiles.golden_records") as con:
        updated = update_golden_records(con, settings)
        lineage = {
            name: [("standardized/customers", name), ("profiles/corrections", "value")] for name in RECORD_ATTRIBUTES
        }
        lineage |= same_columns("identity/persons", ["person_id", "records", "sources", "first_seen", "last_seen"])
        lineage |= same_columns("identity/households", ["household_id"])
        descriptions = DESCRIPTIONS | described(settings)
        metadata = table_metadata(con, "profiles.golden_records", descriptions, PII, lineage)
        return dg.MaterializeResult(
            metadata=metadata
            | {
                "completeness": dg.MetadataValue.md(_completeness(con)),
                "people_remade": updated.remade,
                "of_people": updated.people,
            },
            check_results=[EVERY_PERSON_ONCE.result(con, KEY)],
        )


def described(settings: ProfileSettings) -> dict[str, str]:
    """What is said of the column of each attribute: what it is, and the rules that choose it."""
    found = {}
    for name in RECORD_ATTRIBUTES:
        rules = settings.attributes.rules()["address" if name in ADDRESS else name]
        chosen = "chosen by " + ", then ".join(rule_name(rule) for rule in rules)
        found[name] = f"{DESCRIPTIONS[name]}; {chosen}" if name in DESCRIPTIONS else chosen.capitalize()
    return found


def _completeness(con: duckdb.DuckDBPyConnection) -> str:
    attributes = list(RECORD_ATTRIBUTES)
    counts = ", ".join(f"count({c})" for c in attributes)
    row = con.execute(f"SELECT count(*), {counts} FROM {CATALOG}.profiles.golden_records").fetchone()
    total, *filled = row or (0,)
    rows = [f"| {name} | {count / total if total else 0:.1%} |" for name, count in zip(attributes, filled, strict=True)]
    return "\n".join(["| attribute | people who have it |", "|---|--:|", *rows])
