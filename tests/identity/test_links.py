"""Scoring what changed gives exactly what scoring everything gives."""

import random

import pytest
from identity_population import people, population, standardize, table

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.following import Behind
from cdp_assets.identity.links import update_links
from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings()
EVERYTHING = "SELECT * FROM lake.identity.links ORDER BY left_key, right_key"


def rescore(lake, records):
    standardize(lake, records)
    update_evidence(lake, SETTINGS)
    return update_links(lake, SETTINGS)


def rescore_everything(lake):
    with lake.transaction() as con:
        con.execute("DELETE FROM lake.identity.links")
        con.execute("DELETE FROM lake.identity.linked_records")
    return update_links(lake, SETTINGS)


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_in_any_order_equal_one_full_run(populated, seed):
    expected = table(populated, EVERYTHING)
    assert len(expected) > 150
    records = population()
    shuffled = random.Random(seed).sample(records, len(records))
    rescore(populated, [])
    assert table(populated, EVERYTHING) == []
    for size in (30, 200, len(records)):
        rescore(populated, shuffled[:size])
    assert table(populated, EVERYTHING) == expected


def test_changed_and_vanished_records_leave_what_a_full_run_would(lake, resolve_people):
    records = population()
    resolve_people(records)
    changed = [dict(record) for record in records[:-20]]
    for record in changed[::25]:
        record["last_name"] = "Neumann"
        record["email"] = None
    updated = rescore(lake, changed)
    assert 0 < updated.records_scored < 20
    incremental = table(lake, EVERYTHING)
    assert rescore_everything(lake).records_scored > 200
    assert table(lake, EVERYTHING) == incremental


def test_a_second_run_scores_and_writes_nothing(populated):
    before = table(populated, "SELECT max(snapshot_id) FROM lake.snapshots()")
    updated = update_links(populated, SETTINGS)
    assert (updated.records_scored, updated.rows_written) == (0, 0)
    changes = table(populated, f"SELECT changes::VARCHAR FROM lake.snapshots() WHERE snapshot_id > {before[0][0]}")
    assert not any("insert" in change or "delete" in change for (change,) in changes)


def test_a_lake_of_an_earlier_release_is_linked_anew_before_people_follow(populated):
    expected, together = table(populated, EVERYTHING), people(populated)
    with populated.transaction() as con:
        con.execute(
            """CREATE TEMP TABLE earlier AS
            SELECT record_key, evidence_hash, ''::VARCHAR AS record_version, [''] AS value_keys, representative,
                'earlier' AS linking_version FROM lake.identity.linked_records;
            CREATE OR REPLACE TABLE lake.identity.linked_records AS FROM earlier"""
        )
    with pytest.raises(Behind):
        update_persons(populated, SETTINGS, "run")
    assert update_links(populated, SETTINGS).records_scored > 200
    update_persons(populated, SETTINGS, "run")
    assert (table(populated, EVERYTHING), people(populated)) == (expected, together)


def test_every_scored_link_adds_up_from_its_contributions(populated):
    (off,) = table(
        populated,
        """WITH parts AS (
            SELECT splink_weight - list_sum(map_values(contributions)) AS prior FROM lake.identity.links
            WHERE splink_weight IS NOT NULL)
        SELECT max(prior) - min(prior) FROM parts""",
    )
    assert off[0] < 0.01


def test_most_people_are_found_whole_and_hardly_any_are_mixed(populated):
    truth = {frozenset(r["key"] for r in population() if r["key"].endswith(f":{n}")) for n in range(110)}
    found = people(populated)
    assert len(truth & found) > 0.9 * len(truth)
    assert sum(len({key.split(":")[1] for key in person}) > 1 for person in found) <= 5


def test_records_with_equal_evidence_are_scored_once_and_joined(lake, resolve_people):
    twin = {"first_name": "Sina", "last_name": "Reuter", "date_of_birth": "1977-07-07", "email": "s@mail.example"}
    resolve_people([*population(), *({"key": f"guest:{i}", **twin} for i in range(40))])
    guests = frozenset(f"guest:{i}" for i in range(40))
    assert any(guests <= person for person in people(lake))
    scored = table(
        lake, "SELECT count(*) FROM lake.identity.linked_records WHERE representative AND record_key LIKE 'guest:%'"
    )
    assert scored == [(1,)]
