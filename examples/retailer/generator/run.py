"""One run of the generator: plan the population, then the days in batches, oldest first; then the truth."""

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from . import catalogue, crm, dirt, exchange, mail, orders, pos, randomness, sessions, shop_accounts, support, web
from .files import Landing
from .people import create_people
from .records import create_records
from .truth import write_truth

BATCH_PEOPLE_DAYS = 400_000  # bounds memory; batches do not change what is written
BATCH_DAYS = 30


@dataclass(frozen=True)
class Summary:
    """What a run wrote: rows by stream (written days only), truth records (all days), seconds."""

    rows: dict[str, int]
    truth_records: int
    seconds: float


def generate(
    out: Path, people: int, start: date, days: int, seed: int, from_day: int = 0, progress: bool = False
) -> Summary:
    """Write the landing files of the days from_day to days - 1 and the truth of the days 0 to days - 1.

    A day's files depend on people, start and seed only. Earlier days than `from_day` are planned, since
    orders, tickets and late events reach into later days, but not written.
    """
    if people < 1 or not 0 <= from_day < days <= 3650:
        raise ValueError(f"need people >= 1 and 0 <= from_day < days <= 3650, got {people=} {from_day=} {days=}")
    began = time.perf_counter()
    con = duckdb.connect(config={"threads": 2, "preserve_insertion_order": True})
    try:
        con.execute("SET enable_progress_bar = false")
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET arrow_large_buffer_size = true")
        _plan(con, people, start, seed)
        if progress:
            print(f"{people:,} people planned in {time.perf_counter() - began:.1f} s", flush=True)
        landing = Landing(Path(out) / "landing", start)
        for first, last in _batches(people, days, from_day):
            landing.first, landing.last = first, last
            _run_batch(con, landing, people, write=first >= from_day, render=last >= from_day - web.LATE_DAYS)
            if progress:
                rows, seconds = sum(landing.rows.values()), time.perf_counter() - began
                print(f"day {last + 1} of {days}: {rows:,} rows, {seconds:.1f} s", flush=True)
        records = write_truth(con, Path(out) / "truth", days, start)
    finally:
        con.close()
    return Summary(landing.rows, records, time.perf_counter() - began)


def _plan(con: duckdb.DuckDBPyConnection, people: int, start: date, seed: int) -> None:
    """Everything that is the same whatever the days: macros, population, records, and the tables that outlive
    a batch.
    """
    randomness.create_macros(con, seed)
    dirt.create_macros(con)
    catalogue.create_products(con)
    create_people(con, people, start, seed)
    create_records(con, start)
    mail.create_subscribers(con)
    sessions.create_seen(con)
    orders.create_guests(con)
    support.create_seen(con)
    web.create_web(con)
    con.execute("CREATE TEMP TABLE days (day INTEGER, weekday INTEGER)")
    crm.create_test_days(con, people)


def _batches(people: int, days: int, from_day: int) -> list[tuple[int, int]]:
    """(first, last) days of batches, none of which crosses `from_day` or the point where web rendering must
    begin.
    """
    size = max(1, min(BATCH_DAYS, BATCH_PEOPLE_DAYS // people))
    batches, first = [], 0
    for end in sorted({max(0, from_day - web.LATE_DAYS), from_day, days} - {0}):
        while first < end:
            batches.append((first, min(first + size, end) - 1))
            first = batches[-1][1] + 1
    return batches


def _run_batch(con: duckdb.DuckDBPyConnection, landing: Landing, people: int, write: bool, render: bool) -> None:
    con.execute("DELETE FROM days")
    con.execute(f"""
        INSERT INTO days SELECT day, isodow(DATE '{landing.start}' + day::INTEGER)
        FROM unnest(range({landing.first}, {landing.last} + 1)) AS t(day)
    """)
    sessions.create_sessions(con, people)
    orders.place_orders(con, landing)
    support.open_tickets(con, landing)
    mail.plan_sends(con, landing)
    if render:
        web.render_events(con, landing)
        web.write_events(con, landing, write)
    if write:
        crm.write_contacts(con, landing)
        shop_accounts.write_accounts(con, landing)
        orders.write_orders(con, landing)
        mail.write_activity(con, landing)
        support.write_tickets(con, landing)
        pos.write_receipts(con, landing)
        pos.write_cards(con, landing)
        exchange.write_rates(con, landing)
