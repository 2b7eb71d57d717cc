"""From a trait's declaration to SQL: one aggregate over the events of a person, which all traits share one scan of.

The scan is a relation ``seen`` with the columns of an event, ``day`` and the other columns of MOMENTS. Pure query
building: no Dagster, no connection.
"""

import datetime as dt
from collections.abc import Iterable

from cdp_model.expressions import render
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS, Trait
from cdp_resources.lake import literal, quote

ORDER = "row(occurred_at, source, event_id)"
"""Orders events in time, and those of one moment too, so that no tie is left to chance."""


def moments(timezone: str) -> str:
    """The columns that say when an event happened on the clock of a time zone."""
    local = f"(occurred_at AT TIME ZONE {literal(timezone)})"
    return f"{local}::DATE AS day, hour({local}) AS hour, dayname({local}) AS weekday"


def event_traits(model: Model, as_of: dt.date) -> str:
    """SELECT of one row a person with events in ``seen``: person_id and every trait with an aggregate."""
    traits = {name: trait for name, trait in model.traits.items() if trait.aggregate}
    columns = ["person_id", *(f"{aggregate(trait, as_of)} AS {quote(name)}" for name, trait in traits.items())]
    spans = sorted({(trait.since, trait.until) for trait in traits.values() if trait.since or trait.until}, key=str)
    return f"SELECT {', '.join(columns)} FROM {_with_spans(spans) if spans else 'seen'} GROUP BY person_id"


def aggregate(trait: Trait, as_of: dt.date) -> str:
    """The value of a trait over the events of a group, as of a day."""
    conditions = []
    if trait.events:
        conditions.append(f"event_name IN ({_literals(trait.events)})")
    if trait.where:
        conditions.append(f"({render(trait.where, TRAIT_EVENT_COLUMNS)})")
    first, last = trait.days(as_of)
    if first:
        conditions.append(f"day >= DATE {literal(str(first))}")
    if last < as_of:
        conditions.append(f"day <= DATE {literal(str(last))}")
    if trait.since:
        conditions.append(f"{ORDER} > {_begin(trait)}")
    if trait.until:
        # until an event that did not come: until the end
        conditions.append(f"({_end(trait)} IS NULL OR {ORDER} < {_end(trait)})")
    value = f"({render(trait.of, TRAIT_EVENT_COLUMNS)})" if trait.of else "*"
    if trait.of:
        conditions.append(f"{value} IS NOT NULL")
    only = f"FILTER ({' AND '.join(conditions)})" if conditions else ""
    today = f"DATE {literal(str(as_of))}"
    histogram = f"histogram({value}) {only}"
    counts = f"map_values({histogram})"
    # days in a row, counted from their place in the sorted list, have one difference to it
    days = f"list_sort(list(DISTINCT day) {only})"
    runs = f"list_transform({days}, lambda d, i: (d - DATE '1970-01-01') - i)"
    return {
        "count": f"count(*) {only}",
        "sum": f"sum({value}) {only}",
        "mean": f"avg({value}) {only}",
        "min": f"min({value}) {only}",
        "max": f"max({value}) {only}",
        "first": f"arg_min({value}, {ORDER}) {only}",
        "last": f"arg_max({value}, {ORDER}) {only}",
        "most_frequent": f"map_keys({histogram})[list_position({counts}, list_max({counts}))]",
        "count_distinct": f"count(DISTINCT {value}) {only}",
        "distinct": f"list_sort(list(DISTINCT {value}) {only})",
        "ratio": f"avg({value}::INT) {only}",
        "days_since_first": f"{today} - min(day) {only}",
        "days_since_last": f"{today} - max(day) {only}",
        "days_active": f"count(DISTINCT day) {only}",
        "days_between": f"(max(day) {only} - min(day) {only}) / nullif(count(DISTINCT day) {only} - 1, 0)",
        "longest_streak": f"list_max(map_values(list_histogram({runs})))",
        "current_streak": f"CASE max(day) {only} WHEN {today} THEN list_histogram({runs})[list_max({runs})] ELSE 0 END",
    }[trait.aggregate or "count"]


def _with_spans(spans: list[tuple[str | None, str | None]]) -> str:
    """``seen``, with where each person's spans between two events begin and end."""
    begins = sorted({since for since, _ in spans if since})
    begin = ", ".join(f"max({ORDER}) FILTER (event_name = {literal(s)}) AS {quote(f'since {s}')}" for s in begins)
    ends = []
    for since, until in spans:
        if until:
            after = f" AND {ORDER} > {quote(f'since {since}')}" if since else ""
            ends.append(
                f"min({ORDER}) FILTER (event_name = {literal(until)}{after}) AS {quote(f'since {since} until {until}')}"
            )
    starts = f"""
        LEFT JOIN (SELECT person_id, {begin} FROM seen WHERE event_name IN ({_literals(begins)}) GROUP BY person_id)
        USING (person_id)"""
    found = f"seen {starts if begins else ''}"
    if not ends:
        return found
    named = _literals(sorted({until for _, until in spans if until}))
    return f"""{found}
        LEFT JOIN (SELECT person_id, {", ".join(ends)} FROM {found} WHERE event_name IN ({named}) GROUP BY person_id)
        USING (person_id)"""


def _begin(trait: Trait) -> str:
    return quote(f"since {trait.since}")


def _end(trait: Trait) -> str:
    return quote(f"since {trait.since} until {trait.until}")


def _literals(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
