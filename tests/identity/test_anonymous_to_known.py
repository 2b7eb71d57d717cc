"""A browser is a person of its own until someone identifies themselves on it."""

from collections.abc import Callable

from identity_population import people, table

from cdp_resources.lake import Lake

BROWSER = {"key": "web:d:b1", "ids": [("device", "b1")]}
ANNA = {
    "key": "shop:1",
    "first_name": "Anna",
    "last_name": "Ott",
    "email": "anna@mail.example",
    "ids": [("account_id", "A1")],
}
ANNA_ONLINE = {"key": "web:u:A1", "ids": [("account_id", "A1"), ("device", "b1")]}
BERND_ONLINE = {"key": "web:u:B1", "ids": [("account_id", "B1"), ("device", "b1")]}


def test_an_anonymous_visitor_is_a_person_until_they_identify_themselves(
    lake: Lake, resolve_people: Callable[..., dict[str, int]]
) -> None:
    resolve_people([BROWSER, ANNA])
    assert people(lake) == {frozenset({"web:d:b1"}), frozenset({"shop:1"})}
    assert resolve_people([BROWSER, ANNA, ANNA_ONLINE], run_id="login") == {"merged": 1}
    assert people(lake) == {frozenset({"web:d:b1", "web:u:A1", "shop:1"})}
    merged = table(
        lake, "SELECT kind FROM lake.identity.person_changes WHERE run_id = 'login' AND other_person_id IS NOT NULL"
    )
    assert merged == [("merged",)]


def test_a_device_of_two_accounts_joins_nobody(lake: Lake, resolve_people: Callable[..., dict[str, int]]) -> None:
    resolve_people([BROWSER, ANNA, ANNA_ONLINE])
    resolve_people([BROWSER, ANNA, ANNA_ONLINE, BERND_ONLINE])
    assert people(lake) == {frozenset({"web:d:b1"}), frozenset({"web:u:A1", "shop:1"}), frozenset({"web:u:B1"})}


def test_two_browsers_of_one_account_are_one_person(lake: Lake, resolve_people: Callable[..., dict[str, int]]) -> None:
    phone = {"key": "web:d:b2", "ids": [("device", "b2")]}
    online = {"key": "web:u:A1", "ids": [("account_id", "A1"), ("device", "b1"), ("device", "b2")]}
    resolve_people([BROWSER, phone, online, ANNA])
    assert people(lake) == {frozenset({"web:d:b1", "web:d:b2", "web:u:A1", "shop:1"})}
