"""What a vendor works through later: it is asked about until it is known, ever more rarely."""

from collections.abc import Iterator

from cdp_resources.destinations.api import Api

SLOWER = 1.5


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
