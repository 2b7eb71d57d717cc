"""The assets as Dagster runs them: any input, twice, with nothing personal in what they report."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from identity_population import people, population, standardize, table
from pydantic import Field

from cdp_assets import identity
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company


class IdentityOnly(Company):
    """A company that declares nothing but how people are linked."""

    path: str = ""
    declared: dict[str, Any] = Field(default={})

    @property
    def model(self) -> Any:
        return SimpleNamespace(identity=IdentitySettings(**self.declared))


INPUTS = {
    "nothing": [],
    "one record": [{"key": "a:1", "first_name": "Anna", "email": "anna@mail.example"}],
    "all null": [{"key": f"a:{i}"} for i in range(3)],
    "all identical": [
        {"key": f"a:{i}", "first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example"} for i in range(60)
    ],
}


@pytest.fixture
def materialize(lake):
    def run(**declared: Any) -> dg.ExecuteInProcessResult:
        company = IdentityOnly(declared=declared)
        found = [*identity.assets(company.model), *identity.checks(company.model)]
        return dg.materialize(found, resources={"lake": lake, "company": company})

    return run


def evaluations(result):
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.mark.parametrize("records", INPUTS.values(), ids=INPUTS)
def test_any_input_gives_each_record_one_person_and_a_second_run_changes_nothing(lake, materialize, records):
    standardize(lake, records)
    assert all(check.passed for check in evaluations(materialize()).values())
    assert sum(len(person) for person in people(lake)) == len(records)
    assert len(people(lake)) == (1 if records is INPUTS["all identical"] else len(records))
    before = table(lake, "SELECT * FROM lake.identity.person_changes ORDER BY change_id")
    materialize()
    assert table(lake, "SELECT * FROM lake.identity.person_changes ORDER BY change_id") == before


def test_neither_logs_nor_metadata_show_personal_data(lake, materialize, caplog, capfd):
    standardize(lake, population())
    with caplog.at_level(logging.DEBUG):
        result = materialize()
    shown = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    text = json.dumps([str(item.metadata) for item in shown]) + caplog.text + "".join(capfd.readouterr())
    assert "match_weights_chart" in text
    assert not any(name in text.lower() for name in ("moritz", "lorenz", "mail.example", "trier"))


def test_accuracy_is_measured_where_the_truth_is_known(lake, materialize, tmp_path, monkeypatch):
    records = population()
    standardize(lake, records)
    keys = [record["key"] for record in records]
    truth = pa.table({"record_key": keys, "person_id": [key.split(":")[1] for key in keys], "household_id": keys})
    pq.write_table(truth, tmp_path / "records.parquet")
    monkeypatch.setenv("CDP_TRUTH", str(tmp_path))
    check = evaluations(materialize())["accuracy_against_truth"]
    assert check.passed
    assert check.metadata["precision"].value >= 0.95
    assert "connected_components_at_95" in check.metadata


def test_without_truth_the_check_passes_and_says_why(lake, materialize, monkeypatch):
    monkeypatch.delenv("CDP_TRUTH", raising=False)
    standardize(lake, [])
    check = evaluations(materialize())["accuracy_against_truth"]
    assert check.passed
    assert "no truth" in check.metadata["reason"].value


def test_a_giant_person_is_warned_about(lake, materialize):
    standardize(lake, INPUTS["all identical"])
    check = evaluations(materialize(giant_person=10))["no_giant_person"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
