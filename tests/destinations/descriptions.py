"""Vendors' own descriptions of their APIs, made ready to hold requests and answers against.

They are no part of this project: `CDP_VENDOR_SPECS` names the folder that has them.
"""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_core import Config, OpenAPI

VARIABLE = "CDP_VENDOR_SPECS"
SERVER = "http://vendor.test"
Spec = dict[str, Any]


def vendor_file(name: str) -> Path:
    """A file of the descriptions; skips the test where there are none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: it names the folder with the vendors' API descriptions")
    return Path(folder) / name


@lru_cache(maxsize=8)
def description(*paths: str, files: tuple[str, ...], without: tuple[str, ...] = ()) -> OpenAPI:
    """The named paths of several files as one API at ``SERVER``, whose descriptions lack the keys ``without``."""
    specs = [_read(vendor_file(file)) for file in files]
    whole: Spec = {"paths": {}}
    for spec in specs:
        whole["openapi"] = spec["openapi"]
        whole["paths"] |= {path: spec["paths"][path] for path in paths if path in spec["paths"]}
        for kind, parts in spec.get("components", {}).items():
            if kind != "securitySchemes":
                whole.setdefault("components", {}).setdefault(kind, {}).update(parts)
    assert set(whole["paths"]) == set(paths), "paths that the description lacks"
    head = {"info": {"title": "vendor", "version": "1"}, "servers": [{"url": SERVER}]}
    prepared = _without(whole, {"security", "servers", *without})
    return OpenAPI.from_dict({**prepared, **head}, config=Config(spec_validator_cls=None))


def _read(file: Path) -> Spec:
    text = file.read_text()
    if file.suffix == ".json":
        spec = json.loads(text)
    else:
        spec = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _openapi3(spec) if "swagger" in spec else spec


def _without(value: Any, names: set[str]) -> Any:
    """Without the keys that the validator takes amiss, such as `"example": null`."""
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    if isinstance(value, dict):
        return {
            "application/json" if name == "*/*" else name: _without(inner, names)
            for name, inner in value.items()
            if name not in names and not (name == "example" and inner is None)
        }
    return value


def _openapi3(swagger: Spec) -> Spec:
    """Swagger 2.0 as OpenAPI 3.0: bodies and answers move, the schemas stay."""
    for operations in swagger["paths"].values():
        for operation in operations.values():
            parameters = operation.pop("parameters", [])
            for parameter in parameters:
                if parameter["in"] == "body":
                    content = {"application/json": {"schema": parameter["schema"]}}
                    operation["requestBody"] = {"required": parameter.get("required", False), "content": content}
            operation["parameters"] = [
                {"name": p["name"], "in": p["in"], "required": p.get("required", False), "schema": {"type": p["type"]}}
                for p in parameters
                if p["in"] != "body" and p["type"] != "array"
            ]
            for answer in operation["responses"].values():
                if "schema" in answer:
                    answer["content"] = {"application/json": {"schema": answer.pop("schema")}}
    return {"openapi": "3.0.3", "paths": swagger["paths"]}


SCALARS = {"string": "string", "bool": "boolean", "int64": "string", "google.protobuf.Timestamp": "string"}
FIELD = re.compile(r"^\s*(repeated )?([\w.]+) (\w+) = \d+", re.MULTILINE)


@lru_cache(maxsize=2)
def proto_schema(folder: str, message: str) -> Spec:
    """JSON Schema of a message in the usual JSON mapping of proto3, from the `.proto` files of a folder.

    Fields whose comment begins with `Required.` are required; names are in camel case; unknown ones are refused.
    """
    text = "\n".join(file.read_text() for file in sorted(vendor_file(folder).glob("*.proto")))
    enums = dict(re.findall(r"^\s*enum (\w+) \{(.*?)^\s*\}", text, re.DOTALL | re.MULTILINE))
    messages = dict(re.findall(r"^message (\w+) \{(.*?)^\}", text, re.DOTALL | re.MULTILINE))
    return _message_schema(message, messages, enums)


def _message_schema(name: str, messages: dict[str, str], enums: dict[str, str]) -> Spec:
    if name in SCALARS:
        return {"type": SCALARS[name]}
    if name in enums:
        return {"enum": re.findall(r"^\s*([A-Z_]+) =", enums[name], re.MULTILINE)}
    if name not in messages:
        return {}
    body = re.sub(r"^ +enum \w+ \{.*?^ +\}", "", messages[name], flags=re.DOTALL | re.MULTILINE)
    properties, required = {}, []
    for block in re.split(r";", body):
        found = FIELD.search(re.sub(r"^\s*oneof \w+ \{", "", block, flags=re.MULTILINE))
        if not found:
            continue
        repeated, kind, field = found.groups()
        camel = re.sub(r"_(\w)", lambda match: match[1].upper(), field)
        schema = _message_schema(kind, messages, enums)
        properties[camel] = {"type": "array", "items": schema} if repeated else schema
        if "REQUIRED" in block:
            required.append(camel)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
