"""The path between two records whose weakest link is the strongest."""

from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.identity.paths import strongest_path

EDGES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.integers(-3, 6).map(float)).filter(
        lambda edge: edge[0] != edge[1]
    ),
    max_size=14,
)


def test_a_detour_over_strong_links_is_taken_before_a_weak_link() -> None:
    edges = [("a", "b", 1.0), ("a", "c", 9.0), ("c", "b", 5.0)]
    assert strongest_path(edges, "a", "b") == [1, 2]
    assert strongest_path(edges, "b", "a") == [2, 1]


def test_of_equally_strong_paths_the_shorter_is_taken() -> None:
    edges = [("a", "c", 5.0), ("c", "b", 5.0), ("a", "b", 5.0)]
    assert strongest_path(edges, "a", "b") == [2]


def test_records_that_nothing_connects_have_no_path() -> None:
    assert strongest_path([("a", "c", 5.0)], "a", "b") is None
    assert strongest_path([], "a", "a") == []


@given(EDGES)
def test_a_path_leads_there_and_its_weakest_link_is_the_strongest_possible(edges: list[tuple[str, str, float]]) -> None:
    path = strongest_path(edges, "a", "b")
    best = max((edge[2] for edge in edges if connected([e for e in edges if e[2] >= edge[2]])), default=None)
    if path is None:
        assert best is None
        return
    assert min(edges[index][2] for index in path) == best
    at = "a"
    for index in path:
        left, right, _ = edges[index]
        assert at in (left, right)
        at = left if at == right else right
    assert at == "b"


def connected(edges: list[tuple[str, str, float]]) -> bool:
    reached = {"a"}
    for _ in edges:
        for left, right, _ in edges:
            if left in reached or right in reached:
                reached |= {left, right}
    return "b" in reached
