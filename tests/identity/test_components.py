"""Connected groups, and how large ones come apart."""

import numpy as np
import pytest

from cdp_assets.identity.clusters import Pairs, cluster
from cdp_assets.identity.components import components, pieces


def test_nodes_carry_the_smallest_node_they_are_connected_with():
    assert components(5, np.array([3, 4]), np.array([1, 3])).tolist() == [0, 1, 2, 1, 1]


def test_no_nodes_are_no_components():
    nothing = np.empty(0, dtype=np.int64)
    assert components(0, nothing, nothing).tolist() == []


def test_a_group_over_the_cap_comes_apart_at_its_weakest_links():
    left, right = np.array([0, 1, 2, 3, 4]), np.array([1, 2, 3, 4, 5])
    weight = np.array([20.0, 20.0, 1.0, 20.0, 20.0])
    assert pieces(6, left, right, weight, threshold=0.0, cap=3).tolist() == [0, 0, 0, 3, 3, 3]


def test_a_group_within_the_cap_stays_whole():
    left, right = np.array([0, 1]), np.array([1, 2])
    assert pieces(3, left, right, np.array([5.0, 0.5]), threshold=0.0, cap=3).tolist() == [0, 0, 0]


def test_links_below_the_threshold_connect_nothing():
    assert pieces(2, np.array([0]), np.array([1]), np.array([-1.0]), threshold=0.0, cap=9).tolist() == [0, 1]


def test_equally_strong_links_that_exceed_the_cap_are_left_together():
    left, right = np.array([0, 1, 2]), np.array([1, 2, 3])
    assert pieces(4, left, right, np.full(3, 20.0), threshold=0.0, cap=2).tolist() == [0, 0, 0, 0]


GIANT = 50_000


@pytest.mark.parametrize("shape", ["chain", "star"])
@pytest.mark.parametrize("strengths", [1, 7])
def test_a_giant_group_comes_apart_and_is_clustered_at_once(shape, strengths):
    left = np.arange(GIANT - 1) if shape == "chain" else np.zeros(GIANT - 1, dtype=np.int64)
    right = np.arange(1, GIANT)
    weight = 5.0 + 3 * (np.arange(GIANT - 1) % strengths)
    label = pieces(GIANT, left, right, weight, threshold=0.0, cap=300)
    size = np.bincount(label, minlength=GIANT)
    assert size.max() <= (300 if strengths > 1 and shape == "chain" else 1)
    no = np.zeros(len(left), dtype=bool)
    nobody = np.empty((0, 2), dtype=np.int64)
    found = cluster(GIANT, Pairs(left, right, weight, no, no, no), nobody, nobody, threshold=0.0, cut=-3.0, cap=300)
    assert np.bincount(found).max() <= size.max()
