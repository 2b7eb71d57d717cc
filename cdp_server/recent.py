"""Ids of what was taken in lately: what is sent again is acknowledged again, and not written again."""

import hashlib
from collections import OrderedDict

MOST = 200_000
LONGEST = 64


class Recent:
    """Remembers ids of one stream, the latest ``most`` of them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, identifier: str) -> bool:
        return _short(identifier) in self._ids

    def add(self, identifier: str) -> None:
        """Call it once the event is durable, and not before."""
        self._ids[_short(identifier)] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= LONGEST else hashlib.sha256(identifier.encode()).hexdigest()
