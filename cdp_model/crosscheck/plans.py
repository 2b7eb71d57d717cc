"""What the tracking plan says that cannot be: unknown sources, events and keywords; versions that break a promise."""

from collections.abc import Collection, Iterator
from itertools import pairwise

from cdp_model.crosscheck.references import Mistake
from cdp_model.documents import KeyPath
from cdp_model.event_schemas import schema_mistakes
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_model.tracking_plan import Plan, PlannedEvent


def plan_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Every mistake of the tracking plan. Sources in ``broken`` have been reported already and count as known."""
    unread = {name for kind, name in broken if kind == "Source"}
    seen: dict[tuple[str, str, str], str] = {}
    policies: dict[str, tuple[str, str]] = {}
    for file, plan in model.tracking_plan.items():
        for path, message in (*_source_mistakes(model, plan, unread), *_event_mistakes(model, plan, unread)):
            yield "Plan", file, path, message
        for source in plan.sources:
            for name, event in plan.events.items():
                other = seen.setdefault((source, name, event.version), file)
                if other != file:
                    message = f"version {event.version} of `{name}` is in {other} already, for source `{source}`"
                    yield "Plan", file, plan.place(name)[:-1], message
            if plan.unplanned:
                policy, other = policies.setdefault(source, (plan.unplanned, file))
                if policy != plan.unplanned:
                    yield "Plan", file, ("unplanned",), f"{other} says `{policy}` of source `{source}`: they must agree"
    yield from _broken_promises(model)


def _source_mistakes(model: Model, plan: Plan, unread: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    for i, name in enumerate(plan.sources):
        path: KeyPath = ("sources", i) if plan.place("") else ("x-sources", i)
        if name in unread:
            continue
        if name not in model.sources:
            yield path, f"unknown source `{name}`{did_you_mean(name, model.sources)}"
        elif not any(stream.events for stream in model.sources[name].streams.values()):
            yield path, f"source `{name}` has no events"


def _event_mistakes(model: Model, plan: Plan, unread: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    declared = [model.sources[name] for name in plan.sources if name in model.sources]
    mapped = [event for source in declared for stream in source.streams.values() for event in stream.events]
    names = {event.name for event in mapped if event.name}
    any_name = any(event.name_from for event in mapped) or any(name in unread for name in plan.sources)
    for name, planned in plan.events.items():
        if mapped and name not in names and not any_name:
            yield plan.place(name)[:-1], f"no source of the plan has event `{name}`{did_you_mean(name, names)}"
        for path, message in schema_mistakes(planned.schema_):
            yield (*plan.place(name), *path), message


def _broken_promises(model: Model) -> Iterator[Mistake]:
    """An addition takes all that the version before it took, so it asks for nothing that one did not ask for."""
    versions: dict[tuple[str, str], list[tuple[PlannedEvent, str, Plan]]] = {}
    for file, plan in model.tracking_plan.items():
        for source in plan.sources:
            for name, event in plan.events.items():
                versions.setdefault((source, name), []).append((event, file, plan))
    for (_, name), found in versions.items():
        found.sort(key=lambda each: each[0].order)
        for (before, *_), (event, file, plan) in pairwise(found):
            asked = {*event.schema_.get("required", [])} - {*before.schema_.get("required", [])}
            if asked and before.order[:2] == event.order[:2] and before.order < event.order:
                listed = ", ".join(f"`{each}`" for each in sorted(asked))
                more = f"an ADDITION may not require what {before.version} did not: {listed}. Make it a new MODEL"
                yield "Plan", file, (*plan.place(name), "required"), more
