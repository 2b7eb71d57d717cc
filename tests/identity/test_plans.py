"""A plan says what another version would change; promoted, it changes that, and nothing is changed before."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from identity_population import people, population, quick_lake, run_stage, standardize, table

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.in_use import settings_in_use
from cdp_assets.identity.plan_effects import labels
from cdp_assets.identity.plans import Plan, PlanRefused, make_plan, state_of
from cdp_assets.identity.promotion import moved_share, outdated, promote
from cdp_model.identity import IdentitySettings, Placeholders

DECLARED = IdentitySettings()
STRICTER = IdentitySettings(cut=8, candidate_threshold=0.5)
RECORDS = population(people=70)
EVIDENCE = "SELECT count(first_name) FROM lake.identity.evidence"


def company(identity: IdentitySettings = DECLARED) -> Any:
    return SimpleNamespace(identity=identity, segments={}, syncs={})


def follow(lake, run_id):
    """What the assets do: the whole stage, by the settings in use."""
    with lake.reading() as con:
        settings = settings_in_use(con, DECLARED)
    return run_stage(lake, settings, run_id)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A lake whose people are resolved; tests put back what they change, up to the first promotion."""
    with quick_lake(tmp_path_factory.mktemp("world")) as lake:
        standardize(lake, RECORDS)
        run_stage(lake, DECLARED)
        yield lake


@pytest.fixture(scope="module")
def planned(world):
    return make_plan(world, company(), STRICTER)


def test_planning_again_gives_the_same_plan_and_holds_no_personal_data(world, planned):
    again = make_plan(world, company(), STRICTER)
    assert again.plan_hash == planned.plan_hash
    assert again.summary == planned.summary
    assert table(world, "SELECT count(*) FROM lake.identity.plans") == [(1,)]
    text = str(table(world, "FROM lake.identity.plans")).lower()
    assert not any(name in text for name in ("moritz", "lorenz", "mail.example", "trier"))


def test_an_unknown_plan_is_refused_with_the_latest_one(world, planned):
    with pytest.raises(PlanRefused, match=rf"no plan 'abc': make one with .* the latest is {planned.plan_hash}"):
        promote(world, "abc")


def test_a_plan_is_outdated_by_decisions_since(world, planned):
    with world.transaction() as con:
        con.execute(
            "INSERT INTO lake.identity.overrides VALUES ('crm:1', 'crm:2', 'same', 'x', now(), '', 'command', NULL)"
        )
    with pytest.raises(PlanRefused, match="people decided about records since"):
        promote(world, planned.plan_hash)
    with world.transaction() as con:
        before = state_of(con)
        con.execute("UPDATE lake.identity.overrides SET withdrawn_at = now()")
        assert state_of(con)["overrides"] != before["overrides"]
        assert "decisions" not in labels(con, DECLARED)
        con.execute("DELETE FROM lake.identity.overrides")


def test_a_plan_is_outdated_by_many_changed_records_but_not_by_one(world, planned):
    one_changed = [*RECORDS[:-1], {**RECORDS[-1], "last_name": "Ganzneu"}]
    for records, share in ((one_changed, 1 / len(RECORDS)), (RECORDS[:-8], 8 / len(RECORDS)), (RECORDS, 0)):
        standardize(world, records)
        update_evidence(world, DECLARED)
        with world.reading() as con:
            assert moved_share(con, planned) == pytest.approx(share)
    standardize(world, RECORDS[:-8])
    update_evidence(world, DECLARED)
    with pytest.raises(PlanRefused, match=r"of the records changed since, more than 1%.*cdp identity plan"):
        promote(world, planned.plan_hash)
    standardize(world, RECORDS)
    update_evidence(world, DECLARED)


def test_a_promoted_plan_changes_what_it_said_and_a_plan_alone_changes_nothing(world, planned):
    before = people(world)
    assert planned.summary["changes"]["split"] >= 2
    assert follow(world, "idle") == {}
    assert people(world) == before
    assert promote(world, planned.plan_hash).summary == planned.summary
    assert follow(world, "promoted") == planned.summary["changes"]
    assert planned.summary["people"] == {"before": len(before), "after": len(people(world))}
    (used,) = table(world, "SELECT model_version, plan_hash FROM lake.identity.linkage_models WHERE promoted")
    assert used == (planned.candidate_version, planned.plan_hash)
    changed = table(
        world,
        """SELECT DISTINCT unnest([person_id, other_person_id]) FROM lake.identity.person_changes
        WHERE run_id = 'promoted'""",
    )
    assert len({person for (person,) in changed if person}) == planned.summary["ids_affected"]
    with pytest.raises(PlanRefused, match="nothing would change"):
        make_plan(world, company(), STRICTER)
    with pytest.raises(PlanRefused, match="is in use already"):
        promote(world, planned.plan_hash)


def test_other_normalisation_is_planned_on_evidence_of_its_own(world):
    (known,) = table(world, EVIDENCE)
    plan = make_plan(world, company(), IdentitySettings(placeholders=Placeholders(names=["anna", "bernd"])))
    assert table(world, EVIDENCE) == [known]
    promote(world, plan.plan_hash)
    assert follow(world, "renormalised") == plan.summary["changes"]
    assert table(world, EVIDENCE)[0] < known


def test_a_version_that_this_release_cannot_use_is_left_by_a_plan(world):
    with world.transaction() as con:
        con.execute("UPDATE lake.identity.linkage_models SET splink_version = '4.0.1' WHERE promoted")
    with pytest.raises(dg.Failure, match=r"trained with Splink 4.0.1.*cdp identity plan"):
        follow(world, "unusable")
    plan = make_plan(world, company(), DECLARED)
    promote(world, plan.plan_hash)
    assert follow(world, "usable") == plan.summary["changes"]


def test_nothing_can_be_planned_before_anything_is_in_use(lake):
    standardize(lake, [])
    update_evidence(lake, DECLARED)
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
