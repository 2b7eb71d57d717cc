"""From the conditions of segments to formulas: what each says of which value. See `logic.py` for what becomes of them.

A count of events is a number, one variable for all conditions that count the same; so is a person's place in a line
that is shuffled by a salt. A sequence may be found or not, whatever the rest is.
"""

import json
from collections.abc import Iterator
from fractions import Fraction

from cdp_model.behaviour import Counted, Did, DidNot, First, In, Last, NotIn, Sequence
from cdp_model.columns import person_columns
from cdp_model.conditions import Leaf, ahead_of
from cdp_model.expressions import parse
from cdp_model.logic import And, Formula, Not, NotMore, Or, Surely, Test, Values, parts
from cdp_model.model import Model
from cdp_model.sql_formulas import formula_of
from cdp_model.traits import ZERO_WITHOUT_EVENTS, Group, Trait

PERIODS = ("week", "month", "quarter", "year")


class Formulas:
    """The formulas of one company's segments, and what is known of their variables."""

    def __init__(self, model: Model) -> None:
        self.model, self.columns = model, person_columns(model)
        self.values = Values()
        self._counts: dict[str, Counted] = {}
        for name, trait in model.traits.items():
            if trait.consent:
                self.values.known.add(name)
            if trait.aggregate in ZERO_WITHOUT_EVENTS:
                self.values.natural.add(name)

    def of(self, part: Leaf | Group) -> Formula:
        """A condition, or a group of them, as evaluation sees it: null is not true."""
        if isinstance(part, Group):
            return And(tuple(formula for _, _, formula in self.demands(part)))
        if isinstance(part, str):
            return Surely(formula_of(parse(part, self.columns)))
        if isinstance(part, In | NotIn):
            inside = self.member(part.in_ if isinstance(part, In) else part.not_in)
            return inside if isinstance(part, In) else Not(inside)
        if isinstance(part, Sequence | First | Last):
            return self._free(part.model_dump_json(), known=True)
        counted = part.did if isinstance(part, Did) else part.did_not
        count = self._count(counted)
        many = [Test(count, ">=", Fraction(counted.at_least))]
        many += [Test(count, "<=", Fraction(counted.at_most))] if counted.at_most is not None else []
        return Not(And(tuple(many))) if isinstance(part, DidNot) else And(tuple(many))

    def demands(self, group: Group) -> Iterator[tuple[tuple[str, int], str, Formula]]:
        """What a group demands, one after another: path, words, formula."""
        for i, part in enumerate(group.all):
            yield ("all", i), said(part), self.of(part)
        if group.any:
            words = f"any of {', '.join(map(said, group.any))}"
            yield ("any", 0), words, Or(tuple(self.of(part) for part in group.any))
        for i, part in enumerate(group.none):
            yield ("none", i), f"not {said(part)}", Not(self.of(part))

    def chosen(self, segment: str) -> Iterator[tuple[tuple[str, ...], str, Formula]]:
        """What a segment demands beyond its conditions: its place in a priority list, split and hold-out."""
        declared, kept = self.model.segments[segment], self._kept(segment)
        for other in ahead_of(self.model, segment):
            yield ("rank",), f"not in {other}, which comes first", Not(self._claims(other))
        if declared.split:
            yield ("split",), f"split from {declared.split.from_} to {declared.split.to}", self._split(segment)
        if declared.holdout:
            yield ("holdout",), "not held out", kept

    def member(self, segment: str) -> Formula:
        """Who is in a segment."""
        capped = [self._capped(segment)] if self.model.segments[segment].cap else []
        choices = [formula for _, _, formula in self.chosen(segment)]
        return And((self.of(self.model.segments[segment]), *choices, *capped))

    def facts(self, formula: Formula) -> Formula:
        """What is true of the variables of a formula whoever is asked: counts of longer spans are not smaller."""
        used = {part.variable: None for part in parts(formula) if isinstance(part, Test)}
        counts = {name: span for name in used if (span := self._span(name))}
        pairs = [(less, more) for less in counts for more in counts if less != more]
        found: list[Formula] = [NotMore(*pair) for pair in pairs if _within(*(counts[name] for name in pair))]
        for name in used:
            if name.startswith("place "):
                found += [Test(name, ">=", Fraction(0)), Test(name, "<", Fraction(1))]
        return And(tuple(found))

    def understood(self, formula: Formula) -> bool:
        """Whether each variable is compared with constants of one kind only, and a count with numbers."""
        kinds: dict[str, set[type]] = {name: {Fraction} for name in self.values.natural}
        for part in parts(formula):
            if isinstance(part, Test) and part.comparison != "is null":
                kinds.setdefault(part.variable, set()).add(type(part.constant))
        return all(len(kind) == 1 for kind in kinds.values())

    def _claims(self, segment: str) -> Formula:
        """Whom a segment of a priority list keeps from those after it."""
        fits = self.of(self.model.segments[segment])
        capped = [self._capped(segment)] if self.model.segments[segment].cap else []
        return And((fits, self._split(segment), Or((Not(self._kept(segment)), And(tuple(capped))))))

    def _split(self, segment: str) -> Formula:
        split = self.model.segments[segment].split
        if split is None:
            return And(())
        place = self._place(split.salt)
        return And((Test(place, ">=", Fraction(split.from_)), Test(place, "<", Fraction(split.to))))

    def _kept(self, segment: str) -> Formula:
        holdout = self.model.segments[segment].holdout
        return Test(self._place(holdout.salt), ">=", Fraction(holdout.share)) if holdout else And(())

    def _capped(self, segment: str) -> Formula:
        return self._free(f"within the cap of {segment}", known=True)

    def _place(self, salt: str) -> str:
        self.values.known.add(f"place {salt}")
        return f"place {salt}"

    def _count(self, counted: Counted) -> str:
        name = "count " + json.dumps(counted.model_dump(mode="json", exclude={"at_least", "at_most"}))
        self._counts[name] = counted
        self.values.natural.add(name)
        return name

    def _span(self, variable: str) -> Counted | None:
        """The events that a variable counts, if it counts events."""
        trait = self.model.traits.get(variable)
        if trait and _counts_plainly(trait):
            return Counted(events=trait.events, where=trait.where, window=trait.window)
        return self._counts.get(variable)

    def _free(self, name: str, known: bool = False) -> Formula:
        if known:
            self.values.known.add(name)
        return Test(name, "=", True)


def said(part: Leaf | Group) -> str:
    """A condition in few words, as it was declared."""
    if not isinstance(part, Group):
        return f"`{part}`"
    written = {kind: getattr(part, kind) for kind in ("all", "any", "none")}
    kinds = [f"{kind} of {', '.join(map(said, inside))}" for kind, inside in written.items() if inside]
    return f"({'; '.join(kinds)})"


def _counts_plainly(trait: Trait) -> bool:
    return trait.aggregate == "count" and not trait.since and not trait.until


def _within(less: Counted, more: Counted) -> bool:
    """Whether everything that one counts is counted by the other as well."""
    events = not more.events or (less.events and {*less.events} <= {*more.events})
    since = more.since is None or (less.since is not None and less.since >= more.since)
    until = more.until is None or (less.until is not None and less.until <= more.until)
    where = more.where in (None, less.where)
    return bool(events and since and until and where and _shorter(less.window, more.window))


def _shorter(window: str, other: str) -> bool:
    """Whether the days of a window are all in the other, on every day."""
    if other in ("lifetime", window):
        return True
    (first, second), (other_first, other_second) = window.split()[:2] + [""] * (window == "lifetime"), other.split()
    if first.isdigit() and other_first.isdigit():
        return int(first) <= int(other_first)
    months = PERIODS[1:]
    if first == other_first == "this" and second in months and other_second in months:
        return months.index(second) <= months.index(other_second)
    return False
