"""`cdp identity` and `cdp person`, as a person types them, over people that the stage really made."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, declared
from tests.identity.identity_population import population, run_stage, standardize

ANNA = {"first_name": "Anna", "last_name": "Wetter", "email": "anna@wetter.example", "date_of_birth": "1980-05-05"}
RECORDS = [
    {"key": "crm:a", **ANNA},
    {"key": "shop:a", **ANNA, "phone": "+491712334568"},
    {"key": "web:a", "email": ANNA["email"]},
]
HEADER = "left_key,right_key,decision,author,decided_at,reason\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose lake holds people, and a company that declares nothing but its name and a source."""
    folder = tmp_path_factory.mktemp("home")
    with declared(folder):
        standardize(Lake.from_env(), [*population(60), *RECORDS])
        run_stage(Lake.from_env(), IdentitySettings())
        yield folder


def person_of(key: str) -> str:
    with Lake.from_env().reading() as con:
        row = con.execute("SELECT person_id FROM lake.identity.record_persons WHERE record_key = ?", [key]).fetchone()
    assert row
    return str(row[0])


def resolve() -> None:
    update_persons(Lake.from_env(), IdentitySettings(), "decided")


@pytest.mark.usefixtures("home")
def test_an_explanation_shows_rule_figures_values_and_history() -> None:
    result = cdp("identity", "explain", "shop:a", "crm:a")
    assert result.exit_code == 0
    for words in (
        "crm:a and shop:a: linked",
        "One person: linked directly",
        "email+name",
        "Same birth date",
        "together",
    ):
        assert words in result.output
    assert "anna@wetter.example" in result.output
    assert "minted" in result.output


def test_an_explanation_writes_splinks_waterfall(home: Path) -> None:
    result = cdp("identity", "explain", "shop:a", "crm:a", "--waterfall", home / "waterfall.json")
    assert "it shows personal data" in result.output
    assert "vega-lite" in json.loads((home / "waterfall.json").read_text())["$schema"]


@pytest.mark.usefixtures("home")
def test_a_wrong_merge_is_seen_undone_and_the_decision_taken_back() -> None:
    together = person_of("crm:a")
    assert person_of("shop:a") == together
    result = cdp("identity", "different", "crm:a", "shop:a", "--reason", "Two Annas", "--author", "jo")
    assert "decided: crm:a ≠ shop:a (jo, " in result.output
    assert "group:identity" in result.output
    assert "the next run looks at these records again" in cdp("identity", "explain", "crm:a", "shop:a").output
    resolve()
    assert person_of("crm:a") != person_of("shop:a")
    assert "decided different" in cdp("identity", "explain", "crm:a", "shop:a").output
    listed = cdp("identity", "overrides").output
    assert "Two Annas" in listed
    assert "command" in listed
    refused = cdp("identity", "same", "shop:a", "web:a", "--reason", "x")
    assert refused.exit_code == 0
    refused = cdp("identity", "same", "web:a", "crm:a", "--reason", "x")
    assert refused.exit_code == 1
    assert "standing decisions say the opposite: crm:a = web:a" in refused.stderr
    for pair in (("shop:a", "crm:a"), ("shop:a", "web:a")):
        assert cdp("identity", "withdraw", *pair).output.startswith("withdrawn")
    resolve()
    assert person_of("crm:a") == person_of("shop:a")
    assert cdp("identity", "withdraw", "crm:a", "shop:a").exit_code == 1


def test_a_decision_of_the_file_is_withdrawn_in_the_file(home: Path) -> None:
    file = home / "model" / "overrides.csv"
    file.write_text(HEADER + "crm:a,shop:zz,sam,ann,2026-01-02,\ncrm:a,shop:a,same,ann,2026-01-02,\n")
    try:
        assert "overrides.csv:2: decision: 'sam' is no decision" in cdp("identity", "overrides").output
        assert "overrides.csv:2: decision" in cdp("check", "--model", home / "model").output
        with Lake.from_env().transaction() as con:
            con.execute(
                """INSERT INTO lake.identity.overrides BY NAME SELECT 'crm:1' AS left_key, 'shop:1' AS right_key,
                'same' AS decision, 'ann' AS author, now() AS decided_at, 'file' AS origin"""
            )
        refused = cdp("identity", "withdraw", "crm:1", "shop:1")
        assert refused.exit_code == 1
        assert "remove its line there" in refused.stderr
    finally:
        file.unlink()
        with Lake.from_env().transaction() as con:
            con.execute("DELETE FROM lake.identity.overrides WHERE origin = 'file'")


@pytest.mark.usefixtures("home")
def test_who_a_record_was_is_answered_for_any_time() -> None:
    assert cdp("identity", "person-at", "crm:a", "2999-01-01").output.startswith(person_of("crm:a"))
    assert "nobody: crm:a was not resolved then" in cdp("identity", "person-at", "crm:a", "2020-01-01").output
    assert "is no time" in cdp("identity", "person-at", "crm:a", "yesterday").stderr


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("identifier", ["crm:a", " ANNA@wetter.example", "+49 171 2334568"])
def test_a_person_is_shown_by_whatever_is_at_hand(identifier: str) -> None:
    result = cdp("person", identifier)
    assert result.exit_code == 0
    assert result.output.startswith(person_of("crm:a"))
    for words in ("shop:a", "web:a", "email+name", "minted", "weakest link"):
        assert words in result.output


@pytest.mark.usefixtures("home")
def test_what_is_not_found_is_answered_with_what_was_tried() -> None:
    result = cdp("person", "nobody@nowhere.example")
    assert result.exit_code == 1
    assert "no person_id that is or was, no record key" in result.stderr
    for command in (("explain", "crm:a", "shp:a"), ("same", "crm:a", "shp:a", "--reason", "x")):
        result = cdp("identity", *command)
        assert result.exit_code == 1
        assert "did you mean" in result.stderr
        assert "shop:a" in result.stderr


def test_before_there_are_people_the_commands_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_HOME", str(tmp_path))
    monkeypatch.setenv("CDP_LAKE_CATALOG", f"sqlite:{tmp_path / 'catalog.sqlite'}")
    for command in (("person", "x"), ("identity", "explain", "a:1", "a:2"), ("identity", "overrides")):
        assert "materialize" in cdp(*command).stderr
    with Lake.from_env().transaction():
        pass
    for command in (("person", "x"), ("identity", "explain", "a:1", "a:2"), ("identity", "overrides")):
        assert "materialize the group identity first" in cdp(*command).stderr
