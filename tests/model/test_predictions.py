"""What a data team is told about its predictions, and which names they give to segments, syncs and traits."""

from collections.abc import Callable

import pytest

from cdp_model import ModelError
from cdp_model.columns import person_columns, traits_of_predictions
from tests.small_company import SmallCompany

Told = Callable[[], list[str]]
TRAITS = """
orders: {description: Orders, aggregate: count, events: [Bought]}
worth: {description: Worth, sql: value_revenue_90d / 2}
great: {description: Great, sql: worth > 100}
"""
PREDICTIONS = """
value: {kind: value, description: Value, horizons: [90]}
churn:
  kind: propensity
  description: Buys nothing
  events: [Bought]
  happens: false
next: {kind: next_product, description: Next, events: [Bought]}
"""


@pytest.fixture
def told(company: SmallCompany) -> Told:
    def problems() -> list[str]:
        with pytest.raises(ModelError) as raised:
            _ = company.model
        return [str(problem) for problem in raised.value.problems]

    company.amend("sources/shop.yaml", "name_from: what", "name: Bought")
    company.declare("traits.yaml", TRAITS)
    company.declare("predictions.yaml", PREDICTIONS)
    return problems


def test_segments_and_traits_use_predictions_by_name(company: SmallCompany, told: Told) -> None:
    company.declare(
        "segments/a.yaml",
        """
        leaving: {description: Leaving, all: [churn_probability > 0.7, worth > 10, value_alive < 0.5]}
        tea: {description: Tea, all: ["list_contains(next_items, 'tea')"]}
        """,
    )
    model = company.model
    assert traits_of_predictions(model) == {"worth", "great"}
    assert {"value_purchases_90d", "churn_probability", "next_items"} <= set(person_columns(model))


def test_three_lines_are_enough(company: SmallCompany, told: Told) -> None:
    company.declare("traits.yaml", "")
    company.declare("predictions.yaml", "value:\n  kind: value\n  description: Value\n")
    prediction = company.model.predictions["value"]
    assert (prediction.retrain_days, list(prediction.columns("v"))) == (
        30,
        ["v_alive", "v_purchases_90d", "v_revenue_90d", "v_purchases_365d", "v_revenue_365d"],
    )


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("{kind: propensity, description: D, events: [Boght]}", "events.0: no source has event `Boght`; did you mean"),
        ("{kind: propensity, description: D, events: [Bought], where: revnue > 1}", "where: unknown column `revnue`"),
        ("{kind: propensity, description: D, events: [Bought], among: ordrs > 0}", "among: unknown trait or attribute"),
        ("{kind: propensity, description: D, events: [Bought], among: worth > 0}", "among: unknown trait or attribute"),
        (
            "{kind: propensity, description: D, events: [Bought], features: [order]}",
            "features.0: unknown trait `order`",
        ),
        (
            "{kind: propensity, description: D, events: [Bought], features: [great]}",
            "features.0: trait `great` is made",
        ),
        ("{kind: propensity, description: D, events: []}", "events: "),
        ("{kind: propensity, description: D, events: [Bought], within: 4 weeks}", "within: write a number of days"),
        ("{kind: next_product, description: D, events: [Bought], item: prodct_id}", "item: unknown column `prodct_id`"),
        ("{kind: value, description: D, horizon: [9]}", "horizon: unknown key `horizon`; did you mean `horizons`?"),
        ("{kind: valu, description: D}", "x: unknown kind `valu`; there are "),
        ("{description: D}", "x: is missing, and needed: `kind`"),
    ],
)
def test_a_mistake_in_a_prediction_is_found_at_its_line(
    company: SmallCompany, told: Told, declared: str, problem: str
) -> None:
    company.declare("predictions.yaml", PREDICTIONS + f"x: {declared}\n")
    (said,) = told()
    assert said.startswith("predictions.yaml:9: x")
    assert problem in said


def test_a_misspelt_prediction_in_a_segment_has_a_near_name(company: SmallCompany, told: Told) -> None:
    company.declare("segments/a.yaml", "a: {description: A, all: [churn_probabilty > 0.5]}")
    assert told() == [
        "segments/a.yaml:1: a.all.0: unknown trait or attribute `churn_probabilty`; did you mean `churn_probability`?"
    ]


def test_a_column_that_is_there_already_is_refused(company: SmallCompany, told: Told) -> None:
    company.declare("traits.yaml", TRAITS + "churn_probability: {description: Mine, aggregate: count}\n")
    company.declare("predictions.yaml", PREDICTIONS + "value_purchases: {kind: value, description: V, horizons: [1]}\n")
    assert told() == [
        "predictions.yaml:3: churn: its column `churn_probability` is already a trait; choose another name"
    ]


def test_a_prediction_with_a_mistake_makes_no_mistakes_of_its_users(company: SmallCompany, told: Told) -> None:
    company.amend("predictions.yaml", "happens: false", "hapens: false")
    company.declare("segments/a.yaml", "a: {description: A, all: [churn_probability > 0.5]}")
    assert told() == ["predictions.yaml:7: churn.hapens: unknown key `hapens`; did you mean `happens`?"]
