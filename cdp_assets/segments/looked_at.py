"""What a model looks at of events: which of them, and which columns of each. Pure query building."""

import hashlib
from collections import defaultdict

from cdp_assets.profiles.clock import local_time
from cdp_assets.profiles.money import with_reporting_money
from cdp_model.behaviour import Sequence
from cdp_model.conditions import conditions
from cdp_model.expressions import columns_of, reads
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS
from cdp_resources.sql import literal, quote

NAMES = "event_names"
"""The type of the names of events, of those that are looked at."""


def stored(read: str) -> str:
    """The column that has what is read of an event."""
    return read.strip('"') if read in AS_THEY_ARE else column("read", read)


def column(kind: str, expression: str) -> str:
    """A name for what is made of events by an expression: as it was read (kind `read`), or its value."""
    return f"{kind} {hashlib.sha256(expression.encode()).hexdigest()[:12]}"


AS_THEY_ARE = ('"day"', '"occurred_at"')
"""What is kept of each event, whether an expression reads it or not."""


class LookedAt:
    """What a model looks at of events: SQL of columns, and of which events.

    ``names`` is a relation of the names of events, and whether each is in the sets that something is asked of: to
    compare a name with all names of a set takes far longer, once for each column.
    """

    def __init__(self, model: Model) -> None:
        asked, named = _asked(model)
        used = {c for read in asked for c in columns_of(read, TRAIT_EVENT_COLUMNS)}
        local = local_time("occurred_at", model.company.timezone)
        moments = {"day": f"{local}::DATE", "hour": f"hour({local})", "weekday": f"dayname({local})"}
        self.clock = ", ".join(f"{sql} AS {name}" for name, sql in moments.items() if name in {"day", *used})
        self._money = model if "revenue_reporting" in used else None
        self._sets: list[set[str]] = []
        for names in (named, *asked.values()):
            if names is not None and names not in self._sets:
                self._sets.append(names)
        self.wanted = "true" if named is None else f"coalesce({self._among(named)}, false)"
        rows = [
            ", ".join([literal(name), *(str(name in names) for names in self._sets)])
            for name in sorted({""}.union(*self._sets))
        ]
        columns = ", ".join(["event_name", *map(self._among, self._sets)])
        self.names = f"(VALUES {', '.join(f'({row})' for row in rows)}) AS names ({columns})"
        self.type_of_names = f"ENUM({listed(named)})" if named else "VARCHAR"
        name = f"TRY_CAST(event_name AS {NAMES}) AS event_name"
        values = [f"{self._only(f'TRY({read})', names)} AS {quote(stored(read))}" for read, names in asked.items()]
        self.columns = ", ".join([name, *values])

    def with_money(self, events: str) -> str:
        """``events``, a SELECT, with `revenue_reporting` where that is asked for."""
        return with_reporting_money(self._money, events) if self._money else events

    def _among(self, names: set[str]) -> str:
        return f"in_set_{self._sets.index(names)}"

    def _only(self, value: str, names: set[str] | None) -> str:
        if names is None:
            return value
        return f"CASE WHEN {self._among(names)} THEN {value} END" if names else "NULL::VARCHAR"


def _asked(model: Model) -> tuple[dict[str, set[str] | None], set[str] | None]:
    """What is read by the events it is read of, and all events that are looked at; None: any."""
    asked: dict[str, set[str] | None] = defaultdict(set)
    named: set[str] | None = set()

    def ask(expression: str | None, names: set[str] | None) -> None:
        for read in reads(expression, TRAIT_EVENT_COLUMNS) if expression else ():
            if read not in AS_THEY_ARE:
                asked[read] = _with(asked[read], names)

    for trait in model.traits.values():
        if not trait.aggregate:
            continue
        ends = {name for name in (trait.since, trait.until) if name}
        names = {*trait.events} or None
        ask(trait.where, names)
        ask(trait.of, names)
        named = _with(named, names and names | ends)
    for segment in model.segments.values():
        for _, part in conditions(segment):
            if isinstance(part, Sequence):
                for step in part.sequence:
                    names = {*step.events, *step.not_}
                    ask(step.where, names)
                    named = _with(named, names)
    return dict(asked), named


def _with(names: set[str] | None, more: set[str] | None) -> set[str] | None:
    return None if names is None or more is None else names | more


def listed(names: set[str]) -> str:
    return ", ".join(literal(name) for name in sorted(names))
