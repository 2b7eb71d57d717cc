"""From a score's declaration to SQL: where the groups of equal size begin, and which of them a value is in.

Of n people, one with k worse values is in group 1 + floor(bins * k / n). At least t values are worse than a value
exactly where the t-th of all in order is worse. So a few values out of the sorted list say all that must be known, and
nobody is ranked. Pure query building: no Dagster, no connection.
"""


def thresholds(value: str, bins: int, order: str) -> str:
    """Aggregate: the list of the values that those of group 2, 3 and so on are better than.

    ``order`` is ASC where the highest values are the best, and DESC where the lowest are.
    """
    ranked = f"list({value} ORDER BY {value} {order}) FILTER ({value} IS NOT NULL)"
    places = f"list_transform(range(1, {bins}), lambda b: (b * count({value}) + {bins - 1}) // {bins})"
    return f"list_select({ranked}, {places})"


def group_of(value: str, bins: int, better: str, thresholds: str) -> str:
    """The group of a value; null has none. ``better`` is the operator that says a value is better than another."""
    return f"CASE WHEN {value} IS NOT NULL THEN {_halved(value, 1, bins, better, thresholds)} END"


def _halved(value: str, lowest: int, highest: int, better: str, thresholds: str) -> str:
    """The group between two, found by halving: seven comparisons for percentiles."""
    if lowest == highest:
        return str(lowest)
    middle = (lowest + highest) // 2
    upper = _halved(value, middle + 1, highest, better, thresholds)
    lower = _halved(value, lowest, middle, better, thresholds)
    return f"CASE WHEN {value} {better} {thresholds}[{middle}] THEN {upper} ELSE {lower} END"
