"""From a trait's declaration to SQL: one aggregate over the events of a person, which all traits share one scan of.

The scan is a relation ``seen`` with the columns of an event, ``day`` and the other columns of MOMENTS. Pure query
building: no Dagster, no connection.
"""

import datetime as dt
from collections.abc import Callable, Iterable

from cdp_assets.profiles.clock import local_time
from cdp_model.expressions import computed
from cdp_model.model import Model
from cdp_model.traits import NEEDS_VALUE, TRAIT_EVENT_COLUMNS, Trait
from cdp_resources.lake import literal, quote


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
    query = f"SELECT {', '.join(['person_id', 'occurred_at', *shared.looked_at.selected()])} FROM seen"
    query = f"SELECT {', '.join(['person_id', *shared.gathered.selected()])} FROM ({query}) GROUP BY person_id"
    for more in (shared.ends, shared.between, shared.counted):
        query = f"SELECT {', '.join(['*', *more.selected()])} FROM ({query})"
    return f"SELECT {', '.join(['person_id', *values])} FROM ({query})"


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
    """What traits share: of each event, of all events of a person, of those of a span, and what is counted in lists.

    Every aggregate with a FILTER of its own would cost ten times as much: DuckDB computes each filter anew, and all
    columns are cut down for each. A list of the values costs half of a histogram while events are read, and what is
    counted in it then is counted once.
    """

    def __init__(self, written: Written) -> None:
        self.written = written
        self.looked_at = _Named("looked_at")
        self.gathered = _Named("gathered")
        self.ends = _Named("ends")
        self.between = _Named("between")
        self.counted = _Named("counted")

    def where(self, conditions: list[str], value: str) -> str:
        """The column of ``value`` where all conditions hold, and null elsewhere."""
        expression = f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value
        return self.looked_at.name(expression)

    def all_of(self, column: str) -> str:
        """The list of what a column of the events has."""
        return self.gathered.name(f"list({column}) FILTER ({column} IS NOT NULL)")

    def times(self, function: str, event: str) -> str:
        """An aggregate of the times at which an event of a name happened."""
        column = self.where([f"event_name = {literal(event)}"], "occurred_at")
        return self.all_of(column) if function == "list" else self.gathered.name(f"{function}({column})")

    def within(self, trait: Trait, conditions: list[str], value: str) -> str:
        """The list of ``moment`` and ``value`` of what happened between the two events of a trait, its moments not."""
        inside = []
        if trait.since:
            begin = self.times("max", trait.since)
            inside.append(f"e.moment > {begin}")
        if trait.until and trait.since:
            after = f"list_filter({self.times('list', trait.until)}, lambda t: t > {begin})"
            end = self.ends.name(f"list_min({after})")
        elif trait.until:
            end = self.times("min", trait.until)
        if trait.until:
            # until an event that did not come: until the end
            inside.append(f"({end} IS NULL OR e.moment < {end})")
        events = self.all_of(self.where(conditions, f"{{moment: occurred_at, value: {value}}}"))
        return self.between.name(f"list_filter({events}, lambda e: {' AND '.join(inside)})")


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
    spanned = bool(trait.since or trait.until)
    of = shared.written(trait.of) if trait.of else "true"
    if trait.of and (spanned or trait.aggregate not in NEEDS_VALUE):
        wanted.append(f"{of} IS NOT NULL")

    def among(value: str) -> str:
        return shared.where(wanted, value)

    def all_of(value: str) -> str:
        if spanned:
            return f"list_transform({shared.within(trait, wanted, value)}, lambda e: e.value)"
        return shared.all_of(among(value))

    def over(function: str, value: str) -> str:
        if spanned:
            return shared.counted.name(f"list_aggregate({all_of(value)}, {literal(function)})")
        return shared.gathered.name(f"{function}({among(value)})")

    def counted() -> str:
        # a map of each value to how often it came, sorted by value
        return shared.counted.name(f"list_histogram({all_of(of)})")

    def days() -> str:
        return shared.counted.name(f"list_sort(list_distinct({all_of('day')}))")

    def runs() -> str:
        # days in a row, counted from their place in the sorted list, have one difference to it
        return f"list_transform({days()}, lambda d, i: (d - DATE '1970-01-01') - i)"

    today = f"DATE {literal(str(as_of))}"
    match trait.aggregate:
        case "sum" | "min" | "max":
            return over(trait.aggregate, of)
        case "mean":
            return over("avg", of)
        case "ratio":
            return over("avg", f"{of}::INT")
        case "first" | "last":
            # of one moment the least and the greatest: to order these by their ids would take reading all ids
            if spanned:
                least = "list_min" if trait.aggregate == "first" else "list_max"
                return f"{least}({shared.within(trait, wanted, of)}).value"
            pick = "arg_min" if trait.aggregate == "first" else "arg_max"
            value = among(of)
            return shared.gathered.name(f"{pick}({value}, row(occurred_at, {value})) FILTER ({value} IS NOT NULL)")
        case "most_frequent":
            counts = f"map_values({counted()})"
            return f"map_keys({counted()})[list_position({counts}, list_max({counts}))]"
        case "count_distinct":
            return f"cardinality({counted()})"
        case "distinct":
            return f"map_keys({counted()})"
        case "days_since_first":
            return over("min", "day")
        case "days_since_last":
            return over("max", "day")
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
            return f"coalesce({over('count', 'true')}, 0)" if spanned else over("count", "true")


def _literals(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
