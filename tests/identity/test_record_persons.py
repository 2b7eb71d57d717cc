"""Persons over time: what a run changes, and what it leaves alone."""

from identity_population import people, table

ANNA = {"key": "crm:1", "first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example"}
SHOP = {"key": "shop:1", "first_name": "Anna", "last_name": "Ott", "phone": "+491712334568"}
BOTH = {**SHOP, "email": "anna@mail.example"}

CHANGES = "SELECT kind, run_id FROM lake.identity.person_changes ORDER BY occurred_at, kind"


def person_of(lake, key):
    ((person,),) = table(lake, f"SELECT person_id FROM lake.identity.record_persons WHERE record_key = '{key}'")
    return person


def decide(lake, left, right, decision):
    with lake.transaction() as con:
        con.execute(
            """INSERT INTO lake.identity.overrides BY NAME
            SELECT ? AS left_key, ? AS right_key, ? AS decision, 'steward' AS author, now() AS decided_at""",
            [left, right, decision],
        )


def test_a_run_without_changes_writes_no_changes(lake, resolve_people):
    assert resolve_people([ANNA, BOTH]) == {"minted": 1}
    assert resolve_people(run_id="second") == {}
    assert table(lake, CHANGES) == [("minted", "run")]


def test_a_link_that_appears_merges_and_one_that_vanishes_splits(lake, resolve_people):
    resolve_people([ANNA, SHOP])
    older, younger = person_of(lake, "crm:1"), person_of(lake, "shop:1")
    assert resolve_people([ANNA, BOTH], run_id="second") == {"merged": 1}
    survivor = person_of(lake, "crm:1")
    assert survivor in (older, younger)
    assert person_of(lake, "shop:1") == survivor
    assert resolve_people([ANNA, SHOP], run_id="third") == {"split": 1}
    ids = {person_of(lake, "crm:1"), person_of(lake, "shop:1")}
    assert survivor in ids
    assert not (ids - {survivor}) & {older, younger}


def test_a_vanished_record_retires_its_person_and_the_id_is_not_used_again(lake, resolve_people):
    resolve_people([ANNA, SHOP])
    retired = person_of(lake, "shop:1")
    assert resolve_people([ANNA], run_id="second") == {"retired": 1}
    resolve_people([ANNA, SHOP], run_id="third")
    assert person_of(lake, "shop:1") != retired


def test_a_decision_joins_what_no_link_does_and_another_parts_what_every_link_joins(lake, resolve_people):
    resolve_people([ANNA, SHOP])
    decide(lake, "crm:1", "shop:1", "same")
    resolve_people()
    assert people(lake) == {frozenset({"crm:1", "shop:1"})}
    decide(lake, "shop:1", "crm:1", "different")
    resolve_people([ANNA, BOTH])
    assert len(people(lake)) == 2


def test_since_is_kept_while_a_record_stays_with_its_person(lake, resolve_people):
    resolve_people([ANNA, BOTH])
    before = table(lake, "SELECT * FROM lake.identity.record_persons WHERE record_key = 'crm:1'")
    resolve_people([ANNA, BOTH, {"key": "news:1", "email": "anna@mail.example"}])
    assert len(people(lake)) == 1
    assert table(lake, "SELECT * FROM lake.identity.record_persons WHERE record_key = 'crm:1'") == before


def test_a_person_shows_its_weakest_link_and_what_it_spans(lake, resolve_people):
    resolve_people([{**ANNA, "ids": [("account_id", "A1")]}, BOTH, {"key": "web:u:1", "ids": [("account_id", "A1")]}])
    ((records, sources, weakest, cohesion),) = table(
        lake, "SELECT records, sources, weakest_link, cohesion FROM lake.identity.persons"
    )
    assert (records, sources) == (3, ["crm", "shop", "web"])
    assert (weakest, cohesion) == (10, 15)
