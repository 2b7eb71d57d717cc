"""`profiles/traits`: what the declared traits say of each person today."""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.identity.following import follow, require
from cdp_assets.metadata import has_table, table_metadata
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.money import AMOUNTS_HAVE_RATES, amounts_without_rate
from cdp_assets.profiles.people import people_query, people_with, trait_sources
from cdp_assets.profiles.predicted import before_predictions
from cdp_assets.profiles.predicted import lineage as predicted_lineage
from cdp_assets.profiles.sent import SPEC, events_are_sent
from cdp_assets.profiles.trait_values import TABLE, Updated, update_values
from cdp_assets.standardized import exchange_rates
from cdp_model.columns import needed_columns, traits_of_predictions
from cdp_model.model import Model
from cdp_model.traits import PERSON_COLUMNS
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sql import quote

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
    """SELECT of one row a person: every declared trait but those made from predictions, as of the end of a day."""
    early = before_predictions(model)
    return _only_traits(early, people_query(early, as_of))


def update_traits(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date | None = None) -> Updated:
    """Make the traits those of the latest day with events, or of ``as_of``, in the open transaction.

    What events say is kept in a table; what follows from that, the clock and the values of all others is a view.
    """
    early, as_of = before_predictions(model), as_of or latest_day(con, model)
    updated = update_values(con, early, as_of)
    if _is_table(con):  # as an earlier release left it
        con.execute(f"DROP TABLE {CATALOG}.profiles.traits")
    people = _only_traits(early, people_with(early, as_of, f"{CATALOG}.{TABLE}"))
    con.execute(f"CREATE OR REPLACE VIEW {CATALOG}.profiles.traits AS {people}")
    return updated


def _only_traits(model: Model, people: str) -> str:
    columns = ", ".join(quote(name) for name in ["person_id", "as_of", *model.traits])
    return f"SELECT {columns} FROM ({people})"


def _is_table(con: duckdb.DuckDBPyConnection) -> bool:
    row = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
        [CATALOG, "profiles", "traits"],
    ).fetchone()
    return row != (0,)


def traits_day(con: duckdb.DuckDBPyConnection, model: Model) -> dt.date:
    """The day that the table of traits is for."""
    row = con.execute(f"SELECT max(as_of) FROM {CATALOG}.profiles.traits").fetchone()
    return row[0] if row and row[0] else latest_day(con, model)


def trait_lineage(model: Model, late: bool = False) -> dict[str, list[tuple[str, str]]]:
    """The columns that each trait is made from; ``late``: those traits that are made from predictions."""
    lineage, of_predictions = {}, predicted_lineage(model)
    for name in sorted(traits_of_predictions(model)) if late else before_predictions(model).traits:
        trait = model.traits[name]
        sources = trait_sources(model, trait)
        for column in needed_columns(model, name):
            if column in model.traits:
                sources.append(("profiles/traits", column))
            elif column in of_predictions:
                sources += of_predictions[column]
            elif column in PERSON_COLUMNS and column != "as_of":
                sources.append(("profiles/golden_records", column))
        lineage[name] = sources
    return lineage


def traits_asset(model: Model) -> dg.AssetsDefinition:
    """Traits of a company: after its exchange rates, where a stream gives some."""

    @dg.asset(
        key=KEY,
        deps=[
            ["standardized", "customers"],
            ["standardized", "events"],
            ["standardized", "consents"],
            *exchange_rates.assets_of(model),
            ["identity", "record_persons"],
            ["profiles", "golden_records"],
        ],
        check_specs=[
            ONE_ROW_A_PERSON.spec(KEY),
            dg.AssetCheckSpec(
                AMOUNTS_HAVE_RATES, asset=KEY, description="No amount is null because its currency has no rate"
            ),
            SPEC,
        ],
        kinds={"duckdb", "view"},
        pool="lake",
    )
    def traits(lake: Lake) -> dg.MaterializeResult:
        """Traits: one row for each person, with every value declared in traits.yaml.

        From the events and consents of the person's records, as of the end of the latest day with events. All traits
        share one scan of the events, and only people for whom something changed since the last run are computed again.
        Money is in the company's currency, by the exchange rates known now. A view: `profiles.trait_values` has what
        the events say, and the clock and the scores are added when it is read. Traits made from predictions are in
        `profiles/profiles`: predictions are made from these.
        """
        with lake.transaction("profiles.traits") as con:
            require(con, "profiles.golden_records")
            as_of = latest_day(con, model)
            updated = update_traits(con, model, as_of)
            follow(con, "profiles.traits")
            descriptions = {"person_id": "The person", "as_of": "The day whose end the values are for"}
            descriptions |= {name: trait.description for name, trait in model.traits.items()}
            metadata = table_metadata(con, "profiles.traits", descriptions, lineage=trait_lineage(model))
            money = amounts_without_rate(con, model, end_of(as_of, model.company.timezone))
            checks = [ONE_ROW_A_PERSON.result(con, KEY), money, events_are_sent(con, model)]
        return dg.MaterializeResult(
            metadata=metadata
            | {
                "as_of": str(as_of),
                "traits": len(model.traits),
                "people_recomputed": updated.recomputed,
                "of_people_with_events_or_consents": updated.people,
                **money.metadata,
            },
            check_results=checks,
        )

    return traits
