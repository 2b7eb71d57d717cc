"""A plan says what another version would change; promoted, it changes that, and nothing is changed before."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from identity_population import people, population, run_stage, standardize, table

from cdp_assets.identity.in_use import settings_in_use
from cdp_assets.identity.plans import Plan, PlanRefused, make_plan
from cdp_assets.identity.promotion import outdated, promote
from cdp_model.identity import IdentitySettings, Placeholders

DECLARED = IdentitySettings()
STRICTER = IdentitySettings(cut=4, candidate_threshold=0.5)


def company(identity: IdentitySettings = DECLARED) -> Any:
    return SimpleNamespace(identity=identity, segments={}, syncs={})


def follow(lake, run_id):
    """What the assets do: the whole stage, by the settings in use."""
    with lake.reading() as con:
        settings = settings_in_use(con, DECLARED)
    return run_stage(lake, settings, run_id)


@pytest.fixture
def planned(lake):
    standardize(lake, population())
    run_stage(lake, DECLARED)
    return make_plan(lake, company(), STRICTER)


def test_a_promoted_plan_changes_what_it_said_and_a_plan_alone_changes_nothing(lake, planned):
    before = people(lake)
    assert sum(planned.summary["changes"].values()) > 0
    assert follow(lake, "idle") == {}
    assert people(lake) == before
    promote(lake, planned.plan_hash)
    assert follow(lake, "promoted") == planned.summary["changes"]
    assert len(people(lake)) == planned.summary["people"]["after"] > planned.summary["people"]["before"] == len(before)
    (used,) = table(lake, "SELECT model_version, plan_hash FROM lake.identity.linkage_models WHERE promoted")
    assert used == (planned.candidate_version, planned.plan_hash)
    changed = table(
        lake,
        """SELECT DISTINCT unnest([person_id, other_person_id]) FROM lake.identity.person_changes
        WHERE run_id = 'promoted'""",
    )
    assert len({person for (person,) in changed if person}) == planned.summary["ids_affected"]
    with pytest.raises(PlanRefused, match="nothing would change"):
        make_plan(lake, company(), STRICTER)
    with pytest.raises(PlanRefused, match="is in use already"):
        promote(lake, planned.plan_hash)


def test_planning_again_gives_the_same_plan_and_holds_no_personal_data(lake, planned):
    again = make_plan(lake, company(), STRICTER)
    assert again.plan_hash == planned.plan_hash
    assert again.summary == planned.summary
    assert table(lake, "SELECT count(*) FROM lake.identity.plans") == [(1,)]
    text = str(table(lake, "FROM lake.identity.plans")).lower()
    assert not any(name in text for name in ("moritz", "lorenz", "mail.example", "trier"))


def test_other_normalisation_is_planned_on_evidence_of_its_own(lake, planned):
    other = IdentitySettings(placeholders=Placeholders(names=["anna", "bernd", "carla", "dieter"]))
    evidence = "SELECT count(first_name) FROM lake.identity.evidence"
    (known,) = table(lake, evidence)
    plan = make_plan(lake, company(), other)
    assert table(lake, evidence) == [known]
    promote(lake, plan.plan_hash)
    assert follow(lake, "promoted") == plan.summary["changes"]
    assert table(lake, evidence)[0] < known


def test_a_plan_is_outdated_by_decisions_and_by_many_changed_records_but_not_by_a_few(lake, planned):
    records = population()
    records[3] = {**records[3], "last_name": "Ganzneu"}
    standardize(lake, records)
    follow(lake, "next")
    with lake.transaction() as con:
        con.execute("INSERT INTO lake.identity.overrides VALUES ('crm:1', 'crm:2', 'same', 'x', now(), '')")
    with pytest.raises(PlanRefused, match="people decided about records since"):
        promote(lake, planned.plan_hash)
    with lake.transaction() as con:
        con.execute("DELETE FROM lake.identity.overrides")
    standardize(lake, [*records, *({"key": f"new:{i}", "first_name": "Nora"} for i in range(9))])
    follow(lake, "after")
    with pytest.raises(PlanRefused, match=r"3.\d% of the records changed since.*cdp identity plan"):
        promote(lake, planned.plan_hash)
    standardize(lake, records)
    follow(lake, "restored")
    assert promote(lake, planned.plan_hash) == planned


def test_an_unknown_plan_is_refused_with_the_latest_one(lake, planned):
    with pytest.raises(PlanRefused, match=f"no plan 'abc': make one with .* the latest is {planned.plan_hash}"):
        promote(lake, "abc")


def test_nothing_can_be_planned_before_anything_is_in_use(lake):
    standardize(lake, population(people=5))
    with pytest.raises(PlanRefused, match="materialize the group `identity`"):
        make_plan(lake, company(), STRICTER)


PLAN = Plan("hash", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "old", "new", 1, {"overrides": "0"}, {}, {})


@pytest.mark.parametrize(
    ("known", "decisions", "moved", "why"),
    [
        ([("old", True), ("new", False)], "0", 0.01, ""),
        ([("old", False), ("new", True)], "0", 0, "in use already"),
        ([("old", False), ("new", False), ("third", True)], "0", 0, "third is now"),
        ([("old", True)], "0", 0, "new is gone"),
        ([("old", True), ("new", False)], "1", 0, "people decided"),
        ([("old", True), ("new", False)], "0", 0.02, "2.0% of the records"),
    ],
)
def test_a_plan_is_outdated_when_it_no_longer_says_what_would_happen(known, decisions, moved, why):
    assert why in outdated(PLAN, known, {"overrides": decisions}, moved)
    assert bool(outdated(PLAN, known, {"overrides": decisions}, moved)) == bool(why)
