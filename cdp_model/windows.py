"""Spans of days that are counted back from a day."""

import datetime as dt
from typing import Annotated

from pydantic import StringConstraints

WINDOW = r"^([1-9]\d* days?|lifetime|(this|last) (week|month|quarter|year))$"
Window = Annotated[str, StringConstraints(pattern=WINDOW)]


def days_of_window(window: str, as_of: dt.date) -> tuple[dt.date | None, dt.date]:
    """First and last day of a window as of a day, both included; None: from the beginning."""
    if window == "lifetime":
        return None, as_of
    first, second = window.split()
    if first.isdigit():
        return as_of - dt.timedelta(days=int(first) - 1), as_of
    begins = period_of(as_of, second)
    if first == "this":
        return begins, as_of
    return period_of(begins - dt.timedelta(days=1), second), begins - dt.timedelta(days=1)


def period_of(day: dt.date, period: str) -> dt.date:
    """First day of the week (Monday), month, quarter or year that a day is in."""
    match period:
        case "week":
            return day - dt.timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case _:
            return day.replace(month=1, day=1)
