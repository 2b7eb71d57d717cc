"""Gamma-Gamma against what its authors published, and customers whose parameters are known."""

import numpy as np
import pytest
from cdnow import cdnow

from cdp_assets.predictions.bg_nbd import NotFitted
from cdp_assets.predictions.gamma_gamma import GammaGamma


def test_the_published_parameters_of_the_cdnow_customers_come_out() -> None:
    repeats, _, _, mean_value = cdnow()
    model = GammaGamma.fit(repeats, mean_value)
    assert (model.p, model.q, model.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def test_parameters_that_made_the_values_are_found_again() -> None:
    random = np.random.default_rng(1)
    purchases = random.integers(1, 12, 20_000).astype(float)
    rate = random.gamma(4.0, 1 / 20.0, 20_000)
    means = random.gamma(5.0 * purchases, 1 / (rate * purchases))
    found = GammaGamma.fit(purchases, means)
    assert found.p == pytest.approx(5, rel=0.1)
    assert found.mean_of_all == pytest.approx(5 * 20 / 3, rel=0.05)


def test_the_more_purchases_the_nearer_is_the_expectation_to_the_customers_own_mean() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    expected = model.expected_value(np.array([0.0, 1.0, 5.0, 1e6]), np.array([0.0, 100.0, 100.0, 100.0]))
    assert expected[0] == pytest.approx(model.mean_of_all)
    assert (np.diff(expected) > 0).all()
    assert expected[-1] == pytest.approx(100, rel=1e-3)


def test_a_customer_whose_purchases_were_all_sent_back_counts_as_unknown() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    assert model.expected_value(np.array([3.0]), np.array([-5.0]))[0] == pytest.approx(model.mean_of_all)


def test_without_any_value_there_is_nothing_to_fit() -> None:
    with pytest.raises(NotFitted, match="no purchase has a value above 0"):
        GammaGamma.fit(np.array([1.0, 2.0]), np.array([0.0, -3.0]))
