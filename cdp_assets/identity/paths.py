"""The path of links between two records that depends on weak links least. Pure: keys and weights in, links out."""

from collections import defaultdict
from collections.abc import Sequence

Edge = tuple[str, str, float]
"""Two records, and how strongly they are linked."""


def strongest_path(edges: Sequence[Edge], start: str, end: str) -> list[int] | None:
    """Indices of the edges that lead from ``start`` to ``end`` over the strongest weakest link; None: nothing does.

    Of several such paths the shortest. The weakest link of the result is as strong as that of any path can be.
    """
    if start == end:
        return []
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while (above := root.setdefault(key, key)) != key:
            root[key] = root[above]
            key = above
        return key

    usable: dict[str, list[tuple[str, int]]] = defaultdict(list)
    limit: float | None = None
    for index in sorted(range(len(edges)), key=lambda i: -edges[i][2]):
        left, right, weight = edges[index]
        if limit is not None and weight < limit:
            break
        usable[left].append((right, index))
        usable[right].append((left, index))
        root[find(left)] = find(right)
        if limit is None and find(start) == find(end):
            limit = weight
    return _shortest(usable, edges, start, end) if limit is not None else None


def _shortest(usable: dict[str, list[tuple[str, int]]], edges: Sequence[Edge], start: str, end: str) -> list[int]:
    came: dict[str, int] = {start: -1}
    queue = [start]
    for key in queue:
        for other, index in usable[key]:
            if other not in came:
                came[other] = index
                queue.append(other)
    path, key = [], end
    while came[key] >= 0:
        left, right, _ = edges[came[key]]
        path.append(came[key])
        key = left if key == right else right
    return path[::-1]
