"""A model is trained once, reproducibly, and not at all where there is too little to learn from."""

import json
import re

import duckdb
import pytest
from identity_population import people, population, run_stage, standardize, table

from cdp_assets.identity import blocking
from cdp_assets.identity.blocking import affordable_rules
from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.parameters import pool_violators, repair
from cdp_assets.identity.training import settings_hash
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings()


@pytest.fixture(scope="module")
def trained(populated):
    model, reason = train_if_needed(populated, SETTINGS, retrain=True)
    assert reason == "asked for"
    assert model
    return model


def test_every_level_of_a_trained_model_has_parameters_within_bounds(trained):
    levels = [
        level
        for comparison in trained.settings["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]
    assert len(levels) > 15
    assert all(0 < level["m_probability"] <= 1 and 0 < level["u_probability"] <= 1 for level in levels)


def test_agreement_speaks_for_a_match_and_difference_against_it(trained):
    for comparison in trained.settings["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        assert levels[0]["m_probability"] > levels[0]["u_probability"]
        assert levels[-1]["m_probability"] < levels[-1]["u_probability"]


def test_training_again_gives_the_same_version(populated, trained):
    versions = table(populated, "SELECT model_version, promoted FROM lake.identity.linkage_models")
    assert len(versions) == 1
    assert versions[0][1] is True


def test_too_little_evidence_makes_a_model_of_rules_only_and_says_so(lake):
    standardize(lake, population(people=5))
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model is not None
    assert model.settings is None
    assert "too little evidence" in model.diagnostics["too_thin"]


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([{"key": f"a:{i}", "city": "Ulm"} for i in range(60)], "0 comparable records .* fields: none"),
        (
            [{"key": f"a:{i}", "first_name": "Anna", "email": "anna@mail.example"} for i in range(60)],
            "100% of all pairs seem to be one person: records of one, or placeholders",
        ),
        (
            [{"key": f"a:{i}", "first_name": f"N{i}", "email": f"u{i}@mail.example"} for i in range(60)],
            r"0 pairs that are nearly certain \(at least 30\)",
        ),
    ],
    ids=["no usable columns", "all identical", "nobody twice"],
)
def test_data_that_nothing_can_be_learned_from_trains_no_model_and_says_what_is_missing(lake, records, why):
    standardize(lake, records)
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model
    assert model.settings is None
    assert re.search(why, model.diagnostics["too_thin"])


def test_an_attribute_that_is_always_null_is_not_compared_and_spoils_nothing(lake):
    standardize(lake, [{**record, "email": None} for record in population(people=70)])
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model
    assert model.settings
    assert "email" not in {comparison["output_column_name"] for comparison in model.settings["comparisons"]}
    assert not [doubt for doubt in model.diagnostics["doubts"] if doubt[2]]


@pytest.mark.parametrize(
    "known",
    [
        ("first_name", "last_name", "email"),
        ("first_name", "last_name", "address"),
        ("last_name", "date_of_birth", "address"),
    ],
    ids=["name and e-mail", "name and address", "last name and birth date"],
)
def test_a_few_columns_are_enough_to_train_a_sound_model(lake, known):
    address = {"street", "postal_code"} if "address" in known else set()
    people_of_a_street = [
        {**record, "street": f"Gartenweg {number % 97}"} if number % 9 else record
        for number, record in ((int(record["key"].split(":")[1]), record) for record in population())
    ]
    standardize(
        lake, [{k: v for k, v in record.items() if k in {"key", *known, *address}} for record in people_of_a_street]
    )
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model
    assert model.settings
    assert not [doubt for doubt in model.diagnostics["doubts"] if doubt[2]]
    for comparison in model.settings["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        assert levels[0]["m_probability"] > 10 * levels[0]["u_probability"]


def test_names_alone_link_nothing_and_the_model_says_why(lake):
    names = [{key: record[key] for key in ("key", "first_name", "last_name")} for record in population()]
    standardize(lake, names)
    run_stage(lake, SETTINGS)
    assert len(people(lake)) == len(names)
    (diagnostics,) = table(lake, "SELECT diagnostics FROM lake.identity.linkage_models")[0]
    assert "too little evidence" in json.loads(diagnostics)["too_thin"]


def test_a_model_holds_no_personal_data(populated, trained):
    rows = table(populated, "SELECT settings, diagnostics FROM lake.identity.linkage_models")
    frequencies = table(populated, "SELECT * FROM lake.identity.model_frequencies")
    text = json.dumps([rows, frequencies, trained.charts]).lower()
    assert not any(name in text for name in ("moritz", "lorenz", "mail.example", "trier"))


def test_a_model_is_kept_until_the_settings_change(populated):
    assert train_if_needed(populated, SETTINGS) == (None, "")
    _, reason = train_if_needed(populated, IdentitySettings(prior_recall=0.7))
    assert "settings" in reason
    promoted = table(populated, "SELECT count(*) FILTER (promoted), count(*) FROM lake.identity.linkage_models")
    assert promoted == [(1, 2)]


def test_repair_gives_unseen_levels_the_least_the_data_allows_and_reports_them():
    levels = [
        {"label_for_charts": "Same", "m_probability": 0.9, "u_probability": 0.01},
        {"label_for_charts": "Similar", "m_probability": 1e-12},
    ]
    repaired = repair([{"output_column_name": "email", "comparison_levels": levels}], 0.01, 0.001)
    assert levels[1]["m_probability"] == 0.01
    assert levels[1]["u_probability"] == 0.001
    assert repaired == ["email: Similar: m_probability", "email: Similar: u_probability"]


def test_a_comparison_whose_agreement_speaks_against_a_match_is_neutralised():
    levels = [
        {"label_for_charts": "Same", "m_probability": 0.1, "u_probability": 0.5},
        {"label_for_charts": "Different", "m_probability": 0.9, "u_probability": 0.5},
    ]
    repair([{"output_column_name": "city", "comparison_levels": levels}], 0.01, 0.001)
    assert all(level["m_probability"] == level["u_probability"] for level in levels)


def test_thresholds_do_not_retrain_a_model():
    assert settings_hash(SETTINGS) == settings_hash(IdentitySettings(cut=3, link_threshold=0.9))


def test_a_closer_agreement_never_counts_for_less():
    levels = [
        {"m_probability": 0.5, "u_probability": 0.001},
        {"m_probability": 0.0001, "u_probability": 0.4},
        {"m_probability": 0.4999, "u_probability": 0.599},
    ]
    assert pool_violators(levels)
    ratios = [level["m_probability"] / level["u_probability"] for level in levels]
    assert ratios[0] == 500
    assert ratios[1] == pytest.approx(ratios[2], rel=1e-4)
    assert sum(level["m_probability"] for level in levels) == pytest.approx(1, rel=1e-4)
    assert not pool_violators(levels[:1])


def test_a_comparison_that_nothing_trained_gets_default_parameters():
    levels = [{"label_for_charts": label, "u_probability": u} for label, u in (("Same", 0.01), ("Else", 0.99))]
    assert "defaults" in repair([{"output_column_name": "first_name", "comparison_levels": levels}], 1e-4, 1e-6)[0]
    assert levels[0]["m_probability"] > 0.5 > levels[1]["m_probability"]


def test_what_random_pairs_owe_to_matches_is_taken_out_of_u():
    levels = [
        {"label_for_charts": "Same", "m_probability": 0.9, "u_probability": 0.002},
        {"label_for_charts": "Else", "m_probability": 0.1, "u_probability": 0.998},
    ]
    repair([{"output_column_name": "email", "comparison_levels": levels}], 1e-4, 1e-6, prior=0.001)
    assert levels[0]["u_probability"] == pytest.approx(0.0011)


def test_a_number_of_ones_own_is_compared_and_that_of_a_household_is_not(lake):
    records = population(people=60)
    for record in records:
        person = int(record["key"].split(":")[1])
        record["ids"] = [("citizen", f"{person * 7919 + 100_000}"), ("household", f"{person // 3 + 5_000}")]
    standardize(lake, records)
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model is not None
    assert model.settings is not None
    names = {comparison["output_column_name"] for comparison in model.settings["comparisons"]}
    assert "number_citizen" in names
    assert "number_household" not in names
    assert "household" in model.diagnostics["numbers_not_compared"]


def test_blocking_rules_are_bought_cheapest_first_within_the_pairs_per_record(monkeypatch):
    with duckdb.connect() as con:
        con.execute(
            """CREATE TABLE training_records AS
            SELECT i AS id, i // 2 AS email, i // 10 AS phone, 'x' || (i % 7) AS given, 'y' || (i % 5) AS last_name,
                   'x' || (i % 7) AS swap_first, 'y' || (i % 5) AS swap_last, NULL::VARCHAR AS date_of_birth,
                   NULL::VARCHAR AS street, NULL::VARCHAR AS postal_code, NULL::VARCHAR AS city, NULL AS email_user
            FROM range(1000) AS numbers (i)"""
        )
        names = ["first_name", "last_name", "email", "phone"]
        every, left_out = affordable_rules(con, names, IdentitySettings(), 1000)
        assert {tuple(rule["rule"]) for rule in every} >= {("email",), ("phone",)}
        monkeypatch.setattr(blocking, "BUDGET", 600)
        kept, dropped = affordable_rules(con, names, IdentitySettings(), 40)
        assert [rule["rule"] for rule in kept] == [["email"], ["swap_first", "swap_last"]]
        assert sum(rule["pairs"] for rule in kept) <= 600
        assert len(kept) + len(dropped) == len(every) + len(left_out)


def test_a_field_that_speaks_against_matches_is_left_out_and_the_others_are_compared(lake):
    # each system writes something of its own behind the first name
    middles = {"crm": "Maria", "shop": "Josef", "pos": "Anton"}
    records = [
        {**record, "first_name": f"{record['first_name']} {middles[record['key'].split(':')[0]]}"}
        for record in population()
    ]
    standardize(lake, records)
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model
    assert model.settings
    compared = {comparison["output_column_name"] for comparison in model.settings["comparisons"]}
    assert {"first_name", "last_name", "date_of_birth", "email"} <= compared
    assert "middle_name" not in compared
    assert "leave it out" in model.diagnostics["not_compared"]["middle_name"]
