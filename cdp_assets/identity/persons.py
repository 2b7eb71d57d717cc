"""`identity.persons`: people, and how well their records hold together."""

import dagster as dg

from cdp_assets.identity.following import follow, require_resolved
from cdp_assets.identity.strengths import weakest_people
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
-- which sources know a person is a bit for each: a list for each of so many people would cost more than all the rest
CREATE OR REPLACE TABLE lake.identity.persons AS
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
    FROM lake.identity.record_persons
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

    From `identity.record_persons`, `identity.links` and `standardized.customers`.
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


def update(lake: Lake) -> None:
    """Rebuild `lake.identity.persons`."""
    with lake.transaction("identity.persons") as con:
        require_resolved(con)
        systems = con.execute("SELECT count(DISTINCT source) FROM lake.standardized.customers").fetchone() or (0,)
        con.execute(QUERY.format(last=max(systems[0], 1) - 1))
        follow(con, "identity.persons")


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
