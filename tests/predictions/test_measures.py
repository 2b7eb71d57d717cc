"""Measures against scikit-learn's, and what their intervals say of rules that are better, equal and worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from cdp_assets.predictions.measures import auc, auc_gain, brier, deciles, error_gain, mean_gain

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows.filter(lambda found: len({happened for happened, _ in found}) == 2))
def test_auc_and_brier_are_those_of_scikit_learn_with_ties(found: list[tuple[bool, int]]) -> None:
    happened = np.array([outcome for outcome, _ in found])
    score = np.array([value / 5 for _, value in found])
    assert auc(happened, score) == pytest.approx(roc_auc_score(happened, score))
    assert brier(happened, score) == pytest.approx(brier_score_loss(happened, score))


@pytest.fixture
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes of 2,000 people, their true probability, and noise."""
    random = np.random.default_rng(1)
    probability = random.uniform(0.05, 0.95, 2_000)
    return random.uniform(size=2_000) < probability, probability, random.uniform(size=2_000)


def test_a_better_score_gains_and_noise_does_not(world: tuple[np.ndarray, ...]) -> None:
    happened, probability, noise = world
    assert auc_gain(happened, probability, noise).low > 0.2
    again = np.random.default_rng(2).uniform(size=2_000)
    assert auc_gain(happened, again, noise).low < 0 < auc_gain(happened, again, noise).high
    assert auc_gain(happened, probability, probability).value == 0


def test_the_same_data_have_the_same_interval(world: tuple[np.ndarray, ...]) -> None:
    happened, probability, noise = world
    assert auc_gain(happened, probability, noise) == auc_gain(happened, probability, noise)


def test_error_gain_is_the_share_of_the_plain_error_that_is_saved(world: tuple[np.ndarray, ...]) -> None:
    happened, probability, noise = world
    actual = happened.astype(float)
    assert error_gain(actual, actual, noise).value == 1
    assert error_gain(actual, probability, noise).low > 0
    assert error_gain(actual, noise, probability).high < 0
    assert mean_gain(probability + 0.1, probability).low == pytest.approx(0.1)


def test_deciles_go_from_the_highest_down_and_their_lift_averages_to_one(world: tuple[np.ndarray, ...]) -> None:
    happened, probability, _ = world
    tenths = deciles(happened, probability)
    assert [tenth["people"] for tenth in tenths] == [200] * 10
    assert np.mean([tenth["lift"] for tenth in tenths]) == pytest.approx(1)
    assert tenths[0]["predicted"] > tenths[-1]["predicted"]
    assert tenths[0]["happened"] == pytest.approx(tenths[0]["predicted"], abs=0.07)
