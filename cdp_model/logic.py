"""Conditions as formulas, and whether any person at all could fulfil one. SQL's three truth values, no SQL.

Exact over what it knows: comparisons of one value with constants, joined by and, or, not. Values have no other bounds
than those that are said, so that a formula that is called impossible is so, and not every impossible one is found.
"""

import datetime as dt
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

Constant = bool | Fraction | str | dt.datetime
"""Fractions, because they are exact."""

FALSE, NULL, TRUE = 0, 1, 2
"""So that and is the least, or the greatest, and not is 2 less."""

COMPARISONS: dict[str, Any] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
STEPS = 3000
"""After so many the search gives up, and the formula counts as possible."""


@dataclass(frozen=True)
class Truth:
    """A constant: FALSE, NULL or TRUE."""

    value: int


@dataclass(frozen=True)
class Test:
    """A variable compared with a constant; null where the variable is. ``is null`` is never null itself."""

    variable: str
    comparison: str
    constant: Constant = True


@dataclass(frozen=True)
class NotMore:
    """One number is never more than another."""

    less: str
    more: str


@dataclass(frozen=True)
class Not:
    """The opposite; null stays null."""

    of: "Formula"


@dataclass(frozen=True)
class And:
    """All of them."""

    of: tuple["Formula", ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    of: tuple["Formula", ...]


@dataclass(frozen=True)
class Surely:
    """True where it is true, and false where it is false or null."""

    of: "Formula"


Formula = Truth | Test | NotMore | Not | And | Or | Surely


@dataclass
class Values:
    """What variables may be: ``natural`` ones are 0, 1, 2 … and never null, ``known`` ones are never null."""

    natural: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def may_be_null(self, variable: str) -> bool:
        """Whether nothing says that it is always known."""
        return variable not in self.natural | self.known

    def of(self, formula: Formula, nulls: bool = True) -> dict[str, list[Any]]:
        """For each variable a value of every kind that the formula's tests can tell apart, null among them."""
        tests: dict[str, set[Any]] = {}
        for part in parts(formula):
            for variable in _variables(part):
                constants = {part.constant} if isinstance(part, Test) and part.comparison != "is null" else set()
                tests.setdefault(variable, set()).update(constants)
        thresholds = {c for variable in tests if variable in self.natural for c in tests[variable]}
        found = {}
        for variable, constants in tests.items():
            if variable in self.natural:
                found[variable] = _naturals(thresholds)
            else:
                found[variable] = _between(constants) + [None] * (nulls and self.may_be_null(variable))
        return found


def possible(formula: Formula, values: Mapping[str, list[Any]]) -> bool:
    """Whether any choice of values makes a formula true; also said where that takes too long to find out."""
    waiting: list[dict[str, Any]] = [{}]
    for _ in range(STEPS):
        if not waiting:
            return False
        chosen = waiting.pop()
        outcomes = _outcomes(formula, chosen)
        if outcomes == {TRUE}:
            return True
        if TRUE in outcomes:
            variable = next(v for v in values if v not in chosen)
            waiting += [chosen | {variable: value} for value in reversed(values[variable])]
    return True


def parts(formula: Formula) -> Iterator[Formula]:
    """A formula, and all that it is made of."""
    yield formula
    if isinstance(formula, Not | Surely):
        yield from parts(formula.of)
    elif isinstance(formula, And | Or):
        for part in formula.of:
            yield from parts(part)


def _outcomes(formula: Formula, chosen: Mapping[str, Any]) -> set[int]:
    """The truth values that a formula may still have, some values being chosen. Perhaps too many, never too few."""
    match formula:
        case Truth(value):
            return {value}
        case Test(variable, "is null"):
            return {TRUE if chosen[variable] is None else FALSE} if variable in chosen else {FALSE, TRUE}
        case Test(variable, comparison, constant):
            if variable not in chosen:
                return {FALSE, NULL, TRUE}
            value = chosen[variable]
            return {NULL} if value is None else {TRUE if COMPARISONS[comparison](value, constant) else FALSE}
        case NotMore(less, more):
            if less in chosen and more in chosen:
                return {TRUE if chosen[less] <= chosen[more] else FALSE}
            return {FALSE, TRUE}
        case Not(of):
            return {2 - outcome for outcome in _outcomes(of, chosen)}
        case Surely(of):
            return {TRUE if outcome == TRUE else FALSE for outcome in _outcomes(of, chosen)}
        case And(of):
            return _joined(of, chosen, min, FALSE)
        case Or(of):
            return _joined(of, chosen, max, TRUE)


def _joined(of: tuple[Formula, ...], chosen: Mapping[str, Any], join: Any, final: int) -> set[int]:
    found = {2 - final}
    for part in of:
        found = {join(mine, others) for mine in _outcomes(part, chosen) for others in found}
        if found == {final}:
            break
    return found


def _variables(part: Formula) -> list[str]:
    if isinstance(part, Test):
        return [part.variable]
    return [part.less, part.more] if isinstance(part, NotMore) else []


def _naturals(thresholds: set[Any]) -> list[int]:
    """0, and the whole numbers around each threshold."""
    around = {int(c) + step for c in thresholds for step in (-1, 0, 1, 2)}
    return sorted({0, 1} | {n for n in around if n >= 0})


def _between(constants: set[Any]) -> list[Any]:
    """Each constant, a value between each two neighbours, one below and one above all."""
    if all(isinstance(constant, bool) for constant in constants):
        return [True, False]
    first, *_ = ordered = sorted(constants)
    if isinstance(first, str):
        return sorted({"", *ordered, *(text + "\0" for text in ordered)})
    step: Any = dt.timedelta(days=1) if isinstance(first, dt.datetime) else Fraction(1)
    middles = [low + (high - low) / 2 for low, high in pairwise(ordered)]
    return sorted({*ordered, *middles, first - step, ordered[-1] + step})
