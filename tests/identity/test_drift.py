"""When a resolution is too different from the last to be used unseen, and what happens then."""

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_population import people, population, run_stage, standardize, table
from test_identity_assets import IdentityOnly

from cdp_assets import identity
from cdp_assets.identity import drift
from cdp_assets.identity.alarms import standing as standing_alarms
from cdp_assets.identity.drift import Drift, Standing, Upheaval, objections
from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.links import update_links
from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings

LAKE = Standing(records=3_000, people=1_000, largest=12, bridges=20)
CALM = Upheaval(merged=3, split=2, changed=5, largest=12)
RESOLUTION = {dg.AssetKey(["identity", name]) for name in ("record_persons", "persons")}


def judged(before=LAKE, after=LAKE, upheaval=CALM):
    return objections(before, after, upheaval, 0.2, 200)


def test_a_quiet_day_raises_no_objection():
    assert judged() == []


@pytest.mark.parametrize(
    "upheaval", [Upheaval(201, 0, 201, 12), Upheaval(0, 201, 201, 12), Upheaval(120, 120, 210, 12)]
)
def test_many_people_merged_or_split_are_an_objection_with_figures(upheaval):
    (objection,) = judged(upheaval=upheaval)
    assert f"{upheaval.merged:,} people would be merged and {upheaval.split:,} split, of 1,000" in objection
    assert "max_change allows 20%" in objection


def test_a_giant_made_of_known_records_is_an_objection():
    assert "201 known records would be one person" in judged(upheaval=Upheaval(2, 0, 2, 201))[0]
    assert judged(before=Standing(3_000, 1_000, 150, 20), upheaval=Upheaval(2, 0, 2, 201)) == []


def test_bridges_may_grow_as_records_do_but_not_by_a_jump():
    assert "links alone" in judged(after=Standing(3_030, 1_010, 12, 200))[0]
    assert judged(after=Standing(3_030, 1_010, 12, 100)) == []


@pytest.mark.parametrize("weights", [{"typical": (20.0, 16.9)}, {"typical": (20.0, 23.1)}, {"weak": (8.0, 4.9)}])
def test_match_weights_that_move_are_an_objection_of_a_lake_that_has_people(weights):
    moved = Upheaval(0, 0, 0, 12, **weights)
    assert "match weights that hold people together would go from" in judged(upheaval=moved)[0]
    assert judged(before=Standing(150, 70, 3, 0), after=Standing(150, 70, 3, 0), upheaval=moved) == []
    assert judged(upheaval=Upheaval(0, 0, 0, 12, typical=(20.0, 17.1), weak=(8.0, 10.9))) == []


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_first_run_is_never_stopped(records, several, largest, bridges):
    assert judged(Standing(0, 0, 0, 0), Standing(records, several, largest, bridges), Upheaval(0, 0, 0, 0)) == []


@given(st.integers(0, drift.FLOOR), st.integers(0, 10**4))
def test_a_hundred_people_stop_no_run_however_small_the_lake(changed, several):
    assert judged(Standing(several * 2, several, 12, 0), upheaval=Upheaval(changed, 0, changed, 12)) == []


def alarms(lake):
    with lake.reading() as con:
        return [str(alarm) for alarm in standing_alarms(con)]


@pytest.fixture
def materialize(lake):
    def run(accept_change=False):
        company = IdentityOnly()
        found = [asset for asset in identity.assets(company.model) if asset.keys & RESOLUTION]
        config = {"ops": {"identity_persons_of_records": {"config": {"accept_change": accept_change}}}}
        return dg.materialize(
            found, resources={"lake": lake, "company": company}, run_config=config, raise_on_error=False
        )

    return run


def test_a_resolution_that_splits_most_people_is_not_written_until_it_is_accepted(lake, materialize, monkeypatch):
    monkeypatch.setattr(drift, "FLOOR", 20)
    records = population(60)
    standardize(lake, records)
    run_stage(lake, IdentitySettings())
    served = people(lake), table(lake, "SELECT * FROM lake.identity.strengths ORDER BY person_id")

    # an extract whose columns slipped by a row: each customer has the next one's data
    crm = [record for record in records if record["key"].startswith("crm:")]
    slipped = [{**after, "key": before["key"]} for before, after in zip(crm, crm[1:] + crm[:1], strict=True)]
    standardize(lake, [record for record in records if record not in crm] + slipped)
    update_evidence(lake, IdentitySettings())
    update_links(lake, IdentitySettings())
    stopped = materialize()
    assert not stopped.success
    (failure,) = [event for event in stopped.all_events if event.is_step_failure]
    told = str(failure.event_specific_data)
    assert failure.step_key == "identity_persons_of_records"
    assert "would be merged" in told
    assert '"accept_change": true' in told
    assert not stopped.asset_materializations_for_node("identity__persons")
    assert (people(lake), table(lake, "SELECT * FROM lake.identity.strengths ORDER BY person_id")) == served
    assert "would be merged" in "".join(alarms(lake))

    assert materialize(accept_change=True).success
    assert people(lake) != served[0]
    assert alarms(lake) == []


def test_growth_by_new_records_alone_stops_nothing(lake, resolve_people, monkeypatch):
    monkeypatch.setattr(drift, "FLOOR", 5)
    records = population(60)
    resolve_people(records[::3])
    standardize(lake, records)
    update_evidence(lake, IdentitySettings())
    update_links(lake, IdentitySettings())
    update_persons(lake, IdentitySettings(), "second")
    assert sum(map(len, people(lake))) == len(records)


def test_records_that_lose_what_people_rest_on_stop_the_run_though_nobody_is_split(lake, materialize, monkeypatch):
    monkeypatch.setattr(drift, "FLOOR", 20)
    records = [row for row in population(60) if row["date_of_birth"]]
    standardize(lake, records)
    run_stage(lake, IdentitySettings())
    served = table(lake, "SELECT * FROM lake.identity.strengths ORDER BY person_id")

    # an extract in which the birth dates are missing
    standardize(lake, [row | {"date_of_birth": None, "postal_code": None} for row in records])
    update_evidence(lake, IdentitySettings())
    update_links(lake, IdentitySettings())
    with pytest.raises(Drift, match="match weights that hold people together"):
        update_persons(lake, IdentitySettings(max_change=1), "second")
    assert table(lake, "SELECT * FROM lake.identity.strengths ORDER BY person_id") == served
    update_persons(lake, IdentitySettings(max_change=1), "second", accept_change=True)
    assert table(lake, "SELECT * FROM lake.identity.strengths ORDER BY person_id") != served
