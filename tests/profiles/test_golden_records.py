"""Golden records that are kept up to date by what changed: always those that are made from nothing."""

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.golden_records import Updated, update_golden_records
from cdp_assets.profiles.rectification import correct, ensure_table, withdraw
from cdp_assets.profiles.survivorship import golden_records_query
from cdp_model.corrections import Correction
from cdp_model.survivorship import RECORD_COLUMNS, ProfileSettings, Survivorship
from cdp_resources.lake import Lake

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
RECORDS = ["crm:1", "crm:2", "shop:1", "shop:2"]
PEOPLE = ["a", "b", "c"]
PERSONS = """
CREATE OR REPLACE TABLE lake.identity.persons AS
SELECT person_id, count(*) AS records, list(DISTINCT source ORDER BY source) AS sources,
    min(created_at) AS first_seen, max(updated_at) AS last_seen
FROM lake.standardized.customers JOIN lake.identity.record_persons USING (record_key) GROUP BY person_id"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder: Path = tmp_path_factory.mktemp("golden")
    lake = Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data"))
    with lake.transaction() as con:
        con.execute(
            f"""CREATE TABLE lake.standardized.customers ({", ".join(f"{n} {k}" for n, k in RECORD_COLUMNS.items())});
            CREATE TABLE lake.identity.record_persons (record_key VARCHAR, person_id VARCHAR);
            CREATE TABLE lake.identity.households (person_id VARCHAR, household_id VARCHAR)"""
        )
        ensure_table(con)
    return lake


@pytest.fixture(autouse=True)
def few_people_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a company of three people somebody is always more than the share from which all are made."""
    monkeypatch.setitem(vars(sys.modules[update_golden_records.__module__]), "MOST", 2)


@pytest.fixture
def golden(shared: Lake) -> Lake:
    """Two people of two records each, whose golden records are up to date."""
    begin(shared)
    updated(shared)
    return shared


def begin(lake: Lake) -> None:
    with lake.transaction() as con:
        for table in (
            "standardized.customers",
            "identity.record_persons",
            "identity.households",
            "profiles.corrections",
        ):
            con.execute(f"DELETE FROM lake.{table}")
        con.execute("DELETE FROM lake.standardized.customers")
        for record in RECORDS:
            con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?)", [record, "ab"[int(record[-1]) - 1]])
            write(con, record, "ann", 1)


def write(con: duckdb.DuckDBPyConnection, record: str, name: str | None, day: int) -> None:
    con.execute("DELETE FROM lake.standardized.customers WHERE record_key = ?", [record])
    at = NOW + dt.timedelta(days=day)
    con.execute(
        """INSERT INTO lake.standardized.customers (record_key, source, first_name, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?)""",
        [record, record.partition(":")[0], name, NOW, at],
    )


def updated(lake: Lake, declared: Survivorship | None = None) -> Updated:
    """Bring the table up to date, and see that it is the one that is made from nothing."""
    profiles = ProfileSettings(attributes=declared or Survivorship())
    with lake.transaction() as con:
        con.execute(PERSONS)
    with lake.transaction("profiles.golden_records") as con:
        found = update_golden_records(con, profiles)
        query = golden_records_query(profiles.attributes)
        kept = con.execute("FROM lake.profiles.golden_records ORDER BY person_id").fetchall()
        assert kept == con.execute(f"FROM ({query}) ORDER BY person_id").fetchall()
    return found


CHANGE = st.one_of(
    st.tuples(st.just("written"), st.sampled_from(RECORDS), st.sampled_from(["ann", "bea", None]), st.integers(0, 3)),
    st.tuples(st.just("deleted"), st.sampled_from(RECORDS)),
    st.tuples(st.just("moved"), st.sampled_from(RECORDS), st.sampled_from(PEOPLE)),
    st.tuples(st.just("corrected"), st.sampled_from(RECORDS), st.sampled_from(["cho", "dee"])),
    st.tuples(st.just("withdrawn"), st.sampled_from(RECORDS)),
    st.tuples(st.just("household"), st.sampled_from(PEOPLE)),
)


def change(con: duckdb.DuckDBPyConnection, said: tuple[Any, ...]) -> None:
    kind, *what = said
    if kind == "written":
        write(con, *what)
    elif kind == "deleted":
        con.execute("DELETE FROM lake.standardized.customers WHERE record_key = ?", what)
    elif kind == "moved":
        con.execute("UPDATE lake.identity.record_persons SET person_id = ? WHERE record_key = ?", what[::-1])
    elif kind == "corrected":
        correct(con, [Correction(what[0], "first_name", what[1], "ann", NOW)], "command")
    elif kind == "withdrawn":
        try:
            withdraw(con, what[0], "first_name", "ann", NOW, "")
        except ValueError:
            return
    else:
        con.execute("DELETE FROM lake.identity.households")
        con.execute("INSERT INTO lake.identity.households VALUES (?, 'h1')", what)


@settings(max_examples=4, deadline=None)
@given(runs=st.lists(st.lists(CHANGE, min_size=1, max_size=3), min_size=1, max_size=2))
def test_whatever_happens_between_runs_golden_records_equal_those_made_from_nothing(
    shared: Lake, runs: list[list[tuple[Any, ...]]]
) -> None:
    begin(shared)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(vars(sys.modules[update_golden_records.__module__]), "MOST", 2)
        updated(shared)
        for changes in runs:
            for said in changes:
                with shared.transaction() as con:
                    change(con, said)
            updated(shared)


def test_a_second_run_and_records_that_are_written_again_make_nobody(golden: Lake) -> None:
    assert updated(golden) == Updated(0, 2)
    with golden.transaction() as con:
        for record in RECORDS:
            write(con, record, "ann", 1)
    assert updated(golden) == Updated(0, 2)


def test_a_changed_record_makes_its_person_alone(golden: Lake) -> None:
    with golden.transaction() as con:
        write(con, "crm:1", "bea", 1)
    assert updated(golden) == Updated(1, 2)


def test_a_merge_makes_both_people_and_leaves_one(golden: Lake) -> None:
    with golden.transaction() as con:
        con.execute("UPDATE lake.identity.record_persons SET person_id = 'a'")
    assert updated(golden) == Updated(2, 1)


def test_a_household_makes_who_moved_in(golden: Lake) -> None:
    with golden.transaction() as con:
        change(con, ("household", "b"))
    assert updated(golden) == Updated(1, 2)


def test_other_rules_make_everybody(golden: Lake) -> None:
    assert updated(golden, Survivorship(first_name=["most_recent"])) == Updated(2, 2)
