"""Groups of made-up people: found again, told from chance, numbered the same after a refit, and the same in SQL."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from cdp_assets.predictions.kmeans import (
    Clusters,
    Scale,
    agreement,
    centres_of,
    numbered,
    silhouette_by_chance,
    silhouettes,
)

NAMES = ("spend", "orders")


def people(groups: int = 3, each: int = 80, seed: int = 1) -> Any:
    """Groups around (1, 1), (2, 2) …, each of as many people."""
    random = np.random.default_rng(seed)
    return np.vstack([random.normal(5.0 * (g + 1), 0.4, (each, 2)) for g in range(groups)])


def fitted(values: Any, k: int, before: Clusters | None = None, most: int = 6) -> Clusters:
    scales = tuple(Scale.of(name, column) for name, column in zip(NAMES, values.T, strict=True))
    centres = centres_of(Clusters(scales, {}).coordinates(values), k)
    return Clusters(scales, numbered(centres, scales, before, most))


def where(clusters: Clusters, value: float) -> int:
    """The number of the group that (value, value) is in."""
    return int(clusters.number(np.array([[value, value]]))[0])


@pytest.mark.parametrize("groups", [2, 3, 4, 5])
def test_the_clearest_number_of_groups_is_the_true_one(groups: int) -> None:
    values = people(groups)
    points = Clusters(fitted(values, 2).scales, {}).coordinates(values)
    found = silhouettes(points, 2, 6)
    assert max(found, key=found.__getitem__) == groups
    assert found[groups] > silhouette_by_chance(points, groups) + 0.1
    assert agreement(points, groups) > 0.99


def test_where_there_are_no_groups_chance_finds_them_as_clear() -> None:
    points = np.random.default_rng(2).normal(size=(600, 2))
    found = silhouettes(points, 3, 3)
    assert abs(found[3] - silhouette_by_chance(points, 3)) < 0.05


def test_a_number_of_groups_that_leaves_one_with_a_few_people_is_not_considered() -> None:
    values = np.vstack([people(2), np.full((5, 2), 40.0)])
    assert 3 not in silhouettes(values, 2, 3)


def test_numbers_stay_with_the_group_that_is_most_like_the_former_one() -> None:
    before = fitted(people(3), 3)
    drifted = people(3, seed=5)[::-1] + 0.7
    after = fitted(drifted, 3, before)
    assert [where(after, v + 0.7) for v in (5, 10, 15)] == [where(before, v) for v in (5, 10, 15)]


def test_a_new_group_gets_a_free_number_and_a_lost_one_leaves_its_own_free() -> None:
    before = fitted(people(3), 3)
    more = fitted(people(4), 4, before)
    assert [where(more, v) for v in (5, 10, 15)] == [where(before, v) for v in (5, 10, 15)]
    assert where(more, 20) == 4
    fewer = fitted(people(2), 2, more)
    assert [where(fewer, v) for v in (5, 10)] == [where(before, v) for v in (5, 10)]
    assert set(fewer.centres) < set(before.centres)


def test_groups_are_matched_by_the_traits_that_both_versions_have() -> None:
    values = people(3)
    before = fitted(values, 3)
    scales = (Scale.of("visits", values[::-1, 0]), before.scales[1])
    points = Clusters(scales, {}).coordinates(np.column_stack([values[::-1, 0], values[:, 1]]))
    after = Clusters(scales, numbered(centres_of(points, 3), scales, before, 6))
    assert [int(after.number(np.array([[20 - v, v]]))[0]) for v in (5.0, 10.0, 15.0)] == [
        where(before, v) for v in (5, 10, 15)
    ]


def test_the_same_people_in_the_same_order_give_the_same_centres() -> None:
    assert fitted(people(), 3) == fitted(people(), 3)


def test_money_is_measured_by_its_logarithm_and_an_outlier_moves_no_scale() -> None:
    money = np.random.default_rng(3).lognormal(3, 1, 500)
    assert Scale.of("spend", money).log
    assert not Scale.of("age", np.random.default_rng(3).normal(40, 9, 500)).log
    assert not Scale.of("profit", money - 50).log
    assert float(Scale.of("spend", money).coordinates(np.array([1e12]))[0]) == 4.0


def test_sql_puts_everybody_where_python_does_and_nobody_without_a_value() -> None:
    spend = np.random.default_rng(4).lognormal(3, 1, 400)
    values = np.column_stack([spend, np.random.default_rng(5).normal(0, 10, 400)])
    clusters = fitted(values, 4)
    assert clusters.scales[0].log
    with duckdb.connect() as con:
        con.register("people", pa.table({"spend": [*spend, None], "orders": [*values[:, 1], 1.0]}))
        found = [number for (number,) in con.execute(f"SELECT {clusters.sql()} FROM people").fetchall()]
    assert found == [*clusters.number(values).tolist(), None]


def test_what_is_kept_is_what_was_fitted() -> None:
    clusters = fitted(people(), 3)
    assert Clusters.from_json(clusters.as_json()) == clusters
