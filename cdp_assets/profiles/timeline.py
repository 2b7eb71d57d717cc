"""`profiles/timeline`: everything known of a person, in order; and `profiles/device_users`, which makes it quick."""

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.metadata import count_rows, same_columns, table_metadata
from cdp_assets.profiles.attribution import device_users, events_of_records, owners_of
from cdp_assets.profiles.clock import local_time
from cdp_assets.profiles.money import lineage as money_lineage
from cdp_assets.profiles.money import with_reporting_money
from cdp_assets.standardized import exchange_rates
from cdp_assets.standardized.events import EVENT_DESCRIPTIONS
from cdp_model.model import Model
from cdp_model.traits import EVENT_COLUMNS, RECORDED_EVENT_COLUMNS
from cdp_resources.lake import CATALOG, Lake

KEY = ["profiles", "timeline"]
DEVICE_USERS = f"{CATALOG}.profiles.device_users"
"""For each record of a visitor on a device that people identified themselves on: who used it after `since` up to
`until`. A view that found this out for each question would read every event for the events of one person."""

DESCRIPTIONS = EVENT_DESCRIPTIONS | {
    "person_id": "Whose it is: of the record, or on a device of several people, of who was using it then",
    "revenue_reporting": "Money in the reporting currency, at the rate of its day",
}
NO_EVENT_TWICE = Fact(
    "no_event_has_two_people",
    "An event belongs to one person at most",
    f"SELECT count(*) - count(DISTINCT (source, event_id)) FROM {CATALOG}.profiles.timeline",
)


def make_timeline(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Make the table and the view over it in the open transaction."""
    con.execute(f"""
        CREATE OR REPLACE TABLE {DEVICE_USERS} AS
        WITH owners AS MATERIALIZED ({owners_of()}), happened AS NOT MATERIALIZED ({events_of_records("owners")})
        SELECT record_key, device, since, until, person_id
        FROM (SELECT DISTINCT record_key, device FROM happened WHERE visitor)
        JOIN ({device_users("happened", model.identity.max_household)}) USING (device)
        ORDER BY ALL""")
    con.execute(f"CREATE OR REPLACE VIEW {CATALOG}.profiles.timeline AS {_timeline(model)}")


def _timeline(model: Model) -> str:
    """Two halves that know their person from a table each: asked for one person, both read only that one's events."""
    day = f"({local_time('e.occurred_at', model.company.timezone)})::DATE AS day"
    columns = ", ".join([f"e.{name}" for name in RECORDED_EVENT_COLUMNS] + [day])
    events = f"""
        SELECT rp.person_id, {columns}
        FROM {CATALOG}.standardized.events AS e JOIN {CATALOG}.identity.record_persons AS rp USING (record_key)
        ANTI JOIN {DEVICE_USERS} AS u ON u.record_key = e.record_key AND u.device = e.device
        UNION ALL
        SELECT u.person_id, {columns}
        FROM {CATALOG}.standardized.events AS e JOIN {DEVICE_USERS} AS u USING (record_key, device)
        WHERE e.occurred_at > u.since AND e.occurred_at <= u.until"""
    return f"SELECT person_id, {', '.join(EVENT_COLUMNS)} FROM ({with_reporting_money(model, events)})"


def timeline_asset(model: Model) -> dg.AssetsDefinition:
    """The timeline of a company: after its exchange rates, where a stream gives some."""

    @dg.asset(
        key=KEY,
        deps=[
            ["standardized", "events"],
            ["standardized", "customers"],
            *exchange_rates.assets_of(model),
            ["identity", "record_persons"],
        ],
        check_specs=[NO_EVENT_TWICE.spec(KEY)],
        kinds={"duckdb", "view"},
        pool="lake",
    )
    def timeline(lake: Lake) -> dg.MaterializeResult:
        """Timeline: one row for each event with the person who did it. A view: new events are there at once.

        `standardized/events` joined to `identity/record_persons` by record. What an anonymous visitor did on a device
        of several people is of the one who identified themselves there next, or else last. Who that is stands in the
        small table `profiles.device_users`, which is as of the latest run of this asset.
        """
        with lake.transaction("profiles.timeline") as con:
            make_timeline(con, model)
            lineage = same_columns("standardized/events", RECORDED_EVENT_COLUMNS)
            lineage |= same_columns("identity/record_persons", ["person_id"])
            lineage |= {"revenue_reporting": money_lineage(model)}
            pii = {"record_key", "device", "properties"}
            metadata = table_metadata(con, "profiles.timeline", DESCRIPTIONS, pii, lineage)
            return dg.MaterializeResult(
                metadata=metadata | {"device_users": count_rows(con, "profiles.device_users")},
                check_results=[NO_EVENT_TWICE.result(con, KEY)],
            )

    return timeline
