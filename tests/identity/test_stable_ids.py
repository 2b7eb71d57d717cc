"""People keep their ids, and every change is recorded once."""

from collections import Counter

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.identity.stable_ids import Previous, decide, mint, mint_sql

OLD, NEW = "2024-01-01", "2024-06-01"


def kinds(decision):
    return Counter(change.kind for change in decision.changes)


def test_new_records_mint_a_person():
    decision = decide({"a": ["a", "b"]}, {}, {})
    assert decision.persons == {"a": mint("a", {})}
    assert kinds(decision) == {"minted": 1}


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), st.none() | st.integers(0, 9))
def test_sql_mints_the_same_ids(record_key, times):
    with duckdb.connect() as con:
        found = con.execute(f"SELECT {mint_sql('$key', '$times', 'h')}", {"key": record_key, "times": times}).fetchone()
    assert found == (mint(record_key, {} if times is None else {record_key: times}, "h"),)


def test_a_new_record_of_a_known_person_changes_nothing_else():
    decision = decide({"a": ["a", "b"]}, {"b": Previous("p1", OLD)}, {})
    assert decision.persons == {"a": "p1"}
    assert decision.changes == []


def test_a_merge_keeps_the_person_with_more_records():
    previous = {"a": Previous("p1", OLD), "b": Previous("p2", NEW), "c": Previous("p2", NEW)}
    decision = decide({"a": ["a", "b", "c"]}, previous, {})
    assert decision.persons == {"a": "p2"}
    (change,) = decision.changes
    assert (change.kind, change.person_id, change.other_person_id) == ("merged", "p2", "p1")


def test_equally_large_persons_merge_into_the_older():
    previous = {"a": Previous("p1", NEW), "b": Previous("p2", OLD)}
    assert decide({"a": ["a", "b"]}, previous, {}).persons == {"a": "p2"}


def test_a_split_leaves_the_id_with_the_larger_part():
    previous = {key: Previous("p1", OLD) for key in "abc"}
    decision = decide({"a": ["a"], "b": ["b", "c"]}, previous, {})
    assert decision.persons == {"a": mint("a", {}), "b": "p1"}
    (change,) = decision.changes
    assert (change.kind, change.person_id, change.other_person_id) == ("split", mint("a", {}), "p1")


def test_a_record_that_changes_between_two_persons_has_moved():
    previous = {"a": Previous("p1", OLD), "b": Previous("p1", OLD), "c": Previous("p1", OLD), "d": Previous("p2", OLD)}
    decision = decide({"a": ["a", "b"], "c": ["c", "d"]}, previous, {})
    assert decision.persons == {"a": "p1", "c": "p2"}
    (change,) = decision.changes
    assert (change.kind, change.person_id, change.other_person_id, change.record_key) == ("moved", "p2", "p1", "c")


def test_a_person_without_records_is_retired():
    decision = decide({}, {"a": Previous("p1", OLD)}, {})
    assert [(change.kind, change.person_id) for change in decision.changes] == [("retired", "p1")]


def test_a_record_mints_a_different_id_each_time():
    assert len({mint("a", {}), mint("a", {"a": 1}), mint("b", {})}) == 3


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1),
)
def test_no_two_clusters_are_one_person_and_every_vanished_person_is_accounted_for(records):
    clusters: dict[str, list[str]] = {}
    for key, (_, group) in sorted(records.items()):
        clusters.setdefault(str(group), []).append(key)
    previous = {key: Previous(f"p{person}", OLD) for key, (person, _) in records.items()}
    decision = decide(clusters, previous, {})
    assert len(set(decision.persons.values())) == len(clusters)
    gone = {former.person_id for former in previous.values()} - set(decision.persons.values())
    accounted = [c.other_person_id for c in decision.changes if c.kind == "merged"]
    accounted += [c.person_id for c in decision.changes if c.kind == "retired"]
    assert sorted(accounted) == sorted(gone)
