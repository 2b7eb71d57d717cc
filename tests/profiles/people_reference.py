"""The slow, obvious reference: traits of one person as of a day, computed event by event in plain Python."""

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]


def trait(aggregate: str, events: list[Event], as_of: dt.date, window: str, timezone: str) -> Any:
    """The value that a trait must have. Events have occurred_at (aware), value and name."""
    zone = ZoneInfo(timezone)
    seen = [e for e in events if e["occurred_at"].astimezone(zone).date() in window_days(window, as_of)]
    days = sorted({e["occurred_at"].astimezone(zone).date() for e in seen})
    known = [(e["occurred_at"], e["value"]) for e in seen if e["value"] is not None]
    values = [value for _, value in sorted(known)]
    of_days = {
        "count": lambda: len(seen),
        "days_active": lambda: len(days),
        "days_since_first": lambda: (as_of - days[0]).days if days else None,
        "days_since_last": lambda: (as_of - days[-1]).days if days else None,
        "days_between": lambda: (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else None,
        "longest_streak": lambda: max((streak(days, day) for day in days), default=0),
        "current_streak": lambda: streak(days, as_of),
        "count_distinct": lambda: len(set(values)),
    }
    if aggregate in of_days:
        return of_days[aggregate]()
    if not values:
        return None
    counted = Counter(values)
    return {
        "distinct": lambda: sorted(set(values)),
        "ratio": lambda: sum(bool(v) for v in values) / len(values),
        "sum": lambda: sum(values),
        "mean": lambda: sum(values) / len(values),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "first": lambda: values[0],
        "last": lambda: values[-1],
        "most_frequent": lambda: min(counted, key=lambda v: (-counted[v], v)),
    }[aggregate]()


def streak(days: list[dt.date], last: dt.date) -> int:
    """How many days in a row end on a day."""
    length = 0
    while last - dt.timedelta(days=length) in days:
        length += 1
    return length


def window_days(window: str, as_of: dt.date) -> set[dt.date]:
    """The days of a window, found by looking at each day before."""
    before = [as_of - dt.timedelta(days=n) for n in range(800)]
    if window == "lifetime":
        return set(before)
    which, period = window.split()
    if which.isdigit():
        return set(before[: int(which)])

    def label(day: dt.date) -> tuple[int, ...]:
        quarter = (day.year, (day.month + 2) // 3)
        return {
            "week": day.isocalendar()[:2],
            "month": (day.year, day.month),
            "quarter": quarter,
            "year": (day.year,),
        }[period]

    labels = sorted({label(day) for day in before}, reverse=True)
    return {day for day in before if label(day) == labels[0 if which == "this" else 1]}


def span(events: list[Event], since: str | None, until: str | None) -> list[Event]:
    """The events of one person after the latest ``since``, and before the first ``until`` from there."""
    if since:
        begins = [e["occurred_at"] for e in events if e["name"] == since]
        events = [e for e in events if begins and e["occurred_at"] > max(begins)]
    if until:
        ends = [e["occurred_at"] for e in events if e["name"] == until]
        events = [e for e in events if not ends or e["occurred_at"] < min(ends)]
    return events


def score(values: dict[str, Any], person: str, bins: int, best: str) -> int | None:
    """The group a person is in, found by counting who is worse."""
    value = values[person]
    if value is None:
        return None
    known = [v for v in values.values() if v is not None]
    worse = sum(v < value if best == "highest" else v > value for v in known)
    return 1 + bins * worse // len(known)
