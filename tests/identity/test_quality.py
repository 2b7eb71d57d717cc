"""What is measured of people, and that it agrees with counting."""

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from identity_population import population, table
from test_identity_assets import IdentityOnly

from cdp_assets.identity.accuracy import measure
from cdp_assets.identity.drift import unsteady
from cdp_assets.identity.measures import Measured, against_decisions, against_truth, load_truth, mistakes, uneven
from cdp_assets.identity.quality import quality
from cdp_model.identity import IdentitySettings


@pytest.fixture
def truth(tmp_path, monkeypatch):
    """The population's own truth; every third person is in GB and of english origin."""
    records = population()
    people = [record["key"].split(":")[1] for record in records]
    gb = [int(person) % 3 == 0 for person in people]
    columns = {
        "record_key": [record["key"] for record in records],
        "person_id": people,
        "country": ["GB" if here else "DE" for here in gb],
        "origin": ["english" if here else "german" for here in gb],
    }
    pq.write_table(pa.table(columns), tmp_path / "records.parquet")
    monkeypatch.setenv("CDP_TRUTH", str(tmp_path))
    return tmp_path / "records.parquet"


def test_accuracy_over_all_slices_is_the_accuracy_that_the_check_counts(populated, truth):
    with populated.reading() as con:
        load_truth(con, truth)
        found = {(m.measure, m.slice): m.value for m in against_truth(con)}
        counted = measure(con, "truth", "lake.identity.record_persons")
        wrong = mistakes(con)
    assert {name: found[name, "all"] for name in counted} == pytest.approx(counted)
    assert {slice_.split("=")[0] for _, slice_ in found} == {"all", "source", "country", "origin"}
    assert found["over_merged", "all"] == max([row[3] for row in wrong if row[0] == "over-merged"], default=0)
    assert found["under_merged", "all"] == max([row[3] for row in wrong if row[0] == "under-merged"], default=0)
    assert wrong
    assert all(key.split(":")[1].startswith("#") for row in wrong for key in row[2])


def test_decisions_are_labels_that_the_evidence_is_held_against(lake, resolve_people):
    anna = {"first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example"}
    resolve_people([{"key": "a:1", **anna}, {"key": "a:2", **anna}, {"key": "a:3", "first_name": "Bernd"}])
    with lake.transaction() as con:
        con.execute(
            """INSERT INTO lake.identity.overrides
            (left_key, right_key, decision, author, decided_at, reason) VALUES
            ('a:2', 'a:1', 'different', 'jo', '2026-01-01', ''), ('a:1', 'a:2', 'same', 'jo', '2026-01-02', ''),
            ('a:1', 'a:3', 'same', 'jo', '2026-01-01', '')"""
        )
    with lake.reading() as con:
        found = {m.measure: m.value for m in against_decisions(con, IdentitySettings())}
    assert found == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3, abs=1e-5)}


def test_each_run_is_measured_once_and_nothing_personal_is_shown(populated, truth):
    for run in (1, 2):
        result = dg.materialize([quality], resources={"lake": populated, "company": IdentityOnly()})
        assert all(check.passed for check in result.get_asset_check_evaluations())
        counts = table(populated, "SELECT count(*) FROM lake.identity.quality WHERE measure = 'people' GROUP BY run_id")
        assert counts == [(1,)] * run
    (shown,) = result.asset_materializations_for_node("identity__quality")
    assert {"charts", "accuracy", "mistakes", "match_weights", "bridges"} <= shown.metadata.keys()
    text = str(shown.metadata)
    assert "data:image/svg+xml" in text
    assert not any(name in text.lower() for name in ("moritz", "lorenz", "mail.example", "trier", "crm:1"))
    sizes = "SELECT sum(value) FROM lake.identity.quality WHERE measure = 'people_by_records' GROUP BY run_id"
    people = "SELECT value FROM lake.identity.quality WHERE measure = 'people'"
    assert table(populated, sizes) == table(populated, people)


F1 = [Measured("f1", "country=DE", 0.98, 0.97, 0.99), Measured("f1", "country=GB", 0.90, 0.88, 0.92)]


def test_a_country_that_is_linked_clearly_worse_is_told_with_figures():
    assert uneven([*F1, Measured("f1_gap", "country", 0.08)]) == [
        "F1 is 0.900 where country=GB, and 0.980 where country=DE"
    ]
    unsure = Measured("f1", "country=GB", 0.90, 0.70, 0.98)
    assert uneven([F1[0], unsure, Measured("f1_gap", "country", 0.08)]) == []
    assert uneven([*F1, Measured("f1_gap", "source", 0.08)]) == []


BEFORE = {("people", "all"): 1_000.0, ("unlinked_share", "named"): 0.3, ("bridges", "all"): 10.0}


def test_measures_that_jump_are_told_and_those_that_grow_with_the_lake_are_not():
    assert unsteady(BEFORE, BEFORE) == []
    assert unsteady(BEFORE, BEFORE | {("unlinked_share", "named"): 0.45}) == [
        "unlinked_share (named) went from 0.300 to 0.450"
    ]
    assert unsteady(BEFORE, BEFORE | {("bridges", "all"): 200.0}) == ["bridges went from 10 to 200"]
    assert unsteady(BEFORE, BEFORE | {("bridges", "all"): 200.0, ("people", "all"): 10_000.0}) == []
    assert unsteady({}, BEFORE) == []
