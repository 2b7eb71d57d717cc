"""Clusters of people by their traits: fitted on the traits of the day, described in words, and people put into them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np

from cdp_assets.predictions.features import LEAST_PEOPLE, NUMBERS
from cdp_assets.predictions.kmeans import (
    Clusters,
    Scale,
    agreement,
    centres_of,
    numbered,
    silhouette_by_chance,
    silhouettes,
)
from cdp_assets.predictions.measures import Array
from cdp_assets.predictions.versions import TooLittle, Trained, last_published, newest
from cdp_model.columns import person_columns
from cdp_model.expressions import holds
from cdp_model.model import Model
from cdp_model.predictions import ClustersPrediction
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

FITTED_ON = 20_000
"""People at most: more move the centres less than people move in a day."""

TOLD = 3
HARDLY_ANY = 0.05
NOTABLE = 0.25
"""A trait is worth a word from so many standard deviations on."""


def train_clusters(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, prediction: ClustersPrediction, as_of: dt.date
) -> Trained:
    """Fit on the traits as they are kept for a day. Published if groups are clearer than by chance."""
    values = _values(con, model, prediction)
    needed = LEAST_PEOPLE * prediction.fewest
    if len(values) < needed:
        raise TooLittle(f"{len(values)} people have all of {', '.join(prediction.traits)}; {needed} are needed")
    scales = tuple(Scale.of(trait, column) for trait, column in zip(prediction.traits, values.T, strict=True))
    points = Clusters(scales, {}).coordinates(values)
    distinct = len(np.unique(points, axis=0))
    found = silhouettes(points, prediction.fewest, min(prediction.most, distinct))
    if not found:
        raise TooLittle(f"{prediction.fewest} groups or more would leave one with fewer than {LEAST_PEOPLE} people")
    k = max(found, key=lambda number: (round(found[number], 6), -number))
    chance = silhouette_by_chance(points, k)
    before = last_published(con, name, as_of)
    former = Clusters.from_json(before.parameters) if before else None
    clusters = Clusters(scales, numbered(centres_of(points, k), scales, former, prediction.most))
    metrics = {
        "people": len(values),
        "clusters": k,
        "silhouette": found[k],
        "silhouette_by_chance": chance,
        "agreement_of_halves": agreement(points, k),
        "silhouettes": [[number, round(value, 6)] for number, value in found.items()],
        "told": told(model, name, clusters, values),
    }
    published = found[k] > chance
    reason = f"{k} groups, silhouette {found[k]:.2f} against {chance:.2f} of the same values dealt out by chance"
    return Trained(as_of, as_of, published, reason, clusters.as_json() if published else {}, metrics)


def score_clusters(model: Model, name: str, prediction: ClustersPrediction, parameters: Mapping[str, Any]) -> str:
    """SELECT of person_id, column_name, value for everybody who has the traits, as they are kept for a day."""
    number = Clusters.from_json(parameters).sql()
    column = literal(f"{name}_cluster")
    return f"""
        SELECT person_id, {column} AS column_name, value::DOUBLE AS value
        FROM (SELECT person_id, {number} AS value FROM ({_people(model, prediction)})) WHERE value IS NOT NULL"""


def told_of(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> dict[str, str]:
    """What sets the people of each cluster apart, by segment, in the versions in force on a day."""
    if not any(isinstance(prediction, ClustersPrediction) for prediction in model.predictions.values()):
        return {}
    versions = [version for version in newest(con, day).values() if version.trained.published]
    return {group["segment"]: group["words"] for v in versions for group in v.trained.metrics.get("told", [])}


def told(model: Model, name: str, clusters: Clusters, values: Array) -> list[dict[str, Any]]:
    """Segment, people, share and what sets them apart, of each cluster."""
    numbers, points = clusters.number(values), clusters.coordinates(values)
    found = []
    for number in clusters.centres:
        inside = numbers == number
        means = zip(clusters.scales, values[inside].mean(axis=0), values.mean(axis=0), strict=True)
        said = [apart(model.traits[s.name].description, mine, all_) for s, mine, all_ in means]
        found.append(
            {
                "segment": f"{name}_{number}",
                "people": int(inside.sum()),
                "share": round(float(inside.mean()), 4),
                "words": "; ".join(most_apart(said, points[inside].mean(axis=0))) or "much like everybody",
            }
        )
    return found


def most_apart(said: Sequence[str], distances: Array) -> list[str]:
    """The words of the traits that are furthest from everybody's mean, in standard deviations; the furthest first."""
    order = sorted(range(len(said)), key=lambda i: (-abs(round(float(distances[i]), 6)), i))
    return [said[i] for i in order[:TOLD] if abs(distances[i]) >= NOTABLE]


def apart(description: str, mine: float, everybodys: float) -> str:
    """`Orders of the last year: 3.1 × the average (12.4 against 4)`; two numbers where a ratio would say nothing."""
    numbers = f"{_number(mine)} against {_number(everybodys)}"
    if everybodys <= 0 or mine < 0:
        return f"{description}: {numbers}"
    ratio = mine / everybodys
    times = f"{ratio:.1f} × the average" if ratio >= HARDLY_ANY else "hardly any" if mine else "none"
    return f"{description}: {times} ({numbers})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _values(con: duckdb.DuckDBPyConnection, model: Model, prediction: ClustersPrediction) -> Array:
    """One row a person, one column a trait; the same people in the same order each time."""
    kinds = {name: kind for name, kind, *_ in con.execute(f"DESCRIBE ({_people(model, prediction)})").fetchall()}
    for trait in prediction.traits:
        if not kinds[trait].startswith((*NUMBERS, "BOOLEAN")) or kinds[trait].endswith("[]"):
            raise NotNumbers(f"trait `{trait}` is {kinds[trait]}: clusters are made of numbers and of true or false")
    columns = [f"{quote(trait)}::DOUBLE AS {quote(trait)}" for trait in prediction.traits]
    known = " AND ".join(f"isfinite({quote(trait)}::DOUBLE)" for trait in prediction.traits)
    found = con.execute(
        f"""SELECT {", ".join(columns)} FROM ({_people(model, prediction)}) WHERE {known}
        ORDER BY md5(person_id), person_id LIMIT {FITTED_ON}"""
    ).fetchnumpy()
    return np.column_stack([np.asarray(found[trait], dtype=float) for trait in prediction.traits])


class NotNumbers(Exception):
    """Which trait cannot be used."""


def _people(model: Model, prediction: ClustersPrediction) -> str:
    people = f"SELECT * FROM {CATALOG}.profiles.golden_records JOIN {CATALOG}.profiles.traits USING (person_id)"
    if not prediction.among:
        return people
    return f"SELECT * FROM ({people}) WHERE {holds(prediction.among, person_columns(model))}"
