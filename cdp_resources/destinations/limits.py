"""How many requests an account allows: counted for all syncs of this machine together, whichever process runs them."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal

from pyrate_limiter import Duration, Limiter, Rate, SingleBucketFactory, SQLiteBucket

from cdp_resources.environment import home

Period = Literal["second", "minute", "hour", "day"]
LONGEST_PAUSE_SECONDS = 1.0


class AccountLimit:
    """The requests of the last second, minute, hour or day to one account, in a small SQLite file."""

    def __init__(self, account: str, limits: Mapping[Period, int], sleep: Callable[[float], None]) -> None:
        folder = home() / "limits"
        folder.mkdir(parents=True, exist_ok=True)
        # The account is known by its secret, so only a hash of it names the file.
        file = folder / f"{hashlib.sha256(account.encode()).hexdigest()[:32]}.sqlite"
        rates = [Rate(count, Duration[period.upper()]) for period, count in limits.items()]
        rates.sort(key=lambda rate: rate.interval)
        self._bucket = SQLiteBucket.init_from_file(rates, db_path=str(file), use_file_lock=True)
        self._limiter = Limiter(SingleBucketFactory(self._bucket, schedule_leak=False))
        self._pause = min(LONGEST_PAUSE_SECONDS, rates[0].interval / rates[0].limit / 1000)
        self._sleep = sleep
        # Not what is older than these limits look back: another destination of the account may look back further.
        self._bucket.leak(self._bucket.now() - Duration.DAY.value)

    def wait(self) -> None:
        """Return once a request is allowed, and count it."""
        while not self._limiter.try_acquire("request", blocking=False):
            self._sleep(self._pause)

    def close(self) -> None:
        """Close the file."""
        self._limiter.close()
