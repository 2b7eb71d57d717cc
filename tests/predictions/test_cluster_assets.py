"""Clusters through the assets: each group is a segment with members and words, and keeps its number after a refit."""

import datetime as dt
from typing import Any

import duckdb
import pytest
from conftest import FIRST
from prediction_world import DAYS, World, metadata, new_world

from cdp_assets.predictions.clusters import apart, most_apart
from cdp_model import ModelError, load_model
from tests.small_company import SmallCompany

TRAITS = """
orders: {description: Orders, aggregate: count, events: [Order]}
opens_30d: {description: Opens of 30 days, aggregate: count, events: [Open], window: 30 days}
favourite: {description: What was opened most, aggregate: most_frequent, events: [Open], of: product_id}
"""
CLUSTERS = """
shoppers: {kind: clusters, description: Shoppers, traits: [orders, opens_30d], among: orders > 0, most: 5}
texts: {kind: clusters, description: Of texts, traits: [orders, favourite]}
few: {kind: clusters, description: Of few, traits: [orders, opens_30d], among: orders > 1000}
"""
SEGMENTS = """
quiet: {description: Not in the first group, all: [orders > 0], none: [{in: shoppers_1}]}
"""
LAST = FIRST + dt.timedelta(days=DAYS - 1)


def populate(con: duckdb.DuckDBPyConnection) -> None:
    """100 people without an event, 60 who order little, 50 who open much, 40 who order much; a few more or less."""
    con.execute(f"""
        INSERT INTO lake.identity.record_persons SELECT 'crm:p' || p, 'p' || p, now() FROM range(250) AS t(p);
        INSERT INTO lake.profiles.golden_records (person_id, first_seen)
        SELECT 'p' || p, TIMESTAMPTZ '{FIRST}' FROM range(250) AS t(p);
        INSERT INTO lake.standardized.events (event_id, source, event_name, record_key, occurred_at, product_id, _day)
        SELECT concat_ws('-', p, name, n), 'shop', name, 'crm:p' || p, TIMESTAMPTZ '{LAST} 12:00:00+00', 'x',
            DATE '{LAST}'
        FROM (
            SELECT p, name, unnest(range(many + p % 3)) AS n FROM (
                SELECT p, unnest(['Order', 'Open']) AS name, unnest(CASE WHEN p < 60 THEN [1, 0]
                    WHEN p < 110 THEN [8, 30] WHEN p < 150 THEN [40, 5] END) AS many FROM range(150) AS t(p)))""")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any]:
    files = {"traits.yaml": TRAITS, "predictions.yaml": CLUSTERS, "segments/a.yaml": SEGMENTS}
    world = new_world(tmp_path_factory.mktemp("company"), files)
    world.lake.write(populate)
    return world, world.run()


def members(world: World) -> dict[str, set[int]]:
    rows = world.query("SELECT segment, person_id FROM lake.segments.memberships")
    return {name: {int(person[1:]) for segment, person in rows if segment == name} for name, _ in rows}


def test_each_group_is_a_segment_that_others_can_use(first: tuple[World, Any]) -> None:
    found = members(first[0])
    assert found["shoppers_1"] == set(range(60))
    assert found["shoppers_2"] == set(range(60, 110))
    assert found["shoppers_3"] == set(range(110, 150))
    assert found["quiet"] == set(range(60, 150))
    assert "shoppers_4" not in found
    assert first[0].query("SELECT count(*) FROM lake.profiles.profiles WHERE shoppers_cluster = 3") == [(40,)]
    changes = "SELECT count(*) FROM lake.segments.changes WHERE segment = 'shoppers_2' AND change = 'entered'"
    assert first[0].query(changes) == [(50,)]


def test_each_group_is_described_by_what_sets_it_apart(first: tuple[World, Any]) -> None:
    shown = metadata(first[1], "models")
    assert "| shoppers_2 | 50 | 33% | Opens of 30 days: 2." in shown["shoppers_groups"]
    assert "| shoppers_3 | 40 | 27% | Orders: 2." in shown["shoppers_groups"]
    assert shown["shoppers_silhouette"] > shown["shoppers_silhouette_by_chance"]
    assert shown["shoppers_agreement_of_halves"] == 1
    assert shown["shoppers_page"].count("![chart]") == 2


def test_too_little_or_no_numbers_publish_nothing_and_say_so(first: tuple[World, Any]) -> None:
    rows = first[0].query("SELECT prediction, reason FROM lake.predictions.models WHERE NOT published ORDER BY ALL")
    assert rows == [
        ("few", "too little data: 0 people have all of orders, opens_30d; 60 are needed"),
        ("texts", "trait `favourite` is VARCHAR: clusters are made of numbers and of true or false"),
    ]
    assert not [name for name in members(first[0]) if name.startswith(("few", "texts"))]


def test_a_refit_of_other_people_keeps_the_numbers_and_the_history(first: tuple[World, Any]) -> None:
    world = first[0]
    before = members(world)
    gone = "DELETE FROM lake.standardized.events WHERE record_key IN (SELECT 'crm:p' || p FROM range(35) AS t(p))"
    world.lake.write(lambda con: con.execute(gone) and None)
    world.run(ops={"predictions__models": {"config": {"retrain": True}}})
    after = members(world)
    assert {n: people - set(range(35)) for n, people in before.items()} == after
    versions = world.query("SELECT count(*) FROM lake.predictions.models WHERE prediction = 'shoppers'")
    assert versions == [(2,)]


def test_the_furthest_traits_are_told_first_and_those_near_the_mean_not_at_all() -> None:
    assert most_apart(["a", "b", "c", "d", "e"], [0.3, -2.0, 0.1, 1.0, 0.5]) == ["b", "d", "e"]
    assert apart("Spend", 310.0, 100.0) == "Spend: 3.1 × the average (310 against 100)"
    assert apart("Spend", 0.0, 100.0) == "Spend: none (0 against 100)"
    assert apart("Spend", 0.2, 1_234_567) == "Spend: hardly any (0.2 against 1,234,567)"
    assert apart("Change", -3.0, 4.0) == "Change: -3 against 4"


def test_mistakes_in_clusters_are_named(company: SmallCompany) -> None:
    company.declare("traits.yaml", TRAITS)
    company.declare(
        "predictions.yaml",
        """\
        a: {kind: clusters, description: a, traits: [order, opens_30d]}
        b: {kind: clusters, description: b, traits: [orders, a_cluster]}
        c: {kind: clusters, description: c, traits: [orders, opens_30d], fewest: 5, most: 4}
        """,
    )
    company.declare(
        "segments/a.yaml",
        """\
        a_2: {description: a, all: [orders > 1]}
        mine: {description: a, all: [{in: c_3}, {in: a_9}, c_cluster = 1]}
        """,
    )
    load_model.cache_clear()
    with pytest.raises(ModelError) as error:
        load_model(company.folder)
    assert [str(problem) for problem in error.value.problems] == [
        "predictions.yaml:1: a.traits.0: unknown trait `order`; did you mean `orders`?",
        "predictions.yaml:2: b.traits.1: unknown trait `a_cluster`",
        "predictions.yaml:3: c: `most` is less than `fewest`",
        "segments/a.yaml:1: a_2: `a_2` is already a group of prediction `a`; choose another name",
        "segments/a.yaml:2: mine.all.1.in: unknown segment `a_9`",
    ]
