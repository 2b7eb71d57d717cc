"""The slow, obvious reference: traits of one person as of a day, computed event by event in plain Python."""

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]


def trait(aggregate: str, events: list[Event], as_of: dt.date, window: int | None, timezone: str) -> Any:
    """The value that a trait must have. Events have occurred_at (aware), event_id, value and name."""
    zone = ZoneInfo(timezone)
    end = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time(), zone)
    first = as_of - dt.timedelta(days=window - 1) if window else dt.date.min
    seen = [e for e in events if e["occurred_at"] < end and e["occurred_at"].astimezone(zone).date() >= first]
    seen.sort(key=lambda e: (e["occurred_at"], e["event_id"]))
    days = [e["occurred_at"].astimezone(zone).date() for e in seen]
    if aggregate in ("count", "days_since_first", "days_since_last", "days_active"):
        if aggregate == "count":
            return len(seen)
        if aggregate == "days_active":
            return len(set(days))
        chosen = min if aggregate == "days_since_first" else max
        return (as_of - chosen(days)).days if days else None
    values = [e["value"] for e in seen if e["value"] is not None]
    if aggregate == "count_distinct":
        return len(set(values))
    if not values:
        return None
    counted = Counter(values)
    return {
        "sum": lambda: sum(values),
        "mean": lambda: sum(values) / len(values),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "first": lambda: values[0],
        "last": lambda: values[-1],
        "most_frequent": lambda: min(counted, key=lambda v: (-counted[v], v)),
    }[aggregate]()
