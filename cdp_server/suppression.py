"""The suppression list: people whose events are dropped at the door.

A text file with a line for each identifier: the SHA-256, in hex, of `<field>:<value>`, such as `userId:4711`,
`anonymousId:…` or `email:ada@example.com`. Fields are those of a call; an e-mail address is in lower case. Lines that
begin with `#` are comments. Whoever writes it writes a new file and renames it over the old one.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from cdp_resources.environment import home

LOOK_EVERY_SECONDS = 2.0
DEFAULT = "suppressions.txt"


def digest(field: str, value: str) -> str:
    """The line of one identifier."""
    value = value.strip()
    return hashlib.sha256(f"{field}:{value.lower() if field == 'email' else value}".encode()).hexdigest()


def list_path() -> Path:
    """Where the list is: CDP_SUPPRESSION_LIST, or `suppressions.txt` in CDP_HOME."""
    return Path(os.environ.get("CDP_SUPPRESSION_LIST") or home() / DEFAULT)


class Suppressions:
    """The list as it is now: a changed file is read again within seconds.

    A list that can't be read keeps what was read last: a failed read is not an empty list.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests: frozenset[str] = frozenset()
        self._version: tuple[int, int, int] | None = None
        self._looked = float("-inf")

    def hold_any(self) -> bool:
        """Whether anybody is on the list, as it is now."""
        self._look()
        return bool(self._digests)

    def cover(self, event: dict[str, Any]) -> bool:
        """Whether somebody on the list sent the event, or it is about them."""
        return any(digest(*found) in self._digests for found in _identifiers(event))

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY_SECONDS:
            return
        self._looked = now
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version != self._version:
                lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
                self._digests = frozenset(line.strip() for line in lines if not line.startswith("#"))
                self._version = version
        except OSError:
            return


def _identifiers(event: dict[str, Any]) -> list[tuple[str, str]]:
    """Who an event is about. An alias's `previousId` may be either kind of id."""
    context = event.get("context")
    about = [event.get("traits"), context.get("traits") if isinstance(context, dict) else None]
    found = [
        ("userId", event.get("userId")),
        ("anonymousId", event.get("anonymousId")),
        *((field, event.get("previousId")) for field in ("userId", "anonymousId")),
        *(("email", traits.get("email")) for traits in about if isinstance(traits, dict)),
    ]
    return [(field, str(value)) for field, value in found if value]
