"""The assets on a real lake: trained once, scored each time, shown in profiles and segments, or withheld."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import day, populate
from prediction_world import DAYS, World, metadata, new_world

import cdp_assets
from cdp_model import load_model

TRAITS = """
orders: {description: Orders, aggregate: count, events: [Order]}
opens_30d: {description: Opens, aggregate: count, events: [Open], window: 30 days}
risk: {description: Risk in percent, sql: 100 * churn_probability}
"""
PREDICTIONS = """
churn: {kind: propensity, description: Orders nothing, events: [Order], happens: false, within: 20 days}
rare: {kind: propensity, description: Never seen, events: [Never]}
"""
SEGMENTS = "leaving: {description: Leaving, all: [risk > 60]}"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dg.ExecuteInProcessResult]:
    """The company after its first run."""
    files = {"traits.yaml": TRAITS, "predictions.yaml": PREDICTIONS, "segments/a.yaml": SEGMENTS}
    world = new_world(tmp_path_factory.mktemp("company"), files)
    world.lake.write(lambda con: populate(con, 500, DAYS))
    return world, world.run()


def test_a_version_has_its_test_its_window_and_its_pictures(first: tuple[World, Any]) -> None:
    world, result = first
    rows = world.query(
        "SELECT prediction, published, trained_through, reason FROM lake.predictions.models ORDER BY ALL"
    )
    assert [(name, published, through) for name, published, through, _ in rows] == [
        ("churn", True, day(DAYS - 1)),
        ("rare", False, day(DAYS - 1)),
    ]
    assert "too little data: 0 people with the outcome" in rows[1][3]
    shown = metadata(result, "models")
    assert shown["churn_auc"] > shown["churn_auc_of_recency"]
    assert shown["churn_page"].count("![chart](data:image/svg+xml") == 3


def test_what_is_not_published_is_said_by_a_check(first: tuple[World, Any]) -> None:
    (check,) = [c for c in first[1].get_asset_check_evaluations() if c.check_name == "predictions_are_published"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert (check.description or "").startswith("rare: too little data")


def test_profiles_and_segments_of_the_same_run_have_the_scores(first: tuple[World, Any]) -> None:
    world, result = first
    at_risk = world.query("SELECT count(*) FILTER (risk > 60), count(churn_probability) FROM lake.profiles.profiles")
    (members,) = world.query("SELECT count(*) FROM lake.segments.memberships WHERE segment = 'leaving'")
    assert at_risk[0][0] == members[0] > 0
    assert at_risk[0][1] == metadata(result, "scores")["dagster/row_count"]
    (named,) = world.query("""
        SELECT count(*) FILTER (model_version IS NULL OR trained_from IS NULL OR trained_through <> score_date)
        FROM lake.predictions.scores""")
    assert named == (0,)


def test_no_person_is_named_in_metadata(first: tuple[World, Any]) -> None:
    world, result = first
    people = {name for (name,) in world.query("SELECT person_id FROM lake.profiles.traits")}
    for name in ("models", "scores"):
        assert not {word for word in str(metadata(result, name)).split() if word.strip("|'\",") in people}


def test_a_second_run_trains_nothing_and_scores_the_same(first: tuple[World, Any]) -> None:
    world, _ = first
    tables = ("models", "scores")
    before = [world.query(f"FROM lake.predictions.{table} ORDER BY ALL") for table in tables]
    assert metadata(world.run(), "models")["trained"] == "nothing is due"
    assert [world.query(f"FROM lake.predictions.{table} ORDER BY ALL") for table in tables] == before


def test_training_that_is_asked_for_finds_the_same_version(first: tuple[World, Any]) -> None:
    world, _ = first
    names = "SELECT prediction, model_version FROM lake.predictions.models ORDER BY ALL"
    before = world.query(names)
    again = world.run(ops={"predictions__models": {"config": {"retrain": True}}})
    assert metadata(again, "models")["trained"] == "churn, rare"
    assert world.query(names) == before


def test_a_company_without_predictions_has_no_such_assets() -> None:
    model = load_model(Path(__file__).parents[2] / "examples" / "uci_retail")
    keys = {key.path[0] for asset in cdp_assets.assets(model) for key in asset.keys}
    assert "predictions" not in keys
