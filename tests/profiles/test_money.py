"""Money in the reporting currency: each amount by the rate of its day, against plain look-ups, and what has no rate."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.money import amounts_without_rate
from cdp_assets.profiles.people import events_query, people_query
from cdp_assets.profiles.timeline import make_timeline
from cdp_assets.standardized.exchange_rates import COLUMNS
from cdp_model.model import Model
from cdp_model.sources import RateMapping, Source, Stream
from cdp_model.traits import Trait
from tests.profiles.conftest import add_person, lake_in_memory
from tests.profiles.conftest import model as company_model

DAY = dt.date(2026, 3, 27)
ZONE = ZoneInfo("Europe/Berlin")
CODES = ["EUR", "USD", "JPY", None]
BANK = Source(
    name="bank",
    description="Rates",
    streams={
        "rates": Stream(
            description="One rate",
            files="x.csv",
            format="csv",
            columns={"a": None},
            exchange_rates=[RateMapping(date="a", currency="a", rate="a")],
        )
    },
)
SPENT = {"spent": Trait(description="s", aggregate="sum", of="revenue_reporting")}


def company(fixed: dict[str, float] | None = None, dated: bool = True) -> Model:
    """A company in euros, on the clock of Berlin, which changes on 29 March."""
    model = company_model(SPENT)
    settings = model.company.model_copy(update={"exchange_rates": fixed or {}})
    return model.model_copy(update={"company": settings, "sources": {"bank": BANK} if dated else {}})


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with lake_in_memory() as con:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        con.execute(f"CREATE TABLE lake.standardized.exchange_rates ({columns})")
        add_person(con, "anna")
        yield con


Amount = tuple[dt.datetime, str | None, Decimal]
Rate = tuple[dt.date, str, Decimal]


def given_data(con: duckdb.DuckDBPyConnection, amounts: list[Amount], rates: list[Rate]) -> None:
    con.execute("DELETE FROM lake.standardized.events; DELETE FROM lake.standardized.exchange_rates")
    for number, (at, currency, revenue) in enumerate(amounts):
        con.execute(
            """INSERT INTO lake.standardized.events
                (event_id, source, event_name, record_key, occurred_at, revenue, currency)
            VALUES (?, 'shop', 'Order', 'crm:anna', ?, ?, ?)""",
            [f"e{number:02}", at, revenue, currency],
        )
    for rate in rates:
        con.execute("INSERT INTO lake.standardized.exchange_rates (date, currency, rate) VALUES (?, ?, ?)", [*rate])


def reference(amount: Amount, rates: list[Rate], fixed: dict[str, float]) -> Decimal | None:
    """The same in plain Python: the last rate on or before the day in Berlin, else the fixed one."""
    at, currency, revenue = amount
    if currency in (None, "EUR"):
        return revenue
    known = [(date, rate) for date, code, rate in rates if code == currency and date <= at.astimezone(ZONE).date()]
    rate = max(known)[1] if known else Decimal(str(fixed[currency])) if currency in fixed else None
    return None if rate is None else revenue * rate


def alike(found: dict[str, Decimal | None], exact: dict[str, Decimal | None]) -> bool:
    """Whether each amount is the nearest of four decimals, or where two are equally near, one of them."""

    def near(a: Decimal | None, b: Decimal | None) -> bool:
        return a is b is None or (a is not None and b is not None and abs(a - b) <= Decimal("0.0000500001"))

    return found.keys() == exact.keys() and all(near(found[event], exact[event]) for event in exact)


amounts = st.lists(
    st.tuples(
        st.datetimes(dt.datetime(2026, 3, 26), dt.datetime(2026, 4, 3), timezones=st.just(dt.UTC)),
        st.sampled_from(CODES),
        st.decimals(-1000, 1000, places=4),
    ),
    max_size=8,
)
rates = st.lists(
    st.tuples(
        st.dates(dt.date(2026, 3, 24), dt.date(2026, 4, 4)),
        st.sampled_from(["USD", "JPY"]),
        st.decimals("0.000001", 200, places=12),
    ),
    max_size=6,
    unique_by=lambda rate: rate[:2],
)


@settings(max_examples=60, deadline=None)
@given(amounts=amounts, rates=rates, fixed=st.sampled_from([{}, {"USD": 0.5}]), ahead=st.integers(0, 7))
def test_an_amount_is_worth_what_the_last_rate_on_or_before_its_day_says(
    con: duckdb.DuckDBPyConnection, amounts: list[Amount], rates: list[Rate], fixed: dict[str, float], ahead: int
) -> None:
    given_data(con, amounts, rates)
    as_of, model = DAY + dt.timedelta(days=ahead), company(fixed)
    known_then = [rate for rate in rates if rate[0] <= as_of]
    expected = {
        f"e{i:02}": reference(amount, known_then, fixed)
        for i, amount in enumerate(amounts)
        if amount[0].astimezone(ZONE).date() <= as_of
    }
    found = con.execute(f"SELECT event_id, revenue_reporting FROM ({events_query(model, as_of)})").fetchall()
    assert alike(dict(found), expected)
    missing = amounts_without_rate(con, model, end_of(as_of, "Europe/Berlin"))
    assert missing.metadata["amounts_without_rate"].value == list(expected.values()).count(None)
    assert missing.passed == (None not in expected.values())
    make_timeline(con, model)
    whole = con.execute("SELECT event_id, revenue_reporting FROM lake.profiles.timeline").fetchall()
    assert alike(dict(whole), {f"e{i:02}": reference(amount, rates, fixed) for i, amount in enumerate(amounts)})


NOON = dt.datetime(2026, 3, 27, 12, tzinfo=dt.UTC)


def spent(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date = DAY) -> Decimal | None:
    row = con.execute(f"SELECT spent FROM ({people_query(model, as_of)})").fetchone()
    assert row
    value: Decimal | None = row[0]
    return value


def test_a_corrected_rate_changes_traits_and_one_of_a_later_day_does_not(con: duckdb.DuckDBPyConnection) -> None:
    given_data(con, [(NOON, "USD", Decimal(10))], [(DAY, "USD", Decimal("0.8"))])
    assert spent(con, company()) == 8
    con.execute("INSERT INTO lake.standardized.exchange_rates (date, currency, rate) VALUES ('2026-03-28', 'USD', 0.1)")
    assert spent(con, company(), DAY + dt.timedelta(days=1)) == 8
    con.execute("UPDATE lake.standardized.exchange_rates SET rate = 0.9 WHERE date = '2026-03-27'")
    assert spent(con, company()) == 9


def test_an_amount_without_a_rate_is_null_and_reported_with_currency_and_days(con: duckdb.DuckDBPyConnection) -> None:
    later = NOON + dt.timedelta(days=2)
    given_data(
        con,
        [
            (NOON, "USD", Decimal(10)),
            (NOON, "JPY", Decimal(5)),
            (later, "JPY", Decimal(5)),
            (NOON, "ANNA B.", Decimal(1)),
        ],
        [(DAY + dt.timedelta(days=1), "USD", Decimal("0.8"))],
    )
    assert spent(con, company(), later.date()) is None
    found = amounts_without_rate(con, company(), end_of(later.date(), "Europe/Berlin"))
    assert found.description == (
        "null in traits, because there is no rate: 2 in JPY from 2026-03-27 to 2026-03-29; "
        "1 in USD from 2026-03-27 to 2026-03-27; 1 in no currency code from 2026-03-27 to 2026-03-27"
    )
    assert "| JPY | 2026-03-27 | 2026-03-29 | 2 | 2 |" in str(found.metadata["without_rate"].value)


def test_without_any_declared_rate_only_the_reporting_currency_counts(con: duckdb.DuckDBPyConnection) -> None:
    given_data(con, [(NOON, "EUR", Decimal(3)), (NOON, None, Decimal(4)), (NOON, "USD", Decimal(10))], [])
    assert spent(con, company(dated=False)) == 7
    assert spent(con, company({"USD": 0.5}, dated=False)) == 12
    assert not amounts_without_rate(con, company(dated=False), end_of(DAY, "Europe/Berlin")).passed


def test_an_amount_that_is_too_large_in_the_reporting_currency_is_null(con: duckdb.DuckDBPyConnection) -> None:
    given_data(con, [(NOON, "USD", Decimal("99999999999999"))], [(DAY, "USD", Decimal("99999999.5"))])
    assert spent(con, company()) is None
