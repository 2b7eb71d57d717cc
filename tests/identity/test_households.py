"""Who lives together, and that a household keeps its id while its people stay."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity_population import standardize, table

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.households import update_households
from cdp_model.identity import IdentitySettings

HOME = {"street": "Lindenweg 4", "postal_code": "89073", "city": "Ulm"}
ELSEWHERE = {"street": "Hafenstr. 12", "postal_code": "24103", "city": "Kiel"}
ANNA = {"key": "crm:1", "first_name": "Anna", "last_name": "Ott", **HOME}
BERND = {"key": "crm:2", "first_name": "Bernd", "last_name": "Ott", **HOME}
CARLA = {"key": "crm:3", "first_name": "Carla", "last_name": "Ott", **HOME}
EMIL = {"key": "crm:4", "first_name": "Emil", "last_name": "Graf", "phone": "+491712334568", **HOME}


def settle(lake, records, **declared):
    """Households of records that are a person each, as sets of record keys, by id."""
    settings = IdentitySettings(**declared)
    standardize(lake, records)
    update_evidence(lake, settings)
    with lake.transaction() as con:
        con.execute(
            """CREATE OR REPLACE TABLE lake.identity.record_persons AS
            SELECT record_key, 'person of ' || record_key AS person_id, now() AS since FROM lake.identity.evidence"""
        )
    update_households(lake, settings)
    rows = table(
        lake,
        """SELECT household_id, list(record_key) FROM lake.identity.households
        JOIN lake.identity.record_persons USING (person_id) GROUP BY household_id""",
    )
    return {household: set(keys) for household, keys in rows}


def test_a_family_at_one_address_is_a_household(lake):
    assert list(settle(lake, [ANNA, BERND, EMIL]).values()) == [{"crm:1", "crm:2"}]
    assert table(lake, "SELECT DISTINCT basis FROM lake.identity.households") == [("address, last name",)]


def test_another_name_at_the_address_belongs_with_a_common_phone(lake):
    landline = {**BERND, "phone": EMIL["phone"]}
    assert list(settle(lake, [ANNA, landline, EMIL]).values()) == [{"crm:1", "crm:2", "crm:4"}]
    bases = dict(table(lake, "SELECT basis, count(*) FROM lake.identity.households GROUP BY basis"))
    assert bases == {"address, last name": 1, "address, last name, phone": 1, "address, phone": 1}


def test_an_address_or_a_name_alone_makes_no_household(lake):
    assert settle(lake, [ANNA, EMIL, {**BERND, **ELSEWHERE}]) == {}


def test_an_office_is_nobodys_home(lake):
    assert settle(lake, [ANNA, BERND, CARLA], max_household=2) == {}


def test_who_moves_out_leaves_the_household_by_the_latest_record(lake):
    (household,) = settle(lake, [ANNA, BERND, CARLA])
    assert settle(lake, [ANNA, BERND, {**CARLA, **ELSEWHERE}]) == {household: {"crm:1", "crm:2"}}


def test_who_joins_finds_the_household_under_its_old_id_and_its_people_keep_their_since(lake):
    before = settle(lake, [ANNA, BERND])
    since = table(lake, "SELECT * FROM lake.identity.households ORDER BY person_id")
    assert settle(lake, [ANNA, BERND, CARLA]) == {next(iter(before)): {"crm:1", "crm:2", "crm:3"}}
    assert set(since) <= set(table(lake, "SELECT * FROM lake.identity.households"))


def test_a_run_without_changes_writes_nothing(lake):
    settle(lake, [ANNA, BERND])
    assert update_households(lake, IdentitySettings()) == 0


def test_a_household_that_dissolved_comes_back_under_a_new_id(lake):
    first = settle(lake, [ANNA, BERND])
    assert settle(lake, [ANNA, {**BERND, **ELSEWHERE}]) == {}
    again = settle(lake, [ANNA, BERND])
    assert list(again.values()) == list(first.values())
    assert again.keys() != first.keys()


TOWN = [{**person, "key": f"crm:{n}{person['key'][4:]}", "last_name": f"Ott{chr(97 + n)}", "street": f"Lindenweg {n}"}
        for n in range(1, 4) for person in (ANNA, BERND, CARLA)]  # fmt: skip


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.integers(0, len(TOWN) - 1)), min_size=1, max_size=3))
def test_households_do_not_depend_on_what_was_there_before(lake, days):
    for away in days:
        found = settle(lake, [{**r, **(ELSEWHERE if n in away else {})} for n, r in enumerate(TOWN)])
    streets = [[r["key"] for n, r in enumerate(TOWN) if n not in away and r["street"] == f"Lindenweg {s}"]
               for s in (1, 2, 3)]  # fmt: skip
    gone = [[r["key"] for n, r in enumerate(TOWN) if n in away and r["street"] == f"Lindenweg {s}"] for s in (1, 2, 3)]
    assert sorted(map(sorted, found.values())) == sorted(sorted(h) for h in streets + gone if len(h) > 1)
