"""What is written for DuckDB is said in Spark's words, and back."""

import pytest
from splink import SettingsCreator

from cdp_assets.identity.comparisons import comparisons
from cdp_assets.identity.engines.spark_sql import UntranslatableCondition, declared, for_spark, from_spark, to_spark
from cdp_assets.identity.rules import candidate_rules, rule_sql
from cdp_assets.identity.training import COLUMNS
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings()
MODEL = SettingsCreator(
    link_type="dedupe_only",
    unique_id_column_name="id",
    comparisons=list(comparisons(dict.fromkeys(COLUMNS, 1.0), SETTINGS)),
    blocking_rules_to_generate_predictions=[
        {"blocking_rule": rule_sql(rule)} for rule in candidate_rules(COLUMNS, SETTINGS)
    ],
    linker_uid="identity",
)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("ELSE", "ELSE"),
        ("a_l = a_r", "a_l = a_r"),
        ("jaro_winkler_similarity(a_l, a_r) >= 0.9", "DUCKDB_JARO_WINKLER_SIMILARITY(a_l, a_r) >= 0.9"),
        ("damerau_levenshtein(right(a_l, 8), a_r) <= 1", "DUCKDB_DAMERAU_LEVENSHTEIN(RIGHT(a_l, 8), a_r) <= 1"),
        ("list_has_any(a_l, a_r)", "ARRAYS_OVERLAP(a_l, a_r)"),
        ("len(list_intersect(a_l, a_r)) > 1", "SIZE(ARRAY_INTERSECT(a_l, a_r)) > 1"),
        ("date_diff('day', try_cast(a_l AS DATE), b) < 9", "DATEDIFF(DAY, TRY_CAST(a_l AS DATE), b) < 9"),
    ],
)
def test_a_condition_means_the_same_in_other_words(condition, said):
    assert to_spark(condition) == said


@pytest.mark.parametrize("condition", ["hamming(a_l, a_r) < 2", "levenshtein(hamming(a_l, a_r), a_r) < 2"])
def test_an_unknown_function_is_named(condition):
    with pytest.raises(UntranslatableCondition, match=r"hamming.*engine: duckdb"):
        to_spark(condition)


def test_everything_the_platform_declares_can_be_said():
    said = for_spark(MODEL).get_settings("spark").as_dict()
    assert len(said["comparisons"]) == len(MODEL.comparisons) > 5
    assert "list_has_any" not in str(said).lower()


def test_a_model_that_was_trained_on_spark_is_kept_as_it_was_declared():
    trained = for_spark(MODEL).get_settings("spark").as_dict()
    for comparison in trained["comparisons"]:
        for level in comparison["comparison_levels"]:
            level["m_probability"] = 0.25
    kept = from_spark(trained, MODEL)
    assert {level.pop("m_probability") for part in kept["comparisons"] for level in part["comparison_levels"]} == {0.25}
    assert kept == declared(MODEL)
