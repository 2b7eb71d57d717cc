"""`cdp identity plan`, `promote` and `models`, as a person types them."""

from pathlib import Path

import pytest

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_assets.identity.persons import update as update_person_table
from cdp_assets.identity.record_persons import update_persons
from tests.cli.conftest import cdp, settle
from tests.small_company import SmallCompany, csv


@pytest.fixture(autouse=True)
def _environment(company: SmallCompany, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The company and the lake of the temporary folder."""
    settle(monkeypatch, tmp_path, CDP_MODEL=company.folder, CDP_LANDING=company.landing)


@pytest.fixture
def linked(company: SmallCompany) -> SmallCompany:
    """A company whose two records with one e-mail address and name are one person, by rules alone."""
    company.land(
        "people/2026-03-01.csv",
        csv(
            "id,first_name,email,phone,country,updated_at,gone,news",
            "1,Moritz,moritz@mail.example,,DE,2026-03-01T10:00:00Z,,",
            "2,Moritz,moritz@mail.example,,DE,2026-03-01T10:00:00Z,,",
        ),
    )
    company.land("events/2026-03-01.csv", csv("id,who,what,at,sent,received,amount,currency"))
    company.materialize()
    settings = company.model.identity
    update_evidence(company.lake, settings)
    train_if_needed(company.lake, settings)
    update_links(company.lake, settings)
    update_persons(company.lake, settings, "first")
    update_person_table(company.lake)
    company.declare("other.yaml", "shared_prone: []\nmax_names: 2\n")
    return company


def people_of(company: SmallCompany) -> int:
    found: int = company.one("SELECT count(DISTINCT person_id) FROM lake.identity.record_persons")
    return found


def test_a_plan_is_shown_written_and_promoted(linked: SmallCompany, tmp_path: Path) -> None:
    planned = cdp("identity", "plan", "--with", linked.folder / "other.yaml", "--html", tmp_path / "plan.html")
    assert planned.exit_code == 0, planned.output
    for shown in ("shared_prone", "split: new people out of another one's records", "M. m…@", "identity promote"):
        assert shown in planned.output
    html = (tmp_path / "plan.html").read_text()
    plan_hash = planned.output.split("cdp identity promote ")[1].strip()
    assert plan_hash in html
    assert "<svg" in html
    assert not any(name in (html + planned.output).lower() for name in ("moritz", "mail.example"))
    assert people_of(linked) == 1
    assert plan_hash in cdp("identity", "models").output
    promoted = cdp("identity", "promote", plan_hash)
    assert promoted.exit_code == 0
    assert "is in use" in promoted.output
    assert "identity.yaml says something else" in promoted.output
    assert cdp("identity", "promote", plan_hash).exit_code == 1
    back = cdp("identity", "plan")
    assert "shared_prone" in back.output


def test_going_back_to_a_version_that_is_in_use_is_nothing_to_plan(linked: SmallCompany) -> None:
    used = linked.one("SELECT model_version FROM lake.identity.linkage_models WHERE promoted")
    result = cdp("identity", "plan", "--version", used)
    assert result.exit_code == 1
    assert f"nothing would change: version {used}" in result.stderr
    assert "there is no version 'x': `cdp identity models`" in cdp("identity", "plan", "--version", "x").stderr


def test_mistakes_in_the_settings_to_try_are_shown_with_file_and_line(company: SmallCompany) -> None:
    company.declare("wrong.yaml", "strong: [account_id]\nlink_treshold: 0.9\n")
    result = cdp("identity", "plan", "--with", company.folder / "wrong.yaml")
    assert result.exit_code == 1
    assert "wrong.yaml:2: link_treshold: unknown key `link_treshold`; did you mean `link_threshold`?" in result.stderr
    missing = cdp("identity", "plan", "--with", company.folder / "nowhere.yaml")
    assert "nowhere.yaml:1: missing: there is no such file" in missing.stderr


@pytest.mark.parametrize("command", [["plan"], ["promote", "abc"], ["models"]])
def test_without_a_lake_it_says_what_to_do_and_makes_none(command: list[str], company: SmallCompany) -> None:
    result = cdp("identity", *command)
    assert result.exit_code == 1
    assert "there is no lake at sqlite:" in result.stderr
    assert not company.lake.exists()
