"""Groups of nodes that links connect, kept small enough to compare all pairs inside. Pure, on arrays."""

import numpy as np
import numpy.typing as npt
import scipy

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

STEP = 2.0
"""By how much the threshold rises, in match weight, each time a group is still too large."""

LARGEST = 3_000
"""A group beyond this that no threshold splits is left apart: to score all its pairs would not end."""


def components(n: int, left: Integers, right: Integers) -> Integers:
    """Label of each of ``n`` nodes: the smallest node it is connected with. Shape (n,)."""
    graph = scipy.sparse.coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    _, found = scipy.sparse.csgraph.connected_components(graph, directed=False)
    smallest = np.full(int(found.max(initial=-1)) + 1, n, dtype=np.int64)
    np.minimum.at(smallest, found, np.arange(n))
    return smallest[found] if n else np.empty(0, dtype=np.int64)


def pieces(n: int, left: Integers, right: Integers, weight: Floats, threshold: float, cap: int) -> Integers:
    """Connected components of links of at least ``threshold``, none larger than ``cap`` nodes where links differ.

    Within a component that is too large the threshold rises until its pieces are small enough, or until only its
    strongest links are left; where these still join more than ``LARGEST`` nodes, nothing joins them. ``left``,
    ``right`` and ``weight`` have one entry per link. Returns labels as ``components`` does.
    """
    strong_enough = weight >= threshold
    left, right, weight = left[strong_enough], right[strong_enough], weight[strong_enough]
    while True:
        labels = components(n, left, right)
        size = np.bincount(labels, minlength=n)
        too_large = size[labels[left]] > cap
        if not too_large.any():
            return labels
        threshold += STEP
        strongest = np.full(n, -np.inf)
        np.maximum.at(strongest, labels[left], weight)
        limit = np.minimum(threshold, strongest[labels[left]])
        dropped = too_large & (weight < limit)
        if not dropped.any() and (limit[too_large] < threshold).all():
            possible = size[labels[left]] <= LARGEST
            return components(n, left[possible], right[possible])
        left, right, weight = left[~dropped], right[~dropped], weight[~dropped]
