"""What a model says about errors: which differences prove two people, and which numbers are near enough to be one.

Read from a model's own parameters, so that a veto is a matter of the two records and the frozen model alone, whether
their pair was scored or not. Opens nothing.
"""

import math
import re
from typing import Any

from cdp_assets.identity.comparisons import NUMBER

NEAR_NUMBER = 5.0
"""A number of one's own that agrees, or nearly does, with at least this weight excuses a veto."""
RELIABLE = -4.5
"""A difference proves two people only where it weighs this much: else the model found such values to be wrong often."""
DOUBTFUL = -3.0
"""Namesakes of one home are two people where what is one person's alone weighs this much against them: eight to one."""

Model = dict[str, Any] | None


def weight(level: dict[str, Any]) -> float:
    """Match weight of a comparison level: log2 of m over u."""
    return math.log2(level["m_probability"] / level["u_probability"])


def is_reliable(model: Model, comparison: str) -> bool:
    """Whether a difference in what is compared is seldom an error. Without a model, or not compared: it is."""
    levels = _levels(model).get(comparison)
    return levels is None or weight(levels[-1]) <= RELIABLE


def near_number(model: Model) -> str:
    """A condition over records ``l`` and ``r``: a number of one's own agrees or nearly does, as the model weighs it."""
    conditions = [
        of_records(level["sql_condition"])
        for column, levels in _levels(model).items()
        if column.startswith(NUMBER)
        for level in levels[:-1]
        if weight(level) >= NEAR_NUMBER
    ]
    return f"coalesce({' OR '.join(f'({condition})' for condition in conditions) or 'false'}, false)"


def weight_of(model: Model, *comparisons: str) -> str:
    """An expression over records ``l`` and ``r``: the match weight of some comparisons, as Splink would give it."""
    parts = []
    for comparison in model["comparisons"] if model else []:
        if comparison["output_column_name"] in comparisons:
            *levels, last = comparison["comparison_levels"]
            cases = [
                f"WHEN {of_records(level['sql_condition'])} "
                f"THEN {0 if level.get('is_null_level') else round(weight(level), 4)}"
                for level in levels
            ]
            parts.append(f"CASE {' '.join(cases)} ELSE {round(weight(last), 4)} END")
    return " + ".join(parts) or "0"


def of_records(condition: str) -> str:
    """A condition of a comparison level, over records ``l`` and ``r``."""
    return re.sub(r"\b(\w+)_([lr])\b", r"\2.\1", condition)


def _levels(model: Model) -> dict[str, list[dict[str, Any]]]:
    """By comparison, the levels of known values, from the closest agreement to none."""
    return {
        comparison["output_column_name"]: [
            level for level in comparison["comparison_levels"] if not level.get("is_null_level")
        ]
        for comparison in (model["comparisons"] if model else [])
    }
