"""How a destination says what became of rows: only those that were not taken are named."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdp_resources.destinations.answers import Refused
from cdp_resources.destinations.base import Outcome, Row

Outcomes = Mapping[str, Outcome]
"""By key of the row. A row without one was taken."""


def rejected(words: str) -> Outcome:
    """The outcome of a row that the destination does not want."""
    return Outcome("rejected", words)


def later(words: str) -> Outcome:
    """The outcome of a row that the destination could not take now."""
    return Outcome("retry_later", words)


def at(rows: Sequence[Row], index: Any) -> Row | None:
    """The row at an index that an answer gives, as a number or as digits; None where there is none."""
    return rows[int(index)] if str(index).isdigit() and int(index) < len(rows) else None


def told_of(named: Iterable[tuple[Row | None, Outcome]]) -> Outcomes:
    """Outcomes of the rows that an answer names.

    Raises ``Refused`` when it names something that is none of them: halving the batch finds out which row is meant.
    """
    outcomes = {}
    for row, outcome in named:
        if row is None:
            raise Refused(outcome.error)
        outcomes[row.key] = outcome
    return outcomes
