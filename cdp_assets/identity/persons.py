"""`identity.persons`: people, and how well their records hold together."""

import dagster as dg

from cdp_assets.changes import MOST, Made, count_of, last_made, net_changes, note, to_make
from cdp_assets.identity.following import follow, require_resolved
from cdp_assets.identity.strengths import weakest_people
from cdp_assets.metadata import count_rows, table_metadata
from cdp_resources.company import Company
from cdp_resources.lake import Lake

TABLE = "identity.persons"
INPUTS = ("standardized.customers", "identity.record_persons", "identity.strengths")
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
-- which sources know a person is a bit for each: a list for each of so many people would cost more than all the rest
WITH systems AS MATERIALIZED (
    SELECT source, row_number() OVER (ORDER BY source)::INT - 1 AS place
    FROM (SELECT DISTINCT source FROM lake.standardized.customers)
),

counted AS MATERIALIZED (
    SELECT
        record_persons.person_id,
        count(*) AS records,
        bitstring_agg(systems.place, 0, {last}) AS known_to,
        any_value(strengths.weakest_link) AS weakest_link,
        any_value(strengths.cohesion) AS cohesion,
        min(coalesce(customers.created_at, customers.updated_at)) AS first_seen,
        max(coalesce(customers.updated_at, customers.created_at)) AS last_seen
    FROM {records_of_people} AS record_persons
    JOIN lake.standardized.customers USING (record_key)
    JOIN systems USING (source)
    LEFT JOIN lake.identity.strengths USING (person_id)
    GROUP BY record_persons.person_id
),

named AS (
    SELECT known_to, list(source ORDER BY source) AS sources
    FROM (SELECT DISTINCT known_to FROM counted) JOIN systems ON get_bit(known_to, place) = 1
    GROUP BY known_to
)

SELECT person_id, records, sources, weakest_link, cohesion, first_seen, last_seen
FROM counted JOIN named USING (known_to)
ORDER BY person_id
"""


@dg.asset(
    key=["identity", "persons"],
    deps=[["standardized", "customers"], ["identity", "links"], ["identity", "record_persons"]],
    pool="lake",
    kinds={"duckdb"},
)
def persons(lake: Lake) -> dg.MaterializeResult:
    """One row per person: records, sources, and the weakest link that holds them together.

    From `identity.record_persons`, `identity.links` and `standardized.customers`. A run makes only the rows of people
    about whom something changed since the last one.
    """
    update(lake)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.persons", COLUMNS, (), LINEAGE)
        weakest = weakest_people(con)
        sizes = con.execute("SELECT max(records), avg(records) FROM lake.identity.persons").fetchone()
    largest, mean = sizes or (0, 0)
    return dg.MaterializeResult(
        metadata={
            **metadata,
            "largest_person": largest or 0,
            "records_per_person": round(mean or 0, 3),
            "weakest_people": dg.MetadataValue.md(weakest),
        }
    )


def update(lake: Lake, whole: bool = False) -> None:
    """Bring `lake.identity.persons` up to date.

    ``whole``: without asking what changed, which the lake of a plan cannot tell.
    """
    with lake.transaction(TABLE) as con:
        require_resolved(con)
        systems = con.execute("SELECT count(DISTINCT source) FROM lake.standardized.customers").fetchone() or (0,)
        values = {"last": max(systems[0], 1) - 1}
        now = None if whole else to_make(con, QUERY, INPUTS)
        was = last_made(con, TABLE, now) if now else None
        if was and now:
            con.execute(_touched(was, now))
        if was and count_of(con, "touched") <= MOST * count_rows(con, TABLE):
            records = "(FROM lake.identity.record_persons SEMI JOIN touched USING (person_id))"
            con.execute(
                f"""CREATE OR REPLACE TEMP TABLE fresh_persons AS {QUERY.format(records_of_people=records, **values)};
                DELETE FROM lake.{TABLE} WHERE person_id IN (FROM touched);
                INSERT INTO lake.{TABLE} BY NAME FROM fresh_persons ORDER BY person_id"""
            )
        else:
            query = QUERY.format(records_of_people="lake.identity.record_persons", **values)
            con.execute(f"CREATE OR REPLACE TABLE lake.{TABLE} AS {query}")
        if now:
            note(con, TABLE, now)
        follow(con, TABLE)


def _touched(was: Made, now: Made) -> str:
    """Statement that fills ``touched`` (person_id): everybody whose row may have to be another."""
    persons = net_changes("identity.record_persons", was, now, "record_key, person_id")
    strengths = net_changes("identity.strengths", was, now, "person_id, weakest_link, cohesion")
    customers = net_changes("standardized.customers", was, now, "record_key, source, created_at, updated_at")
    return f"""
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT person_id FROM ({persons})
        UNION SELECT person_id FROM ({strengths})
        UNION SELECT person_id FROM lake.identity.record_persons SEMI JOIN ({customers}) AS told USING (record_key)"""


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
