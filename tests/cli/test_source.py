"""`cdp source`, as a person types it: a source is begun from a ready declaration, and tried before it is used."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_cli.source import READY
from cdp_model import load_model
from tests.cli.test_identity import cdp
from tests.pulls.vendors import TOKEN, HubSpot, serving

CONTACT = {"id": "1", "archived": False, "createdAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A company without sources, and an empty landing folder."""
    for name, value in {"CDP_HOME": tmp_path, "CDP_MODEL": tmp_path / "model"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("CDP_LANDING", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "landing" / "crm").mkdir(parents=True)
    (tmp_path / "model" / "company.yaml").write_text("{name: tiny, owner: 'team:data', start_date: 2026-03-01}")
    load_model.cache_clear()
    return tmp_path


@pytest.fixture
def hubspot(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubSpot]:
    with serving(HubSpot()) as vendor:
        assert isinstance(vendor, HubSpot)
        monkeypatch.setenv("HUBSPOT_URL", vendor.url)
        monkeypatch.setenv("HUBSPOT_TOKEN", TOKEN)
        vendor.rows["contacts"] = [
            CONTACT | {"properties": {"firstname": "Ann", "email": "ann@example.com"}, "teamIds": ["7"]},
            CONTACT | {"id": None, "properties": {}},
        ]
        yield vendor


@pytest.mark.parametrize("like", sorted(path.stem for path in READY.glob("*.yaml")))
def test_every_ready_declaration_is_well_declared_under_another_name(home: Path, like: str) -> None:
    assert cdp("source", "new", "mine", "--like", like).exit_code == 0
    checked = cdp("check")
    assert checked.exit_code == 0, checked.output
    assert "1 sources" in checked.output


def test_what_a_new_source_needs_is_told(home: Path) -> None:
    told = cdp("source", "new", "mine", "--like", "hubspot").output
    assert "put into .env: HUBSPOT_TOKEN, HUBSPOT_URL" in told
    assert "cdp source try mine" in told


@pytest.mark.parametrize(
    ("name", "like", "said"),
    [
        ("mine", "hubspott", "there is no ready declaration 'hubspott'; there are: engagement"),
        ("My Shop", "shopify", "'My Shop': names have lower case letters"),
        ("there", "shopify", "is there already"),
    ],
)
def test_a_source_that_can_not_be_begun_is_refused(home: Path, name: str, like: str, said: str) -> None:
    cdp("source", "new", "there", "--like", "files")
    refused = cdp("source", "new", name, "--like", like)
    assert refused.exit_code == 1
    assert said in refused.output


def test_a_trial_shows_rows_what_they_would_become_and_what_would_be_rejected(home: Path, hubspot: HubSpot) -> None:
    cdp("source", "new", "crm", "--like", "hubspot")
    shown = cdp("source", "try", "crm").output
    assert "rows as they came: 2" in shown
    assert "would become customers: 1" in shown
    assert "crm:1" in shown
    assert "id is empty" in shown
    assert "teamIds:" in shown
    assert sorted(path.name for path in home.rglob("*")) == [
        "company.yaml",
        "crm",
        "crm.yaml",
        "landing",
        "model",
        "sources",
    ]


def test_a_stream_without_a_mapping_gets_a_draft_of_one(home: Path) -> None:
    cdp("source", "new", "crm", "--like", "files")
    path = home / "model" / "sources" / "crm.yaml"
    path.write_text(path.read_text().split("    customers:\n      id:")[0])
    (home / "landing" / "crm" / "2026-03-01.csv").write_text("id,Given Name,mail\n1,Ann,ann@example.com\n")
    shown = cdp("source", "try", "crm", "customers").output
    assert '      first_name: "Given Name"\n      email: mail\n' in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("crmm",), "unknown source 'crmm'; did you mean `crm`?"),
        (("crm", "clients"), "crm has no stream 'clients'"),
        (("crm",), "crm.customers: there is no file crm/{date}.csv yet"),
    ],
)
def test_a_trial_that_can_not_be_made_says_why(home: Path, arguments: tuple[str, ...], said: str) -> None:
    cdp("source", "new", "crm", "--like", "files")
    refused = cdp("source", "try", *arguments)
    assert refused.exit_code == 1
    assert said in refused.output


def test_a_trial_names_the_stream_that_can_not_be_asked(home: Path, hubspot: HubSpot) -> None:
    cdp("source", "new", "crm", "--like", "hubspot")
    hubspot.faults = [(200, {"Content-Type": "text/html"}, b"<html>")]
    refused = cdp("source", "try", "crm")
    assert refused.exit_code == 1
    assert "crm.contacts: answered 200, but not with JSON (text/html)" in refused.output
