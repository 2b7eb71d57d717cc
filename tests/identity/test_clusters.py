"""Average linkage with vetoes and human decisions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.identity.clusters import Pairs, cluster

NONE = np.empty((0, 2), dtype=np.int64)
NODES = 7
ROW = st.tuples(
    st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.integers(-20, 20).map(float), st.booleans()
).filter(lambda row: row[0] < row[1])
ROWS = st.lists(ROW, max_size=21, unique_by=lambda row: row[:2])
DECISIONS = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=4).map(
    lambda rows: np.array([row for row in rows if row[0] < row[1]], dtype=np.int64).reshape(-1, 2)
)


def run(n, rows, same=NONE, different=NONE, cut=0.0, threshold=-2.0, agree=()):
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 4
    left, right, veto = columns[0].astype(int), columns[1].astype(int), columns[3].astype(bool)
    agreeing = np.array([pair in agree for pair in zip(left, right, strict=True)], dtype=bool)
    final = veto & (not agree)
    pairs = Pairs(left, right, columns[2].astype(float), veto, final, agreeing)
    return cluster(n, pairs, same, different, threshold=threshold, cut=cut, cap=100).tolist()


def test_one_bad_link_does_not_join_two_families():
    family = [(0, 1, 9.0, False), (0, 2, 9.0, False), (1, 2, 9.0, False)]
    other = [(3, 4, 9.0, False), (3, 5, 9.0, False), (4, 5, 9.0, False)]
    strangers = [(i, j, -12.0, False) for i in range(3) for j in range(3, 6) if (i, j) != (2, 3)]
    assert run(6, [*family, *other, *strangers, (2, 3, 6.0, False)]) == [0, 0, 0, 3, 3, 3]


def test_a_pair_joins_at_the_cut_and_not_below():
    assert run(2, [(0, 1, 0.0, False)]) == [0, 0]
    assert run(2, [(0, 1, -0.5, False)]) == [0, 1]


def test_a_veto_yields_to_pairs_that_agree_between_decided_groups_unless_it_is_final():
    rows = [(0, 3, 20.0, True), (1, 3, 20.0, False), (2, 3, 20.0, False)]
    same = np.array([(0, 1), (1, 2)])
    assert run(4, rows, same, agree={(1, 3), (2, 3)}) == [0, 0, 0, 0]
    assert run(4, rows, same, agree={(0, 1)}) == [0, 0, 0, 3]
    assert run(4, rows, same) == [0, 0, 0, 3]
    assert run(4, rows, agree={(1, 3), (2, 3)}) == [0, 1, 1, 1]


def test_a_veto_keeps_a_strong_pair_apart():
    assert run(2, [(0, 1, 20.0, True)]) == [0, 1]


def test_a_vetoed_pair_stays_apart_though_a_third_record_matches_both():
    labels = run(3, [(0, 1, 20.0, False), (1, 2, 15.0, False), (0, 2, 10.0, True)])
    assert labels == [0, 0, 2]


def test_a_decision_outranks_a_veto_and_a_score():
    assert run(2, [(0, 1, -9.0, True)], same=np.array([[0, 1]])) == [0, 0]
    assert run(2, [(0, 1, 20.0, False)], different=np.array([[0, 1]])) == [0, 1]


def test_records_decided_different_are_not_joined_through_others_decided_the_same():
    labels = run(3, [], same=np.array([[0, 1], [1, 2]]), different=np.array([[0, 2]]))
    assert labels == [0, 0, 2]


def test_records_that_were_never_compared_do_not_join():
    assert run(4, [(0, 1, 3.0, False), (2, 3, 3.0, False), (1, 2, 0.5, False)]) == [0, 0, 2, 2]


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(rows, order):
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert run(NODES, rows) == run(NODES, shuffled)


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, same=DECISIONS, different=DECISIONS)
def test_vetoed_pairs_are_together_only_by_decision_and_different_ones_never(rows, same, different):
    labels = run(NODES, rows, same, different)
    assert all(labels[a] != labels[b] for a, b in different)
    if not len(same):
        assert all(labels[a] != labels[b] for a, b, _, veto in rows if veto)
    assert all(label <= node and labels[label] == label for node, label in enumerate(labels))
