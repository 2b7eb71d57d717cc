"""`cdp identity review`, as a person types it."""

from pathlib import Path

import pytest

from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, settle

TABLES = """
CREATE TABLE lake.identity.review_queue AS
SELECT 'crm:1' AS left_key, 'shop:1' AS right_key,
    0.7 AS match_probability, 'apart: just below the threshold' AS reason,
    1.22 AS match_weight, 5 AS records_affected, 4.4 AS priority;
CREATE TABLE lake.identity.evidence AS SELECT unnest(['crm:1', 'shop:1']) AS record_key;
CREATE TABLE lake.identity.overrides (
    left_key VARCHAR, right_key VARCHAR, decision VARCHAR, author VARCHAR, decided_at TIMESTAMPTZ, reason VARCHAR);
"""


@pytest.fixture(autouse=True)
def _queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake whose review queue has one pair."""
    settle(monkeypatch, tmp_path)


@pytest.fixture
def queue() -> Lake:
    lake = Lake.from_env()
    with lake.transaction() as con:
        con.execute(TABLES)
    return lake


def test_review_prints_the_queue_and_takes_decisions(queue: Lake) -> None:
    printed = cdp("identity", "review").output
    assert "just below the threshold" in printed
    assert "crm:1" in printed
    Path("labels.csv").write_text("left_key,right_key,decision\nshop:1,crm:1,same\n", encoding="utf-8")
    taken = cdp("identity", "review", "--decisions", "labels.csv", "--author", "jo")
    assert (taken.exit_code, taken.output.split(",")[0]) == (0, "took 1 decision of jo")
    with queue.reading() as con:
        rows = con.execute("SELECT left_key, right_key, decision, author FROM lake.identity.overrides").fetchall()
    assert rows == [("crm:1", "shop:1", "same", "jo")]


def test_a_mistake_is_told_with_file_and_line_and_nothing_is_taken(queue: Lake) -> None:
    Path("labels.csv").write_text("left_key,right_key,decision\ncrm:1,crm:9,same\n", encoding="utf-8")
    refused = cdp("identity", "review", "--decisions", "labels.csv")
    assert refused.exit_code == 1
    assert refused.output == "labels.csv: line 2: there is no record `crm:9`\nnothing was taken\n"
    missing = cdp("identity", "review", "--decisions", "other.csv")
    assert missing.exit_code == 1
    assert "other.csv" in missing.output


def test_without_a_queue_it_says_what_to_do() -> None:
    assert "materialize the assets first" in cdp("identity", "review").output
    with Lake.from_env().transaction() as con:
        con.execute("CREATE TABLE lake.raw.things (n INTEGER)")
    asked = cdp("identity", "review", "--html", "review.html")
    assert asked.exit_code == 1
    assert "materialize identity/review_queue first" in asked.output
    assert not Path("review.html").exists()
