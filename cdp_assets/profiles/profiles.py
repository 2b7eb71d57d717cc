"""`profiles/profiles`: everything known of a person, in one row."""

import datetime as dt

import dagster as dg

from cdp_assets.charts import pictures
from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import same_columns, table_metadata
from cdp_assets.profiles import predicted
from cdp_assets.profiles.golden_records import DESCRIPTIONS, PII
from cdp_assets.profiles.overview import overview
from cdp_assets.profiles.people import ATTRIBUTES
from cdp_assets.profiles.traits import trait_lineage, traits_day
from cdp_model.model import Model
from cdp_model.predictions import predicted_columns
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
