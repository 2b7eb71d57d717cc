"""Trained parameters made fit for use: rounded, and given the least that data allows where training saw too little."""

import math
from typing import Any

SIGNIFICANT_DIGITS = 6


def repair(comparisons: list[dict[str, Any]], smallest_m: float, smallest_u: float, prior: float = 0.0) -> list[str]:
    """Round parameters, and give levels that training never saw (or drove to a bound) the least that data allows.

    Changes ``comparisons`` in place and returns what was repaired. ``smallest_m`` and ``smallest_u`` are half a pair
    of those that were observed: the usual continuity correction, so that an unseen level is rare and not impossible.
    A comparison whose agreement would count against a match is neutralised.
    """
    repaired = []
    for comparison in comparisons:
        repaired += _give_defaults(comparison)
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level in levels:
            for parameter, smallest in (("m_probability", smallest_m), ("u_probability", smallest_u)):
                value = level.get(parameter)
                # Splink writes 1e-6 for a level it never observed
                if not isinstance(value, float) or not math.isfinite(value) or value < smallest:
                    repaired.append(f"{comparison['output_column_name']}: {level['label_for_charts']}: {parameter}")
                    level[parameter] = smallest
                level[parameter] = rounded(level[parameter])
            # random pairs hold as many matches as the prior says: what these add to u is taken out again
            matches = prior * level["m_probability"]
            level["u_probability"] = rounded(
                max(level["u_probability"] - matches, MOSTLY_MATCHES * level["u_probability"], smallest_u)
            )
        if pool_violators([level for level in levels if "exchanged" not in level["label_for_charts"]]):
            repaired.append(f"{comparison['output_column_name']}: pooled, closer agreement counted for less")
        if levels[0]["m_probability"] <= levels[0]["u_probability"]:
            repaired.append(f"{comparison['output_column_name']}: neutral, agreement is no evidence")
            for level in levels:
                level["m_probability"] = level["u_probability"]
    return repaired


def pool_violators(levels: list[dict[str, Any]]) -> bool:
    """Give neighbouring levels one weight wherever the closer agreement would count for less; true if there were any.

    Isotonic regression by pooling adjacent violators (Ayer and others, 1955). Changes ``levels`` in place, from the
    closest agreement to none; their m probabilities keep their sum.
    """
    pools: list[tuple[float, float, list[dict[str, Any]]]] = []
    for level in levels:
        pools.append((level["m_probability"], level["u_probability"], [level]))
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] < pools[-1][0] * pools[-2][1]:
            (m, u, later), (earlier_m, earlier_u, earlier) = pools.pop(), pools.pop()
            pools.append((earlier_m + m, earlier_u + u, earlier + later))
    pooled = [pool for pool in pools if len(pool[2]) > 1]
    for m, u, members in pooled:
        for level in members:
            level["m_probability"] = rounded(level["u_probability"] * m / u)
    return bool(pooled)


def _give_defaults(comparison: dict[str, Any]) -> list[str]:
    """m of a comparison that no training rule could reach: mostly the closest agreement, seldom none."""
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
    if any(isinstance(level.get("m_probability"), float) for level in levels):
        return []
    between = [UNTRAINED_BETWEEN / max(len(levels) - 2, 1)] * (len(levels) - 2)
    for level, m in zip(levels, [1 - UNTRAINED_BETWEEN - UNTRAINED_NONE, *between, UNTRAINED_NONE], strict=True):
        level["m_probability"] = m
    return [f"{comparison['output_column_name']}: m probabilities untrained, defaults used"]


UNTRAINED_BETWEEN, UNTRAINED_NONE = 0.1, 0.1
MOSTLY_MATCHES = 0.1
"""At least this share of the sampled u is kept, because the prior that is taken out of it is itself uncertain."""


def rounded(value: float) -> float:
    """A parameter with so many digits that equal trainings give equal models."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
