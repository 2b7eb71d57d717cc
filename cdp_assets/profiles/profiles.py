"""`profiles/profiles` and `profiles/timeline`: everything known of a person, in a row and in order."""

import datetime as dt

import dagster as dg

from cdp_assets.charts import pictures
from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import same_columns, table_metadata
from cdp_assets.profiles import predicted
from cdp_assets.profiles.attribution import device_users, events_of_people, events_of_records, owners
from cdp_assets.profiles.golden_records import DESCRIPTIONS, PII
from cdp_assets.profiles.overview import overview
from cdp_assets.profiles.people import ATTRIBUTES
from cdp_assets.profiles.traits import trait_lineage, traits_day
from cdp_model.model import Model
from cdp_model.predictions import predicted_columns
from cdp_model.traits import EVENT_COLUMNS
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake

KEY = ["profiles", "profiles"]
WITHOUT_PREDICTIONS = f"""
    SELECT g.* EXCLUDE (provenance, disagreeing), t.* EXCLUDE (person_id)
    FROM {CATALOG}.profiles.golden_records AS g LEFT JOIN {CATALOG}.profiles.traits AS t USING (person_id)"""
ONE_ROW_A_PERSON = Fact(
    "profiles_are_unique",
    "No person has two profiles",
    f"SELECT count(person_id) - count(DISTINCT person_id) FROM {CATALOG}.profiles.profiles",
    blocking=True,
)
TIMELINE = ["profiles", "timeline"]
NO_EVENT_TWICE = Fact(
    "no_event_has_two_people",
    "An event belongs to one person at most",
    f"""SELECT count(*) - count(DISTINCT (source, event_id)) FROM {CATALOG}.profiles.timeline""",
)


def query(model: Model, as_of: dt.date) -> str:
    """SELECT of one row a person: attributes, traits and predictions of the day of the traits."""
    return predicted.with_predictions(model, as_of, WITHOUT_PREDICTIONS)


def profiles_asset(model: Model) -> dg.AssetsDefinition:
    """Profiles of a company: after its predictions, where any are declared."""

    @dg.asset(
        key=KEY,
        deps=[["profiles", "golden_records"], ["profiles", "traits"], *predicted.assets_of(model)],
        check_specs=[ONE_ROW_A_PERSON.spec(KEY)],
        kinds={"duckdb"},
        pool="lake",
    )
    def profiles(lake: Lake) -> dg.MaterializeResult:
        """Profiles: one row for each person, everything known: the table to query.

        `profiles/golden_records` and `profiles/traits`, side by side, and what was predicted for that day.
        """
        with lake.transaction("profiles.profiles") as con:
            require(con, "profiles.golden_records", "profiles.traits")
            as_of = traits_day(con, model)
            if model.predictions:
                predicted.ensure_tables(con)
            con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.profiles.profiles AS {query(model, as_of)}")
            follow(con, "profiles.profiles")
            descriptions = DESCRIPTIONS | {name: trait.description for name, trait in model.traits.items()}
            lineage = same_columns("profiles/golden_records", ATTRIBUTES)
            lineage |= same_columns("profiles/traits", ["as_of", *model.traits]) | trait_lineage(model, late=True)
            lineage |= predicted.lineage(model)
            descriptions |= {column: meaning for column, (_, meaning) in predicted_columns(model.predictions).items()}
            return dg.MaterializeResult(
                metadata=table_metadata(con, "profiles.profiles", descriptions, PII, lineage)
                | {"as_of": str(as_of), "overview": pictures(overview(con, model))},
                check_results=[ONE_ROW_A_PERSON.result(con, KEY)],
            )

    return profiles


@dg.asset(
    key=TIMELINE,
    deps=[["standardized", "events"], ["standardized", "customers"], ["identity", "record_persons"]],
    check_specs=[NO_EVENT_TWICE.spec(TIMELINE)],
    kinds={"duckdb", "view"},
    pool="lake",
)
def timeline(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Timeline: one row for each event with the person who did it. A view: always as fresh as what is below it.

    `standardized/events` joined to `identity/record_persons` by record. What an anonymous visitor did on a device of
    several people is of the one who identified themselves there next, or else last.
    """
    columns = ", ".join(EVENT_COLUMNS)
    users = device_users("happened", company.model.identity.max_household)
    with lake.transaction("profiles.timeline") as con:
        con.execute(f"""
            CREATE OR REPLACE VIEW {CATALOG}.profiles.timeline AS
            WITH owners AS MATERIALIZED ({owners()}), happened AS NOT MATERIALIZED ({events_of_records("owners")}),
            users AS ({users})
            SELECT person_id, {columns} FROM ({events_of_people("happened", "users")})
        """)
        lineage = same_columns("standardized/events", EVENT_COLUMNS)
        lineage |= same_columns("identity/record_persons", ["person_id"])
        return dg.MaterializeResult(
            metadata=table_metadata(
                con, "profiles.timeline", pii={"record_key", "device", "properties"}, lineage=lineage
            ),
            check_results=[NO_EVENT_TWICE.result(con, TIMELINE)],
        )
