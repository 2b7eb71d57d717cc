"""From one SQL condition to a formula over the values that it compares with constants.

What is not understood, such as a function or the comparison of two columns, becomes a variable of its own: it may be
true or false whatever the rest is, so that no condition is called impossible that is not.
"""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlglot import exp

from cdp_model.expressions import DIALECT
from cdp_model.logic import COMPARISONS, FALSE, NULL, TRUE, And, Constant, Formula, Not, Or, Surely, Test, Truth

COMPARED = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
LONGEST = 400
"""Digits of a number that is still looked at."""


def formula_of(tree: Any) -> Formula:
    """Of a parsed condition."""
    match tree:
        case exp.Paren():
            return formula_of(tree.this)
        case exp.And() | exp.Or():
            kind = And if isinstance(tree, exp.And) else Or
            return kind((formula_of(tree.left), formula_of(tree.right)))
        case exp.Not():
            return Not(formula_of(tree.this))
        case exp.Boolean():
            return Truth(TRUE if tree.this else FALSE)
        case exp.Null():
            return Truth(NULL)
        case exp.Between():
            low = _compared(tree.this, ">=", tree.args["low"])
            high = _compared(tree.this, "<=", tree.args["high"])
            return And((low, high)) if low and high else _itself(tree)
        case exp.In() if tree.expressions:
            equal = [_compared(tree.this, "=", value) for value in tree.expressions]
            return Or(tuple(each for each in equal if each)) if all(equal) else _itself(tree)
        case exp.Is() if isinstance(tree.expression, exp.Null):
            return Test(_text(tree.this), "is null")
        case exp.Is() if isinstance(tree.expression, exp.Boolean):
            inside = formula_of(tree.this)
            return Surely(inside if tree.expression.this else Not(inside))
    comparison = COMPARED.get(type(tree))
    if comparison is None:
        return _itself(tree)
    found = _compared(tree.left, comparison, tree.right) or _compared(tree.right, TURNED[comparison], tree.left)
    return found or _itself(tree)


def _compared(value: Any, comparison: str, other: Any) -> Formula | None:
    """A value, compared with a constant; None where the other is none."""
    if isinstance(other, exp.Null) or isinstance(value, exp.Null):
        return Truth(NULL)
    constant, own = _constant(other), _constant(value)
    if constant is None:
        return None
    if own is None:
        return Test(_text(value), comparison, constant)
    return Truth(TRUE if COMPARISONS[comparison](own, constant) else FALSE) if type(own) is type(constant) else None


def _itself(tree: Any) -> Formula:
    return Test(_text(tree), "=", True)


def _constant(tree: Any) -> Constant | None:
    """A literal of SQL as a value of Python."""
    match tree:
        case exp.Paren():
            return _constant(tree.this)
        case exp.Boolean():
            return bool(tree.this)
        case exp.Neg():
            inside = _constant(tree.this)
            return -inside if isinstance(inside, Fraction) else None
        case exp.Literal() if tree.is_string:
            return str(tree.this)
        case exp.Literal():
            number = Decimal(tree.this)
            return Fraction(number) if abs(number.adjusted()) < LONGEST else None
        case exp.Cast() if tree.to.this == exp.DataType.Type.DATE and isinstance(tree.this, exp.Literal):
            try:
                day = dt.date.fromisoformat(tree.this.name)
            except ValueError:
                return None
            return dt.datetime(day.year, day.month, day.day) if 1 < day.year < dt.MAXYEAR else None
    return None


def _text(tree: Any) -> str:
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree.name if isinstance(tree, exp.Column) else str(tree.sql(dialect=DIALECT, comments=False))
