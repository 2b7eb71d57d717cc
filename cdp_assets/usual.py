"""What is usual of something counted each day, by its own history. Decisions over numbers, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from statistics import median

LEAST_DAYS = 3
"""Before so many days nothing is usual yet."""

WIDTH = 4
"""Deviations to either side of the middle: counts that come by chance stay within for years."""

ROBUST = 1.4826
"""Makes of the median of distances what a standard deviation would be, of normal counts; outliers do not move it."""

SHARE = 0.3
"""Less than so much of the middle is never worth a word, however regular the days were."""


@dataclass(frozen=True)
class Usual:
    """The counts, both included, that are no surprise."""

    low: int
    high: int

    def holds(self, count: int) -> bool:
        """Whether a count is among them."""
        return self.low <= count <= self.high

    def __str__(self) -> str:
        return f"{self.low:,} to {self.high:,}"


def usual_counts(history: Sequence[int], least: int = 5) -> Usual | None:
    """The median, and to either side the widest of: the spread of these days, that of chance (the square root), a share
    of the median, ``least``. None for too few days.
    """
    if len(history) < LEAST_DAYS:
        return None
    middle = median(history)
    spread = ROBUST * median(abs(count - middle) for count in history)
    width = max(WIDTH * spread, WIDTH * sqrt(middle), SHARE * middle, least)
    return Usual(max(0, floor(middle - width)), ceil(middle + width))
