"""`person_at` answers for any past moment what `record_persons` said then."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity_population import quick_lake, table

from cdp_assets.identity.drift import PERSONS_BEFORE
from cdp_assets.identity.history import Stint, ensure_history, history, person_at, together_since
from cdp_assets.identity.record_persons import TABLES, assign
from cdp_assets.identity.resolution import Resolved
from cdp_resources.lake import Lake

RECORDS = [f"a:{number}" for number in range(6)]
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(scope="module")
def resolved_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with quick_lake(tmp_path_factory.mktemp("history")) as lake:
        yield lake


def start_anew(lake: Lake) -> None:
    with lake.transaction() as con:
        for name in ("record_persons", "person_changes", "record_history"):
            con.execute(f"DROP TABLE IF EXISTS lake.identity.{name}")
        con.execute(TABLES)
        ensure_history(con)


def assign_clusters(lake: Lake, labels: list[int]) -> dt.datetime:
    """Write persons for RECORDS, one label each, below 0: the record is gone. Returns the time of the commit."""
    there = [(key, label) for key, label in zip(RECORDS, labels, strict=True) if label >= 0]
    keys = [key for key, _ in there]
    first = [next(i for i, (_, other) in enumerate(there) if other == label) for _, label in there]
    with lake.transaction() as con:
        con.execute("CREATE OR REPLACE TEMP TABLE scope AS SELECT unnest($keys) AS record_key", {"keys": RECORDS})
        con.execute(PERSONS_BEFORE)
        assign(con, Resolved(pa.array(keys, pa.string()), np.array(first, dtype=np.int64)), "run")
        row = con.execute("SELECT now()").fetchone()
    assert row
    return row[0]


HISTORIES = st.lists(st.lists(st.integers(-1, 3), min_size=len(RECORDS), max_size=len(RECORDS)), min_size=1, max_size=5)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES)
def test_person_at_says_what_record_persons_said_then(resolved_lake: Lake, steps: list[list[int]]) -> None:
    start_anew(resolved_lake)
    said = []
    for labels in steps:
        moment = assign_clusters(resolved_lake, labels)
        said.append(
            (moment, dict(table(resolved_lake, "SELECT record_key, person_id FROM lake.identity.record_persons")))
        )
    with resolved_lake.reading() as con:
        for moment, persons in said:
            assert {key: person_at(con, key, moment) for key in RECORDS} == {key: persons.get(key) for key in RECORDS}
        first, last = said[0], said[-1]
        assert all(person_at(con, key, first[0] - SECOND) is None for key in RECORDS)
        assert all(person_at(con, key, last[0] + SECOND) == last[1].get(key) for key in RECORDS)
        for left, right in pairwise(RECORDS):
            expected = None
            for moment, persons in said:
                together = left in persons and persons[left] == persons.get(right)
                expected = (expected or moment) if together else None
            assert together_since(history(con, left), history(con, right)) == expected


def test_the_history_of_a_lake_that_had_none_begins_with_its_persons(resolved_lake: Lake) -> None:
    start_anew(resolved_lake)
    moment = assign_clusters(resolved_lake, [0, 0, 1, 1, -1, -1])
    with resolved_lake.transaction() as con:
        con.execute("DROP TABLE lake.identity.record_history")
        ensure_history(con)
    with resolved_lake.reading() as con:
        (stint,) = history(con, "a:0")
        assert stint == Stint(person_at(con, "a:1", moment), moment, None)
        assert person_at(con, "a:4", moment) is None


def test_without_a_table_nobody_was_anybody(lake: Lake) -> None:
    with lake.transaction():
        """A lake with no tables yet."""
    with lake.reading() as con:
        assert person_at(con, "a:1", dt.datetime.now(dt.UTC)) is None
        assert history(con, "a:1") == []
