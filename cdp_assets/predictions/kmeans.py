"""Groups of people who are alike: k-means on scaled values, how many groups, and which number each keeps. No database.

Scaling and centres are kept as plain numbers, so that SQL puts people into groups exactly as Python does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy

from cdp_assets.predictions.features import LEAST_PEOPLE
from cdp_assets.predictions.measures import SEED, Array
from cdp_resources.sql import quote

STARTS = 10
"""k-means begins so many times anew, and keeps the best."""

SILHOUETTE_OF = 2000
"""People whose silhouette is taken: it compares each with each."""

SKEWED = 1.0
FURTHEST = 4.0
"""Values further from the mean than so many standard deviations count as just so far: no group of a few outliers."""


Centres = dict[int, tuple[float, ...]]
"""By number, in coordinates."""


@dataclass(frozen=True)
class Scale:
    """How a trait's value becomes a coordinate: perhaps its logarithm, in standard deviations from the mean."""

    name: str
    log: bool
    mean: float
    deviation: float

    @classmethod
    def of(cls, name: str, values: Array) -> "Scale":
        """Logarithms where values are not negative and lean to one side, as money and counts do."""
        from scipy.stats import skew

        log = bool(values.min() >= 0 and values.std() > 0 and skew(values) > SKEWED)
        measured = np.log1p(values) if log else values
        return cls(name, log, round(float(measured.mean()), 9), round(float(measured.std()), 9) or 1.0)

    def coordinates(self, values: Array) -> Array:
        """Of raw values."""
        measured = np.log1p(np.maximum(values, 0)) if self.log else values
        return np.clip((measured - self.mean) / self.deviation, -FURTHEST, FURTHEST)

    def value(self, coordinate: float) -> float:
        """The raw value that has a coordinate."""
        measured = coordinate * self.deviation + self.mean
        return float(np.expm1(measured)) if self.log else measured

    def sql(self) -> str:
        """SQL of the coordinate."""
        value = f"{quote(self.name)}::DOUBLE"
        measured = f"ln(1 + greatest({value}, 0))" if self.log else value
        return f"greatest(-{FURTHEST}, least({FURTHEST}, ({measured} - {self.mean!r}) / {self.deviation!r}))"


@dataclass(frozen=True)
class Clusters:
    """Centres by number, in coordinates; each person belongs to the nearest, of equally near ones to the first."""

    scales: tuple[Scale, ...]
    centres: Centres

    def coordinates(self, values: Array) -> Array:
        """One row a person; ``values`` has a column for each scale."""
        return np.column_stack([s.coordinates(column) for s, column in zip(self.scales, values.T, strict=True)])

    def number(self, values: Array) -> Array:
        """The number of the cluster that each row belongs to."""
        return np.array(list(self.centres))[_nearest(self.coordinates(values), np.array([*self.centres.values()]))]

    def sql(self) -> str:
        """SQL of the number, over the columns of the traits; null where one of them is."""
        squares = [
            " + ".join(f"pow({s.sql()} - {at!r}, 2)" for s, at in zip(self.scales, centre, strict=True))
            for centre in self.centres.values()
        ]
        distances = f"[{', '.join(squares)}]"
        known = " AND ".join(f"{quote(s.name)} IS NOT NULL" for s in self.scales)
        nearest = f"list_position({distances}, list_min({distances}))"
        return f"CASE WHEN {known} THEN {[*self.centres]}[{nearest}] END"

    def as_json(self) -> dict[str, Any]:
        """For `predictions.models`."""
        centres = {str(number): list(centre) for number, centre in self.centres.items()}
        return {"scales": [asdict(scale) for scale in self.scales], "centres": centres}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Clusters":
        """What ``as_json`` wrote."""
        centres = {int(number): tuple(centre) for number, centre in content["centres"].items()}
        return cls(tuple(Scale(**scale) for scale in content["scales"]), centres)


def silhouettes(points: Array, fewest: int, most: int) -> dict[int, float]:
    """How well apart the groups are (-1 to 1), by their number; without numbers that leave groups of a few people."""
    found = {}
    for k in range(fewest, most + 1):
        groups = _nearest(points, centres_of(points, k))
        if np.bincount(groups, minlength=k).min() >= LEAST_PEOPLE:
            found[k] = silhouette(points, groups)
    return found


def silhouette(points: Array, groups: Array) -> float:
    """Of the first ``SILHOUETTE_OF`` points; -1 where they are all in one group."""
    some = groups[:SILHOUETTE_OF]
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points[:SILHOUETTE_OF], some)) if len(np.unique(some)) > 1 else -1.0


def silhouette_by_chance(points: Array, k: int) -> float:
    """Of the same values dealt out anew, each column by itself: what groups look like where there are none."""
    random = np.random.default_rng(SEED)
    dealt = np.column_stack([random.permutation(column) for column in points.T])
    return silhouette(dealt, _nearest(dealt, centres_of(dealt, k)))


def agreement(points: Array, k: int) -> float:
    """How alike everybody is grouped by two models, each fitted on half of the points (adjusted Rand index)."""
    first, second = (_nearest(points, centres_of(points[half::2], k)) for half in (0, 1))
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def centres_of(points: Array, k: int) -> Array:
    """k centres, the same for the same points in the same order, those of most points first."""
    from sklearn.cluster import KMeans

    means = KMeans(k, n_init=STARTS, random_state=SEED).fit(points)
    sizes = np.bincount(means.labels_, minlength=k)
    return np.round(means.cluster_centers_[np.argsort(-sizes, kind="stable")], 6)


def numbered(centres: Array, scales: Sequence[Scale], before: Clusters | None, most: int) -> Centres:
    """Each centre under its number: that of the centre before it which it is the nearest to, all taken together.

    Centres are compared in the new coordinates, by the traits that both versions have (Hungarian method). A centre
    that is left over gets the smallest number that is free. Without a version before, or without a trait in common,
    numbers go by the order of the centres.
    """
    common = [i for i, scale in enumerate(scales) if before and scale.name in {s.name for s in before.scales}]
    numbers: dict[int, int] = {}
    if before and common:
        old = np.array([[_moved(before, centre, scales[i]) for i in common] for centre in before.centres.values()])
        costs = ((centres[:, None, common] - old[None, :, :]) ** 2).sum(axis=2)
        held = list(before.centres)
        numbers = {int(new): held[was] for new, was in zip(*scipy.optimize.linear_sum_assignment(costs), strict=True)}
    free = (number for number in range(1, most + 1) if number not in numbers.values())
    found = {numbers[i] if i in numbers else next(free): tuple(map(float, centre)) for i, centre in enumerate(centres)}
    return dict(sorted(found.items()))


def _moved(before: Clusters, centre: Sequence[float], scale: Scale) -> float:
    """A former centre's place on a scale of now."""
    i = next(i for i, former in enumerate(before.scales) if former.name == scale.name)
    return float(scale.coordinates(np.array([before.scales[i].value(centre[i])]))[0])


def _nearest(points: Array, centres: Array) -> Array:
    return ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
