"""A first tracking plan, from what events have held so far. Decisions are pure; one query looks at the rows.

A value gets into the draft only where a property has few of them, many times each, and neither its name nor their looks
are personal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.raw.streams import columns_of_table
from cdp_assets.standardized.candidates import sent
from cdp_assets.standardized.mapped import Mapped
from cdp_assets.standardized.plan_conditions import FORMATS
from cdp_model.inference import personal_field
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

FEWEST = 20
"""Events that are too few to say what all of them have."""
MOST_VALUES = 10
TIMES_EACH = 20
"""How often each value of a list of values must have come on the average: what is free is seldom repeated so much."""
CONSTANT = re.compile(r"[A-Za-z][A-Za-z0-9_/-]{0,29}")
"""How a value looks that a programmer gave."""
TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "OBJECT": "object",
    "ARRAY": "array",
    "BIGINT": "integer",
    "UBIGINT": "integer",
    "DOUBLE": "number",
    "NULL": "null",
}
PII_CLASSES = {
    **dict.fromkeys(("email", "phone", "street"), "contact"),
    **dict.fromkeys(("first_name", "last_name"), "identifier"),
    **dict.fromkeys(("date_of_birth", "gender"), "demographic"),
    **dict.fromkeys(("postal_code", "city"), "location"),
}


@dataclass(frozen=True)
class Seen:
    """What was seen of one property of one event: ``values`` are the distinct texts, or some where they are many."""

    present: int
    types: tuple[str, ...]
    values: tuple[str, ...]
    formats: tuple[str, ...]
    smallest: float | None = None


def drafted(events: int, properties: Mapping[str, Seen]) -> dict[str, Any]:
    """The JSON Schema of an event that came ``events`` times."""
    required = [name for name, seen in properties.items() if seen.present == events and "NULL" not in seen.types]
    schema: dict[str, Any] = {"required": required} if required and events >= FEWEST else {}
    return schema | {"properties": {name: property_schema(name, seen) for name, seen in properties.items()}}


def property_schema(name: str, seen: Seen) -> dict[str, Any]:
    """The JSON Schema of one property."""
    types = list(dict.fromkeys(TYPES[kind] for kind in seen.types if kind in TYPES))
    if "number" in types and "integer" in types:
        types.remove("integer")
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if types == ["string"] and seen.formats:
        schema["format"] = seen.formats[0]
    if (
        types in (["integer"], ["number"])
        and seen.present >= FEWEST
        and seen.smallest is not None
        and seen.smallest >= 0
    ):
        schema["minimum"] = 0
    field = personal_field(name) or ("email" if "email" in seen.formats else None)
    if field:
        schema["x-pii"] = PII_CLASSES[field]
    elif types == ["string"] and _is_a_choice(name, seen):
        schema["enum"] = sorted(seen.values)
    return schema


def _is_a_choice(name: str, seen: Seen) -> bool:
    """Whether the values are those of a list that somebody has made, and may be shown."""
    few = 0 < len(seen.values) <= MOST_VALUES and seen.present >= TIMES_EACH * len(seen.values)
    return few and "name" not in name.lower() and all(CONSTANT.fullmatch(value) for value in seen.values)


def seen_events(
    con: duckdb.DuckDBPyConnection, mapped: list[Mapped], most: int
) -> dict[str, tuple[int, dict[str, Seen]]]:
    """How often each event came and what its properties were, in at most ``most`` rows of each stream."""
    selects = []
    for m in mapped:
        if has_table(con, m.raw_table):
            have = columns_of_table(con, m.raw_table)
            lacking = "".join(f", NULL::VARCHAR AS {quote(c)}" for c in m.stream.columns if c.lower() not in have)
            of = sent(m)
            properties = f"TRY_CAST({quote(of.column)} AS JSON)" if of.column else of.properties
            rows = f"SELECT *{lacking} FROM {CATALOG}.{m.raw_table}"
            selects.append(f"""
                (SELECT {of.name} AS event, {properties} AS sent FROM ({rows})
                 WHERE _error IS NULL AND {m.where} LIMIT {most:d})""")
    if not selects:
        return {}
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE seen AS SELECT event, coalesce(sent, '{{}}') AS sent
        FROM ({" UNION ALL ".join(selects)}) WHERE event IS NOT NULL
    """)
    matching = [
        f"CASE WHEN bool_and({sql.format(text='text')}) FILTER (type = 'VARCHAR') THEN {literal(name)} END"
        for name, sql in FORMATS.items()
    ]
    found_properties = con.execute(f"""
        SELECT event, name, count(*), list_sort(list(DISTINCT type)), min(DISTINCT text, {MOST_VALUES + 1}),
            list_filter([{", ".join(matching)}], lambda format: format IS NOT NULL),
            min(TRY_CAST(text AS DOUBLE)) FILTER (type IN ('BIGINT', 'UBIGINT', 'DOUBLE'))
        FROM (SELECT event, e.key AS name, json_type(e.value) AS type, e.value ->> '$' AS text
              FROM (FROM seen WHERE json_type(sent) = 'OBJECT') AS s, json_each(s.sent) AS e)
        GROUP BY event, name ORDER BY event, count(*) DESC, name
    """).fetchall()
    counts = con.execute("SELECT event, count(*) FROM seen GROUP BY event ORDER BY count(*) DESC, event").fetchall()
    found: dict[str, tuple[int, dict[str, Seen]]] = {event: (count, {}) for event, count in counts}
    for event, name, present, types, values, formats, smallest in found_properties:
        found[event][1][name] = Seen(present, tuple(types), tuple(values or ()), tuple(formats), smallest)
    return found
