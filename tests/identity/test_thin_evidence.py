"""Where there is little to go by, or what there is misleads: only what is sure is linked, and the run says so."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from identity_population import FIRST, Record, people, population, table

from cdp_assets.identity import components
from cdp_assets.identity.measures import unlabelled
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake

Resolve = Callable[..., dict[str, int]]
PEOPLE = 60


def only(*fields: str) -> list[Record]:
    """The population, with these fields and no others."""
    return [{"key": row["key"], **{field: row.get(field) for field in fields}} for row in population(PEOPLE)]


def with_gaps() -> list[Record]:
    """Four of five values are missing."""
    rng = random.Random(3)
    return [{key: row[key] for key in row if key == "key" or rng.random() > 0.8} for row in population(2 * PEOPLE)]


def sharing(people_per_address: int) -> list[Record]:
    """So many people share each e-mail address. In a household they have first names of their own."""
    first, found = FIRST.split(), []
    for row in population(PEOPLE):
        number = int(row["key"].split(":")[1])
        own = {} if people_per_address > len(first) else {"first_name": first[number % len(first)]}
        found.append(row | own | {"email": f"home{number // people_per_address}@mail.example"})
    return found


def half_with(**more: Any) -> list[Record]:
    """Every second record has the same value of something."""
    return [row | (more if n % 2 else {}) for n, row in enumerate(population(PEOPLE))]


def wrongly_joined(lake: Lake) -> list[tuple[str, str]]:
    """Pairs of records that became one person and are not; the number in a key says whose the record is."""
    return [
        (left, right)
        for person in people(lake)
        for left in person
        for right in person
        if left.split(":")[1] < right.split(":")[1]
    ]


def said(lake: Lake) -> str:
    """What the version in use says about why links come from rules alone; empty where a model is in use."""
    ((diagnostics, rules_only),) = table(
        lake, "SELECT diagnostics, settings IS NULL FROM lake.identity.linkage_models WHERE promoted"
    )
    found = json.loads(diagnostics)
    assert rules_only == bool(found.keys() & {"too_thin", "unsound"})
    return str(found.get("too_thin") or found.get("unsound") or "")


@pytest.mark.parametrize("field", ["first_name", "date_of_birth"])
def test_one_column_links_nobody_and_the_version_says_why(lake: Lake, resolve_people: Resolve, field: str) -> None:
    resolve_people(only(field))
    assert all(len(person) == 1 for person in people(lake))
    assert "too little evidence to train on" in said(lake)


def test_one_column_of_addresses_links_those_with_the_same(lake: Lake, resolve_people: Resolve) -> None:
    records = only("email")
    resolve_people(records)
    assert len(people(lake)) == len({row["email"] for row in records})
    assert "too little evidence" in said(lake)


@pytest.mark.parametrize(
    ("fields", "linked", "why"),
    [
        (("first_name", "last_name"), False, "comparable records"),
        (("last_name", "date_of_birth"), False, "nearly certain"),
        # each of the two can only be learned from pairs that agree on it
        (("first_name", "email"), True, "never trained"),
    ],
)
def test_two_columns_link_by_rule_alone(
    lake: Lake, resolve_people: Resolve, fields: tuple[str, str], linked: bool, why: str
) -> None:
    resolve_people(only(*fields))
    assert any(len(person) > 1 for person in people(lake)) == linked
    assert not wrongly_joined(lake)
    assert why in said(lake)


def test_where_most_values_are_missing_rules_alone_link(lake: Lake, resolve_people: Resolve) -> None:
    resolve_people(with_gaps())
    assert any(len(person) > 1 for person in people(lake))
    assert not wrongly_joined(lake)
    assert "nearly certain" in said(lake)


@pytest.mark.parametrize("people_per_address", [3, PEOPLE])
def test_a_shared_address_joins_nobody(lake: Lake, resolve_people: Resolve, people_per_address: int) -> None:
    resolve_people(sharing(people_per_address))
    assert sum(len(person) > 1 for person in people(lake)) > PEOPLE / 2
    assert not wrongly_joined(lake)


@pytest.mark.parametrize("shared", [{"ids": [("account_id", "A1")]}, {"phone": "+4915112345678"}])
def test_an_identifier_on_half_of_all_records_joins_nobody(
    lake: Lake, resolve_people: Resolve, shared: dict[str, Any]
) -> None:
    resolve_people(half_with(**shared))
    assert sum(len(person) > 1 for person in people(lake)) > PEOPLE / 2
    assert not wrongly_joined(lake)
    kind = next(iter(shared)).replace("ids", "strong:account_id")
    assert not table(lake, f"FROM lake.identity.links WHERE rule LIKE '{kind}%'")


def test_a_chain_that_no_threshold_splits_is_left_apart_and_reported(
    lake: Lake, resolve_people: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "LARGEST", 50)
    rng = random.Random(1)
    names = ["".join(rng.choices("bdfgklmnprstvz", k=7)) for _ in range(120)]
    chain = [
        {
            "key": f"a:{n}",
            "first_name": name,
            "ids": [("account_id", f"{(n + 1) // 2}a"), ("customer_id", f"{n // 2}c")],
        }
        for n, name in enumerate(names)
    ]
    resolve_people(chain, max_component=10)
    assert len(table(lake, "FROM lake.identity.links WHERE rule LIKE 'strong:%'")) == len(chain) - 1
    assert all(len(person) == 1 for person in people(lake))
    with lake.reading() as con:
        measured = {row.measure: row.value for row in unlabelled(con, IdentitySettings()) if row.slice == "all"}
    assert measured["under_merge_suspects"] == len(chain) - 1
