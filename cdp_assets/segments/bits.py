"""Many booleans of a row as bits of a few numbers, in SQL. A column each would take a block of memory in every table.

Pure query building: no Dagster, no connection.
"""

from collections.abc import Sequence

BITS = 60
"""Of each UBIGINT: fewer than it has, so that no shift can overflow."""


def packed(booleans: Sequence[str]) -> list[str]:
    """The columns that hold SQL booleans, none of them null, in their order."""
    words = [booleans[first : first + BITS] for first in range(0, len(booleans), BITS)]
    shifted = [" | ".join(f"(({sql})::UBIGINT << {at})" for at, sql in enumerate(word)) for word in words]
    return [f"{sql} AS {word_of(BITS * number)}" for number, sql in enumerate(shifted)]


def word_of(place: int) -> str:
    """The column that holds the boolean of a place."""
    return f"word_{place // BITS}"


def mask(place: int) -> str:
    """SQL of the number that has in that column no bit but that of a place."""
    return f"{1 << place % BITS}::UBIGINT"


def bit(place: int) -> str:
    """SQL of the boolean of a place."""
    return f"({word_of(place)} & {mask(place)} <> 0)"
