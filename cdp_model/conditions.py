"""The conditions of a segment, however deep they are nested: what they look at, and what they need."""

from collections.abc import Iterator

from cdp_model.behaviour import Behaviour, Counted, Did, DidNot, Events, First, In, Last, Moment, NotIn, Sequence
from cdp_model.documents import KeyPath
from cdp_model.model import Model
from cdp_model.traits import Group

Leaf = str | Behaviour
"""A condition that has none below it."""


def conditions(group: Group, prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, Leaf]]:
    """Each condition of a nested group with its path."""
    for kind in ("all", "any", "none"):
        for i, part in enumerate(getattr(group, kind)):
            if isinstance(part, Group):
                yield from conditions(part, (*prefix, kind, i))
            else:
                yield (*prefix, kind, i), part


def wanted(path: KeyPath) -> bool:
    """Whether the condition at a path brings people in when it is true; one below ``none`` keeps them out."""
    return path.count("none") % 2 == 0


def events_of(condition: Did | DidNot | First | Last) -> tuple[str, Counted | Moment]:
    """The key of a condition on single events, and what stands under it."""
    match condition:
        case Did():
            return "did", condition.did
        case DidNot():
            return "did_not", condition.did_not
        case First():
            return "first", condition.first
        case Last():
            return "last", condition.last


def looked_at(condition: Events) -> Iterator[tuple[KeyPath, list[str], str | None]]:
    """Path below a condition, names of events, and which of them."""
    if isinstance(condition, Sequence):
        for i, step in enumerate(condition.sequence):
            yield ("sequence", i), step.events or step.not_, step.where
    else:
        key, named = events_of(condition)
        yield (key,), named.events, named.where


def needed_segments(model: Model, name: str) -> list[str]:
    """The segments that must be evaluated before one can be."""
    found = [
        part.in_ if isinstance(part, In) else part.not_in
        for _, part in conditions(model.segments[name])
        if isinstance(part, In | NotIn)
    ]
    return sorted({*found, *ahead_of(model, name)} & {*model.segments})


def built_on(model: Model, name: str) -> set[str]:
    """A segment, and all others that it needs, directly or through others."""
    found, waiting = {name}, [name]
    while waiting:
        current = waiting.pop()
        more = {*needed_segments(model, current)} - found if current in model.segments else set()
        found |= more
        waiting += more
    return found


def ahead_of(model: Model, name: str) -> list[str]:
    """The segments of its priority list that come before one, the first first."""
    own = model.segments[name]
    if own.priority_list is None or own.rank is None:
        return []
    others = [
        (segment.rank, other)
        for other, segment in model.segments.items()
        if segment.priority_list == own.priority_list and segment.rank is not None and segment.rank < own.rank
    ]
    return [other for _, other in sorted(others)]
