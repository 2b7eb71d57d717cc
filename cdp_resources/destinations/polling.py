"""What a vendor works through later: it is asked about until it is known, ever more rarely."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

from cdp_resources.destinations.api import Api
from cdp_resources.destinations.base import Row

SLOWER = 1.5
SETTLED = dt.timedelta(minutes=1)
"""So long after it was told of somebody, a vendor may say that it knows nobody of that name."""


def patiently(api: Api, seconds: float, first: float, longest: float) -> Iterator[float]:
    """Give the seconds waited so far, before each time to ask: at once, then after pauses; ends after ``seconds``.

    Pauses grow from ``first`` to ``longest`` seconds.
    """
    waited, pause = 0.0, first
    while True:
        yield waited
        if waited >= seconds:
            return
        pause = min(pause, seconds - waited)
        api.sleep(pause)
        waited, pause = waited + pause, min(pause * SLOWER, longest)


def found(api: Api, rows: Sequence[Row], look: Callable[[], Iterable[str]]) -> list[str]:
    """The vendor's ids of those rows that it knows; ``look`` asks for all of them.

    As long as it was told of one of them less than a minute ago, not to be found is not to be gone: it is asked again.
    """
    now, ids = dt.datetime.now(dt.UTC), dict[str, None]()
    unsettled = max((row.told_at + SETTLED - now for row in rows if row.told_at), default=dt.timedelta())
    for _ in patiently(api, unsettled.total_seconds(), first=2, longest=20):
        ids |= dict.fromkeys(look())
        if len(ids) >= len(rows):
            break
    return list(ids)
