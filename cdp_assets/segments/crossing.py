"""From one day to another: whose conditions can turn without a new event, and which segments ask for more than that.

An event that no window's border has passed between the two days is in the same windows on both. Who has no other, and
nothing new, has the same traits, counts and sequences on both days. Pure decisions and query building.
"""

import datetime as dt
from collections import defaultdict

from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.people import inputs
from cdp_assets.segments.conditions import conditions_of, looked_at_of, name_of
from cdp_assets.segments.placed import Names
from cdp_model.behaviour import First, In, Last, NotIn, Sequence
from cdp_model.columns import person_columns
from cdp_model.conditions import conditions, needed_segments
from cdp_model.expressions import columns_of
from cdp_model.model import Model
from cdp_model.predictions import predicted_columns
from cdp_model.traits import DAYS_SINCE
from cdp_model.windows import days_of_window
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

Days = tuple[dt.date, dt.date]
"""From a day to a day, both included."""


def differing(window: str, before: dt.date, day: dt.date) -> list[Days]:
    """The days that are in a window as of one of two days, and not as of the other."""
    (a1, a2), (b1, b2) = days_of_window(window, before), days_of_window(window, day)
    one = dt.timedelta(days=1)
    if a1 is None or b1 is None:
        return [(a2 + one, b2)] if a2 < b2 else []
    parts = [(a1, min(a2, b1 - one)), (max(a1, b2 + one), a2), (b1, min(b2, a1 - one)), (max(b1, a2 + one), b2)]
    return sorted({(first, last) for first, last in parts if first <= last})


def crossed_query(model: Model, before: dt.date, day: dt.date, events: str, columns: str = "person_id") -> str:
    """SELECT of ``columns`` of the events that may make traits, counts or sequences differ between two days.

    Of ``events``, a relation of what people did; ``before`` is the earlier day.
    """
    timezone = model.company.timezone
    crossed: dict[str, set[str] | None] = defaultdict(set)

    def add(condition: str, names: set[str] | None) -> None:
        known = crossed[condition]
        crossed[condition] = None if names is None or known is None else known | names

    def between(first: dt.date, last: dt.date) -> str:
        return within(end_of(first - dt.timedelta(days=1), timezone), end_of(last, timezone))

    def within(begin: str, end: str) -> str:
        return f"occurred_at >= {begin} AND occurred_at < {end}"

    add(between(before + dt.timedelta(days=1), day), None)
    for trait in model.traits.values():
        if trait.aggregate:
            spans = differing(trait.window, before, day)
            spans += [(before, before)] if trait.aggregate == "current_streak" else []
            for first, last in spans:
                add(between(first, last), {*trait.events} or None)
    for sequence in _sequences(model):
        names = {name for step in sequence.sequence for name in step.events}
        for first, last in differing(sequence.window, before, day):
            add(between(first, last), names)
        for step in sequence.sequence:
            if step.not_ and step.within:
                ends = [f"{end_of(one, timezone)} - INTERVAL '{step.seconds} seconds'" for one in (before, day)]
                add(within(*ends), names)
    parts = []
    for condition, found in crossed.items():
        of_these = f" AND event_name IN ({', '.join(literal(name) for name in sorted(found))})" if found else ""
        parts.append(f"SELECT {columns} FROM {events} WHERE {condition}{of_these}")
    return f"SELECT DISTINCT {columns} FROM ({' UNION ALL '.join(parts)})"


def arrivals(model: Model, before: dt.date, day: dt.date) -> str:
    """SELECT of person_id, moment: who was first seen, or said what they agree to, after a day and up to another."""
    begin, end = (end_of(one, model.company.timezone) for one in (before, day))
    return f"""
        SELECT person_id, first_seen AS moment FROM {CATALOG}.profiles.golden_records
        WHERE first_seen >= {begin} AND first_seen < {end}
        UNION ALL
        SELECT person_id, occurred_at
        FROM {CATALOG}.standardized.consents JOIN {CATALOG}.identity.record_persons USING (record_key)
        WHERE occurred_at >= {begin} AND occurred_at < {end}"""


def steady(model: Model) -> Names:
    """The conditions that turn only by what a person did or agreed to, or when windows pass over it; their segments.

    The others look at the clock, at scores among people, at predictions, or have a cap: they may turn for anybody.
    """
    traits = looked_at_of(model).traits
    moving = {"as_of", *predicted_columns(model.predictions)}
    moving |= {name for name, trait in traits.items() if trait.score or trait.aggregate in DAYS_SINCE}
    moving |= {name for name, trait in traits.items() if trait.derived and inputs(model, [name]) & moving}
    columns = person_columns(model)
    named = conditions_of(model, model.segments)
    calm = set()
    for name, part in named.items():
        if isinstance(part, First | Last):
            moves = (part.first if isinstance(part, First) else part.last).window != "lifetime"
        else:
            moves = isinstance(part, str) and bool(inputs(model, columns_of(part, columns)) & moving)
        if not moves and not isinstance(part, In | NotIn):
            calm.add(name)
    found: set[str] = set()
    waiting = dict(model.segments)
    while ready := [name for name in waiting if {*needed_segments(model, name)} <= found]:
        # in the order of what they need: one that needs an unsteady segment never gets ready
        for name in ready:
            segment = waiting.pop(name)
            parts = [part for _, part in conditions(segment) if not isinstance(part, In | NotIn)]
            if not segment.cap and not segment.expires and {*map(name_of, parts)} <= calm:
                found.add(name)
    of_segments = {
        name
        for name, part in named.items()
        if (isinstance(part, In) and part.in_ in found) or (isinstance(part, NotIn) and part.not_in in found)
    }
    return Names(found, calm | of_segments)


def unsteady(model: Model) -> Names:
    """All other segments and conditions."""
    calm = steady(model)
    return Names({*model.segments} - {*calm.segments}, {*conditions_of(model, model.segments)} - {*calm.conditions})


def _sequences(model: Model) -> list[Sequence]:
    parts = [part for segment in model.segments.values() for _, part in conditions(segment)]
    return [part for part in parts if isinstance(part, Sequence)]
