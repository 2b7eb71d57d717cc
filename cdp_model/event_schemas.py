"""The JSON Schema of an event's properties, taken apart into rules: one for each keyword at each property.

Only what SQL can check over all rows at once is taken; any other keyword is a mistake, never passed over in silence.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from cdp_model.documents import KeyPath
from cdp_model.expressions import did_you_mean

Action = Literal["report", "drop", "quarantine"]
PiiClass = Literal["identifier", "contact", "demographic", "location", "financial", "health", "free_text"]
ON_VIOLATION, PII = "x-on-violation", "x-pii"
ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"}
SCALAR_KEYWORDS = {
    *("type", "enum", "const", "pattern", "minLength", "maxLength", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
OBJECT_KEYWORDS = {"properties", "required", "additionalProperties"}
KEYWORDS = SCALAR_KEYWORDS | OBJECT_KEYWORDS | {"items"}
TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
FORMATS = ("date", "date-time", "email", "uuid")
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Rule:
    """One keyword at one property. ``path`` is empty for the properties as a whole."""

    path: tuple[str, ...]
    keyword: str
    value: Any
    action: Action
    pii: PiiClass | None = None
    in_items: bool = False

    @property
    def property(self) -> str:
        """The property in words; `[]` for the items of a list."""
        return ".".join(self.path) + ("[]" if self.in_items else "")

    def __str__(self) -> str:
        return f"{self.property or 'properties'}: {BROKEN[self.keyword](self.value)} ({self.keyword})"


def _named(value: Any) -> str:
    return " or ".join(value) if isinstance(value, list) else str(value)


BROKEN: Mapping[str, Any] = {
    "type": lambda value: f"is not of type {_named(value)}",
    "required": lambda _: "is missing",
    "additionalProperties": lambda _: "has properties that are not in the plan",
    "enum": lambda _: "is none of the values in the plan",
    "const": lambda _: "is not the value in the plan",
    "pattern": lambda _: "does not match its pattern",
    "minLength": lambda value: f"is shorter than {value}",
    "maxLength": lambda value: f"is longer than {value}",
    "minimum": lambda value: f"is less than {value}",
    "maximum": lambda value: f"is more than {value}",
    "exclusiveMinimum": lambda value: f"is not more than {value}",
    "exclusiveMaximum": lambda value: f"is not less than {value}",
    "format": lambda value: f"is no {value}",
}
"""What a broken rule says, without any value of the data."""


def rules_of(schema: Mapping[str, Any], action: Action) -> list[Rule]:
    """All rules of a sound schema, in its order. ``action``: what a violation does where the schema does not say."""
    return [Rule((), "type", "object", _action(schema, "type", action)), *_rules(schema, (), action)]


def _rules(schema: Any, path: tuple[str, ...], action: Action, in_items: bool = False) -> Iterator[Rule]:
    if schema is True:
        return
    pii = schema.get(PII)
    for keyword, value in schema.items():
        own = _action(schema, keyword, action)
        if keyword in SCALAR_KEYWORDS and (path or in_items):
            yield Rule(path, keyword, value, own, pii, in_items)
        elif keyword == "additionalProperties" and value is False:
            yield Rule(path, keyword, tuple(schema.get("properties", {})), own, pii)
        elif keyword == "required":
            for name in value:
                below = schema.get("properties", {}).get(name, {})
                yield Rule((*path, name), keyword, name, _action(below, keyword, own))
        elif keyword == "properties":
            for name, below in value.items():
                yield from _rules(below, (*path, name), _inherited(schema, action))
        elif keyword == "items":
            yield from _rules({PII: pii, **({} if value is True else value)}, path, _inherited(schema, action), True)


def _action(schema: Any, keyword: str, inherited: Action) -> Action:
    said = schema.get(ON_VIOLATION, inherited) if isinstance(schema, Mapping) else inherited
    action: Action = said.get(keyword, inherited) if isinstance(said, Mapping) else said
    return action


def _inherited(schema: Mapping[str, Any], action: Action) -> Action:
    """What holds for the properties below: `x-on-violation` as a whole, not what it says of single keywords."""
    said = schema.get(ON_VIOLATION, action)
    return action if isinstance(said, Mapping) else said


def schema_mistakes(schema: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What no JSON Schema may say, and what this platform cannot check, with the path of each."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    invalid = list(validator.iter_errors(schema))
    yield from ((tuple(error.absolute_path), _not_a_schema(error)) for error in invalid)
    if not invalid:
        if schema.get("type", "object") != "object":
            yield ("type",), "the properties of an event are an object: `type: object`"
        yield from _unsupported(schema, (), frozenset())


def _not_a_schema(error: Any) -> str:
    if error.absolute_path and error.absolute_path[-1] == "type" and isinstance(error.instance, str):
        return f"unknown type `{error.instance}`; there are {', '.join(TYPES)}{did_you_mean(error.instance, TYPES)}"
    return f"not valid JSON Schema: {error.message}"


def _unsupported(schema: Any, path: KeyPath, refused: frozenset[str]) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(schema, bool):
        if not schema:
            yield path, "`false` is not supported here: leave the property out, with `additionalProperties: false`"
        return
    for keyword, value in schema.items():
        here = (*path, keyword)
        if keyword == ON_VIOLATION:
            yield from _wrong_actions(value, here)
        elif keyword == PII and value not in get_args(PiiClass):
            yield here, f"unknown class `{value}`; there are {', '.join(get_args(PiiClass))}"
        elif keyword not in KEYWORDS | ANNOTATIONS | {PII}:
            known = sorted(KEYWORDS)
            hint = did_you_mean(str(keyword), [*known, ON_VIOLATION, PII])
            yield here, f"keyword `{keyword}` is not supported{hint or ', only ' + ', '.join(known)}"
        elif keyword in refused:
            yield here, f"`{keyword}` is not supported below `items`: say only what a single value may be"
        elif message := _wrong_value(keyword, value):
            yield here, message
        elif keyword == "properties":
            for name, below in value.items():
                yield from _unsupported(below, (*here, name), refused)
        elif keyword == "items":
            yield from _unsupported(value, here, frozenset({*OBJECT_KEYWORDS, "items"}))


def _wrong_actions(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    said = value if isinstance(value, Mapping) else {"": value}
    for keyword, action in said.items():
        here = (*path, keyword) if keyword else path
        if action not in get_args(Action):
            yield here, f"unknown action `{action}`; there are {', '.join(get_args(Action))}"
        elif keyword and keyword not in KEYWORDS - {"properties", "items"}:
            yield here, f"unknown keyword `{keyword}`{did_you_mean(keyword, sorted(KEYWORDS))}"


def _wrong_value(keyword: str, value: Any) -> str | None:
    if keyword == "format" and value not in FORMATS:
        return f"format `{value}` is not supported, only {', '.join(FORMATS)}{did_you_mean(value, FORMATS)}"
    if keyword == "additionalProperties" and not isinstance(value, bool):
        return "a schema is not supported here, only true or false"
    if "\\u0000" in json.dumps(list(value) if keyword in OBJECT_KEYWORDS - {"additionalProperties"} else value):
        return "no text may have the character U+0000"
    values = value if keyword == "enum" else [value] if keyword == "const" else []
    if not all(isinstance(one, Scalar) for one in values):
        return "only texts, numbers, true, false and null are supported"
    return _wrong_pattern(value) if keyword == "pattern" else None


def _wrong_pattern(pattern: str) -> str | None:
    """Why a regular expression can't be used. Arrow's are those of DuckDB: RE2, without looking around or back."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.nulls(1, pa.string()), pattern)  # an array of values would bring in pandas
    except pa.ArrowInvalid as error:
        return f"not a regular expression that can be searched for (RE2): {str(error).splitlines()[0]}"
    return None
