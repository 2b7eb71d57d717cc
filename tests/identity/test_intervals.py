"""Intervals that hold what they promise: the point inside, wider with fewer people, none where nothing varies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.identity.intervals import SUMS, estimates

RIGHT = [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
MERGED = [2.0, 6.0, 2.0, 1.0, 2.0, 2.0]
"""A person of two records, alone in its cluster; and one that was put together with another."""


def of(right: int, merged: int):
    return estimates(np.array([RIGHT, MERGED]), np.array([right, merged]))


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_measure_lies_in_its_interval_and_both_are_shares(right: int, merged: int) -> None:
    for estimate in of(right, merged).values():
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_the_measures_are_ratios_of_sums() -> None:
    found = of(90, 10)
    assert found["precision"].value == pytest.approx(200 / 240, abs=1e-5)
    assert found["recall"] == (1, 1, 1)
    assert found["b_cubed_precision"].value == pytest.approx(0.95, abs=1e-5)


def test_more_people_of_the_same_kinds_make_a_narrower_interval() -> None:
    few, many = of(45, 5)["precision"], of(4500, 500)["precision"]
    assert few.high - few.low > 3 * (many.high - many.low) > 0


def test_where_everything_is_right_or_nothing_is_known_there_is_no_doubt() -> None:
    assert set(of(100, 0).values()) == {(1, 1, 1)}
    assert estimates(np.empty((0, len(SUMS))), np.empty(0, dtype=np.int64))["precision"] == (1, 1, 1)
