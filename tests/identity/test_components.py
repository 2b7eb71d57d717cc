"""Connected groups, and how large ones come apart."""

import numpy as np

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
