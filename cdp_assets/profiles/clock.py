"""The company's clock in SQL: days that end at local midnight, and the local time of a moment.

Pure query building: no Dagster, no connection. Both follow Python's time zones, so that they never disagree.
"""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

from cdp_resources.sql import literal

COVERED = (dt.datetime(1990, 1, 1, tzinfo=dt.UTC), dt.datetime(2050, 1, 1, tzinfo=dt.UTC))
"""DuckDB's own conversion takes most of a microsecond, more than all else that is done with an event. Adding the
offset that is in force takes a hundredth of that, so it is asked only for moments outside of these years."""


def end_of(day: dt.date, timezone: str) -> str:
    """SQL for the first moment after ``day`` in a time zone, daylight saving included."""
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone))
    return f"TIMESTAMPTZ {literal(midnight.astimezone(dt.UTC).isoformat())}"


def local_time(moment: str, timezone: str) -> str:
    """SQL for a TIMESTAMPTZ column as the TIMESTAMP that the clock of a time zone shows."""
    first, last = COVERED
    covered = f"{moment} >= {_timestamp(first)} AND {moment} < {_timestamp(last)}"
    shown = f"make_timestamp(epoch_us({moment}) + {_offset(moment, offsets(timezone))})"
    return f"CASE WHEN {covered} THEN {shown} ELSE {moment} AT TIME ZONE {literal(timezone)} END"


@lru_cache
def offsets(timezone: str) -> list[tuple[dt.datetime, int]]:
    """Since when which offset to UTC is in force, in microseconds, through the years covered."""
    zone, day = ZoneInfo(timezone), dt.timedelta(days=1)
    moment, end = COVERED
    found = [(moment, _microseconds(moment, zone))]
    while moment < end:
        if _microseconds(moment + day, zone) != found[-1][1]:
            before, after = moment, moment + day
            while after - before > dt.timedelta(seconds=1):
                middle = (before + (after - before) / 2).replace(microsecond=0)
                before, after = (middle, after) if _microseconds(middle, zone) == found[-1][1] else (before, middle)
            found.append((after, _microseconds(after, zone)))
        moment += day
    return found


def _offset(moment: str, known: list[tuple[dt.datetime, int]]) -> str:
    """The offset at a moment, found by halving: seven comparisons instead of a hundred."""
    if len(known) == 1:
        return str(known[0][1])
    middle = len(known) // 2
    earlier, later = _offset(moment, known[:middle]), _offset(moment, known[middle:])
    return f"CASE WHEN {moment} < {_timestamp(known[middle][0])} THEN {earlier} ELSE {later} END"


def _timestamp(moment: dt.datetime) -> str:
    return f"TIMESTAMPTZ {literal(moment.isoformat())}"


def _microseconds(moment: dt.datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // dt.timedelta(microseconds=1)
