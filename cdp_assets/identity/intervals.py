"""How sure a measure of accuracy is: bootstrap over people. Pure, on arrays."""

from typing import NamedTuple

import numpy as np

from cdp_assets.identity.components import Floats, Integers

DRAWS = 400
LEVEL = 0.95

SUMS = ("both", "joined", "true", "b_cubed_precision", "b_cubed_recall", "records")
"""What is summed over the records of a person: partners in both groupings, in the predicted one, in the true one, the
B-cubed precision and recall, and one."""


class Estimate(NamedTuple):
    """A measure between the ends of its interval."""

    value: float
    low: float
    high: float


def estimates(sums: Floats, people: Integers, seed: int = 0) -> dict[str, Estimate]:
    """Precision, recall, F1 and their B-cubed forms, with intervals of 95 % from resampling people.

    ``sums`` has a row of ``SUMS`` for each kind of person, shape (k, 6), ``people`` how many there are of it, shape
    (k,). Whole people are drawn, never pairs: the pairs of a person are right or wrong together (Efron, 1979).
    """
    total = int(people.sum())
    point = _measures(people[None, :].astype(np.float64) @ sums)
    if not total:
        return {name: Estimate(float(value[0]), float(value[0]), float(value[0])) for name, value in point.items()}
    draws = np.random.default_rng(seed).multinomial(total, people / total, size=DRAWS)
    spread = _measures(draws.astype(np.float64) @ sums)
    tail = (1 - LEVEL) / 2
    return {
        name: Estimate(
            round(float(value[0]), 5), *(round(float(end), 5) for end in np.quantile(spread[name], [tail, 1 - tail]))
        )
        for name, value in point.items()
    }


def _measures(sums: Floats) -> dict[str, Floats]:
    """The measures of each row of ``SUMS``. Without any pair a precision or recall is 1."""
    both, joined, true, b_precision, b_recall, records = sums.T
    found = {"precision": _share(both, joined), "recall": _share(both, true)}
    found["f1"] = _f1(found["precision"], found["recall"])
    found["b_cubed_precision"] = _share(b_precision, records)
    found["b_cubed_recall"] = _share(b_recall, records)
    found["b_cubed_f1"] = _f1(found["b_cubed_precision"], found["b_cubed_recall"])
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _f1(precision: Floats, recall: Floats) -> Floats:
    return np.divide(2 * precision * recall, precision + recall, out=np.zeros_like(precision), where=precision > 0)
