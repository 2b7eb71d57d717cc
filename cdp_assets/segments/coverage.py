"""Windows that begin before the data does: a segment that looks back further than there is anything to see."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping

import dagster as dg
import duckdb

from cdp_assets.segments.conditions import looked_at_of
from cdp_model.behaviour import Sequence
from cdp_model.conditions import conditions
from cdp_model.model import Model
from cdp_model.windows import days_of_window
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

COVERAGE_CHECK = dg.AssetCheckSpec(
    "windows_are_covered",
    asset=["segments", "memberships"],
    description="As of the latest day made, data reaches as far back as each window that a segment looks at",
)


def windows_are_covered(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> dg.AssetCheckResult:
    """The check, on the events that there are."""
    found = uncovered(model, day, first_days(con, model.company.timezone))
    return dg.AssetCheckResult(
        check_name=COVERAGE_CHECK.name,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(found[:10]) or "every window is covered",
        metadata={"as_of": str(day), "windows_that_begin_before_the_data": len(found)},
    )


def uncovered(model: Model, day: dt.date, begins: Mapping[str, dt.date]) -> list[str]:
    """Which segments look back how far, before their events begin; ``begins``: as of ``first_days``."""
    found = []
    for name, segment in model.segments.items():
        alone = model.model_copy(update={"segments": {name: segment}})
        windows = {(t.window, tuple(t.events)) for t in looked_at_of(alone).traits.values() if t.aggregate}
        for _, part in conditions(segment):
            if isinstance(part, Sequence):
                windows.add((part.window, tuple(event for step in part.sequence for event in step.events)))
        for window, events in sorted(windows):
            first, _ = days_of_window(window, day)
            since = min((begins[event] for event in events or begins if event in begins), default=None)
            if first and since and first < since:
                named = ", ".join(dict.fromkeys(events)) or "any event"
                found.append(f"{name} looks at {named} since {first} ({window}), and its sources begin on {since}")
    return found


def first_days(con: duckdb.DuckDBPyConnection, timezone: str) -> dict[str, dt.date]:
    """By event, the first day of the sources that have it: an event may be rare, but its source was there."""
    rows = con.execute(
        f"""SELECT source, event_name, (min(occurred_at) AT TIME ZONE {literal(timezone)})::DATE
        FROM {CATALOG}.standardized.events WHERE record_key IS NOT NULL GROUP BY ALL"""
    ).fetchall()
    of_source: dict[str, dt.date] = {}
    of_event: dict[str, list[str]] = defaultdict(list)
    for source, event, day in rows:
        of_source[source] = min(day, of_source.get(source, day))
        of_event[event].append(source)
    return {event: min(of_source[source] for source in sources) for event, sources in of_event.items()}
