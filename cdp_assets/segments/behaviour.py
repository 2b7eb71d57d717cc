"""Behaviour that stands inline in segments, as columns of people: counts of events, and sequences. Pure query building.

A count is a trait without a name of its own, so that it shares the one scan of events with the declared traits. A
sequence is found with window functions over the same scan, among the events that it names alone.
"""

import datetime as dt
import hashlib

from cdp_assets.profiles.aggregates import ORDER
from cdp_assets.profiles.clock import end_of
from cdp_model.behaviour import Counted, Did, DidNot, Sequence, Step
from cdp_model.conditions import conditions
from cdp_model.expressions import render
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS, Trait
from cdp_model.windows import days_of_window
from cdp_resources.lake import literal, quote


def column_of(declared: Counted | Sequence) -> str:
    """Name of the column: the same for the same behaviour, and no name that a trait could have."""
    how_often = {"at_least", "at_most"} if isinstance(declared, Counted) else set()
    written = declared.model_dump_json(exclude=how_often)
    return f"{type(declared).__name__.lower()} {hashlib.sha256(written.encode()).hexdigest()[:12]}"


def with_counts(model: Model) -> Model:
    """The model with a trait for each count of events in its segments."""
    counts = {column_of(c): _trait(c) for c in _behaviours(model) if isinstance(c, Counted)}
    return model.model_copy(update={"traits": {**model.traits, **counts}}) if counts else model


def sequences_query(model: Model, as_of: dt.date) -> str | None:
    """SELECT of person_id and a column for each sequence, true or null, over ``seen``; None when there are none."""
    sequences = {column_of(s): s for s in _behaviours(model) if isinstance(s, Sequence)}
    if not sequences:
        return None
    end = end_of(as_of, model.company.timezone)
    found = " UNION ALL ".join(
        f"SELECT DISTINCT person_id, {literal(name)} AS name FROM ({_found(sequence, as_of, end)})"
        for name, sequence in sequences.items()
    )
    columns = ", ".join(f"bool_or(name = {literal(name)}) AS {quote(name)}" for name in sequences)
    return f"SELECT person_id, {columns} FROM ({found}) GROUP BY person_id"


def truth_of(condition: Did | DidNot | Sequence) -> str:
    """SQL over people with these columns: true or false, never null."""
    if isinstance(condition, Sequence):
        return f"coalesce({quote(column_of(condition))}, false)"
    counted = condition.did if isinstance(condition, Did) else condition.did_not
    count = f"coalesce({quote(column_of(counted))}, 0)"
    most = f" AND {count} <= {counted.at_most}" if counted.at_most is not None else ""
    return f"({'NOT ' if isinstance(condition, DidNot) else ''}({count} >= {counted.at_least}{most}))"


def _behaviours(model: Model) -> list[Counted | Sequence]:
    found: list[Counted | Sequence] = []
    for segment in model.segments.values():
        for _, part in conditions(segment):
            if isinstance(part, Did | DidNot):
                found.append(part.did if isinstance(part, Did) else part.did_not)
            elif isinstance(part, Sequence):
                found.append(part)
    return found


def _trait(counted: Counted) -> Trait:
    between = [f"({render(counted.where, TRAIT_EVENT_COLUMNS)})"] if counted.where else []
    between += [f"day >= DATE {literal(str(counted.since))}"] if counted.since else []
    between += [f"day <= DATE {literal(str(counted.until))}"] if counted.until else []
    return Trait(
        description=str(counted),
        aggregate="count",
        events=counted.events,
        where=" AND ".join(between) or None,
        window=counted.window,
    )


def _found(sequence: Sequence, as_of: dt.date, end: str) -> str:
    """SELECT of person_id of the last events of a sequence that was found.

    ``reached`` is true for an event that the steps so far lead to. It is enough to look from each event at the latest
    one before it that was reached: any other is further away.
    """
    matches = [_matches(step, sequence.window, as_of) for step in sequence.sequence]
    columns = ", ".join(f"coalesce({match}, false) AS step_{i}" for i, match in enumerate(matches))
    found = f"SELECT person_id, occurred_at, {ORDER} AS place, {columns}, step_0 AS reached FROM seen"
    found = f"SELECT * FROM ({found}) WHERE {' OR '.join(f'step_{i}' for i in range(len(matches)))}"
    for i, step in enumerate(sequence.sequence[1:], start=1):
        later = f"occurred_at + INTERVAL '{step.seconds} seconds'"
        if step.not_:
            reached = "reached AND next IS NULL"
            if step.within:
                reached = f"reached AND {later} < {end} AND (next > {later}) IS DISTINCT FROM false"
            found = f"""SELECT * REPLACE ({reached} AS reached) FROM (
                SELECT *, min(occurred_at) FILTER (step_{i}) OVER (
                PARTITION BY person_id ORDER BY place ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next
                FROM ({found}))"""
        else:
            soon = f" AND occurred_at <= last + INTERVAL '{step.seconds} seconds'" if step.within else ""
            found = f"""SELECT * REPLACE (step_{i} AND last IS NOT NULL{soon} AS reached) FROM (
                SELECT *, max(occurred_at) FILTER (reached) OVER (
                PARTITION BY person_id ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last
                FROM ({found}))"""
        found = f"SELECT * EXCLUDE ({'next' if step.not_ else 'last'}) FROM ({found})"
    return f"SELECT person_id FROM ({found}) WHERE reached"


def _matches(step: Step, window: str, as_of: dt.date) -> str:
    named = [f"event_name IN ({', '.join(literal(name) for name in step.events or step.not_)})"]
    if step.where:
        named.append(f"({render(step.where, TRAIT_EVENT_COLUMNS)})")
    first, last = days_of_window(window, as_of)
    if step.events and first:
        named.append(f"day BETWEEN DATE {literal(str(first))} AND DATE {literal(str(last))}")
    return " AND ".join(named)
