"""Which currencies are declared, and that none is without a rate."""

from collections.abc import Callable

import pytest

from cdp_model.currencies import constants
from cdp_model.load import ModelError
from tests.small_company import BANK, SmallCompany


@pytest.fixture
def told(company: SmallCompany) -> Callable[[], list[str]]:
    """What is said about the model; nothing when it is well declared."""

    def told() -> list[str]:
        try:
            assert company.model
        except ModelError as error:
            return [str(problem) for problem in error.problems]
        return []

    return told


@pytest.mark.parametrize(
    ("expression", "texts", "complete"),
    [
        ("'usd'", {"USD"}, True),
        ("case when a = 'GBP' then 'USD' else 'CHF' end", {"USD", "CHF"}, True),
        ("case when a = 1 then 'USD' end", {"USD"}, True),
        ("coalesce(a, 'USD')", {"USD"}, False),
        ("upper(a)", set(), False),
        ("a", set(), False),
        ("no such thing", set(), False),
    ],
)
def test_what_an_expression_can_give_is_read_from_it(expression: str, texts: set[str], complete: bool) -> None:
    assert constants(expression, ["a"]) == (texts, complete)


def test_an_amount_in_another_currency_needs_a_rate(company: SmallCompany, told: Callable[[], list[str]]) -> None:
    company.amend("sources/shop.yaml", "currency: currency", "currency: \"'GBP'\"")
    (problem,) = told()
    assert problem == (
        "sources/shop.yaml:35: streams.events.events.0.currency: `GBP` is not the reporting currency EUR, and nothing "
        "declares what it is worth: add a stream with `exchange_rates`, or `exchange_rates: {GBP: …}` to company.yaml"
    )
    company.declare("sources/bank.yaml", BANK)
    assert told() == []


def test_a_stream_whose_currencies_are_written_down_has_rates_for_no_others(
    company: SmallCompany, told: Callable[[], list[str]]
) -> None:
    company.amend("sources/shop.yaml", "currency: currency", "currency: \"'GBP'\"")
    company.declare("sources/bank.yaml", BANK.replace("currency: currency", "currency: \"'CHF'\""))
    assert "`GBP` is not the reporting currency" in told()[0]
    company.amend("sources/bank.yaml", "'CHF'", "'gbp'")
    assert told() == []


def test_the_reporting_currency_one_with_a_fixed_rate_and_one_that_the_data_name_need_no_more(
    company: SmallCompany, told: Callable[[], list[str]]
) -> None:
    for currency in ("\"'EUR'\"", "\"'USD'\"", "coalesce(currency, 'EUR')"):
        company.amend("sources/shop.yaml", "currency: currency", f"currency: {currency}")
        assert told() == []
        company.amend("sources/shop.yaml", f"currency: {currency}", "currency: currency")


def test_a_currency_that_is_none_is_found(company: SmallCompany, told: Callable[[], list[str]]) -> None:
    company.amend("sources/shop.yaml", "currency: currency", "currency: \"'Euro'\"")
    assert "`EURO` is no currency: write three letters, such as EUR (ISO 4217)" in told()[0]
