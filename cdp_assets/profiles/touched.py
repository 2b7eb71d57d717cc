"""Whose values may have changed since the last run: because something was said, or because a day left a window.

Whose a visitor's event is hangs on all that happened on its device. So everybody on a device of somebody who changed
is touched as well.
"""

import datetime as dt
from collections.abc import Iterable

import duckdb

from cdp_assets.changes import Made, changed_rows, net_changes
from cdp_assets.profiles.aggregates import conditions, with_moments
from cdp_assets.profiles.attribution import NOTHING_BUT_A_DEVICE, PERSONS
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.device_records import SHARED, add_devices, company_of, find_shared, forget_devices
from cdp_assets.standardized.exchange_rates import RATES
from cdp_model.model import Model
from cdp_model.traits import Trait
from cdp_resources.lake import CATALOG

Span = tuple[dt.date, dt.date]
NOBODY = "SELECT NULL::VARCHAR AS record_key WHERE false"


def find_touched(con: duckdb.DuckDBPyConnection, model: Model, was: Made, now: Made) -> None:
    """Fill ``touched`` (person_id): who may have any other value; and ``turned``: whose windows alone may differ."""
    events = changed_rows("standardized.events", was, now, "device, record_key")
    persons = changed_rows("identity.record_persons", was, now, "record_key, person_id")
    slow, quick = (
        [t for t in model.traits.values() if t.aggregate and windowed(t) == which] for which in (False, True)
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_events AS {events};
        CREATE OR REPLACE TEMP TABLE changed_persons AS {persons}""")
    add_devices(con, "changed_events")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_records AS
        SELECT record_key FROM changed_events UNION SELECT record_key FROM changed_persons
        UNION {of_customers_and_consents(model, was, now)}
        UNION {_by_the_calendar(model, slow, was, now)}
        UNION {by_exchange_rates(con, model, was)};
        CREATE OR REPLACE TEMP TABLE turned_records AS {_by_the_calendar(model, quick, was, now)};
        CREATE OR REPLACE TEMP TABLE asked_persons AS
        SELECT record_key, person_id FROM {PERSONS} SEMI JOIN (
            SELECT record_key FROM changed_records UNION ALL FROM turned_records
            UNION ALL SELECT record_key FROM {SHARED}) USING (record_key)""")
    find_shared(con, "asked_persons")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE due AS
        SELECT DISTINCT person_id, changed FROM asked_persons JOIN (
            SELECT record_key, true AS changed FROM changed_records
            UNION SELECT record_key, false FROM turned_records) USING (record_key);
        CREATE OR REPLACE TEMP TABLE changed AS
        SELECT person_id FROM changed_persons UNION SELECT person_id FROM due WHERE changed;
        CREATE OR REPLACE TEMP TABLE turned AS SELECT DISTINCT person_id FROM due;
        CREATE OR REPLACE TEMP TABLE touched AS
        FROM changed UNION {company_of("changed", "changed_records")} UNION {company_of("turned")};
        DELETE FROM turned WHERE person_id IN (FROM touched)""")
    forget_devices(con, "changed_events")


def windowed(trait: Trait) -> bool:
    """Whether the value hangs on nothing but the events of a window that begins."""
    return bool(trait.aggregate) and trait.window != "lifetime" and not trait.since and not trait.until


def of_customers_and_consents(model: Model, was: Made, now: Made) -> str:
    """SELECT of records that became or no longer are nothing but a device, and of those with other statements."""
    customers = net_changes("standardized.customers", was, now, f"record_key, {NOTHING_BUT_A_DEVICE} AS bare")
    consents = changed_rows("standardized.consents", was, now, "record_key")
    found = [f"SELECT record_key FROM ({customers})", f"SELECT record_key FROM ({consents})"]
    if "overrides:" in now.inputs:
        decided = changed_rows("identity.overrides", was, now, "left_key, right_key")
        found.append(f"SELECT unnest([left_key, right_key]) FROM ({decided})")
    if was.as_of != now.as_of:
        assert was.as_of
        assert now.as_of
        since, until = (end_of(day, model.company.timezone) for day in (was.as_of, now.as_of))
        said = f"occurred_at >= {since} AND occurred_at < {until}"
        found += [f"SELECT record_key FROM {CATALOG}.standardized.{t} WHERE {said}" for t in ("consents", "events")]
    return " UNION ".join(found)


def by_exchange_rates(con: duckdb.DuckDBPyConnection, model: Model, was: Made) -> str:
    """SELECT of the records with an amount in a currency whose rate for that time changed."""
    if not model.has_dated_rates:
        return NOBODY
    # the table is made anew in each run, so what it was is compared with what it is
    then = f"SELECT date, currency, rate FROM {RATES} AT (VERSION => {was.snapshot})"
    now = f"SELECT date, currency, rate FROM {RATES}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_rates AS SELECT currency, min(date) AS date FROM (
            ({then} EXCEPT {now}) UNION ALL ({now} EXCEPT {then})) GROUP BY currency""")
    row = con.execute("SELECT min(date) FROM changed_rates").fetchone()
    if row is None or row[0] is None:
        return NOBODY
    return f"""
        SELECT e.record_key FROM {CATALOG}.standardized.events AS e JOIN changed_rates USING (currency)
        WHERE e.occurred_at >= {end_of(row[0] - dt.timedelta(days=1), model.company.timezone)}"""


def _by_the_calendar(model: Model, traits: Iterable[Trait], was: Made, now: Made) -> str:
    """SELECT of the records with an event that counts for a trait as of one of the two days only."""
    assert was.as_of
    assert now.as_of
    timezone, found = model.company.timezone, []
    for (first, last), wanted in crossed_days(traits, was.as_of, now.as_of).items():
        since, until = end_of(first - dt.timedelta(days=1), timezone), end_of(last, timezone)
        events = f"SELECT * FROM {CATALOG}.standardized.events WHERE occurred_at >= {since} AND occurred_at < {until}"
        found.append(f"SELECT record_key FROM ({with_moments(events, timezone)}) WHERE {' OR '.join(sorted(wanted))}")
    return " UNION ".join(found or [NOBODY])


def crossed_days(traits: Iterable[Trait], was: dt.date, now: dt.date) -> dict[Span, set[str]]:
    """Spans of days that are in a window as of one of two days only, and which of their events matter.

    Also the day of the first date for a streak that is still going on: it ends when nothing comes after it. The days
    up to the second date are left out, since what happened on them was not seen before in any case.
    """
    day = dt.timedelta(days=1)
    found: dict[Span, set[str]] = {}
    for trait in traits:
        if was == now:
            continue
        wanted = " AND ".join(conditions(trait)) or "true"
        (first_was, last_was), (first_now, last_now) = trait.days(was), trait.days(now)
        spans = [(last_was + day, last_now)] if last_was < last_now < now else []
        if first_was and first_now and first_was < first_now:
            spans.append((first_was, first_now - day))
        if trait.aggregate == "current_streak":
            spans.append((was, was))
        for span in spans:
            found.setdefault(span, set()).add(f"({wanted})")
    return found
