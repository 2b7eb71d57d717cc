"""Decisions from the file and from elsewhere: taken, withdrawn, refused, and what they do to people."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from identity_population import people, run_stage, standardize, table
from pydantic import Field

from cdp_assets.identity.decisions import Contradicted, decide, withdraw
from cdp_assets.identity.overrides import overrides
from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings
from cdp_model.overrides import Verdict, override
from cdp_resources.company import Company
from cdp_resources.lake import Lake

HEADER = "left_key,right_key,decision,author,decided_at,reason\n"
ANNA = {"key": "crm:1", "first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example"}
TWIN = {"key": "shop:1", "first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example", "city": "Ulm"}
BERND = {"key": "pos:9", "first_name": "Bernd", "last_name": "Koch", "email": "bernd@mail.example"}
BROWSER = {"key": "web:1", "email": "anna@mail.example"}
IN_FORCE = "SELECT left_key, right_key, decision, origin FROM lake.identity.overrides_in_force ORDER BY ALL"


class Declared(Company):
    """A company whose folder has an overrides.csv, and nothing else."""

    settings: dict[str, Any] = Field(default={})

    @property
    def model(self) -> Any:
        return SimpleNamespace(identity=IdentitySettings(**self.settings))


@pytest.fixture
def take_file(lake: Lake, tmp_path: Path):
    """Materialize `identity/overrides` over a file with these lines; returns the run."""

    def take(*rows: str, raises: bool = True) -> dg.ExecuteInProcessResult:
        (tmp_path / "overrides.csv").write_text(HEADER + "".join(row + "\n" for row in rows))
        return dg.materialize(
            [overrides], resources={"lake": lake, "company": Declared(path=str(tmp_path))}, raise_on_error=raises
        )

    return take


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = result.get_asset_check_evaluations()
    return found


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.user_failure_data or event.step_failure_data.error)


def command(lake: Lake, left: str, right: str, verdict: Verdict, at: dt.datetime | None = None) -> None:
    at = at or dt.datetime.now(dt.UTC)
    lake.write(lambda con: decide(con, [override(left, right, verdict, "bo", at)], "command"))


def resolve(lake: Lake) -> set[frozenset[str]]:
    """The people that the records make."""
    run_stage(lake, IdentitySettings())
    return people(lake)


def decided(lake: Lake) -> set[frozenset[str]]:
    """The people that the decisions make of them since."""
    update_persons(lake, IdentitySettings(), "run")
    return people(lake)


def test_a_row_of_the_file_is_a_decision_and_a_row_that_vanishes_is_withdrawn(lake, take_file):
    standardize(lake, [ANNA, TWIN, BERND])
    together = resolve(lake)
    take_file("crm:1,shop:1,different,ann,2026-01-02,two people", "pos:9,crm:1,same,ann,2026-01-03,")
    assert decided(lake) == {frozenset({"crm:1", "pos:9"}), frozenset({"shop:1"})}
    take_file("crm:1,pos:9,same,ann,2026-01-03,")
    assert table(lake, IN_FORCE) == [("crm:1", "pos:9", "same", "file")]
    take_file()
    assert decided(lake) == together
    assert table(lake, "SELECT count(*), count(withdrawn_at) FROM lake.identity.overrides") == [(2, 2)]


def test_reading_the_same_file_twice_writes_nothing(lake, take_file):
    standardize(lake, [ANNA, TWIN])
    row = "crm:1,shop:1,different,ann,2026-01-02,two people"
    take_file(row)
    resolve(lake)
    snapshots = table(lake, "SELECT count(*) FROM ducklake_snapshots('lake')")
    result = take_file(row, row)
    assert table(lake, "SELECT count(*) FROM ducklake_snapshots('lake')") == snapshots
    (event,) = result.get_asset_materialization_events()
    assert {"in_force", "taken_from_file"} <= set(event.materialization.metadata)
    assert not any("crm:1" in str(value) or value.value == "ann" for value in event.materialization.metadata.values())


def test_a_file_with_a_mistake_changes_nothing_and_says_where(lake, take_file):
    standardize(lake, [ANNA, TWIN])
    take_file("crm:1,shop:1,different,ann,2026-01-02,")
    before = table(lake, "FROM lake.identity.overrides")
    text = failure(take_file("crm:1,shop:1,diferent,ann,2026-01-02,", raises=False))
    assert "overrides.csv:2: decision: 'diferent' is no decision" in text
    assert table(lake, "FROM lake.identity.overrides") == before


def test_a_poisoned_file_is_refused_by_line_without_showing_records(lake, take_file):
    standardize(lake, [ANNA, TWIN, BERND])
    command(lake, "crm:1", "shop:1", "same")
    rows = ("shop:1,pos:9,same,ann,2026-01-02,", "crm:1,pos:9,different,ann,2026-01-03,")
    text = failure(take_file(*rows, raises=False))
    assert "overrides.csv:3: `different` contradicts a decision of" in text
    assert "line 2 (same)" in text
    assert "crm:1" not in text
    assert table(lake, IN_FORCE) == [("crm:1", "shop:1", "same", "command")]


def test_a_decision_about_an_unknown_record_is_reported_and_holds_once_the_record_comes(lake, take_file):
    standardize(lake, [ANNA])
    found = check(take_file("crm:1,pos:9,same,ann,2026-01-02,", "crm:1,shop:1,different,ann,2026-01-02,"))
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["decisions_about_unknown_records"].value == 2
    assert found.metadata["lines_of_overrides.csv"].value == "2, 3"
    assert resolve(lake) == {frozenset({"crm:1"})}
    standardize(lake, [ANNA, TWIN, BERND])
    assert resolve(lake) == {frozenset({"crm:1", "pos:9"}), frozenset({"shop:1"})}


def test_a_contradicting_decision_is_refused_and_nothing_is_written(lake):
    command(lake, "crm:1", "shop:4", "same")
    command(lake, "shop:4", "pos:9", "same")
    with pytest.raises(Contradicted, match=r"crm:1 = shop:4 .*, shop:4 = pos:9 .*; crm:1 ≠ pos:9"):
        command(lake, "pos:9", "crm:1", "different")
    assert len(table(lake, "FROM lake.identity.overrides")) == 2


def test_a_withdrawn_decision_is_undone_and_the_files_decision_holds_again(lake, take_file):
    standardize(lake, [ANNA, TWIN])
    take_file("crm:1,shop:1,same,ann,2026-01-02,")
    command(lake, "shop:1", "crm:1", "different")
    assert len(resolve(lake)) == 2
    assert lake.write(lambda con: withdraw(con, "shop:1", "crm:1")) == 1
    assert table(lake, IN_FORCE) == [("crm:1", "shop:1", "same", "file")]
    assert len(decided(lake)) == 1
    assert lake.write(lambda con: withdraw(con, "crm:1", "shop:1")) == 0


def test_a_decision_survives_new_settings_and_retraining(lake):
    standardize(lake, [ANNA, TWIN])
    resolve(lake)
    command(lake, "crm:1", "shop:1", "different")
    apart = decided(lake)
    run_stage(lake, IdentitySettings(link_threshold=0.5, seed=9))
    assert people(lake) == apart == {frozenset({"crm:1"}), frozenset({"shop:1"})}


def test_decisions_of_a_lake_from_before_withdrawal_still_hold(lake):
    standardize(lake, [ANNA, TWIN])
    with lake.transaction() as con:
        con.execute(
            """CREATE TABLE lake.identity.overrides (left_key VARCHAR, right_key VARCHAR, decision VARCHAR,
                author VARCHAR, decided_at TIMESTAMPTZ, reason VARCHAR)"""
        )
        con.execute("INSERT INTO lake.identity.overrides VALUES ('shop:1', 'crm:1', 'different', 'ann', now(), 'seen')")
    assert len(resolve(lake)) == 2


def test_a_browser_decided_different_leaves_a_person_it_would_join_through_any_record(lake):
    standardize(lake, [ANNA, TWIN, BROWSER])
    assert len(resolve(lake)) == 1
    command(lake, "web:1", "crm:1", "different")
    assert decided(lake) == {frozenset({"crm:1", "shop:1"}), frozenset({"web:1"})}


def test_browsers_decided_the_same_are_one_and_those_decided_different_are_not(lake):
    seen = {"key": "web:2", "ids": [("device", "d2")]}
    again = {"key": "web:3", "ids": [("device", "d2")]}
    standardize(lake, [ANNA, BROWSER, seen, again])
    resolve(lake)
    command(lake, "web:1", "web:2", "same")
    assert decided(lake) == {frozenset({"crm:1", "web:1", "web:2", "web:3"})}
    command(lake, "web:1", "web:3", "different")
    assert decided(lake) == {frozenset({"crm:1", "web:1", "web:2"}), frozenset({"web:3"})}


def test_two_browsers_decided_different_do_not_meet_in_one_person(lake):
    other = {**BROWSER, "key": "web:2", "phone": "+491712334568"}
    standardize(lake, [ANNA, BROWSER, other])
    resolve(lake)
    command(lake, "web:1", "web:2", "different")
    assert sorted(map(len, decided(lake))) == [1, 2]
