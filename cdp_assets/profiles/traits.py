"""`profiles/traits`: what the declared traits say of each person today."""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import has_table, table_metadata
from cdp_assets.profiles.people import people_query, trait_sources
from cdp_model.crosscheck import person_columns
from cdp_model.expressions import columns_of
from cdp_model.model import Model
from cdp_model.traits import PERSON_COLUMNS
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake, quote

KEY = ["profiles", "traits"]
ONE_ROW_A_PERSON = Fact(
    "traits_are_unique",
    "No person has two rows",
    f"SELECT count(person_id) - count(DISTINCT person_id) FROM {CATALOG}.profiles.traits",
    blocking=True,
)


def latest_day(con: duckdb.DuckDBPyConnection, model: Model) -> dt.date:
    """The day that "today" is for the data: the latest with events, so that a replay gives what was then."""
    if not has_table(con, "standardized.events"):
        return model.company.start_date
    row = con.execute(f"SELECT max(_day) FROM {CATALOG}.standardized.events").fetchone()
    return row[0] if row and row[0] else model.company.start_date


def query(model: Model, as_of: dt.date) -> str:
    """SELECT of one row a person: every declared trait, as of the end of a day."""
    columns = ", ".join(quote(name) for name in ["person_id", "as_of", *model.traits])
    return f"SELECT {columns} FROM ({people_query(model, as_of)})"


def trait_lineage(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The columns that each trait is made from."""
    lineage = {}
    for name, trait in model.traits.items():
        sources = trait_sources(trait)
        for column in columns_of(trait.sql, person_columns(model)) if trait.sql else []:
            if column in model.traits:
                sources.append(("profiles/traits", column))
            elif column in PERSON_COLUMNS and column != "as_of":
                sources.append(("profiles/golden_records", column))
        lineage[name] = sources
    return lineage


@dg.asset(
    key=KEY,
    deps=[
        ["standardized", "customers"],
        ["standardized", "events"],
        ["standardized", "consents"],
        ["identity", "record_persons"],
        ["profiles", "golden_records"],
    ],
    check_specs=[ONE_ROW_A_PERSON.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def traits(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Traits: one row for each person, with every value declared in traits.yaml.

    From the events and consents of the person's records, as of the end of the latest day with events. All traits
    share one scan of the events.
    """
    model = company.model
    with lake.transaction("profiles.traits") as con:
        require(con, "profiles.golden_records")
        as_of = latest_day(con, model)
        con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.profiles.traits AS {query(model, as_of)}")
        follow(con, "profiles.traits")
        descriptions = {"as_of": "The day whose end the values are for"}
        descriptions |= {name: trait.description for name, trait in model.traits.items()}
        metadata = table_metadata(con, "profiles.traits", descriptions, lineage=trait_lineage(model))
        checked = ONE_ROW_A_PERSON.result(con, KEY)
    return dg.MaterializeResult(
        metadata=metadata | {"as_of": str(as_of), "traits": len(model.traits)}, check_results=[checked]
    )
