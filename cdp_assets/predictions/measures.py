"""How good a prediction was, against what came after. Pure: arrays in, numbers out; the same numbers each time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESAMPLES = 200
SEED = 20260101


@dataclass(frozen=True)
class Interval:
    """A value with the 95 % interval of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


def auc(happened: NDArray[np.bool_], score: Array) -> float:
    """Probability that somebody with the outcome scores above somebody without it; equal scores count half."""
    return _Ranking(happened, score).auc(np.ones(len(score)))


def auc_gain(happened: NDArray[np.bool_], score: Array, other: Array) -> Interval:
    """How much larger the AUC of ``score`` is than that of ``other``, resampling the people."""
    first, second = _Ranking(happened, score), _Ranking(happened, other)

    def gain(weights: Array) -> float:
        return first.auc(weights) - second.auc(weights)

    return _bootstrapped(gain, len(score))


def error_gain(actual: Array, expected: Array, other: Array) -> Interval:
    """How much smaller the mean squared error of ``expected`` is than that of ``other``, as a share of the latter."""
    own, plain = (expected - actual) ** 2, (other - actual) ** 2

    def gain(weights: Array) -> float:
        return 1 - _weighted(weights, own) / max(_weighted(weights, plain), 1e-12)

    return _bootstrapped(gain, len(actual))


def mean_gain(value: Array, other: Array) -> Interval:
    """How much larger the mean of ``value`` is than that of ``other``."""
    difference = value - other
    return _bootstrapped(lambda weights: _weighted(weights, difference) / max(float(weights.sum()), 1), len(value))


def deciles(happened: NDArray[np.bool_], probability: Array) -> list[dict[str, float]]:
    """Tenths of the people from the highest probability down: people, mean probability, rate of the outcome, lift."""
    order = np.argsort(-probability, kind="stable")
    overall = max(float(happened.mean()), 1e-12)
    return [
        {
            "people": len(tenth),
            "predicted": float(probability[tenth].mean()),
            "happened": float(happened[tenth].mean()),
            "lift": float(happened[tenth].mean() / overall),
        }
        for tenth in np.array_split(order, min(10, len(order)))
    ]


def brier(happened: NDArray[np.bool_], probability: Array | float) -> float:
    """Mean squared distance of the probability from what happened."""
    return float(np.mean((probability - happened) ** 2))


class _Ranking:
    """People in groups of equal scores, so that the AUC of weighted people is a sum over groups."""

    def __init__(self, happened: NDArray[np.bool_], score: Array) -> None:
        values, self.group = np.unique(score, return_inverse=True)
        self.groups, self.happened = len(values), happened

    def auc(self, weights: Array) -> float:
        positive = np.bincount(self.group, weights * self.happened, self.groups)
        negative = np.bincount(self.group, weights * ~self.happened, self.groups)
        below = np.cumsum(negative) - negative / 2
        return float((positive * below).sum()) / max(float(positive.sum() * negative.sum()), 1e-12)


def _weighted(weights: Array, values: Array) -> float:
    """Sum of the products. Not `@`: its threads are slow on a busy machine, and round as their number has it."""
    return float((weights * values).sum())


def _bootstrapped(measure: Callable[[Array], float], people: int) -> Interval:
    """Poisson bootstrap: each person counts Poisson(1) times in each resample."""
    random = np.random.default_rng(SEED)
    resampled = [measure(random.poisson(1, people).astype(float)) for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Interval(measure(np.ones(people)), float(low), float(high))
