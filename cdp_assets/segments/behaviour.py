"""Behaviour that stands inline in segments, as columns of people: counts, first and last days, and sequences.

A count, or a first or last day, is a trait without a name of its own, so that it shares the one scan of events with the
declared traits. A sequence is found with window functions over the same scan, among the events that it names alone.
Pure query building.
"""

import datetime as dt
import hashlib
from typing import Any

from cdp_assets.profiles.aggregates import Written, rendered
from cdp_assets.profiles.clock import end_of
from cdp_assets.segments.activity import is_named
from cdp_model.behaviour import Did, DidNot, Events, First, Last, Moment, Sequence, Step
from cdp_model.conditions import conditions, events_of
from cdp_model.expressions import render
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS, Trait
from cdp_model.windows import days_of_window
from cdp_resources.sql import literal, quote

PLAIN = Did | DidNot | First | Last


def column_of(condition: Events) -> str:
    """Name of the column: the same for the same behaviour, and no name that a trait could have."""
    if isinstance(condition, Sequence):
        kind, written = "sequence", condition.model_dump_json()
    else:
        kind, named = events_of(condition)
        # what is only compared with the column can differ
        compared = {"window", "since", "until"} if isinstance(named, Moment) else {"at_least", "at_most"}
        kind, written = kind.removesuffix("_not"), named.model_dump_json(exclude=compared)
    return f"{kind} {hashlib.sha256(written.encode()).hexdigest()[:12]}"


def with_counts(model: Model) -> Model:
    """The model with a trait for each count, first day and last day of events in its segments."""
    found = {column_of(c): _trait(c) for c in _behaviours(model) if not isinstance(c, Sequence)}
    return model.model_copy(update={"traits": {**model.traits, **found}}) if found else model


def sequences_of(model: Model) -> dict[str, Sequence]:
    """The sequences in segments by their columns."""
    return {column_of(s): s for s in _behaviours(model) if isinstance(s, Sequence)}


def sequences_query(model: Model, as_of: dt.date, written: Written = rendered) -> str | None:
    """SELECT of person_id and a column for each sequence, true or null, over ``seen``; None when there are none.

    ``written``: as for ``event_traits``.
    """
    sequences = sequences_of(model)
    if not sequences:
        return None
    end = end_of(as_of, model.company.timezone)
    found = " UNION ALL ".join(
        f"SELECT DISTINCT person_id, {literal(name)} AS name FROM ({_found(sequence, as_of, end, written)})"
        for name, sequence in sequences.items()
    )
    columns = ", ".join(f"bool_or(name = {literal(name)}) AS {quote(name)}" for name in sequences)
    return f"SELECT person_id, {columns} FROM ({found}) GROUP BY person_id"


def truth_of(condition: Events) -> str:
    """SQL over people with these columns: true or false, never null."""
    column = quote(column_of(condition))
    if isinstance(condition, Sequence):
        return f"coalesce({column}, false)"
    if isinstance(condition, First | Last):
        moment = condition.first if isinstance(condition, First) else condition.last
        return f"coalesce({_in_time(column, moment)}, false)"
    counted = condition.did if isinstance(condition, Did) else condition.did_not
    count = f"coalesce({column}, 0)"
    most = f" AND {count} <= {counted.at_most}" if counted.at_most is not None else ""
    return f"({'NOT ' if isinstance(condition, DidNot) else ''}({count} >= {counted.at_least}{most}))"


def _in_time(day: str, moment: Moment) -> str:
    """SQL: a day is in the window as of the column ``as_of``, and between the dates."""
    asked = [f"{day} >= DATE {literal(str(moment.since))}"] if moment.since else []
    asked += [f"{day} <= DATE {literal(str(moment.until))}"] if moment.until else []
    if moment.window != "lifetime":
        which, period = moment.window.split()
        if which.isdigit():
            asked.append(f"{day} > as_of - {which}")
        else:
            back = f" - INTERVAL 1 {period}" if which == "last" else ""
            asked.append(f"date_trunc('{period}', {day}) = date_trunc('{period}', as_of){back}")
    return " AND ".join(asked)


def _behaviours(model: Model) -> list[Events]:
    """Each condition on events, in declared order."""
    parts = [part for segment in model.segments.values() for _, part in conditions(segment)]
    return [part for part in parts if isinstance(part, Events)]


def _trait(condition: PLAIN) -> Trait:
    if isinstance(condition, First | Last):
        kind, named = events_of(condition)
        of_days: Any = {"aggregate": "min" if kind == "first" else "max", "of": "day"}
        return Trait(description=str(named), events=named.events, where=named.where, **of_days)
    counted = condition.did if isinstance(condition, Did) else condition.did_not
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


def _found(sequence: Sequence, as_of: dt.date, end: str, written: Written) -> str:
    """SELECT of person_id of the last events of a sequence that was found.

    ``reached`` is true for an event that the steps so far lead to. It is enough to look from each event at the latest
    one before it that was reached: any other is further away. Events of one moment stand in the order of the steps.
    """
    matches = [_matches(step, sequence.window, as_of, written) for step in sequence.sequence]
    columns = ", ".join(f"coalesce({match}, false) AS step_{i}" for i, match in enumerate(matches))
    place = ", ".join(["occurred_at", *(f"step_{i} DESC" for i in range(len(matches)))])
    names = {name for step in sequence.sequence for name in (*step.events, *step.not_)}
    looked_at = [is_named(names)]
    first, _ = days_of_window(sequence.window, as_of)
    if first:
        looked_at.append(f"day >= DATE {literal(str(first))}")  # no step is earlier, and what a `not` excludes is later
    found = f"SELECT person_id, occurred_at, {columns}, step_0 AS reached FROM seen WHERE {' AND '.join(looked_at)}"
    found = f"SELECT * FROM ({found}) WHERE {' OR '.join(f'step_{i}' for i in range(len(matches)))}"
    needed = [f"step_{i}" for i, step in enumerate(sequence.sequence) if step.events]
    # to put events in order takes longest: it is done for people who did each step at some time
    complete = "".join(f" SEMI JOIN (SELECT person_id FROM steps WHERE {step}) USING (person_id)" for step in needed)
    found = f"WITH steps AS MATERIALIZED ({found}) FROM steps{complete}"
    in_order = f"OVER (PARTITION BY person_id ORDER BY {place} ROWS BETWEEN"
    # what comes next does not hang on the steps before: all at once with the first look back, after one sort
    looks = [
        f"min(occurred_at) FILTER (step_{i}) {in_order} 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_{i}"
        for i, step in enumerate(sequence.sequence)
        if step.not_
    ]
    for i, step in enumerate(sequence.sequence[1:], start=1):
        if step.events:
            looks.append(
                f"max(occurred_at) FILTER (reached) {in_order} UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_{i}"
            )
        reached = _reached(i, step, end)
        found = f"SELECT * REPLACE ({reached} AS reached) FROM (SELECT {', '.join(['*', *looks])} FROM ({found}))"
        looks = []
    return f"SELECT person_id FROM ({found}) WHERE reached"


def _reached(i: int, step: Step, end: str) -> str:
    """SQL: the steps lead to an event, as they did up to the one before, and what is asked of step ``i`` is so."""
    span = f"INTERVAL '{step.seconds} seconds'"
    if not step.not_:
        soon = f" AND occurred_at <= last_{i} + {span}" if step.within else ""
        return f"step_{i} AND last_{i} IS NOT NULL{soon}"
    if not step.within:
        return f"reached AND next_{i} IS NULL"
    later = f"occurred_at + {span}"
    return f"reached AND {later} < {end} AND (next_{i} > {later}) IS DISTINCT FROM false"


def _matches(step: Step, window: str, as_of: dt.date, written: Written) -> str:
    asked = [is_named(step.events or step.not_)]
    if step.where:
        asked.append(written(step.where))
    first, last = days_of_window(window, as_of)
    if step.events and first:
        asked.append(f"day BETWEEN DATE {literal(str(first))} AND DATE {literal(str(last))}")
    return " AND ".join(asked)
