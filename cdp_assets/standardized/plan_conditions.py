"""One rule of a tracking plan as a SQL condition that is true where a property breaks it.

Meaning of keywords: JSON Schema, draft 2020-12. Numbers are compared as doubles. Patterns are DuckDB's (RE2). Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_model.event_schemas import Rule
from cdp_resources.sql import literal

NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"
TYPES = {
    "string": "{type} = 'VARCHAR'",
    "boolean": "{type} = 'BOOLEAN'",
    "null": "{type} = 'NULL'",
    "object": "{type} = 'OBJECT'",
    "array": "{type} = 'ARRAY'",
    "number": f"{{type}} IN {NUMBERS}",
    # 1.0 is an integer, too
    "integer": f"{{type}} IN {NUMBERS} AND trunc({{number}}) = {{number}} AND isfinite({{number}})",
}
"""Of what type a value is; `{type}`, `{text}` and `{number}` are its type by DuckDB's names, and the value as these."""

DATE = r"(?:[1-9]\d\d\d|0[1-9]\d\d|00[1-9]\d|000[1-9])-\d\d-\d\d"
FORMATS = {
    "date": f"regexp_full_match({{text}}, '{DATE}') AND TRY_CAST({{text}} AS DATE) IS NOT NULL",
    "date-time": f"regexp_full_match({{text}}, '(?i){DATE}T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d+)?"
    "(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)') AND TRY_CAST(left({text}, 10) AS DATE) IS NOT NULL",
    "email": "contains({text}, '@')",
    "uuid": "regexp_full_match({text}, '(?i)[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}')",
}
STRINGS: dict[str, Callable[[Any], str]] = {
    "minLength": lambda value: f"length({{text}}) < {int(value)}",
    "maxLength": lambda value: f"length({{text}}) > {int(value)}",
    "pattern": lambda value: f"NOT regexp_matches({{text}}, {_escaped(literal(value))})",
    "format": lambda value: f"NOT ({FORMATS[value]})",
}
LIMITS = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<=", "exclusiveMaximum": ">="}


@dataclass(frozen=True)
class Value:
    """SQL of one value: its type by DuckDB's names (null where it is missing), itself as text, itself as JSON."""

    type: str
    text: str
    json: str


ITEM = Value("json_type(item)", "(item ->> '$')", "item")


def broken(rule: Rule, values: Mapping[tuple[str, ...], Value], whole: str) -> str:
    """SQL that is true where a rule is broken. ``whole``: SQL of the properties as JSON, null where they are no object.

    ``values``: each property that rules look at.
    """
    if not rule.path and not rule.in_items:
        return f"{whole} IS NULL" if rule.keyword == "type" else f"len({others(rule, whole)}) > 0"
    value = values[rule.path]
    around = [f"{values[rule.path[:depth]].type} = 'OBJECT'" for depth in range(1, len(rule.path))]
    if rule.keyword == "required":
        condition = f"{value.type} IS NULL AND {whole} IS NOT NULL"
    elif rule.keyword == "additionalProperties":
        condition = f"{value.type} = 'OBJECT' AND len({others(rule, value.json)}) > 0"
    elif rule.in_items:
        found = f"list_filter(json_extract({value.json}, '$[*]'), lambda item: {_breaks(rule, ITEM)})"
        condition = f"{value.type} = 'ARRAY' AND len({found}) > 0"
    else:
        condition = _breaks(rule, value)
    return " AND ".join([*around, condition])


def others(rule: Rule, within: str) -> str:
    """SQL of the names that an object has beside those in the plan."""
    known = ", ".join(map(literal, rule.value))
    return f"list_filter(json_keys({within}), lambda name: name NOT IN ({known}))" if known else f"json_keys({within})"


def _breaks(rule: Rule, value: Value) -> str:
    """Whether a value that is there breaks a keyword. A keyword that is not about values of its type says nothing."""
    parts = {"type": value.type, "text": value.text, "number": f"TRY_CAST({value.text} AS DOUBLE)"}
    if rule.keyword == "type":
        kinds = rule.value if isinstance(rule.value, list) else [rule.value]
        condition = "NOT (" + " OR ".join(f"({TYPES[kind]})" for kind in kinds) + ")"
    elif rule.keyword in ("enum", "const"):
        condition = _none_of(rule.value if rule.keyword == "enum" else [rule.value])
    elif rule.keyword in STRINGS:
        condition = f"{{type}} = 'VARCHAR' AND {STRINGS[rule.keyword](rule.value)}"
    else:
        condition = f"{{type}} IN {NUMBERS} AND {{number}} {LIMITS[rule.keyword]} {_double(rule.value)}"
    return f"({condition.format(**parts)})"


def _none_of(allowed: list[Any]) -> str:
    texts = ", ".join(_escaped(literal(value)) for value in allowed if isinstance(value, str))
    numbers = ", ".join(_double(value) for value in allowed if type(value) in (int, float))
    truths = ", ".join(f"'{str(value).lower()}'" for value in allowed if isinstance(value, bool))
    ways = [f"({{type}} = 'VARCHAR' AND {{text}} IN ({texts}))"] if texts else []
    ways += [f"({{type}} IN {NUMBERS} AND {{number}} IN ({numbers}))"] if numbers else []
    ways += [f"({{type}} = 'BOOLEAN' AND {{text}} IN ({truths}))"] if truths else []
    ways += ["{type} = 'NULL'"] if None in allowed else []
    return f"{{type}} IS NOT NULL AND NOT ({' OR '.join(ways) or 'false'})"


def _double(value: float) -> str:
    return f"{float(value)!r}::DOUBLE"


def _escaped(sql: str) -> str:
    """Braces of a literal, kept from being taken for the places of a value."""
    return sql.replace("{", "{{").replace("}", "}}")
