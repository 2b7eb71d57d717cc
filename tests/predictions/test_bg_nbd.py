"""BG/NBD against what its authors published, customers whose parameters are known, and extreme customers."""

import numpy as np
import pytest
from cdnow import cdnow

from cdp_assets.predictions.bg_nbd import FEW, BgNbd, NotFitted

PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)


def one(value: float) -> np.ndarray:
    return np.array([float(value)])


def simulated(model: BgNbd, customers: int, until: float, after: float = 0, seed: int = 1) -> list[np.ndarray]:
    """Customers who behave as the model says: repeat purchases, time of the last, time known, purchases ``after``."""
    random = np.random.default_rng(seed)
    rates = random.gamma(model.r, 1 / model.alpha, customers)
    stops = random.beta(model.a, model.b, customers)
    known = random.uniform(until / 2, until, customers)
    repeats, last, later = (np.zeros(customers) for _ in range(3))
    time, active = np.zeros(customers), np.full(customers, True)
    while active.any():
        time = time + random.exponential(1 / rates)
        active &= time <= known + after
        repeats, last = repeats + (active & (time <= known)), np.where(active & (time <= known), time, last)
        later = later + (active & (time > known))
        active &= random.uniform(size=customers) > stops
    return [repeats, last, known, later]


def test_the_published_parameters_of_the_cdnow_customers_come_out() -> None:
    repeats, last, known, _ = cdnow()
    model = BgNbd.fit(repeats, last, known)
    assert (len(repeats), int((repeats > 0).sum())) == (2_357, 946)
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=1e-3)
    assert model.log_likelihood(repeats, last, known) == pytest.approx(-9_582.4, abs=0.1)


def test_the_published_customer_is_expected_to_buy_as_published() -> None:
    expected = PUBLISHED.expected_purchases(39, one(2), one(30.43), one(38.86))
    assert expected[0] == pytest.approx(1.226, abs=5e-4)


def test_parameters_that_made_the_customers_are_found_again() -> None:
    true = BgNbd(r=0.8, alpha=30.0, a=0.9, b=4.0)
    found = BgNbd.fit(*simulated(true, 40_000, 300)[:3])
    assert found.r == pytest.approx(true.r, rel=0.05)
    assert found.alpha == pytest.approx(true.alpha, rel=0.05)
    assert found.a / (found.a + found.b) == pytest.approx(true.a / (true.a + true.b), rel=0.05)


def test_expected_purchases_are_those_that_customers_make_later() -> None:
    model = BgNbd(r=0.8, alpha=30.0, a=0.9, b=4.0)
    *history, later = simulated(model, 40_000, 200, after=100)
    expected = model.expected_purchases(100, *history)
    for group in (history[0] == 0, history[0] == 1, history[0] > 4, expected < 0.5, expected > 1):
        assert expected[group].mean() == pytest.approx(later[group].mean(), rel=0.1)


def test_grouped_customers_fit_as_each_for_themselves() -> None:
    repeats, last, known = (np.round(part) for part in simulated(BgNbd(1.0, 5.0, 1.0, 4.0), 3_000, 30)[:3])
    groups, customers = np.unique(np.c_[repeats, last, known], axis=0, return_counts=True)
    together = BgNbd.fit(*groups.T, customers=customers.astype(float))
    alone = BgNbd.fit(repeats, last, known)
    assert len(groups) < len(repeats)
    assert (together.r, together.alpha) == pytest.approx((alone.r, alone.alpha), rel=1e-4)


def test_the_unit_of_time_changes_nothing_but_alpha() -> None:
    repeats, last, known, _ = simulated(BgNbd(1.0, 5.0, 1.0, 4.0), 2_000, 30)
    weeks, days = BgNbd.fit(repeats, last, known), BgNbd.fit(repeats, last * 7, known * 7)
    assert (days.r, days.alpha, days.a) == pytest.approx((weeks.r, weeks.alpha * 7, weeks.a), rel=1e-3)


@pytest.mark.parametrize("a", [0.05, 0.793, 1.0, 3.0])
@pytest.mark.parametrize("repeats", [0, 1, 7, FEW, FEW + 1, 1_000, 100_000])
def test_extreme_customers_have_finite_expectations(a: float, repeats: float) -> None:
    model = BgNbd(0.243, 4.414, a, 2.426)
    for last, known in ((0.0, 0.0), (0.01, 0.02), (50.0, 50.0), (1.0, 5_000.0)):
        expected = model.expected_purchases(52, one(repeats), one(last), one(known))[0]
        assert 0 <= expected <= (repeats + model.r) * 52 / (model.alpha + known) * 1.001  # never above the plain rate
        assert 0 <= model.probability_alive(one(repeats), one(last), one(known))[0] <= 1


def test_the_formula_and_the_quadrature_agree_where_both_can_be_computed() -> None:
    reach = np.array([0.01, 0.3, 2.0, 10.0])
    for a in (0.3, 0.793, 2.0):
        model = BgNbd(0.243, 4.414, a, 2.426)
        formula = model._by_formula(np.full(4, float(FEW)), reach)
        assert model._by_quadrature(FEW, reach) == pytest.approx(formula, rel=1e-6)


def test_the_longer_the_silence_the_less_probably_alive() -> None:
    known = np.arange(10.0, 200.0, 10.0)
    alive = PUBLISHED.probability_alive(np.full_like(known, 5.0), np.full_like(known, 10.0), known)
    assert (np.diff(alive) < 0).all()
    assert PUBLISHED.probability_alive(one(0), one(0), one(100))[0] == 1


def test_without_a_second_purchase_there_is_nothing_to_fit() -> None:
    with pytest.raises(NotFitted, match="nobody bought twice"):
        BgNbd.fit(np.zeros(10), np.zeros(10), np.arange(10.0))
