"""Bridges, held against the definition: remove the link and count who is cut off."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.identity.bridges import smaller_sides
from cdp_assets.identity.components import components

LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=24)


def by_removal(n: int, links: list[tuple[int, int]]) -> list[int]:
    """What removing each link, and its doubles, cuts off."""
    found = []
    for a, b in links:
        rest = [(c, d) for c, d in links if {c, d} != {a, b}]
        label = components(n, *(np.array([pair[i] for pair in rest], dtype=np.int64) for i in (0, 1)))
        apart = label[a] != label[b]
        found.append(int(min((label == label[a]).sum(), (label == label[b]).sum())) if apart else 0)
    return found


@given(LINKS)
def test_a_bridge_cuts_off_what_removing_it_cuts_off(links: list[tuple[int, int]]) -> None:
    left, right = (np.array([pair[i] for pair in links], dtype=np.int64) for i in (0, 1))
    assert smaller_sides(12, left, right).tolist() == by_removal(12, links)


def test_two_families_joined_by_one_link_are_held_together_by_it_alone() -> None:
    left, right = np.array([0, 1, 2, 3, 4, 5, 2]), np.array([1, 2, 0, 4, 5, 3, 3])
    assert smaller_sides(6, left, right).tolist() == [0, 0, 0, 0, 0, 0, 3]


def test_a_long_chain_is_all_bridges() -> None:
    left = np.arange(9_999)
    assert smaller_sides(10_000, left, left + 1).max() == 5_000
