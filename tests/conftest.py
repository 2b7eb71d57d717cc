"""What every test may use: a real lake in a temporary folder, and a tiny company around it."""

from pathlib import Path

import pytest
from hypothesis import settings

import cdp_resources.destinations  # noqa: F401 - makes the kinds of destination known to the model
from cdp_resources.lake import Lake
from tests.small_company import COMPANY, SHOP, SmallCompany

# failures inside the kit show their values; whoever imports it first, this is before
pytest.register_assert_rewrite("tests.destinations.kit")


settings.register_profile("thousands", max_examples=3_000)
"""For who wants to look at laws for long: `pytest --hypothesis-profile=thousands tests/activation/test_hostile…`."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(catalog=f"sqlite:{tmp_path / 'lake' / 'catalog.sqlite'}", data_path=str(tmp_path / "lake" / "data"))


@pytest.fixture
def company(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> SmallCompany:
    """A company with one source, `shop`, and nothing landed yet."""
    small = SmallCompany(tmp_path, lake)
    small.declare("company.yaml", COMPANY)
    small.declare("sources/shop.yaml", SHOP)
    small.landing.mkdir()
    monkeypatch.setenv("CDP_LANDING", str(small.landing))
    return small
