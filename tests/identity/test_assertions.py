"""What rules alone link, and what they must not. Too few records to train a model."""

from identity_population import people, table


def record(key, **values):
    return {"key": key, **values}


def rules(lake):
    return table(lake, "SELECT left_key, right_key, rule FROM lake.identity.links ORDER BY ALL")


def test_a_strong_identifier_links_records_of_any_source(lake, resolve_people):
    resolve_people(
        [
            record("shop:1", first_name="Anna", last_name="Ott", ids=[("account_id", "A1")]),
            record("web:u:9", ids=[("account_id", "A1")]),
        ]
    )
    assert rules(lake) == [("shop:1", "web:u:9", "strong:account_id")]
    assert people(lake) == {frozenset({"shop:1", "web:u:9"})}


def test_a_strong_identifier_does_not_link_different_names_with_different_birth_dates(lake, resolve_people):
    one = record("a:1", first_name="Anna", date_of_birth="1980-03-03", ids=[("loyalty_id", "L1")])
    resolve_people([one, record("b:1", first_name="Moritz", date_of_birth="1951-07-19", ids=[("loyalty_id", "L1")])])
    assert len(people(lake)) == 2


def test_a_shared_email_links_only_compatible_first_names(lake, resolve_people):
    shared = {"email": "ott@mail.example", "last_name": "Ott"}
    resolve_people(
        [
            record("a:1", first_name="Elisabeth", **shared),
            record("b:1", first_name="Lisa", **shared),
            record("c:1", first_name="Moritz", **shared),
        ]
    )
    assert people(lake) == {frozenset({"a:1", "b:1"}), frozenset({"c:1"})}


def test_a_subscriber_joins_the_one_person_with_the_email(lake, resolve_people):
    resolve_people(
        [record("a:1", first_name="Anna", email="anna@mail.example"), record("news:1", email="Anna@mail.example")]
    )
    assert people(lake) == {frozenset({"a:1", "news:1"})}


def test_a_subscriber_with_a_familys_email_joins_nobody(lake, resolve_people):
    resolve_people(
        [
            record("a:1", first_name="Anna", email="ott@mail.example"),
            record("b:1", first_name="Moritz", email="ott@mail.example"),
            record("news:1", email="ott@mail.example"),
        ]
    )
    assert len(people(lake)) == 3


def test_an_email_seen_with_more_names_than_allowed_links_nothing(lake, resolve_people):
    names = ["Anna", "Anna", "Bernd", "Carla", "Dieter"]
    resolve_people([record(f"a:{i}", first_name=name, email="team@mail.example") for i, name in enumerate(names)])
    assert rules(lake) == []


def test_role_and_test_addresses_link_nothing(lake, resolve_people):
    resolve_people([record(f"a:{i}", first_name="Anna", email="info@firm.example") for i in range(3)])
    assert rules(lake) == []


def test_a_device_used_by_one_account_joins_it_and_one_used_by_two_joins_neither(lake, resolve_people):
    resolve_people(
        [
            record("web:u:1", ids=[("account_id", "A1"), ("device", "d1"), ("device", "shared")]),
            record("web:u:2", ids=[("account_id", "A2"), ("device", "shared")]),
            record("web:a:d1", ids=[("device", "d1")]),
            record("web:a:shared", ids=[("device", "shared")]),
        ]
    )
    alone = {frozenset({"web:u:2"}), frozenset({"web:a:shared"})}
    assert people(lake) == {frozenset({"web:u:1", "web:a:d1"}), *alone}


def test_different_strong_ids_do_not_keep_one_person_apart_unless_declared_exclusive(lake, resolve_people):
    same = {"first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example"}
    records = [record("a:1", **same, ids=[("account_id", "A1")]), record("b:1", **same, ids=[("account_id", "A2")])]
    resolve_people(records)
    assert len(people(lake)) == 1
    resolve_people(records, exclusive=["account_id"])
    assert len(people(lake)) == 2


def test_an_identifier_on_too_many_records_links_nothing(lake, resolve_people):
    resolve_people([record(f"a:{i}", ids=[("account_id", "0")]) for i in range(6)], max_records=5)
    assert len(people(lake)) == 6


def test_a_hundred_guest_orders_of_one_person_are_one_person(lake, resolve_people):
    resolve_people([record(f"guest:{i}", first_name="Anna", email="anna@mail.example") for i in range(100)])
    assert len(people(lake)) == 1
    assert len(rules(lake)) < 1_000


def test_junior_and_senior_are_two_people_though_they_share_a_phone(lake, resolve_people):
    shared = {"first_name": "John", "phone": "+12025550143"}
    resolve_people([record("a:1", last_name="Ott Jr.", **shared), record("b:1", last_name="Ott Sr.", **shared)])
    assert len(people(lake)) == 2


def test_a_short_form_with_a_typing_error_is_still_the_name(lake, resolve_people):
    shared = {"last_name": "Wright", "email": "wright@mail.example"}
    resolve_people([record("a:1", first_name="Dvid", **shared), record("b:1", first_name="Dave", **shared)])
    assert len(people(lake)) == 1


def test_a_subscriber_joins_a_person_whose_name_is_misspelt_somewhere(lake, resolve_people):
    email = "bilal@mail.example"
    resolve_people(
        [
            record("a:1", first_name="Bilal", email=email),
            record("b:1", first_name="Biall", email=email),
            record("news:1", email=email),
        ]
    )
    assert len(people(lake)) == 1
