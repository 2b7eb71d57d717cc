"""Ids of what was taken in lately: what is sent again is acknowledged again, and not written again."""

import hashlib
from collections.abc import Iterable

MOST = 200_000
LONGEST = 64


class Recent:
    """Remembers ids of one stream: the latest ``most``, and up to as many before them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: set[str] = set()
        self._older: set[str] = set()

    def __contains__(self, identifier: str) -> bool:
        name = identifier if len(identifier) <= LONGEST else _short(identifier)
        return name in self._ids or name in self._older

    def update(self, identifiers: Iterable[str]) -> None:
        """Call it once the events are durable, and not before."""
        self._ids.update([name if len(name) <= LONGEST else _short(name) for name in identifiers])
        if len(self._ids) > self._most:
            self._ids, self._older = set(), self._ids


def _short(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()
