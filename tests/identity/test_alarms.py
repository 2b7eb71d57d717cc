"""Drifts of identity: an alarm stands until somebody has looked, or until what raised it is over."""

from collections.abc import Iterator

import duckdb
import pytest

from cdp_assets.identity.alarms import REFUSED, UNSTEADY, approve, end, raise_alarm, standing
from cdp_assets.identity.measures import Measured
from cdp_assets.identity.quality import TABLE, judge, keep

Measures = dict[tuple[str, str], float]
CALM: Measures = {("people", "all"): 1_000.0, ("bridges", "all"): 10.0}
MOVED = CALM | {("bridges", "all"): 500.0}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.identity")
        con.execute("CREATE TABLE lake.identity.resolutions (resolution_version VARCHAR, resolved_at TIMESTAMPTZ)")
        con.execute("CREATE TABLE lake.identity.linkage_models (promoted BOOLEAN, promoted_at TIMESTAMPTZ)")
        con.execute(TABLE)
        yield con


def raised(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [alarm.kind for alarm in standing(con)]


def measured(con: duckdb.DuckDBPyConnection, run_id: str, measures: Measures) -> list[str]:
    """A run of `identity.quality`; returns the alarms that stand after it."""
    judge(con, measures, run_id)
    keep(con, [Measured(name, of, value) for (name, of), value in measures.items()], run_id)
    return raised(con)


def test_a_refused_resolution_is_one_alarm_however_often_it_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    raise_alarm(con, REFUSED, "300 people would be merged", "monday")
    raise_alarm(con, REFUSED, "310 people would be merged", "tuesday")
    (alarm,) = standing(con)
    assert str(alarm) == "identity drifts: people are left as they were, because 310 people would be merged"
    end(con, REFUSED)
    assert raised(con) == []


def test_an_approved_refusal_is_no_alarm_again_until_people_are_resolved(con: duckdb.DuckDBPyConnection) -> None:
    raise_alarm(con, REFUSED, "300 people would be merged", "monday")
    approve(con, "ada", "the old people will do")
    raise_alarm(con, REFUSED, "300 people would be merged", "tuesday")
    assert raised(con) == []
    con.execute("INSERT INTO lake.identity.resolutions VALUES ('v', now())")
    raise_alarm(con, REFUSED, "300 people would be merged", "wednesday")
    assert raised(con) == [REFUSED]
    kept = con.execute(
        "SELECT outcome, ended_by, ended_because FROM lake.identity.alarms ORDER BY raised_at"
    ).fetchall()
    assert kept == [("approved", "ada", "the old people will do"), (None, None, None)]


def test_measures_that_stay_moved_are_an_alarm_until_somebody_looks(con: duckdb.DuckDBPyConnection) -> None:
    days = [measured(con, f"day {n}", measures) for n, measures in enumerate([CALM, CALM, MOVED, MOVED])]
    assert days == [[], [], [UNSTEADY], [UNSTEADY]]
    assert str(standing(con)[0]).endswith("bridges went from 10 to 500")
    approve(con, "ada", "the merger with the other shop")
    assert measured(con, "day 4", MOVED) == []


def test_measures_that_are_what_they_were_end_their_alarm(con: duckdb.DuckDBPyConnection) -> None:
    assert [measured(con, f"day {n}", m) for n, m in enumerate([CALM, MOVED, CALM])] == [[], [UNSTEADY], []]


def test_another_version_or_twice_the_people_move_measures_without_an_alarm(con: duckdb.DuckDBPyConnection) -> None:
    measured(con, "day 0", CALM)
    con.execute("INSERT INTO lake.identity.linkage_models VALUES (true, now())")
    assert measured(con, "day 1", MOVED) == []
    assert measured(con, "day 2", MOVED) == []
    grown = {("people", "all"): 2_000.0, ("bridges", "all"): 5_000.0}
    assert measured(con, "day 3", grown) == []
