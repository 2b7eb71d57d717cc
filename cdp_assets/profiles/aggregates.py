"""From a trait's declaration to SQL: one aggregate over the events of a person, which all traits share one scan of.

The scan is a relation ``seen`` with the columns of an event, ``day`` and the other columns of MOMENTS. Pure query
building: no Dagster, no connection.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable

from cdp_assets.profiles.clock import local_time
from cdp_model.expressions import computed
from cdp_model.model import Model
from cdp_model.traits import NEEDS_VALUE, TRAIT_EVENT_COLUMNS, Trait
from cdp_resources.sql import literal, quote


def with_moments(events: str, timezone: str) -> str:
    """SELECT of ``events`` with the columns that say when each happened on the clock of a time zone."""
    return f"""
        SELECT * EXCLUDE (local), local::DATE AS day, hour(local) AS hour, dayname(local) AS weekday
        FROM (SELECT *, {local_time("occurred_at", timezone)} AS local FROM ({events}))"""


Written = Callable[[str], str]


def rendered(expression: str) -> str:
    """SQL of an expression over the columns of an event; null where it cannot be computed."""
    return computed(expression, TRAIT_EVENT_COLUMNS)


def event_traits(model: Model, as_of: dt.date, written: Written = rendered) -> str:
    """SELECT of one row a person with events in ``seen``: person_id and every trait with an aggregate.

    Days since the first and the last event stand here as that day, so that the clock alone changes nothing. ``written``
    gives the SQL of an expression, where ``seen`` has its value in a column already.
    """
    traits = {name: trait for name, trait in model.traits.items() if trait.aggregate}
    shared = _Shared(written)
    values = [f"{aggregate(trait, as_of, shared)} AS {quote(name)}" for name, trait in traits.items()]
    return f"""
        SELECT {", ".join(["person_id", *values])} FROM (
            SELECT {", ".join(["*", *shared.counted.selected()])} FROM (
                SELECT {", ".join(["person_id", *shared.gathered.selected()])} FROM (
                    SELECT {", ".join(["person_id", "occurred_at", *shared.looked_at.selected()])}
                    FROM {_with_spans(traits.values(), written)})
                GROUP BY person_id))"""


class _Named:
    """Expressions of one SELECT and the names of their columns: each once, however many traits share it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._names: dict[str, str] = {}

    def name(self, expression: str) -> str:
        """The column of an expression."""
        return self._names.setdefault(expression, f"{self.prefix}_{len(self._names)}")

    def selected(self) -> list[str]:
        """The columns for the list after SELECT."""
        return [f"{expression} AS {name}" for expression, name in self._names.items()]


class _Shared:
    """What traits share: of each event, of all events of a person, and what is counted in lists of these.

    Every aggregate with a FILTER of its own would cost ten times as much: DuckDB computes each filter anew, and all
    columns are cut down for each. A list of the values costs half of a histogram while events are read, and what is
    counted in it then is counted once.
    """

    def __init__(self, written: Written) -> None:
        self.written = written
        self.looked_at = _Named("looked_at")
        self.gathered = _Named("gathered")
        self.counted = _Named("counted")

    def where(self, conditions: list[str], value: str) -> str:
        """The column of ``value`` where all conditions hold, and null elsewhere."""
        expression = f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value
        return self.looked_at.name(expression)

    def all_of(self, column: str) -> str:
        """The list of what a column of the events has."""
        return self.gathered.name(f"list({column}) FILTER ({column} IS NOT NULL)")


def conditions(trait: Trait, written: Written = rendered) -> list[str]:
    """What an event must be for a trait, in the window or not."""
    found = []
    if trait.events:
        found.append(f"event_name IN ({_literals(trait.events)})")
    if trait.where:
        found.append(written(trait.where))
    return found


def aggregate(trait: Trait, as_of: dt.date, shared: _Shared) -> str:
    """The value of a trait over the events of a person, as of a day. Adds what it needs to ``shared``."""
    wanted = []
    first, last = trait.days(as_of)
    if first:
        wanted.append(f"day >= DATE {literal(str(first))}")
    if last < as_of:
        wanted.append(f"day <= DATE {literal(str(last))}")
    wanted += conditions(trait, shared.written)
    if trait.since:
        wanted.append(f"occurred_at > {_begin(trait)}")
    if trait.until:
        # until an event that did not come: until the end
        wanted.append(f"({_end(trait)} IS NULL OR occurred_at < {_end(trait)})")
    of = shared.written(trait.of) if trait.of else "true"
    if trait.of and trait.aggregate not in NEEDS_VALUE:
        wanted.append(f"{of} IS NOT NULL")

    def among(value: str) -> str:
        return shared.where(wanted, value)

    def counted() -> str:
        # a map of each value to how often it came, sorted by value
        return shared.counted.name(f"list_histogram({shared.all_of(among(of))})")

    def days() -> str:
        return shared.counted.name(f"list_sort(list_distinct({shared.all_of(among('day'))}))")

    def runs() -> str:
        # days in a row, counted from their place in the sorted list, have one difference to it
        return f"list_transform({days()}, lambda d, i: (d - DATE '1970-01-01') - i)"

    gathered, today = shared.gathered.name, f"DATE {literal(str(as_of))}"
    match trait.aggregate:
        case "sum" | "min" | "max":
            return gathered(f"{trait.aggregate}({among(of)})")
        case "mean":
            return gathered(f"avg({among(of)})")
        case "ratio":
            return gathered(f"avg({among(of)}::INT)")
        case "first" | "last":
            # of one moment the least and the greatest: to order these by their ids would take reading all ids
            pick = "arg_min" if trait.aggregate == "first" else "arg_max"
            return gathered(f"{pick}({among(of)}, row(occurred_at, {among(of)})) FILTER ({among(of)} IS NOT NULL)")
        case "most_frequent":
            counts = f"map_values({counted()})"
            return f"map_keys({counted()})[list_position({counts}, list_max({counts}))]"
        case "count_distinct":
            return f"cardinality({counted()})"
        case "distinct":
            return f"map_keys({counted()})"
        case "days_since_first":
            return gathered(f"min({among('day')})")
        case "days_since_last":
            return gathered(f"max({among('day')})")
        case "days_active":
            return f"len({days()})"
        case "days_between":
            return f"({days()}[-1] - {days()}[1]) / nullif(len({days()}) - 1, 0)"
        case "longest_streak":
            return f"list_max(map_values(list_histogram({runs()})))"
        case "current_streak":
            current = f"list_histogram({runs()})[list_max({runs()})]"
            return f"CASE {days()}[-1] WHEN {today} THEN {current} ELSE 0 END"
        case _:
            return gathered(f"count({among('true')})")


def _with_spans(traits: Collection[Trait], written: Written) -> str:
    """``seen``, with when each person's spans between two events begin and end.

    What happened at the very moment of either is not between them. Only events that a trait with a span looks at are
    joined to it; the others have no key.
    """
    spans = sorted({(trait.since, trait.until) for trait in traits if trait.since or trait.until}, key=str)
    if not spans:
        return "seen"
    wanted = [" AND ".join(conditions(trait, written)) or "true" for trait in traits if trait.since or trait.until]
    key = f"CASE WHEN {' OR '.join(f'({condition})' for condition in sorted(set(wanted)))} THEN seen.person_id END"
    begins = sorted({since for since, _ in spans if since})
    begin = ", ".join(f"max(occurred_at) FILTER (event_name = {literal(s)}) AS {quote(f'since {s}')}" for s in begins)
    starts = f"""
        LEFT JOIN (SELECT person_id, {begin} FROM seen WHERE event_name IN ({_literals(begins)}) GROUP BY person_id)
        AS starts ON starts.person_id = """
    joins = f"{starts} {key}" if begins else ""
    ends = []
    for since, until in spans:
        if until:
            after = f" AND occurred_at > {quote(f'since {since}')}" if since else ""
            first = f"min(occurred_at) FILTER (event_name = {literal(until)}{after})"
            ends.append(f"{first} AS {quote(f'since {since} until {until}')}")
    if ends:
        named = _literals(sorted({until for _, until in spans if until}))
        after_start = f"{starts} seen.person_id" if begins else ""
        joins += f"""
            LEFT JOIN (SELECT seen.person_id, {", ".join(ends)} FROM seen {after_start}
                WHERE event_name IN ({named}) GROUP BY seen.person_id) AS ends ON ends.person_id = {key}"""
    extra = [quote(f"since {since}") for since in begins]
    extra += [quote(f"since {since} until {until}") for since, until in spans if until]
    return f"(SELECT seen.*, {', '.join(extra)} FROM seen {joins})"


def _begin(trait: Trait) -> str:
    return quote(f"since {trait.since}")


def _end(trait: Trait) -> str:
    return quote(f"since {trait.since} until {trait.until}")


def _literals(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
