"""The draft of a plan: what it says of properties, and what it never shows."""

import pytest

from cdp_assets.standardized.plan_draft import Seen, drafted, property_schema


@pytest.mark.parametrize(
    ("seen", "schema"),
    [
        (Seen(5, ("VARCHAR",), ("a",), ()), {"type": "string"}),
        (Seen(5, ("BIGINT", "UBIGINT"), (), (), -1), {"type": "integer"}),
        (Seen(50, ("DOUBLE", "UBIGINT"), (), (), 0), {"type": "number", "minimum": 0}),
        (Seen(50, ("NULL", "VARCHAR"), (), ()), {"type": ["null", "string"]}),
        (Seen(50, ("VARCHAR",), ("2026-03-01",), ("date",)), {"type": "string", "format": "date"}),
        (Seen(50, ("VARCHAR",), ("EUR", "GBP"), ()), {"type": "string", "enum": ["EUR", "GBP"]}),
        (Seen(39, ("VARCHAR",), ("EUR", "GBP"), ()), {"type": "string"}),
        (Seen(9999, ("VARCHAR",), tuple(f"v{i}" for i in range(11)), ()), {"type": "string"}),
        (Seen(50, ("VARCHAR",), ("Ada Lovell",), ()), {"type": "string"}),
        (Seen(50, ("VARCHAR",), ("+44 20 7946 0958",), ()), {"type": "string"}),
    ],
)
def test_a_property_is_drafted_from_what_was_seen(seen: Seen, schema: dict[str, object]) -> None:
    assert property_schema("thing", seen) == schema


@pytest.mark.parametrize(
    ("name", "pii"),
    [
        ("email", "contact"),
        ("firstName", "identifier"),
        ("gender", "demographic"),
        ("city", "location"),
        ("phone_number", "contact"),
    ],
)
def test_a_property_with_a_personal_name_shows_its_class_and_no_values(name: str, pii: str) -> None:
    assert property_schema(name, Seen(1000, ("VARCHAR",), ("x",), ())) == {"type": "string", "x-pii": pii}


def test_what_looks_like_addresses_is_personal_whatever_its_name() -> None:
    seen = Seen(1000, ("VARCHAR",), ("a@b.c",), ("email",))
    assert property_schema("who", seen) == {"type": "string", "format": "email", "x-pii": "contact"}


def test_names_of_any_kind_are_not_shown() -> None:
    assert "enum" not in property_schema("nickname", Seen(1000, ("VARCHAR",), ("Ada",), ()))


def test_required_is_what_every_event_had_of_enough_events() -> None:
    seen = {"a": Seen(20, ("BOOLEAN",), (), ()), "b": Seen(19, ("BOOLEAN",), (), ()), "c": Seen(20, ("NULL",), (), ())}
    assert drafted(20, seen)["required"] == ["a"]
    assert "required" not in drafted(19, {"a": Seen(19, ("BOOLEAN",), (), ())})
