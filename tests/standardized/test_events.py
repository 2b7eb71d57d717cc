"""Events: what becomes one, what is rejected and why, and that no order of loading changes the outcome."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.standardized.daily import replace_days, update_days
from cdp_assets.standardized.events import CONSENTS
from cdp_assets.standardized.events import EVENTS as EVENTS_TABLE
from cdp_assets.standardized.mapped import mappings
from cdp_assets.standardized.reconciliation import daily_books, verdict
from tests.small_company import SmallCompany, broken_facts, csv, day, load_days, undone

EVENTS = ["raw/shop__events", "standardized/events"]
HEADER = "id,who,what,at,sent,received,amount,currency"


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def land(company: SmallCompany, number: int, *rows: str) -> None:
    company.land(f"events/2026-03-{number:02}.csv", csv(HEADER, *rows))


def events(company: SmallCompany, columns: str = "event_id") -> list[tuple[Any, ...]]:
    return company.query(f"SELECT {columns} FROM lake.standardized.events ORDER BY ALL")


def rejected(company: SmallCompany, output: str = "events") -> dict[str, list[str]]:
    """Reasons by the id of the rejected row."""
    query = "SELECT payload ->> 'id', reasons FROM lake.standardized.quarantine WHERE output = ?"
    return dict(company.query(query, [output]))


def test_an_event_is_what_its_mapping_says(company: SmallCompany) -> None:
    land(company, 1, "e1,7,Bought,2026-03-01 10:00:00+01,,,12.5,usd")
    company.bring("events")
    columns = "event_id, source, event_name, record_key, occurred_at, revenue, currency, properties"
    assert events(company, f"{columns}, _stream, _day") == [
        (
            *("e1", "shop", "Bought", "shop:7", utc(2026, 3, 1, 9), Decimal("12.5"), "USD"),
            *('{"what":"Bought"}', "shop__events", day(1)),
        )
    ]


def test_one_wrong_row_among_many_is_quarantined_with_every_reason(company: SmallCompany) -> None:
    good = [f"e{i},1,Bought,2026-03-01 10:00,,,{i},EUR" for i in range(200)]
    bad = ["x,1,,yesterday,soon,late,much,EUR", ",1,Bought,2026-03-01,,,1,EUR"]
    land(company, 1, *good[:100], *bad, "too,few", *good[100:])
    company.bring("events")
    assert len(events(company)) == 200
    assert rejected(company)["x"] == [
        "name is empty",
        "occurred_at is not a time",
        "sent_at is not a time",
        "received_at is not a time",
        "revenue is not a number",
    ]
    reasons = {
        reason for _, given in company.query("SELECT 1, reasons FROM lake.standardized.quarantine") for reason in given
    }
    assert {"id is empty", "unreadable line: Expected Number of Columns: 8 Found: 2"} <= reasons


def test_the_quarantine_keeps_the_whole_row(company: SmallCompany) -> None:
    company.land("events/2026-03-01.csv", 'id,who,what,at,extra\nx,1,"Bou""ght",never,kept\n1,2\n')
    company.bring("events")
    rows = company.query(
        "SELECT source, stream, output, payload ->> 'what', payload ->> 'extra', payload ->> '$', _day "
        "FROM lake.standardized.quarantine ORDER BY reasons"
    )
    assert rows[0][:5] == ("shop", "shop__events", "events", 'Bou"ght', "kept")
    assert rows[1][5] == "1,2"
    assert {row[6] for row in rows} == {day(1)}


@pytest.mark.parametrize(
    ("field", "expression", "values", "reason"),
    [
        ("revenue", "amount::double * 2", {"5": "10.0000", "much": None}, "revenue is not a number"),
        ("revenue", "amount", {"5": "5.0000", "1e400": None, "12345678901234567": None}, "revenue is not a number"),
        ("quantity", "amount", {"5": "5.0", "nan": None, "inf": None}, "quantity is not a number"),
        ("order_id", "amount::int", {"5": "5", "x": None}, "order_id could not be computed"),
        ("record", "amount::int", {"5": "x:5", "x": None}, "record could not be computed"),
        ("when", "amount::int > 3", {"5": "-", "x": None}, "when could not be computed"),
        ("occurred_at", "amount::timestamp", {"2026-03-01": "-", "x": None}, "occurred_at is not a time"),
        ("received_at", "amount::date", {"2026-03-01": "-", "x": None}, "received_at is not a time"),
        (
            "occurred_at",
            "amount",
            {"2026-03-01": "-", "infinity": None, "-infinity": None},
            "occurred_at is not a time",
        ),
    ],
)
def test_a_value_that_an_expression_fails_on_is_quarantined_and_not_lost(
    company: SmallCompany, field: str, expression: str, values: dict[str, str | None], reason: str
) -> None:
    given = {"name": "Seen", "id": "id", "occurred_at": "timestamp '2026-03-01'"} | {field: expression}
    mapping = ", ".join(f'{key}: "{value}"' for key, value in given.items())
    company.declare(
        "sources/x.yaml",
        f"name: x\ndescription: X\nstreams: {{s: {{description: S, files: 'x/{{date}}.csv', format: csv, "
        f"columns: {{id: , amount: }}, events: [{{{mapping}}}]}}}}",
    )
    company.land("x/2026-03-01.csv", csv("id,amount", *(f"{value},{value}" for value in values), "none,"))
    company.bring("events")
    kept = {value: shown for value, shown in values.items() if shown is not None}
    column = {"record": "record_key", "when": "'-'", "occurred_at": "'-'", "received_at": "'-'"}.get(field, field)
    found = dict(events(company, f"event_id, {column}::VARCHAR"))
    found.pop("none", None)
    assert found == kept
    expected = {value: [reason] for value, shown in values.items() if shown is None}
    assert {key: reasons for key, reasons in rejected(company).items() if key != "none"} == expected


def test_an_events_device_is_its_own_or_that_of_the_streams_customers(company: SmallCompany) -> None:
    stream = """{description: S, files: '%s/{date}.csv', format: csv, columns: {id: , browser: , phone: },
        customers: {id: browser, identifiers: {device: browser}},
        events: [{name: Seen, id: id, record: browser, occurred_at: "'2026-03-01'"%s}]}"""
    for name, device in (("x", ""), ("y", ", device: phone")):
        company.declare(
            f"sources/{name}.yaml", f"name: {name}\ndescription: X\nstreams: {{s: {stream % (name, device)}}}"
        )
        company.land(f"{name}/2026-03-01.csv", csv("id,browser,phone", "1,b1,p1", "2,b2,"))
    company.bring("events")
    assert events(company, "source, device") == [("x", "b1"), ("x", "b2"), ("y", "p1"), ("y", None)]


def test_a_table_from_before_a_column_was_known_gets_it(company: SmallCompany) -> None:
    land(company, 1, "e1,7,Bought,2026-03-01,,,1,EUR")
    company.bring("events")
    with company.lake.transaction() as con:
        con.execute("ALTER TABLE lake.standardized.events DROP COLUMN device")
    land(company, 2, "e2,7,Bought,2026-03-02,,,1,EUR")
    company.bring("events", days=[2])
    assert events(company, "event_id, device") == [("e1", None), ("e2", None)]


def test_a_column_of_an_earlier_release_goes(company: SmallCompany) -> None:
    land(company, 1, "e1,7,Bought,2026-03-01,,,1,EUR")
    company.bring("events")
    with company.lake.transaction() as con:
        con.execute("ALTER TABLE lake.standardized.events ADD COLUMN revenue_reporting DECIMAL(18,4)")
    land(company, 2, "e2,7,Bought,2026-03-02,,,1,EUR")
    company.bring("events", days=[2])
    described = company.query("DESCRIBE lake.standardized.events")
    assert "revenue_reporting" not in {name for name, *_ in described}
    assert events(company) == [("e1",), ("e2",)]


def test_a_wrong_clock_is_corrected_by_when_the_event_was_sent_and_received(company: SmallCompany) -> None:
    land(
        company,
        1,
        "slow,,x,2026-02-01 10:00:00,2026-02-01 10:00:05,2026-03-01 12:00:05,,",
        "fast,,x,2031-01-01 10:00:00,2031-01-01 10:00:05,2026-03-01 12:00:05,,",
        "late,,x,2026-03-01 10:00:00,,2026-03-01 09:59:00,,",
        "offline,,x,2026-02-27 10:00:00,2026-03-01 12:00:00,2026-03-01 12:00:00,,",
        "extreme,,x,-290000-01-01,290000-01-01,2026-03-01,,",
    )
    company.bring("events")
    times = dict(events(company, "event_id, occurred_at::VARCHAR"))
    assert times["slow"] == times["fast"] == "2026-03-01 12:00:00+00"
    assert times["late"] == "2026-03-01 09:59:00+00"
    assert times["offline"] == "2026-02-27 10:00:00+00"


def test_an_event_from_the_future_is_quarantined(company: SmallCompany) -> None:
    land(company, 1, "far,,x,2031-01-01,,,,", "near,,x,2026-03-02 13:59:00-10,,,,", "beyond,,x,2026-03-03 00:00:01,,,,")
    company.bring("events")
    assert events(company) == [("near",)]
    assert rejected(company) == {"far": ["occurred_at is in the future"], "beyond": ["occurred_at is in the future"]}


def test_local_times_are_read_in_their_zone_also_when_clocks_change(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "occurred_at: at\n", "occurred_at: timezone(who, at::timestamp)\n")
    rows = {
        "winter": ("Europe/Berlin", "2026-03-28 12:00", "2026-03-28 11:00:00+00"),
        "gap": ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:30:00+00"),
        "summer": ("Europe/Berlin", "2026-03-29 12:00", "2026-03-29 10:00:00+00"),
        "overlap": ("Europe/Berlin", "2025-10-26 02:30", "2025-10-26 01:30:00+00"),
        "new_york": ("America/New_York", "2026-03-08 12:00", "2026-03-08 16:00:00+00"),
        "half": ("Asia/Kolkata", "2026-03-08 12:00", "2026-03-08 06:30:00+00"),
    }
    land(
        company,
        29,
        *(f"{key},{zone},x,{at},,,," for key, (zone, at, _) in rows.items()),
        "mars,Mars/Base,x,2026-03-01,,,,",
    )
    company.bring("events", days=[29])
    assert dict(events(company, "event_id, occurred_at::VARCHAR")) == {key: at for key, (_, _, at) in rows.items()}
    assert rejected(company) == {"mars": ["occurred_at is not a time"]}


def test_spaces_around_ids_do_not_count(company: SmallCompany) -> None:
    land(company, 1, "e1 , 7 ,Bought,2026-03-01,,,,", "\u00a0e1\u3000,7,Bought,2026-03-01,,,,", "  ,7,x,2026-03-01,,,,")
    company.bring("events")
    assert events(company, "event_id, record_key") == [("e1", "shop:7")]
    assert company.query("SELECT reasons FROM lake.standardized.quarantine") == [(["id is empty"],)]


def test_the_earliest_day_of_an_event_stays_whatever_comes_first(company: SmallCompany) -> None:
    for number in (1, 2, 3):
        land(company, number, f"e1,{number},Bought,2026-03-01,,,,", f"own{number},0,x,2026-03-01,,,,")
    for number, winner in ((2, 2), (3, 2), (1, 1), (3, 1)):
        company.bring("events", days=[number])
        assert events(company, "record_key, _day")[-1] == (f"shop:{winner}", day(winner))
    assert company.query("SELECT key, _day FROM lake.standardized.duplicates ORDER BY ALL") == [
        ("e1", day(2)),
        ("e1", day(3)),
    ]
    assert len(events(company)) == 4


def test_a_rewritten_file_gives_its_latest_version(company: SmallCompany) -> None:
    land(company, 1, "e1,1,Bought,2026-03-01,,,5,", "gone,1,Bought,2026-03-01,,,5,")
    company.bring("events")
    land(company, 1, "e1,1,Bought,2026-03-01,,,7,", "new,1,Bought,2026-03-01,,,5,")
    company.bring("events")
    assert events(company, "event_id, revenue") == [("e1", 7), ("gone", 5), ("new", 5)]
    assert company.query("SELECT key FROM lake.standardized.duplicates") == [("e1",)]


def test_copies_from_two_streams_of_a_source_count_once_the_same_each_time(company: SmallCompany) -> None:
    text = (company.folder / "sources/shop.yaml").read_text()
    again = (
        text[text.index("  events:") :]
        .replace("  events:\n    desc", "  more:\n    desc", 1)
        .replace("events/{", "more/{")
    )
    company.declare("sources/shop.yaml", text + again)
    land(company, 1, "e1,1,Bought,2026-03-01,,,5,")
    company.land("more/2026-03-01.csv", csv(HEADER, "e1,2,Bought,2026-03-01,,,6,"))
    for _ in range(2):
        company.bring("events")
        assert events(company, "record_key, _stream") == [("shop:1", "shop__events")]
        assert company.query("SELECT stream FROM lake.standardized.duplicates") == [("shop__more",)]


def test_the_same_id_from_two_sources_is_two_events(company: SmallCompany) -> None:
    text = (company.folder / "sources/shop.yaml").read_text()
    company.declare("sources/till.yaml", text.replace("name: shop", "name: till"))
    land(company, 1, "e1,1,Bought,2026-03-01,,,5,")
    company.bring("events")
    assert events(company, "source, event_id") == [("shop", "e1"), ("till", "e1")]


def test_a_stream_that_never_had_a_file_gives_an_empty_table(company: SmallCompany) -> None:
    assert broken_facts(company.materialize()) == []
    assert events(company) == []
    for table in ("customers", "identifiers", "consents", "quarantine", "duplicates"):
        assert company.one(f"SELECT count(*) FROM lake.standardized.{table}") == 0


def test_a_stage_that_runs_before_raw_gives_empty_tables(company: SmallCompany) -> None:
    assert company.materialize("standardized/customers", "standardized/events", "standardized/consents").success
    assert events(company) == []


def test_a_mended_mapping_takes_rows_out_of_quarantine(company: SmallCompany) -> None:
    land(company, 1, "e1,1,Bought,01.03.2026,,,5,", "e2,1,Bought,2026-03-01,,,5,", "e3,1,Bought,never,,,5,")
    company.materialize(*EVENTS, "standardized/quarantine")
    assert rejected(company).keys() == {"e1", "e3"}
    first_seen = dict(company.query("SELECT payload ->> 'id', first_seen FROM lake.standardized.quarantine"))
    company.amend(
        "sources/shop.yaml", "occurred_at: at\n", "occurred_at: coalesce(try_strptime(at, '%d.%m.%Y'), at::timestamp)\n"
    )
    company.materialize("standardized/events", "standardized/quarantine")
    assert events(company) == [("e1",), ("e2",)]
    assert rejected(company) == {"e3": ["occurred_at is not a time"]}
    assert company.query("SELECT first_seen FROM lake.standardized.quarantine") == [(first_seen["e3"],)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_when_the_earliest_copy_is_rejected_after_all_the_next_takes_its_place(
    company: SmallCompany, order: Iterable[int]
) -> None:
    land(company, 1, "e1,1,Bought,2026-03-01,,,5,")
    land(company, 2, "e1,1,Bought,2026-03-01,,,6,")
    company.bring("events", days=[1, 2])
    company.amend(
        "sources/shop.yaml", "revenue: amount\n", "revenue: case when amount = '5' then 'five' else amount end\n"
    )
    for number in order:
        company.bring("events", days=[number])
    assert events(company, "revenue, _day") == [(6, day(2))]
    assert rejected(company) == {"e1": ["revenue is not a number"]}
    assert company.one("SELECT count(*) FROM lake.standardized.duplicates") == 0


def test_consents_are_statements_and_the_same_one_counts_once(company: SmallCompany) -> None:
    header = "id,news,updated_at"
    company.land(
        "people/2026-03-01.csv",
        csv(
            header,
            "1,true,2026-03-01",
            "2,,2026-03-01",
            "3,false,2026-03-01",
            "4,maybe,2026-03-01",
            "5,true,",
            ",true,2026-03-01",
            "6,true,2030-01-01",
        ),
    )
    company.land("people/2026-03-02.csv", csv(header, "1,true,2026-03-01", "1,false,2026-03-02", "3,no,2026-03-01"))
    company.bring("consents", days=[1, 2])
    rows = company.query(
        "SELECT record_key, purpose, channel, status, basis, _day FROM lake.standardized.consents ORDER BY ALL"
    )
    assert rows == [
        ("shop:1", "marketing", "email", "granted", "consent", day(1)),
        ("shop:1", "marketing", "email", "withdrawn", "consent", day(2)),
        ("shop:3", "marketing", "email", "withdrawn", "consent", day(1)),
    ]
    assert company.one("SELECT count(*) FROM lake.standardized.duplicates WHERE output = 'consents'") == 2
    assert rejected(company, "consents") == {
        "4": ["granted is not true or false"],
        "5": ["occurred_at is not a time"],
        "6": ["occurred_at is in the future"],
        None: ["record is empty"],
    }


def test_a_consent_whose_expression_fails_is_not_lost(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "granted: news", "granted: 'news::boolean'")
    company.land("people/2026-03-01.csv", csv("id,news,updated_at", "1,withdrawn,2026-03-01", "2,,2026-03-01"))
    company.bring("consents")
    assert rejected(company, "consents") == {"1": ["granted is not true or false"]}


def books(company: SmallCompany, days: Iterable[int]) -> bool:
    wanted = [day(number) for number in days]
    with company.lake.reading() as con:
        return all(
            verdict(daily_books(con, output, mappings(company.model, output), wanted)).passed
            for output in ("events", "consents")
        )


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM lake.standardized.events WHERE event_id = 'e1'",
        "DELETE FROM lake.standardized.duplicates",
        "DELETE FROM lake.standardized.quarantine WHERE output = 'events'",
        "INSERT INTO lake.standardized.events SELECT * FROM lake.standardized.events LIMIT 1",
        "DELETE FROM lake.raw.shop__events WHERE id = 'e1'",
        "UPDATE lake.standardized.events SET _mapping = 1",
        "DELETE FROM lake.standardized.consents",
    ],
)
def test_the_books_do_not_balance_after_tampering(company: SmallCompany, tampering: str) -> None:
    land(company, 1, "e1,1,Bought,2026-03-01,,,5,", "e1,1,Bought,2026-03-01,,,5,", "bad,,,,,,,")
    company.land("people/2026-03-01.csv", csv("id,news,updated_at", "1,true,2026-03-01"))
    with company.lake.transaction() as con:
        run_days(con, company, [1])
    assert books(company, [1])
    company.lake.write(lambda con: con.execute(tampering))
    assert not books(company, [1])


def run_days(con: duckdb.DuckDBPyConnection, company: SmallCompany, days: Iterable[int]) -> None:
    """Raw, events and consents of some days in one transaction, as a backfill does."""
    model, wanted = company.model, {day(number) for number in days}
    for _, name, _ in model.streams():
        load_days(con, company, "shop", name, wanted)
    for target in (EVENTS_TABLE, CONSENTS):
        update_days(con, target, mappings(model, target.output), wanted)


OUTCOME = [
    "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.events ORDER BY ALL",
    "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.consents ORDER BY ALL",
    "SELECT output, source, stream, mapping, key, _day FROM lake.standardized.duplicates ORDER BY ALL",
    "SELECT source, stream, output, mapping, payload ->> 'id', payload ->> 'at', reasons, _day "
    "FROM lake.standardized.quarantine ORDER BY ALL",
]
ROWS = st.lists(
    st.tuples(st.sampled_from(["e1", "e2", "e3", ""]), st.sampled_from("ab"), st.sampled_from(["2026-03-01", "never"])),
    max_size=4,
)
STATEMENTS = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from(["true", "false", "", "x"])), max_size=3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallCompany, duckdb.DuckDBPyConnection]]:
    """One company and one open connection for many examples."""
    from cdp_resources.lake import Lake
    from tests.small_company import COMPANY, SHOP

    root: Path = tmp_path_factory.mktemp("shared")
    small = SmallCompany(root, Lake(catalog=f"sqlite:{root}/catalog.sqlite", data_path=f"{root}/data"))
    small.declare("company.yaml", COMPANY)
    small.declare("sources/shop.yaml", SHOP)
    with small.lake.get_connection() as con:
        yield small, con


@settings(max_examples=10, deadline=None)
@given(
    days=st.lists(st.tuples(ROWS, STATEMENTS), min_size=3, max_size=3),
    order=st.permutations([1, 2, 3]),
    cuts=st.sets(st.sampled_from([1, 2])),
)
def test_any_order_and_grouping_of_days_has_the_same_outcome(
    shared: tuple[SmallCompany, duckdb.DuckDBPyConnection],
    days: list[tuple[list[tuple[str, str, str]], list[tuple[str, str]]]],
    order: list[int],
    cuts: set[int],
) -> None:
    company, con = shared
    for number, (rows, statements) in enumerate(days, start=1):
        land(company, number, *(f"{key},{who},Bought,{at},,,," for key, who, at in rows))
        said = [f"{who},{news},2026-03-01" for who, news in statements]
        company.land(f"people/2026-03-0{number}.csv", csv("id,news,updated_at", *said))
    bounds = [0, *sorted(cuts), 3]
    groups = [order[start:end] for start, end in itertools.pairwise(bounds)]
    model, outcomes = company.model, []
    for runs in ([[1, 2, 3]], groups, [*groups, *groups]):
        with undone(con):
            for run in runs:
                run_days(con, company, run)
            outcomes.append([con.execute(query).fetchall() for query in OUTCOME])
            wanted = [day(number) for number in (1, 2, 3)]
            assert verdict(daily_books(con, "events", mappings(model, "events"), wanted)).passed
            assert verdict(daily_books(con, "consents", mappings(model, "consents"), wanted)).passed
    assert outcomes[0] == outcomes[1] == outcomes[2]


FILES = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from("ABC"), ROWS, STATEMENTS), min_size=2, max_size=5)


@settings(max_examples=15, deadline=None)
@given(files=FILES)
def test_files_of_a_day_one_after_another_have_the_outcome_of_all_at_once(
    shared: tuple[SmallCompany, duckdb.DuckDBPyConnection],
    files: list[tuple[int, str, list[tuple[str, str, str]], list[tuple[str, str]]]],
) -> None:
    company, con = shared
    for file in company.landing.rglob("*.csv"):
        file.unlink()
    model, wanted = company.model, {day(1), day(2)}
    with undone(con):
        for number, name, rows, statements in files:
            lines = [f"{name}{key}" + f",{who},Bought,{at},,,," for key, who, at in rows]
            lines += [f"{key},{who},Bought,{at},,,," for key, who, at in rows[:1]]
            company.land(f"events/2026-03-0{number}{name}.csv", csv(HEADER, *lines))
            said = [f"{who}{name},{news},2026-03-01" for who, news in statements]
            company.land(f"people/2026-03-0{number}{name}.csv", csv("id,news,updated_at", *said))
            run_days(con, company, [number])
        one_after_another = [con.execute(query).fetchall() for query in OUTCOME]
        for target in (EVENTS_TABLE, CONSENTS):
            replace_days(con, target, mappings(model, target.output), wanted)
        assert one_after_another == [con.execute(query).fetchall() for query in OUTCOME]


def test_a_file_that_comes_later_leaves_the_rows_of_its_day_where_they_are(company: SmallCompany) -> None:
    written = "SELECT event_id, snapshot_id FROM lake.standardized.events ORDER BY ALL"
    for name in "AB":
        company.land(f"events/2026-03-01{name}.csv", csv(HEADER, f"{name},1,Bought,2026-03-01,,,,"))
        company.materialize(*EVENTS)
    (first, before), (second, after) = company.query(written)
    assert (first, second) == ("A", "B")
    assert before < after
    company.materialize(*EVENTS)
    assert company.query(written) == [("A", before), ("B", after)]
