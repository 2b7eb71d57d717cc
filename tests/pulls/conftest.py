"""A company whose sources are those of `examples/sources`, asked at local servers."""

from pathlib import Path

import pytest

from tests.small_company import SmallCompany

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "sources"


@pytest.fixture
def pulling(company: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> SmallCompany:
    """No source but those that the test takes from the examples."""
    (company.folder / "sources/shop.yaml").unlink()
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    return company


def use(company: SmallCompany, name: str) -> None:
    """Declare the example source of a name."""
    company.declare(f"sources/{name}.yaml", (EXAMPLES / f"{name}.yaml").read_bytes())
