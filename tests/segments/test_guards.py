"""A jump of a segment's size stops what is sent of it, until somebody looks or the size is usual again."""

import datetime as dt
from collections.abc import Iterator, Sequence

import dagster as dg
import duckdb
import pytest

from cdp_assets.segments.guards import approve, guards_of, judge, standing
from cdp_assets.segments.jumps import FEW, Usual, usual
from cdp_assets.segments.sizes import size_results
from cdp_assets.segments.tables import ensure_tables
from cdp_model.behaviour import In
from cdp_model.traits import Segment
from tests.profiles.conftest import model

FIRST = dt.date(2026, 3, 1)
SEGMENTS = {
    "s": Segment(description="s", all=["country = 'DE'"]),
    "built_on_s": Segment(description="b", all=["country = 'DE'"], none=[In(**{"in": "s"})]),
    "calm": Segment(description="c", all=["country = 'DE'"]),
}
MODEL = model(segments=SEGMENTS)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.segments")
        ensure_tables(con)
        yield con


def evaluated(con: duckdb.DuckDBPyConnection, number: int, size: int, segment: str = "s") -> None:
    """The size of a day, counted from 0; made again where there is one already."""
    day = FIRST + dt.timedelta(days=number)
    con.execute("DELETE FROM lake.segments.evaluations WHERE as_of = ? AND segment = ?", [day, segment])
    con.execute("INSERT INTO lake.segments.evaluations VALUES (?, ?, ?, now())", [day, segment, size])


def made(con: duckdb.DuckDBPyConnection, number: int, size: int, days: int = 1) -> list[str]:
    """Evaluate a day, or the last of several, and judge it; returns the segments under a guard."""
    for each in range(number - days + 1, number + 1):
        evaluated(con, each, size)
    return [g.segment for g in judge(con, MODEL, [FIRST + dt.timedelta(days=number - n) for n in range(days)])]


def live(con: duckdb.DuckDBPyConnection, sizes: Sequence[int]) -> list[list[str]]:
    return [made(con, number, size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "factor", "expected"),
    [
        ([], 2, None),
        ([100], 2, Usual(50, 200)),
        ([100, 300, 200], 2, Usual(50, 600)),
        ([1000], 1.5, Usual(666, 1500)),
        ([5], 2, Usual(0, 5 + FEW)),
        ([0, 0], 2, None),
        ([0, 100], 2, Usual(0, 200)),
    ],
)
def test_usual_is_up_to_the_factor_above_the_largest_and_below_the_smallest(
    sizes: list[int], factor: float, expected: Usual | None
) -> None:
    assert usual(sizes, factor) == expected


def test_a_jump_in_either_direction_raises_a_guard_and_a_slow_change_none(con: duckdb.DuckDBPyConnection) -> None:
    assert live(con, [100, 110, 120, 200, 350, 600]) == [[]] * 6
    assert made(con, 6, 1300) == ["s"]
    (guard,) = standing(con)
    assert str(guard) == "`s` jumped to 1,300 people on 2026-03-07, where 50 to 1,200 are usual"


def test_an_empty_segment_is_a_jump(con: duckdb.DuckDBPyConnection) -> None:
    assert live(con, [100, 100, 100, 0])[-1] == ["s"]


def test_nothing_is_usual_in_the_first_days_nor_after_a_long_silence(con: duckdb.DuckDBPyConnection) -> None:
    assert live(con, [10, 100, 1000]) == [[]] * 3
    assert made(con, 40, 100_000) == []


def test_a_guard_survives_runs_of_the_same_day_and_of_later_days(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100, 1000])
    assert made(con, 3, 1000) == ["s"]
    assert made(con, 4, 1010) == ["s"]
    (guard,) = standing(con)
    assert (guard.as_of, guard.members, guard.usual) == (FIRST + dt.timedelta(days=3), 1010, Usual(50, 200))


def test_a_size_that_is_usual_again_ends_the_guard_and_the_days_under_it_are_no_history(
    con: duckdb.DuckDBPyConnection,
) -> None:
    live(con, [100, 100, 100, 1000])
    assert made(con, 4, 110) == []
    assert made(con, 5, 1000) == ["s"]


def test_an_approval_is_for_one_jump_and_not_for_ever(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100, 1000])
    approve(con, "s", "ada", "the campaign began")
    assert standing(con) == []
    assert made(con, 3, 1000) == []
    assert made(con, 4, 1100) == []
    assert made(con, 5, 100) == ["s"]
    assert made(con, 5, 3000) == ["s"]
    ((outcome, author, reason, ended),) = con.execute(
        "SELECT outcome, ended_by, ended_because, ended_at IS NOT NULL FROM lake.segments.guards WHERE outcome NOT NULL"
    ).fetchall()
    assert (outcome, author, reason, ended) == ("approved", "ada", "the campaign began", True)


def test_a_day_that_is_made_again_otherwise_after_an_approval_jumps_again(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100, 1000])
    approve(con, "s", "ada", "right")
    assert made(con, 3, 5000) == ["s"]


def test_days_made_in_one_run_are_no_history_of_one_another(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100])
    assert made(con, 5, 1000, days=3) == ["s"]


def test_a_past_day_is_not_judged(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100, 100, 100])
    assert made(con, 3, 1000) == []


def test_only_what_waits_can_be_approved_and_only_with_a_reason(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="none is waiting"):
        approve(con, "s", "ada", "right")
    live(con, [100, 100, 100, 1000])
    with pytest.raises(ValueError, match="waiting are s"):
        approve(con, "calm", "ada", "right")
    with pytest.raises(ValueError, match="say why"):
        approve(con, "s", "ada", " ")
    assert len(standing(con)) == 1


def test_segments_built_on_one_that_jumped_wait_with_it(con: duckdb.DuckDBPyConnection) -> None:
    assert guards_of(con, MODEL, "s") == []
    live(con, [100, 100, 100, 1000])
    assert [g.segment for g in guards_of(con, MODEL, "built_on_s")] == ["s"]
    assert guards_of(con, MODEL, "calm") == []


def test_checks_tell_sizes_outside_emptiness_and_jumps_apart(con: duckdb.DuckDBPyConnection) -> None:
    live(con, [100, 100, 100, 1000])
    declared = MODEL.model_copy(
        update={"segments": {**SEGMENTS, "calm": SEGMENTS["calm"].model_copy(update={"expected_size": (1, 5)})}}
    )
    sizes = {"s": 1000, "calm": 0, "built_on_s": 7}
    outside, empty, jumps = size_results(declared, sizes, standing(con), FIRST)
    assert (outside.passed, outside.description) == (False, "calm has 0 people, expected 1 to 5")
    assert (empty.passed, empty.description) == (False, "nobody is in calm")
    assert not jumps.passed
    assert jumps.severity == dg.AssetCheckSeverity.ERROR
    assert "cdp segment approve s --reason" in (jumps.description or "")
    assert all(result.passed for result in size_results(MODEL, {"s": 1000}, [], FIRST))
