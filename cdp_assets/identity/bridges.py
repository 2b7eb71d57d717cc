"""Links that alone hold a group together: bridges of a graph. Pure, on arrays."""

import numpy as np
import scipy

from cdp_assets.identity.components import Integers, components


def smaller_sides(n: int, left: Integers, right: Integers) -> Integers:
    """For each link, how many nodes its removal would cut off from the rest; 0 when it is no bridge. Shape (m,).

    Tarjan's bridges (1974), level by level instead of node by node. A link of a spanning tree is a bridge when no other
    link leads out of the subtree below it. Each other link puts its own random number on both its ends: the numbers of
    a subtree cancel out (xor) exactly when all these links stay inside, but for a chance of one in 2^64.
    """
    result = np.zeros(len(left), dtype=np.int64)
    low, high = np.minimum(left, right), np.maximum(left, right)
    edges, index = np.unique(np.stack([low, high], axis=1)[low < high], axis=0, return_inverse=True)
    if not len(edges):
        return result
    parent, depth = _spanning_tree(n, edges)
    a, b = edges[:, 0], edges[:, 1]
    child = np.where(parent[a] == b, a, np.where(parent[b] == a, b, -1))
    marks = np.zeros(n, dtype=np.uint64)
    others = np.flatnonzero(child < 0)
    numbers = np.random.default_rng(0).integers(1, 2**64, size=len(others), dtype=np.uint64)
    for end in (a, b):
        np.bitwise_xor.at(marks, end[others], numbers)
    size = np.ones(n, dtype=np.int64)
    order = np.argsort(depth, kind="stable")
    bounds = np.searchsorted(depth[order], np.arange(depth.max(initial=0) + 2))
    for level in range(len(bounds) - 2, 0, -1):
        nodes = order[bounds[level] : bounds[level + 1]]
        np.bitwise_xor.at(marks, parent[nodes], marks[nodes])
        np.add.at(size, parent[nodes], size[nodes])
    below = size[child]
    group = components(n, a, b)
    whole = np.bincount(group, minlength=n)[group[a]]
    bridge = (child >= 0) & (marks[child] == 0)
    sides = np.where(bridge, np.minimum(below, whole - below), 0)
    result[low < high] = sides[index.reshape(-1)]
    return result


def _spanning_tree(n: int, edges: Integers) -> tuple[Integers, Integers]:
    """Breadth-first trees of all components: each node's parent (-1 at a root) and depth (0 at a root)."""
    roots = np.unique(components(n, edges[:, 0], edges[:, 1]))
    start = np.concatenate([edges[:, 0], np.full(len(roots), n)])
    end = np.concatenate([edges[:, 1], roots])
    graph = scipy.sparse.coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(n + 1, n + 1)).tocsr()
    _, found = scipy.sparse.csgraph.breadth_first_order(graph, n, directed=False)
    parent = np.where(found[:n] == n, -1, found[:n]).astype(np.int64)
    depth, above = np.zeros(n, dtype=np.int64), parent.copy()
    climbing = np.flatnonzero(above >= 0)
    while len(climbing):
        depth[climbing] += 1
        above[climbing] = parent[above[climbing]]
        climbing = climbing[above[climbing] >= 0]
    return parent, depth
