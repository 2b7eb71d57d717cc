"""Traits that are kept up to date by what changed: always those that are computed from nothing."""

import datetime as dt
import itertools
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.touched import crossed_days
from cdp_assets.profiles.trait_values import Updated
from cdp_assets.profiles.traits import query as traits_query
from cdp_assets.profiles.traits import update_traits
from cdp_assets.standardized.exchange_rates import COLUMNS
from cdp_model.model import Model
from cdp_model.traits import NEEDS_VALUE, Aggregate, ConsentTrait, Score, Trait
from cdp_resources.lake import Lake
from sensors.maintenance import Housekeeping, keep_house
from tests.profiles.conftest import add_events, make_tables, model
from tests.profiles.test_money import company

DAY = dt.date(2026, 3, 27)
WINDOWS = ["lifetime", "1 day", "3 days", "this week", "last week", "this month", "last month"]
RECORDS = ["crm:a", "crm:b", "web:a", "web:b", "web:v"]
PEOPLE = ["a", "b", "v"]


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return con.execute(f"SELECT * FROM ({sql}) ORDER BY person_id").fetchall()


def updated(lake: Lake, declared: Model, day: dt.date) -> Updated:
    """Bring the traits up to a day, and see that they are those that are computed from nothing."""
    with lake.transaction("profiles.traits") as con:
        found = update_traits(con, declared, day)
        assert rows(con, "FROM lake.profiles.traits") == rows(con, traits_query(declared, day))
    return found


@st.composite
def traits(draw: st.DrawFn) -> dict[str, Trait]:
    names = draw(st.lists(st.sampled_from(get_args(Aggregate)), min_size=4, max_size=8, unique=True))
    found = {
        f"{name}_{i}": Trait(
            description=name,
            aggregate=name,
            of="revenue <> 0" if name == "ratio" else "revenue" if name in NEEDS_VALUE else None,
            events=draw(st.sampled_from([[], ["Order"], ["View"]])),
            window=draw(st.sampled_from(WINDOWS)),
            since=draw(st.sampled_from([None, None, "Order"])),
            until=draw(st.sampled_from([None, None, "View"])),
            default=7 if name == "days_since_last" else None,
        )
        for i, name in enumerate(names)
    }
    found["allowed"] = Trait(description="c", consent=ConsentTrait(purpose="marketing", channel="email"))
    found["n"] = Trait(description="n", aggregate="count")
    found["score"] = Trait(description="s", score=Score(of="n", bins=3))
    return found


EVENT = st.tuples(
    st.sampled_from(RECORDS),
    st.sampled_from(["Order", "View"]),
    st.integers(-40, 12 * 24),
    st.sampled_from(["x", "y", "own", "own", None]),
)
CHANGE = st.one_of(
    st.tuples(st.just("events"), st.lists(EVENT, min_size=1, max_size=3)),
    st.tuples(st.just("deleted"), st.integers(0, 5)),
    st.tuples(st.just("moved"), st.sampled_from(RECORDS), st.sampled_from(PEOPLE)),
    st.tuples(st.just("named"), st.sampled_from(RECORDS)),
    st.tuples(
        st.just("consent"), st.sampled_from(RECORDS), st.integers(0, 9), st.sampled_from(["granted", "withdrawn"])
    ),
    st.tuples(st.just("decided"), st.sampled_from(RECORDS)),
)
counter = itertools.count()


def change(con: duckdb.DuckDBPyConnection, said: tuple[Any, ...]) -> None:
    """Something that the stages before may do between two runs."""
    kind, *what = said
    if kind == "events":
        for record, name, hour, device in what[0]:
            moment = dt.datetime.combine(DAY, dt.time(), dt.UTC) + dt.timedelta(hours=hour)
            device = f"of {record[-1]}" if device == "own" else device
            con.execute(
                """INSERT INTO lake.standardized.events (event_id, source, event_name, record_key, device, occurred_at,
                    revenue, _day) VALUES (?, 'shop', ?, ?, ?, ?, ?, ?)""",
                [f"e{next(counter):05}", name, record, device, moment, hour % 5 - 2, moment.date()],
            )
    elif kind == "deleted":
        con.execute("DELETE FROM lake.standardized.events WHERE hash(event_id) % 6 = ?", what)
    elif kind == "moved":
        con.execute("UPDATE lake.identity.record_persons SET person_id = ? WHERE record_key = ?", what[::-1])
    elif kind == "named":
        con.execute(
            """UPDATE lake.standardized.customers SET email = CASE WHEN email IS NULL THEN 'x@y.example' END
            WHERE record_key = ?""",
            what,
        )
    elif kind == "consent":
        record, day, status = what
        con.execute(
            "INSERT INTO lake.standardized.consents VALUES (?, ?, 'marketing', 'email', ?, 'consent', ?, 'x')",
            [f"c{next(counter)}", record, status, DAY + dt.timedelta(days=day)],
        )
    else:
        con.execute("INSERT INTO lake.identity.overrides VALUES (?, 'crm:z')", what)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder: Path = tmp_path_factory.mktemp("traits")
    lake = Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data"))
    with lake.transaction() as con:
        make_tables(con)
        con.execute(
            """DROP TABLE lake.identity.overrides_in_force;
            CREATE TABLE lake.identity.overrides (left_key VARCHAR, right_key VARCHAR);
            CREATE VIEW lake.identity.overrides_in_force AS FROM lake.identity.overrides"""
        )
    return lake


def begin(lake: Lake) -> None:
    """Three people: two with a name and a browser, and a visitor."""
    with lake.transaction() as con:
        for table in ("standardized.events", "standardized.consents", "standardized.customers", "identity.overrides"):
            con.execute(f"DELETE FROM lake.{table}")
        con.execute("DELETE FROM lake.identity.record_persons; DELETE FROM lake.profiles.golden_records")
        for record in RECORDS:
            con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?, now())", [record, record[-1]])
            con.execute(
                "INSERT INTO lake.standardized.customers (record_key, email) VALUES (?, ?)",
                [record, "x@y.example" if record.startswith("crm") else None],
            )
        for person in PEOPLE:
            con.execute("INSERT INTO lake.profiles.golden_records (person_id) VALUES (?)", [person])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    declared=traits(),
    first=st.lists(EVENT, max_size=10),
    runs=st.lists(st.tuples(st.integers(-1, 4), st.lists(CHANGE, max_size=3)), min_size=2, max_size=3),
)
def test_whatever_happens_between_runs_traits_equal_those_computed_from_nothing(
    shared: Lake, declared: dict[str, Trait], first: list[Any], runs: list[Any]
) -> None:
    begin(shared)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cdp_assets.profiles.trait_values.MOST", 2)
        with shared.transaction() as con:
            change(con, ("events", first))
        day = DAY
        updated(shared, model(declared), day)
        for days, changes in runs:
            day += dt.timedelta(days=days)
            for said in changes:
                with shared.transaction() as con:
                    change(con, said)
            updated(shared, model(declared), day)


@pytest.fixture
def ordered(shared: Lake) -> Lake:
    """Three people, each with an order on the first day; their traits are up to date."""
    begin(shared)
    with shared.transaction() as con:
        add_events(con, [_order(person, 0) for person in ("a", "b")])
    updated(shared, COMPANY, DAY)
    return shared


def _order(person: str, day: int) -> dict[str, Any]:
    moment = dt.datetime.combine(DAY + dt.timedelta(days=day), dt.time(12), dt.UTC)
    return {"person": person, "name": "Order", "event_id": f"e{next(counter):05}", "occurred_at": moment, "value": 1}


COMPANY = model(
    {
        "orders": Trait(description="o", aggregate="count", events=["Order"]),
        "orders_3d": Trait(description="o", aggregate="count", events=["Order"], window="3 days"),
        "recency": Trait(description="r", aggregate="days_since_last"),
    }
)


@pytest.fixture(autouse=True)
def few_people_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a company of three people somebody is always more than the share from which all are computed."""
    monkeypatch.setattr("cdp_assets.profiles.trait_values.MOST", 2)


def test_a_second_run_and_a_day_without_events_compute_nobody(ordered: Lake) -> None:
    assert updated(ordered, COMPANY, DAY) == Updated(0, 2)
    assert updated(ordered, COMPANY, DAY + dt.timedelta(days=1)) == Updated(0, 2)


def test_an_event_of_an_older_day_computes_its_person_alone(ordered: Lake) -> None:
    with ordered.transaction() as con:
        add_events(con, [_order("b", -30)])
    assert updated(ordered, COMPANY, DAY) == Updated(1, 2)


def test_an_event_that_leaves_a_window_computes_its_person(ordered: Lake) -> None:
    with ordered.transaction() as con:
        add_events(con, [_order("b", 1)])
    updated(ordered, COMPANY, DAY + dt.timedelta(days=3))
    assert updated(ordered, COMPANY, DAY + dt.timedelta(days=4)) == Updated(1, 2)


def test_a_merge_computes_both_people_and_leaves_one(ordered: Lake) -> None:
    with ordered.transaction() as con:
        con.execute("UPDATE lake.identity.record_persons SET person_id = 'a' WHERE record_key IN ('crm:b', 'web:b')")
    assert updated(ordered, COMPANY, DAY) == Updated(2, 1)


def test_a_record_whose_events_were_deleted_leaves_no_trace_on_its_devices(ordered: Lake) -> None:
    with ordered.transaction() as con:
        change(con, ("events", [("web:a", "View", 1, "x"), ("web:v", "View", 2, "x"), ("web:b", "View", 3, "y")]))
    updated(ordered, COMPANY, DAY)
    with ordered.transaction() as con:
        con.execute("DELETE FROM lake.standardized.events WHERE record_key = 'web:a'")
    assert updated(ordered, COMPANY, DAY) == Updated(2, 3)
    with ordered.reading() as con:
        for table in ("device_records", "shared_devices"):
            found = con.execute(f"SELECT record_key FROM lake.profiles.{table} WHERE record_key = 'web:a'").fetchall()
            assert found == []


@pytest.mark.parametrize("kind", ["other traits", "an earlier day", "an input made anew", "forgotten snapshots"])
def test_what_cannot_be_followed_computes_everybody(ordered: Lake, kind: str) -> None:
    declared, day = COMPANY, DAY
    if kind == "other traits":
        declared = model({"orders": Trait(description="o", aggregate="count", events=["View"])})
    elif kind == "an earlier day":
        day -= dt.timedelta(days=1)
    elif kind == "an input made anew":
        with ordered.transaction() as con:
            con.execute("CREATE TABLE lake.identity.again AS FROM lake.identity.record_persons")
            con.execute("DROP TABLE lake.identity.record_persons")
            con.execute("ALTER TABLE lake.identity.again RENAME TO record_persons")
    else:
        with ordered.get_connection() as con:
            con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
        with ordered.transaction() as con:
            add_events(con, [_order("a", 0)])
        with ordered.get_connection() as con:
            con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
    everybody = updated(ordered, declared, day)
    assert everybody.recomputed == everybody.people


def test_the_table_of_an_earlier_release_becomes_a_view(shared: Lake) -> None:
    begin(shared)
    with shared.transaction() as con:
        con.execute("DROP VIEW IF EXISTS lake.profiles.traits")
        con.execute("CREATE TABLE lake.profiles.traits AS SELECT 'a' AS person_id, 1 AS gone")
    updated(shared, COMPANY, DAY)


def test_files_that_were_merged_still_tell_what_changed(ordered: Lake) -> None:
    with ordered.transaction() as con:
        add_events(con, [_order("b", 0)])
    with ordered.get_connection() as con:
        con.execute("CALL ducklake_merge_adjacent_files('lake')")
    assert updated(ordered, COMPANY, DAY) == Updated(1, 2)


def test_housekeeping_drops_replaced_rows_from_the_files_and_nobody_is_computed_again(ordered: Lake) -> None:
    for day in (1, 2):
        with ordered.transaction() as con:
            add_events(con, [_order("b", day)])
        updated(ordered, COMPANY, DAY + dt.timedelta(days=day))

    def files() -> tuple[int, int]:
        with ordered.reading() as con:
            row = con.execute(
                """SELECT count(*), count(*) FILTER (delete_file <> '')
                FROM ducklake_list_files('lake', 'trait_values', schema => 'profiles')"""
            ).fetchone()
            assert row
            return row[0], row[1]

    assert files()[1] > 0
    keep_house(dg.build_op_context(), Housekeeping(), ordered)
    assert files() == (1, 0)
    assert updated(ordered, COMPANY, DAY + dt.timedelta(days=2)) == Updated(0, 2)


def test_a_corrected_rate_computes_whoever_paid_in_that_currency_since_then(ordered: Lake) -> None:
    spent = company(fixed=None)
    rates = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())

    def give(rate: float) -> None:
        """As the asset of rates does it: all of them anew."""
        with ordered.transaction() as con:
            con.execute(f"CREATE OR REPLACE TABLE lake.standardized.exchange_rates ({rates})")
            con.execute(
                """INSERT INTO lake.standardized.exchange_rates (date, currency, rate)
                VALUES (DATE '2026-03-01', 'USD', 2), (DATE '2026-03-20', 'USD', ?)""",
                [rate],
            )

    with ordered.transaction() as con:
        add_events(con, [_order("a", -20), _order("b", 0)])
        con.execute("UPDATE lake.standardized.events SET currency = 'USD'")
        con.execute(
            "UPDATE lake.standardized.events SET currency = 'EUR' WHERE record_key = 'crm:a' AND _day = ?", [DAY]
        )
    give(3)
    updated(ordered, spent, DAY)
    give(3)
    assert updated(ordered, spent, DAY) == Updated(0, 2)
    give(4)
    assert updated(ordered, spent, DAY) == Updated(1, 2)


def test_only_days_that_enter_or_leave_a_window_are_looked_at() -> None:
    day = dt.timedelta(days=1)
    found = crossed_days(COMPANY.traits.values(), DAY, DAY + day)
    assert found == {
        (DAY - 2 * day, DAY - 2 * day): {"(event_name IN ('Order'))"},
    }
    assert crossed_days(COMPANY.traits.values(), DAY, DAY) == {}
