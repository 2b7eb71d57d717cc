"""On Spark or in the process: the same pairs, the same weights, the same people."""

import gc
import importlib.util
import shutil
from pathlib import Path

import duckdb
import pytest
from identity_population import people, population, standardize, table

from cdp_assets.identity.engines.engine import open_engine
from cdp_assets.identity.engines.spark import EngineMissing
from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.links import update_links
from cdp_assets.identity.loading import load_all_records, prepare_records
from cdp_assets.identity.normalization import nicknames
from cdp_assets.identity.record_persons import update_persons
from cdp_assets.identity.training import train
from cdp_model.identity import IdentitySettings

needs_spark = pytest.mark.skipif(
    not importlib.util.find_spec("pyspark") or not shutil.which("java"), reason="needs the extra `spark`, and Java"
)
SPARK = IdentitySettings(engine="spark")
LINKS = """
SELECT left_key, right_key, rule, veto, match_weight, splink_weight, contributions, model_version
FROM lake.identity.links ORDER BY left_key, right_key"""
SIMILARITIES = {
    "jaro_winkler_similarity": 1e-12,
    "damerau_levenshtein": 0,
    "levenshtein": 0,
    "jaccard": 1e-12,
}


# PySpark leaves the sockets it read results from to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def small_spark(monkeypatch):
    """Most of what a small run costs is the JVM's warming up."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    monkeypatch.setenv("CDP_SPARK_MEMORY", "1g")
    yield
    gc.collect()


@needs_spark
def test_both_engines_find_the_same_pairs_weights_and_people(populated):
    expected, together = table(populated, LINKS), people(populated)
    assert len(expected) > 150
    assert all(any(row[2] == rule for row in expected) for rule in ("splink", "identical"))
    with populated.transaction() as con:
        for name in ("links", "linked_records", "resolutions", "record_persons", "person_changes"):
            con.execute(f"DELETE FROM lake.identity.{name}")
    records = population()
    for count in (150, len(records)):
        standardize(populated, records[:count])
        update_evidence(populated, SPARK)
        assert update_links(populated, SPARK).records_scored > 0
    update_persons(populated, SPARK, "run")
    found = table(populated, LINKS)
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row[4:6] == pytest.approx(other[4:6], abs=1e-6)
        assert row[6] == pytest.approx(other[6], abs=1e-4) if other[6] else row[6] is None
        assert row[7] == other[7]
    assert people(populated) == together


@needs_spark
def test_a_model_trained_on_spark_is_the_one_trained_in_the_process(populated):
    with populated.get_connection(read_only=True) as con:
        prepare_records(con, None)
        load_all_records(con)
        here, there = (
            train(con, IdentitySettings(engine=engine, training=[["date_of_birth"]])).settings
            for engine in ("duckdb", "spark")
        )
    assert here
    assert there
    for comparison, other in zip(here.pop("comparisons"), there.pop("comparisons"), strict=True):
        for level, match in zip(comparison.pop("comparison_levels"), other.pop("comparison_levels"), strict=True):
            for parameter in ("m_probability", "u_probability"):
                assert level.pop(parameter, 0) == pytest.approx(match.pop(parameter, 0), rel=1e-3)
            assert level == match
        assert comparison == other
    assert here == there


@needs_spark
def test_strings_are_as_similar_on_spark_as_in_duckdb(tmp_path: Path):
    names = nicknames().column("name").to_pylist()
    words = [
        *names[:: len(names) // 150],
        "äöü",
        "weiß",
        "крис",
        "дмитрий",
        "dwayne",
        "duane",
        "dicksonx",
        "aab",
        "aba",
        "a",
    ]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE words AS SELECT unnest(?) AS word", [words])
        con.execute("INSERT INTO words SELECT substr(word, 3) || left(word, 2) FROM words WHERE length(word) > 4")
        con.execute("CREATE TABLE pairs AS SELECT a.word AS a, b.word AS b FROM words AS a, words AS b")
        con.execute("INSERT INTO pairs VALUES ('a', NULL), (NULL, NULL)")
        with open_engine(con, "spark") as engine:
            view = engine._sent("pairs")
            similar = ", ".join(f"duckdb_{name}(a, b) AS {name}" for name in SIMILARITIES)
            engine.session.sql(f"SELECT a, b, {similar} FROM {view}").write.parquet(str(tmp_path / "similar"))
            folder = engine.folder
        assert not folder.exists()
        for name, tolerance in SIMILARITIES.items():
            # where Jaro-Winkler's is below every threshold it is only near
            relevant = f"greatest(s.{name}, {name}(a, b)) >= 0.66" if "winkler" in name else "true"
            (wrong,) = con.execute(
                f"""SELECT count(*) FROM '{tmp_path}/similar/*.parquet' AS s
                WHERE {relevant} AND (abs(s.{name} - {name}(a, b)) > {tolerance}
                                      OR (s.{name} IS NULL) <> ({name}(a, b) IS NULL))"""
            ).fetchone()
            assert wrong == 0, name


@needs_spark
def test_a_cluster_needs_a_folder_that_it_sees(monkeypatch):
    monkeypatch.setenv("CDP_SPARK_MASTER", "spark://spark.example.com:7077")
    monkeypatch.delenv("CDP_SPARK_FOLDER", raising=False)
    with pytest.raises(ValueError, match="CDP_SPARK_FOLDER"), duckdb.connect() as con, open_engine(con, "spark"):
        pass


@pytest.mark.parametrize("missing", ["spark.find_spec", "spark.shutil.which"])
def test_without_spark_or_java_the_error_says_how_to_get_it(monkeypatch, missing):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(f"cdp_assets.identity.engines.{missing}", lambda _: None)
    with (
        pytest.raises(EngineMissing, match=r"open-cdp\[spark\].*Java 17"),
        duckdb.connect() as con,
        open_engine(con, "spark"),
    ):
        pass
