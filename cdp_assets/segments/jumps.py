"""When a segment's size is too sudden to be believed: a decision over numbers. No Dagster, no connection."""

from collections.abc import Mapping, Sequence

from cdp_assets.usual import Usual

HISTORY_DAYS = 28
"""Sizes of older days say nothing about today."""

FEW = 20
"""So many people more or fewer are never a jump, whatever their share."""


def usual(sizes: Sequence[int], factor: float) -> Usual | None:
    """What may come after these sizes: up to ``factor`` times the largest, down to the same part of the smallest.

    None where there is no size to compare with: a segment that had nobody may begin with any.
    """
    if not any(sizes):
        return None
    low, high = min(sizes), max(sizes)
    return Usual(max(0, min(int(low / factor), low - FEW)), max(int(high * factor), high + FEW))


def judged(
    history: Mapping[str, Sequence[int]], sizes: Mapping[str, int], factors: Mapping[str, float]
) -> dict[str, Usual]:
    """The segments whose size is a jump, with what was usual. ``history``: sizes of earlier days that count."""
    found = {}
    for segment, size in sizes.items():
        expected = usual(history.get(segment, ()), factors[segment])
        if expected and not expected.holds(size):
            found[segment] = expected
    return found
