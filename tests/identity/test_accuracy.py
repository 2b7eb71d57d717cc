"""The measures, on examples small enough to count by hand."""

import duckdb
import pytest

from cdp_assets.identity.accuracy import household_merges, measure


def tables(truth: dict[str, str], predicted: dict[str, str]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE TABLE truth (record_key VARCHAR, person_id VARCHAR, household_id VARCHAR)")
    con.execute("CREATE TABLE predicted (record_key VARCHAR, person_id VARCHAR)")
    con.executemany("INSERT INTO truth VALUES (?, ?, 'h')", list(truth.items()))
    con.executemany("INSERT INTO predicted VALUES (?, ?)", list(predicted.items()))
    return con


def test_pairwise_and_b_cubed_measures_match_a_count_by_hand():
    # joined: ab, ac, bc; true: ab, cd. b-cubed precision (2/3 + 2/3 + 1/3 + 1) / 4, recall (1 + 1 + 1/2 + 1/2) / 4
    con = tables({"a": "1", "b": "1", "c": "2", "d": "2"}, {"a": "x", "b": "x", "c": "x", "d": "y"})
    found = measure(con, "truth", "predicted")
    assert found["precision"] == pytest.approx(1 / 3, abs=1e-5)
    assert found["recall"] == pytest.approx(1 / 2)
    assert found["f1"] == pytest.approx(0.4)
    assert found["b_cubed_precision"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["b_cubed_recall"] == pytest.approx(3 / 4)


def test_perfect_linkage_measures_one():
    con = tables({"a": "1", "b": "1", "c": "2"}, {"a": "x", "b": "x", "c": "y"})
    assert set(measure(con, "truth", "predicted").values()) == {1.0}


def test_records_without_truth_do_not_count():
    con = tables({"a": "1", "b": "2"}, {"a": "x", "b": "y", "stranger": "x"})
    assert measure(con, "truth", "predicted")["precision"] == 1.0


def test_people_merged_within_their_household_are_counted_per_thousand():
    con = tables({"a": "1", "b": "2", "c": "3", "d": "4"}, {"a": "x", "b": "x", "c": "y", "d": "z"})
    assert household_merges(con, "truth", "predicted") == 500
