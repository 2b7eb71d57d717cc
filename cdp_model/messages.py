"""What is wrong with a value, in words for who wrote it: pydantic's findings, told as a person would."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cdp_model.behaviour import DURATION
from cdp_model.declared import VARIABLE
from cdp_model.documents import Document, KeyPath, Problem
from cdp_model.expressions import did_you_mean
from cdp_model.names import OWNER
from cdp_model.tracking_plan import SCHEMA_VERSION
from cdp_model.windows import WINDOW

MUST_BE = "must be a "
PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "names have lower case letters, digits and underscores, and begin with a letter",
    r"^[1-9]\d* days?$": "write a number of days, such as 30 days",
    DURATION: "write a duration, such as 2 days or 30 minutes",
    WINDOW: "write 30 days, this month, last week or lifetime",
    r"^[A-Z]{3}$": "a currency is three capital letters, such as EUR (ISO 4217)",
    r"^[A-Z]{2}$": "a country is two capital letters, such as DE (ISO 3166)",
    VARIABLE: "the name of an environment variable: capital letters, digits and underscores, never the secret itself",
    SCHEMA_VERSION: "a version is MODEL-REVISION-ADDITION (SchemaVer), such as 1-0-0",
    OWNER: "an owner is an e-mail address, or `team:name`",
}
"""What is asked for, in words, where a text does not match."""


def problems_of(error: ValidationError, document: Document, prefix: KeyPath, kind: Any) -> Iterator[Problem]:
    """What is wrong with the content of ``document`` below ``prefix``, which should be a ``kind``."""
    messages: dict[KeyPath, list[str]] = {}
    for detail in error.errors(include_url=False):
        path = document.existing(prefix, detail["loc"])
        if detail["type"] == "missing":
            path = (*path, detail["loc"][-1])
        messages.setdefault(path, []).append(_message(detail, kind, path[len(prefix) :]))
    deepest = [path for path in messages if not any(_is_below(other, path) for other in messages)]
    # a value that fits no type of a union is reported once for each of them, and the nearest goes deepest
    for path in messages:
        if path in deepest or not all(message.startswith(MUST_BE) for message in messages[path]):
            yield document.problem(path, _either(messages[path]))


def _is_below(path: KeyPath, other: KeyPath) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _either(messages: list[str]) -> str:
    """Messages about one value as one: it may be any of the types that they ask for."""
    kinds = [message.removeprefix(MUST_BE) for message in dict.fromkeys(messages) if message.startswith(MUST_BE)]
    others = [message for message in dict.fromkeys(messages) if not message.startswith(MUST_BE)]
    return "; ".join([*others, *([MUST_BE + " or a ".join(kinds)] if kinds else [])])


def _message(detail: Any, kind: Any, path: KeyPath) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(path[-1])
        return f"unknown key `{key}`{did_you_mean(key, sorted(_fields_at(kind, path[:-1])))}"
    if detail["type"] == "missing":
        return "is missing, and needed"
    if detail["type"] == "string_pattern_mismatch" and detail["ctx"]["pattern"] in PATTERNS:
        return PATTERNS[detail["ctx"]["pattern"]]
    if detail["type"] in ("model_type", "dict_type"):
        return MUST_BE + "mapping of keys to values"
    if detail["type"] == "union_tag_not_found":
        return f"is missing, and needed: `{detail['ctx']['discriminator'].strip(chr(39))}`"
    if detail["type"] == "union_tag_invalid":
        tag, known = detail["ctx"]["tag"], detail["ctx"]["expected_tags"].replace("'", "").split(", ")
        what = detail["ctx"]["discriminator"].strip("'")
        return f"unknown {what} `{tag}`; there are {', '.join(known)}{did_you_mean(tag, known)}"
    message = str(detail["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    message = message.replace("valid string", "text").replace("valid integer", "whole number").replace("valid ", "")
    return message[0].lower() + message[1:]


def _fields_at(kind: Any, path: KeyPath) -> set[str]:
    """Names of the fields that may stand where ``path`` leads, found by walking the JSON Schema."""
    schema = TypeAdapter(kind).json_schema()
    definitions = schema.get("$defs", {})
    nodes = _resolve([schema], definitions)
    for part in path:
        nodes = _resolve([child for node in nodes for child in _children(node, part)], definitions)
    return {name for node in nodes for name in node.get("properties", {})}


def _children(node: dict[str, Any], part: str | int) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [node["items"]] if "items" in node else []
    if part in node.get("properties", {}):
        return [node["properties"][part]]
    others = node.get("additionalProperties")
    return [others] if isinstance(others, dict) else list(node.get("patternProperties", {}).values())


def _resolve(nodes: list[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    resolved: list[dict[str, Any]] = []
    for node in nodes:
        if "$ref" in node:
            resolved += _resolve([definitions[node["$ref"].rsplit("/", 1)[-1]]], definitions)
        elif "anyOf" in node or "oneOf" in node:
            resolved += _resolve([*node.get("anyOf", []), *node.get("oneOf", [])], definitions)
        else:
            resolved.append(node)
    return resolved
