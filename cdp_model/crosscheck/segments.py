"""What is wrong with segments."""

from collections.abc import Collection, Iterator

from cdp_model.behaviour import In, NotIn, Sequence
from cdp_model.columns import person_columns
from cdp_model.conditions import Leaf, conditions, looked_at, needed_segments
from cdp_model.crosscheck.references import Mistake, circles, refusals, segment_meant, unknown_events
from cdp_model.documents import KeyPath
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS


def segment_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Conditions that cannot be, sizes, ranks and former names that contradict, segments that need each other."""
    columns = person_columns(model, broken)
    for name, segment in model.segments.items():
        for path, condition in conditions(segment):
            found = _condition_mistakes(model, condition, columns, broken)
            yield from (("Segment", name, (*path, *below), message) for below, message in found)
        size = segment.expected_size
        if size and not 0 <= size[0] <= size[1]:
            yield "Segment", name, ("expected_size",), "the smallest size comes first, then the largest"
    yield from _former_names(model)
    places: dict[tuple[str, int], str] = {}
    for name, segment in model.segments.items():
        if segment.priority_list and segment.rank is not None:
            other = places.setdefault((segment.priority_list, segment.rank), name)
            if other != name:
                yield "Segment", name, ("rank",), f"`{other}` has the same rank in `{segment.priority_list}`"
    for cycle in circles({name: needed_segments(model, name) for name in model.segments}):
        yield "Segment", cycle[0], (), f"segments need each other in a circle: {' → '.join(cycle)}"


def _former_names(model: Model) -> Iterator[Mistake]:
    """A history that would belong to two segments."""
    owners: dict[str, str] = {}
    for name, segment in model.segments.items():
        for former in segment.formerly:
            if former in model.segments:
                yield "Segment", name, ("formerly",), f"`{former}` is a segment of its own"
            elif owners.setdefault(former, name) != name:
                yield "Segment", name, ("formerly",), f"`{owners[former]}` was `{former}` before, too"


def _condition_mistakes(
    model: Model, condition: Leaf, columns: Collection[str], broken: Collection[tuple[str, str]]
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(condition, str):
        yield from (((), message) for message in refusals(condition, columns, "trait or attribute"))
    elif isinstance(condition, In | NotIn):
        key, other = ("in", condition.in_) if isinstance(condition, In) else ("not_in", condition.not_in)
        if other not in model.segments and ("Segment", other) not in broken:
            yield (key,), f"unknown segment `{other}`{segment_meant(model, other)}"
    else:
        for path, events, where in looked_at(condition):
            field = "not" if isinstance(condition, Sequence) and condition.sequence[int(path[-1])].not_ else "events"
            for place, message in unknown_events(model, events, broken):
                yield (*path, field, *place[1:]), message
            yield from (((*path, "where"), m) for m in (refusals(where, list(TRAIT_EVENT_COLUMNS)) if where else []))
