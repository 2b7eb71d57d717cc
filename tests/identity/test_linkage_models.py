"""Versions of the linkage: the first sound one is used, later ones wait, and nothing unusable is used in silence."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from identity_population import people, population, quick_lake, run_stage, standardize, table
from pydantic import Field

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.in_use import ModelUnusable, differing, promoted_model, settings_in_use
from cdp_assets.identity.linkage_models import declared_settings_are_promoted, model_is_sound, train_if_needed
from cdp_assets.identity.model_versions import Version, ensure_tables, versions
from cdp_assets.identity.retraining import version_due
from cdp_assets.identity.training import settings_hash
from cdp_model.identity import IdentitySettings, Placeholders
from cdp_resources.company import Company

DECLARED = IdentitySettings()
NAMES_UNTRAINED = IdentitySettings(training=[["first_name", "last_name"]])
"""Names can not be learned from pairs that agree on them."""
ROW = "SELECT * EXCLUDE (charts, settings, diagnostics) FROM lake.identity.linkage_models ORDER BY trained_at"


class Declared(Company):
    """A company that declares nothing but how people are linked."""

    path: str = ""
    declared: dict[str, Any] = Field(default={})

    @property
    def model(self) -> Any:
        return SimpleNamespace(identity=IdentitySettings(**self.declared))


def check(definition, lake, settings=DECLARED) -> dg.AssetCheckResult:
    return definition(lake=lake, company=Declared(declared=settings.model_dump(exclude_unset=True)))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A lake with a model in use."""
    with quick_lake(tmp_path_factory.mktemp("world")) as lake:
        standardize(lake, population(people=70))
        run_stage(lake, DECLARED)
        yield lake


def used(lake):
    with lake.reading() as con:
        return promoted_model(con)


def test_a_version_holds_everything_that_decides(world):
    ((row,),) = table(world, f"SELECT to_json(t) FROM ({ROW}) AS t")
    row = json.loads(row)
    assert row["promoted"] is True
    assert row["sound"] is True
    assert row["training_rows"] == len(population(people=70))
    assert row["training_snapshot"] > 0
    assert len(row["training_hash"]) > 20
    assert row["plan_hash"] is None
    assert IdentitySettings(**json.loads(row["identity"])) == DECLARED
    ((charts,),) = table(world, "SELECT charts FROM lake.identity.linkage_models")
    assert {"match_weights", "m_u_parameters"} == set(json.loads(charts))


def test_changed_settings_make_a_candidate_and_what_is_in_use_goes_on(world):
    before, found = used(world).version, people(world)
    changed = IdentitySettings(cut=8, prior_recall=0.7, giant_person=7)
    trained, reason = train_if_needed(world, changed)
    assert trained
    assert "settings" in reason
    assert train_if_needed(world, changed) == (None, "")
    assert used(world).version == before
    with world.reading() as con:
        follows = settings_in_use(con, changed)
    assert (follows.cut, follows.prior_recall, follows.giant_person) == (DECLARED.cut, DECLARED.prior_recall, 7)
    run_stage(world, follows)
    assert people(world) == found
    failed = check(declared_settings_are_promoted, world, changed)
    assert not failed.passed
    assert "identity.yaml differs from what is in use (cut, prior_recall)" in failed.description
    assert "cdp identity plan" in failed.description
    assert check(declared_settings_are_promoted, world).passed


def test_settings_that_training_does_not_read_keep_the_trained_parameters(world):
    other = IdentitySettings(link_threshold=0.9)
    train_if_needed(world, other)
    with world.reading() as con:
        latest, *_ = versions(con)
    assert latest.describes(other)
    splink = table(world, "SELECT DISTINCT settings FROM lake.identity.linkage_models WHERE identity LIKE '%:0.6,%'")
    assert len(splink) == 1


def test_a_candidate_with_other_placeholders_is_trained_on_evidence_of_its_own(world):
    evidence = "SELECT * FROM lake.identity.evidence ORDER BY record_key"
    before = table(world, evidence)
    trained, _ = train_if_needed(world, IdentitySettings(placeholders=Placeholders(names=["anna", "bernd"])))
    assert table(world, evidence) == before
    assert trained
    hashes = table(world, "SELECT count(DISTINCT training_hash) FROM lake.identity.linkage_models")
    assert hashes == [(2,)]


def test_settings_of_checks_alone_are_no_new_version(world):
    assert train_if_needed(world, IdentitySettings(giant_person=7, review_threshold=0.4)) == (None, "")
    assert differing(IdentitySettings(giant_person=7), DECLARED) == {}


def test_a_first_model_that_is_not_sound_leaves_linking_to_rules_and_says_why(lake):
    standardize(lake, population(people=60))
    run_stage(lake, NAMES_UNTRAINED)
    assert used(lake).settings is None
    assert table(lake, "SELECT promoted, sound, settings IS NULL FROM lake.identity.linkage_models ORDER BY 1") == [
        (False, False, False),
        (True, True, True),
    ]
    assert (
        set(table(lake, "SELECT DISTINCT rule FROM lake.identity.links WHERE rule IN ('splink', 'compared')")) == set()
    )
    failed = check(model_is_sound, lake, NAMES_UNTRAINED)
    assert not failed.passed
    assert failed.severity == dg.AssetCheckSeverity.ERROR
    assert "name: m never trained" in failed.description
    assert "links come from rules alone" in failed.description
    assert train_if_needed(lake, NAMES_UNTRAINED) == (None, "")


def test_an_unsound_candidate_leaves_the_model_in_use_and_is_warned_about(world):
    before = used(world)
    train_if_needed(world, NAMES_UNTRAINED)
    assert used(world) == before
    warned = check(model_is_sound, world, NAMES_UNTRAINED)
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert f"links come from model {before.version}" in warned.description
    assert check(model_is_sound, world).passed


def test_a_lake_from_before_settings_were_kept_follows_the_declared_ones_and_keeps_them(lake):
    standardize(lake, population(people=5))
    update_evidence(lake, DECLARED)
    with lake.transaction() as con:
        con.execute(
            """CREATE TABLE lake.identity.linkage_models (
                model_version VARCHAR, settings_hash VARCHAR, splink_version VARCHAR, settings VARCHAR,
                trained_at TIMESTAMPTZ, training_rows BIGINT, promoted BOOLEAN, diagnostics VARCHAR)"""
        )
        values = ["old", settings_hash(DECLARED), "5.0.0", 10]
        con.execute("INSERT INTO lake.identity.linkage_models VALUES (?, ?, ?, NULL, now(), ?, true, '{}')", values)
    with lake.reading() as con:
        assert promoted_model(con).identity is None
        assert settings_in_use(con, IdentitySettings(cut=2)).cut == 2
    assert train_if_needed(lake, IdentitySettings(cut=2)) == (None, "")
    with lake.reading() as con:
        assert settings_in_use(con, IdentitySettings(cut=4)).cut == 2


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("splink_version", "'4.0.1'", "it was trained with Splink 4.0.1, and 5"),
        (
            "identity",
            """'{"cut": 1, "of_another_release": 2}'""",
            "this release does not understand its settings of_another_release",
        ),
        ("settings", "'{\"probability\": 1}'", "its row holds no Splink settings"),
        ("settings", "'<xml>'", "its row is no JSON"),
    ],
)
def test_a_model_of_another_version_is_refused_with_the_way_out(lake, column, value, why):
    with lake.transaction() as con:
        ensure_tables(con)
        con.execute(
            """INSERT INTO lake.identity.linkage_models (model_version, splink_version, settings, promoted)
            VALUES ('m1', '5.0.0', '{"comparisons": [1]}', true)"""
        )
        assert promoted_model(con).version == "m1"
        con.execute(f"UPDATE lake.identity.linkage_models SET {column} = {value}")
        with pytest.raises(ModelUnusable) as refused:
            promoted_model(con)
    assert f"linkage model m1, which is in use, cannot be used: {why}" in str(refused.value.description)
    assert "cdp identity plan" in str(refused.value.description)


def version(name, settings=DECLARED, promoted=False, rules_only=False, rows=100, trained_with=None):
    identity = settings.model_dump_json(exclude={"accuracy", "giant_person", "review_threshold"})
    trained = datetime(2026, 1, 1, tzinfo=UTC)
    told = trained_with or settings_hash(settings)
    return Version(name, told, "5.0.0", trained, rows, rules_only, True, promoted, None, None, identity)


USED = version("used", promoted=True)
RULES = version("rules", promoted=True, rules_only=True)
OTHER = IdentitySettings(cut=1)


@pytest.mark.parametrize(
    ("known", "declared", "records", "retrain", "due"),
    [
        ([], DECLARED, 100, False, ("there is none yet", True, None)),
        ([USED], DECLARED, 1000, False, None),
        ([USED], DECLARED, 100, True, ("asked for", False, None)),
        ([RULES], DECLARED, 100, True, ("asked for", True, None)),
        ([RULES], DECLARED, 149, False, None),
        ([RULES], DECLARED, 151, False, ("there was too little evidence before", True, None)),
        ([USED], OTHER, 100, False, ("the settings or Splink changed", False, "used")),
        ([version("next", OTHER), USED], OTHER, 100, False, None),
        ([USED], IdentitySettings(seed=1), 100, False, ("the settings or Splink changed", False, None)),
        (
            [version("old", promoted=True, trained_with="x")],
            DECLARED,
            9,
            False,
            ("the settings or Splink", False, None),
        ),
        ([RULES], OTHER, 1000, False, ("the settings or Splink changed", False, None)),
    ],
)
def test_a_version_is_made_only_where_there_is_a_reason(known, declared, records, retrain, due):
    found = version_due(known, declared, records, retrain)
    if due is None:
        assert found is None
    else:
        assert found
        assert found.reason.startswith(due[0])
        assert (found.promotes, found.like) == due[1:]
        assert found.settings == declared
