"""Conditions that are right to write and surely not meant: nobody can fulfil them, or everybody does."""

from collections.abc import Iterator, Sequence

from cdp_model.behaviour import Did, DidNot, First, Last
from cdp_model.conditions import Leaf, conditions, events_of
from cdp_model.crosscheck.references import Mistake
from cdp_model.documents import KeyPath
from cdp_model.formulas import Formulas, said
from cdp_model.logic import And, Formula, Not, Test, parts, possible
from cdp_model.model import Model
from cdp_model.predictions import segments_of_clusters
from cdp_model.traits import Group

Demand = tuple[KeyPath, str, Formula]
Warned = tuple[KeyPath, str]


def vacuous(model: Model) -> Iterator[Mistake]:
    """What to warn of in the segments of a model that has no mistakes."""
    of_clusters = segments_of_clusters(model.predictions)
    for name, segment in model.segments.items():
        if name in of_clusters:
            continue
        formulas = Formulas(model)
        found = list(_in_group(formulas, segment, ()))
        if not found:
            demands: list[Demand] = [*formulas.demands(segment), *formulas.chosen(name)]
            found = list(_impossible(formulas, demands, "nobody can be in it"))
        yield from (("Segment", name, path, message) for path, message in found)
        yield from (("Segment", name, path, message) for path, message in _before_the_data(model, segment))


def _in_group(formulas: Formulas, group: Group, path: KeyPath) -> Iterator[Warned]:
    """Warnings of the parts of a group, else of the group itself."""
    found: list[Warned] = []
    for kind in ("all", "any", "none"):
        for i, part in enumerate(getattr(group, kind)):
            if isinstance(part, Group):
                found += _in_group(formulas, part, (*path, kind, i))
            else:
                found += _in_leaf(formulas, part, (*path, kind, i))
    if not found:
        found += _always(formulas, formulas.of(group), path, "everybody is in it" if not path else "is always true")
    if not found and path:
        demands = [((*path, *below), words, formula) for below, words, formula in formulas.demands(group)]
        found += _impossible(formulas, demands, f"{said(group)} is never true")
    yield from found


def _in_leaf(formulas: Formulas, part: Leaf, path: KeyPath) -> Iterator[Warned]:
    formula = formulas.of(part)
    if not _possible(formulas, formula):
        yield path, f"{said(part)} is never true"
    else:
        yield from _always(formulas, formula, path, f"{said(part)} is always true")


def _always(formulas: Formulas, formula: Formula, path: KeyPath, words: str) -> Iterator[Warned]:
    """Whether it is true of everybody, or of everybody about whom enough is known and nothing else was asked."""
    if not _possible(formulas, Not(formula)):
        yield path, f"{words}; if everybody is meant, say `person_id is not null`"
        return
    tests = [part for part in parts(formula) if isinstance(part, Test)]
    asked = any(test.comparison == "is null" for test in tests)
    if tests and not asked and not _possible(formulas, Not(formula), nulls=False):
        unknown = dict.fromkeys(test.variable for test in tests if formulas.values.may_be_null(test.variable))
        known = ", ".join(f"`{name}`" for name in unknown)
        yield path, f"is true of everybody whose {known} is known; if that is meant, say `is not null`"


def _impossible(formulas: Formulas, demands: Sequence[Demand], words: str) -> Iterator[Warned]:
    """The demands that cannot hold together, as few as possible."""
    if _together(formulas, demands):
        return
    fewest = list(demands)
    for demand in demands:
        fewer = [other for other in fewest if other is not demand]
        if not _together(formulas, fewer):
            fewest = fewer
    contradiction = f"{' and '.join(text for _, text, _ in fewest)} cannot hold together"
    yield fewest[-1][0], f"{words}: {contradiction}" if len(fewest) > 1 else words


def _together(formulas: Formulas, demands: Sequence[Demand]) -> bool:
    return _possible(formulas, And(tuple(formula for _, _, formula in demands)))


def _possible(formulas: Formulas, formula: Formula, nulls: bool = True) -> bool:
    if not formulas.understood(formula):
        return True
    whole = And((formula, formulas.facts(formula)))
    return possible(whole, formulas.values.of(whole, nulls))


def _before_the_data(model: Model, segment: Group) -> Iterator[Warned]:
    for path, part in conditions(segment):
        if isinstance(part, Did | DidNot | First | Last):
            key, counted = events_of(part)
            if counted.until and counted.until < model.company.start_date:
                yield (*path, key, "until"), f"is before the first day with data, {model.company.start_date}"
