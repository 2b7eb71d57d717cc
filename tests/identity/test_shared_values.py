"""Values that look like several people's: set aside, listed masked, and named to who may read the lake."""

import json

import pytest
from identity_population import population

from cdp_assets.identity.shared_values import Shared, reported, shared_values, unmasked
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings(max_records=10)
TEAM = "Team.Einkauf@firm.example"


@pytest.fixture
def found(lake, resolve_people) -> list[Shared]:
    records = population(40)
    for number, record in enumerate(records):
        record["ids"] = [("loyalty_id", "0000-9999")] if number % 2 else []
        if number < 8:
            record |= {"first_name": ("Anna", "Bernd", "Carla", "Dieter")[number // 2], "email": TEAM}
    couple = {"last_name": "Ott", "email": "otts@mail.example"}
    records += [{"key": f"a:{name}", "first_name": name, **couple} for name in ("Robert", "Maria")]
    resolve_people(records, max_records=SETTINGS.max_records)
    with lake.reading() as con:
        return shared_values(con, SETTINGS)


def test_a_value_of_too_many_records_or_names_links_nothing_and_a_couples_needs_a_name(found, lake):
    assert [(value.type, value.names, value.why) for value in found if value.type != "loyalty_id"] == [
        ("email", 4, "names"),
        ("email", 2, None),
    ]
    loyalty = next(value for value in found if value.type == "loyalty_id")
    assert (loyalty.records > SETTINGS.max_records, loyalty.why) == (True, "records")
    with lake.reading() as con:
        rules = con.execute("SELECT DISTINCT rule FROM lake.identity.links WHERE rule LIKE 'strong:%'").fetchall()
        values = unmasked(con, SETTINGS, found)
    assert rules == []
    assert {values[value.value_key] for value in found} == {"00009999", TEAM.lower(), "otts@mail.example"}


def test_what_dagster_is_told_names_no_value(found):
    metadata, check = reported(found)
    told = json.dumps([str(entry.value) for entry in [*metadata.values(), *check.metadata.values()]])
    assert "firm.example" not in told + str(check.description)
    assert "9999" not in told + str(check.description)
    assert all(value.masked in told for value in found)
    assert not check.passed
    assert metadata["shared_values"].value == {"records": 1, "names": 1, "name_needed": 1}


def test_a_family_that_shares_a_device_or_an_address_is_no_warning():
    family = [Shared("device", "ab", 3, 2, "accounts"), Shared("email", "cd", 2, 2, None)]
    assert reported(family)[1].passed
    assert reported([])[1].passed
