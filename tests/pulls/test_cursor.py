"""The cursor: it never gets ahead of what was read, and tells rows that were landed from those that were not."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_resources.sources.cursor import Cursor, cursor_from, earlier, lag_of, ordered

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def taken(cursor: Cursor, *values: Any) -> list[Any]:
    return [value for i, value in enumerate(values) if cursor.is_new(value, f"{i} {value}".encode())]


def test_times_compare_by_instant_whatever_their_offset() -> None:
    assert ordered("2026-03-01T10:00:00+01:00") < ordered("2026-03-01T09:30:00Z") < ordered("2026-03-01T11:00:00+01:00")


def test_numbers_compare_by_size_and_numbers_in_text_stay_text() -> None:
    assert ordered(9) < ordered(10)
    assert ordered("20260301")[0] == 2


def test_a_value_of_another_kind_is_refused() -> None:
    cursor = Cursor(start=5, now=NOW)
    with pytest.raises(ValueError, match="another kind"):
        cursor.is_new("2026-03-01", b"row")


def test_a_time_in_the_far_future_does_not_move_the_cursor() -> None:
    cursor = Cursor(now=NOW)
    assert taken(cursor, "2026-03-01T00:00:00Z", "9999-12-31T00:00:00Z") == [
        "2026-03-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
    ]
    assert cursor.value == "2026-03-01T00:00:00Z"
    assert cursor.in_the_future == 1


def test_the_cursor_never_passes_the_moment_the_pull_began() -> None:
    cursor = Cursor(now=NOW)
    taken(cursor, "2026-03-10T12:00:30Z")
    assert cursor.value == "2026-03-10T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "before"), [("2026-03-01T10:00:00Z", "2026-03-01T09:00:00+00:00"), ("abc", "abc"), (7, 7)]
)
def test_a_lag_takes_time_from_times_only(value: Any, before: Any) -> None:
    assert earlier(value, lag_of("1 hour")) == before


changes = st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=5), min_size=1, max_size=6)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.sampled_from([None, "2 hours"]))
def test_each_version_of_each_row_lands_once_however_pulls_and_changes_follow(
    steps: list[list[tuple[int, int]]], lag: str | None
) -> None:
    rows: dict[int, str] = {}
    landed: list[str] = []
    state, clock = None, NOW - dt.timedelta(days=2)
    ever = set()
    for step in steps:
        for number, hours in step:
            clock += dt.timedelta(hours=hours)
            rows[number] = f"{clock.isoformat()} {number}"
        cursor = cursor_from(state, None, lag_of(lag))
        cursor.now = NOW + dt.timedelta(days=9)
        asked = ordered(cursor.asked_from) if cursor.asked_from else None
        for row in rows.values():
            value = row.split()[0]
            if (asked is None or ordered(value) >= asked) and cursor.is_new(value, row.encode()):
                landed.append(row)
        ever |= set(rows.values())
        state = json.dumps(cursor.state())
    assert sorted(landed) == sorted(ever)
