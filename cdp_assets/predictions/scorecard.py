"""A scorecard: points for each bin of each feature, whose sum is the log-odds of the outcome.

It is a logistic regression on binned values, fitted by scikit-learn. It is kept as plain numbers and scores in SQL;
anybody can read from it why somebody has a high probability. Pure but for the fitting library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from numpy.typing import NDArray

from cdp_assets.predictions.features import Bins
from cdp_assets.predictions.measures import SEED, Array, auc

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (0.01, 0.1, 1.0)
"""How far points may go (the inverse of the penalty), tried in turn on people who were not fitted on."""

Rows = NDArray[np.int64]
"""One row a person and day, one column a feature: the number of the bin."""


@dataclass(frozen=True)
class Scorecard:
    """Points by feature and bin, centred so that 0 is the average of the rows it was fitted on."""

    intercept: float
    bins: tuple[Bins, ...]
    points: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, bins: Sequence[Bins], rows: Rows, happened: NDArray[np.bool_], people: NDArray[Any]) -> "Scorecard":
        """``people``: who each row is about; nobody is used to choose the penalty and to fit at once."""
        from sklearn.model_selection import GroupKFold

        design, starts = _design(bins, rows), _starts(bins)
        losses = dict.fromkeys(STRENGTHS, 0.0)
        for fitted, held in GroupKFold(3).split(design, groups=people):
            for strength in STRENGTHS:
                part = _regression(strength).fit(design[fitted], happened[fitted])
                chance = np.clip(part.predict_proba(design[held])[:, 1], 1e-6, 1 - 1e-6)
                losses[strength] -= float(np.log(np.where(happened[held], chance, 1 - chance)).sum())
        best = _regression(min(losses, key=losses.__getitem__)).fit(design, happened)
        points = np.split(best.coef_[0], starts[1:-1])
        averages = [part[column].mean() for part, column in zip(points, rows.T, strict=True)]
        centred = [part - average for part, average in zip(points, averages, strict=True)]
        return cls(
            round(float(best.intercept_[0] + sum(averages)), 6),
            tuple(bins),
            tuple(tuple(round(float(point), 6) for point in part) for part in centred),
        )

    def contributions(self, rows: Rows) -> Array:
        """The points of each row by feature."""
        return np.column_stack([np.array(part)[column] for part, column in zip(self.points, rows.T, strict=True)])

    def probability(self, rows: Rows) -> Array:
        """Of the outcome, for each row."""
        return np.asarray(scipy.special.expit(self.intercept + self.contributions(rows).sum(axis=1)))

    def sql(self) -> str:
        """SQL of the probability over the columns of the traits."""
        terms = [repr(self.intercept)]
        terms += [f"{list(points)}[1 + {bins.sql()}]" for bins, points in zip(self.bins, self.points, strict=True)]
        return f"1 / (1 + exp(-({' + '.join(terms)})))"

    def drivers(self, rows: Rows, happened: NDArray[np.bool_]) -> list[tuple[str, float]]:
        """Permutation importance: by how much the AUC falls when a feature's values are dealt to other people."""
        random = np.random.default_rng(SEED)
        parts = self.contributions(rows)
        total = parts.sum(axis=1)
        whole = auc(happened, total)
        falls = [
            (bins.name, whole - auc(happened, total - part + random.permutation(part)))
            for bins, part in zip(self.bins, parts.T, strict=True)
        ]
        return sorted(falls, key=lambda fall: -fall[1])

    def as_json(self) -> dict[str, Any]:
        """For `predictions.models`."""
        features = [b.as_json() | {"points": list(p)} for b, p in zip(self.bins, self.points, strict=True)]
        return {"intercept": self.intercept, "features": features}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Scorecard":
        """What ``as_json`` wrote."""
        features = content["features"]
        bins = tuple(Bins(f["name"], tuple(f["edges"]), tuple(f["values"])) for f in features)
        return cls(content["intercept"], bins, tuple(tuple(f["points"]) for f in features))


def _regression(strength: float) -> "LogisticRegression":
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, solver="newton-cholesky")


def _starts(bins: Sequence[Bins]) -> NDArray[np.int64]:
    """Where the columns of each feature begin in the design, and where the last one ends."""
    return np.cumsum([0, *(len(b.labels) for b in bins)])


def _design(bins: Sequence[Bins], rows: Rows) -> "scipy.sparse.csr_matrix":
    """One column a bin, 1 where a row is in it."""
    starts = _starts(bins)
    columns = (rows + starts[:-1]).ravel()
    row_ends = np.arange(0, columns.size + 1, len(bins))
    return scipy.sparse.csr_matrix((np.ones(columns.size), columns, row_ends), shape=(len(rows), starts[-1]))
