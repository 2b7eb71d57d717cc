"""Which linked records make one person: average linkage with vetoes, and human decisions above all. Pure, on arrays.

Connected components would chain strangers together over one bad link. Average linkage (UPGMA: Sokal and Michener,
1958) joins two groups only while the mean match weight between all their records says so.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from cdp_assets.identity.components import LARGEST, Floats, Integers, components, pieces

FORBIDDEN = 1e9
"""Distance of a vetoed pair: its share in any mean keeps that mean beyond every cut."""


@dataclass(frozen=True)
class Pairs:
    """Scored pairs of nodes: equally long arrays. ``veto`` marks pairs that must not be one person.

    ``final`` marks the vetoes that nothing but a decision lifts, ``agree`` the pairs that contradict any other veto on
    the groups they are between: the same strong identifier or birth date.
    """

    left: Integers
    right: Integers
    weight: Floats
    veto: np.ndarray
    final: np.ndarray
    agree: np.ndarray


def cluster(
    n: int, pairs: Pairs, same: Integers, different: Integers, *, threshold: float, cut: float, cap: int
) -> Integers:
    """Label of each of ``n`` nodes: the smallest node of its cluster. Shape (n,).

    ``same`` and ``different`` are decisions, shape (m, 2). A pair that was decided different is never joined, also not
    through others that were decided the same; earlier rows of ``same`` come first. Every other veto yields to ``same``,
    and one that is not final to more pairs that agree, between groups that ``same`` made: one wrong birth date on a
    record that an account number ties to others with the right one is an error, not another person.
    """
    group = join_decided(n, same, different)
    left, right, weight, strongest, veto = _between_groups(n, group, pairs, different)
    label = pieces(n, left[~veto], right[~veto], strongest[~veto], threshold, cap)
    inside = label[left] == label[right]
    left, right, weight, veto = left[inside], right[inside], weight[inside], veto[inside]
    size = np.bincount(label[np.unique(group)], minlength=n)
    piece = label[left]
    agreeing = np.bincount(piece, weights=~veto & (weight >= cut), minlength=n)
    doubtful = (agreeing < size * (size - 1) // 2) & (size > 1)
    result = label.copy()
    order = np.argsort(piece, kind="stable")
    bounds = np.searchsorted(piece[order], np.arange(n + 1))
    members = np.unique(group)
    members = members[np.argsort(label[members], kind="stable")]
    starts = np.searchsorted(label[members], np.arange(n + 1))
    for root in np.flatnonzero(doubtful):
        nodes = members[starts[root] : starts[root + 1]]
        rows = order[bounds[root] : bounds[root + 1]]
        result[nodes] = _average_linkage(nodes, left[rows], right[rows], weight[rows], veto[rows], cut)
    return _smallest(result[group])


def join_decided(n: int, same: Integers, different: Integers) -> Integers:
    """Groups of nodes that ``same`` joins, none of which holds a pair of ``different``; earlier rows come first."""
    group = components(n, same[:, 0], same[:, 1])
    contradicted = group[different[:, 0]] == group[different[:, 1]]
    if not contradicted.any():
        return group
    disputed = np.isin(group[same[:, 0]], group[different[contradicted, 0]])
    group = components(n, same[~disputed, 0], same[~disputed, 1])
    for a, b in same[disputed]:
        joined = np.where(group == group[b], group[a], group)
        if (joined[different[:, 0]] != joined[different[:, 1]]).all():
            group = joined
    return _smallest(group)


def _between_groups(
    n: int, group: Integers, pairs: Pairs, different: Integers
) -> tuple[Integers, Integers, Floats, Floats, np.ndarray]:
    """One row per pair of groups: mean weight, highest without a veto, and whether a veto holds between them."""
    left = np.concatenate([group[pairs.left], group[different[:, 0]]])
    right = np.concatenate([group[pairs.right], group[different[:, 1]]])
    none = np.zeros(len(different))
    weight = np.concatenate([pairs.weight, none])
    scored = np.concatenate([np.ones(len(pairs.left)), none])
    vetoes = np.concatenate([pairs.veto, none])
    final = np.concatenate([pairs.final, none == 0])
    agree = np.concatenate([pairs.agree, none])
    apart = left != right
    key = (np.minimum(left, right) * n + np.maximum(left, right))[apart]
    keys, index = np.unique(key, return_inverse=True)
    # exact sums whatever the order of rows, so that order cannot matter
    order = np.lexsort((weight[apart], index))
    total = np.bincount(index[order], weights=(weight * scored)[apart][order], minlength=len(keys))
    known = np.bincount(index, weights=scored[apart], minlength=len(keys))
    mean = np.divide(total, known, out=np.full(len(keys), -np.inf), where=known > 0)
    # a vetoed pair brings nobody together, even where others between the same groups lift its veto
    bringing = (scored > 0) & (vetoes == 0)
    strongest = np.full(len(keys), -np.inf)
    np.maximum.at(strongest, index, np.where(bringing[apart], weight[apart], -np.inf))
    against = np.bincount(index, weights=vetoes[apart], minlength=len(keys))
    agreeing = np.bincount(index, weights=agree[apart], minlength=len(keys))
    vetoed = (against > agreeing) | (np.bincount(index, weights=final[apart], minlength=len(keys)) > 0)
    return keys // n, keys % n, mean, strongest, vetoed


def _average_linkage(
    nodes: Integers, left: Integers, right: Integers, weight: Floats, veto: np.ndarray, cut: float
) -> Integers:
    """Labels of ``nodes`` (sorted) after joining while the mean weight is at least ``cut``."""
    if len(nodes) > LARGEST:  # their matrix would not fit
        return nodes
    # a pair that was never compared speaks slightly against joining
    distance = np.full((len(nodes), len(nodes)), 1.0)
    i, j = np.searchsorted(nodes, left), np.searchsorted(nodes, right)
    distance[i, j] = distance[j, i] = np.where(veto, FORBIDDEN, cut - weight)
    upper = np.triu_indices(len(nodes), 1)
    # scipy needs distances that grow from 0; a shift changes no mean's order
    shift = min(distance[upper].min(), 0.0)
    tree = scipy.cluster.hierarchy.linkage(distance[upper] - shift, method="average")
    found = scipy.cluster.hierarchy.fcluster(tree, t=-shift + 1e-9, criterion="distance")
    first = np.full(found.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, found, nodes)
    return first[found]


def _smallest(label: Integers) -> Integers:
    """Rename labels to the smallest node that carries them."""
    n = len(label)
    smallest = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(n))
    return smallest[label]
