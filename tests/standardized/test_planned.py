"""The tracking plan's rules as SQL: they say exactly what `jsonschema` says, and drop exactly what they name."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from cdp_assets.standardized.planned import BITS, Numbered, Sent, held_against, numbered
from cdp_model.event_schemas import rules_of, schema_mistakes
from cdp_model.tracking_plan import PlannedVersion, SourcePlan
from cdp_resources.lake import CONFIG, OPTIMIZING

COLUMN = Sent(name="name", version="version", properties="NULL::JSON", column="properties")
Broken = set[tuple[tuple[str, ...], str, bool]]

NAMES = st.sampled_from(["a", "b", "é", "a b", "a/b", 'q"~', "0"])
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", "EUR", "eur", "ab1", "a@b", "@", "'", '"', "{text}", "{", "\0x", "🦉", "a\nb", "x" * 50),
            *("2026-03-01", "2026-02-30", "0000-01-01", "2026-3-1", "2026-03-01\n"),
            *("2026-03-01T10:00:00Z", "2026-03-01T10:00:00", "2026-03-01t23:59:59.5+14:00", "2026-02-30T10:00:00Z"),
            *("9b2d7e52-5b4e-4c0e-9d2b-0a6f6b1f7c11", "9B2D7E525B4E4C0E9D2B0A6F6B1F7C11", "not-a-uuid"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([0.0, 1.0, 1.5, -2.5, 1e300, 2**53, -(2**53), 0.1]),
    st.floats(-100, 100, allow_nan=False).map(lambda number: number + 0.0),
)
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
DECLARED = SCALARS.filter(lambda value: not (isinstance(value, str) and "\0" in value))
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "array", "object"])
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=6,
)
SCALAR_SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "enum": st.lists(DECLARED, min_size=1, max_size=3),
        "const": DECLARED,
        "pattern": st.sampled_from(["^[A-Z]{3}$", "a", "^$", r"[0-9]+", "'", r"\{", "^.b"]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "format": st.sampled_from(["date", "date-time", "email", "uuid"]),
    },
)


def object_schemas(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, below, max_size=4)},
        optional={
            "type": st.just("object"),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.booleans(),
        },
    )


PROPERTY_SCHEMAS = st.recursive(
    st.one_of(SCALAR_SCHEMAS, st.fixed_dictionaries({"type": st.just("array"), "items": SCALAR_SCHEMAS})),
    object_schemas,
    max_leaves=6,
)
formats = FormatChecker(["date", "email", "uuid"])


@formats.checks("date-time")
def is_date_time(value: object) -> bool:
    """RFC 3339; the library checks it only where another package is installed."""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)", value, re.IGNORECASE | re.ASCII):
        return False
    try:
        dt.datetime.fromisoformat(re.sub(r"\.\d+", "", value.upper()))
    except ValueError:
        return False
    return True


def broken_by_jsonschema(schema: dict[str, Any], sent: Any) -> Broken:
    """The rules that the library says an event breaks, as (path, keyword, in the items of a list)."""
    found: Broken = set()
    for error in Draft202012Validator({"type": "object", **schema}, format_checker=formats).iter_errors(sent):
        in_items = "items" in error.absolute_schema_path and isinstance(error.absolute_path[-1], int)
        path = tuple(str(part) for part in error.absolute_path)
        path = path[:-1] if in_items else path
        if error.validator == "required":
            found |= {
                ((*path, name), "required", False) for name in error.validator_value if name not in error.instance
            }
        else:
            found.add((path, str(error.validator), in_items))
    return found


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config=CONFIG) as connection:
        connection.execute(OPTIMIZING)
        connection.execute(
            "CREATE TABLE sent (id INT, name VARCHAR, version VARCHAR, properties VARCHAR, _error VARCHAR)"
        )
        yield connection


def plan_of(schema: dict[str, Any], **others: Any) -> SourcePlan:
    rules = tuple(rules_of(schema, "report"))
    return SourcePlan(**{"unplanned": "report", "events": (PlannedVersion("Bought", "1-0-0", True, rules),)} | others)


def judged(con: duckdb.DuckDBPyConnection, plan: SourcePlan, *events: Any) -> list[list[Numbered]]:
    """The rules that each event breaks."""
    con.execute("DELETE FROM sent")
    rows = [[i, "Bought", json.dumps(event)] for i, event in enumerate(events)]
    con.executemany("INSERT INTO sent VALUES (?, ?, NULL, ?, NULL)", rows)
    found = con.execute(
        f"SELECT _cdp_violations FROM ({held_against(plan, COLUMN, 'FROM sent')}) ORDER BY id"
    ).fetchall()
    return [[each for each in numbered(plan) if said and said["words"][each.word - 1] & each.bit] for (said,) in found]


@settings(max_examples=150, deadline=None)
@given(
    schema=object_schemas(PROPERTY_SCHEMAS),
    events=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=8, max_size=8),
)
def test_the_sql_says_what_jsonschema_says(
    con: duckdb.DuckDBPyConnection, schema: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    assert not list(schema_mistakes(schema))
    for event, found in zip(events, judged(con, plan_of(schema), *events), strict=True):
        broken = {(each.rule.path, each.rule.keyword, each.rule.in_items) for each in found}
        assert broken == broken_by_jsonschema(schema, event)


def test_an_event_may_have_more_rules_than_a_word_has_bits(con: duckdb.DuckDBPyConnection) -> None:
    plan = plan_of({"properties": {f"p{i}": {"type": "number"} for i in range(BITS * 2 + 5)}})
    event = {"p0": "x", f"p{BITS}": "x", f"p{BITS * 2}": "x", "p1": 1}
    (found,) = judged(con, plan, event)
    assert [each.rule.property for each in found] == ["p0", f"p{BITS}", f"p{BITS * 2}"]
