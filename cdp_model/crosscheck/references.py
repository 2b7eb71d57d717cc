"""References from one part of the model to another, and what is wrong with those that lead nowhere."""

from collections.abc import Collection, Iterator

from cdp_model.documents import KeyPath
from cdp_model.expressions import BadExpression, did_you_mean, parse
from cdp_model.model import Model

Mistake = tuple[str, str, KeyPath, str]
"""Kind and name of the declared thing, path of the key below it, message."""


def sources_are_known(broken: Collection[tuple[str, str]]) -> bool:
    """Whether every source could be read: else nobody can tell what none of them has."""
    return not any(kind == "Source" for kind, _ in broken)


def refusals(expression: str, columns: Collection[str], noun: str = "column") -> Iterator[str]:
    """Why an expression over ``columns`` is refused. ``noun`` is what a column is called there."""
    try:
        parse(expression, columns)
    except BadExpression as refused:
        yield refused.reason.replace("unknown column", f"unknown {noun}")


def unknown_events(
    model: Model, events: Collection[str], broken: Collection[tuple[str, str]]
) -> Iterator[tuple[KeyPath, str]]:
    """Events that no source sends, each with its place among ``events``."""
    known = {event.name for _, _, s in model.streams() for event in s.events if event.name}
    if any(event.name_from for _, _, s in model.streams() for event in s.events):
        return
    for i, event in enumerate(events):
        if event not in known and sources_are_known(broken):
            yield ("events", i), f"no source has event `{event}`{did_you_mean(event, known)}"


def segment_meant(model: Model, name: str) -> str:
    """What to write instead of a name that no segment has, or no longer has."""
    now = next((other for other, segment in model.segments.items() if name in segment.formerly), None)
    return f": it is `{now}` now" if now else did_you_mean(name, model.segments)


def consent_mistakes(model: Model, consent: object) -> Iterator[str]:
    """A consent that no source asks for."""
    asked = {(c.purpose, c.channel) for _, _, stream in model.streams() for c in stream.consents}
    wanted = (getattr(consent, "purpose", ""), getattr(consent, "channel", ""))
    if wanted not in asked:
        known = ", ".join(f"{purpose}/{channel}" for purpose, channel in sorted(asked)) or "none"
        yield f"no source has a consent for {wanted[0]}/{wanted[1]}; there are: {known}"


def circles(needs: dict[str, list[str]]) -> list[list[str]]:
    """Circles in a graph of names, each with its first name repeated at the end; of those that share a name, one."""
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for needed in needs[name]:
                visit(needed, [*trail, name])
            done.add(name)

    for name in needs:
        visit(name, [])
    return found
