"""The JSON Schemas that editors complete with: they hold for what the platform itself accepts."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from cdp_model.schema import FILES, schemas

EXAMPLES = Path(__file__).parents[2] / "examples"
KIND_OF_FOLDER = {"sources": "source", "segments": "segments", "syncs": "syncs", "tracking_plan": "tracking_plan"}
FOUND = sorted(path for path in EXAMPLES.rglob("*.yaml") if ".cdp" not in path.parts)


def as_json(value: Any) -> Any:
    """What an editor sees: JSON has no dates."""
    if isinstance(value, dict):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_an_example_file_is_valid(path: Path) -> None:
    kind = KIND_OF_FOLDER.get(path.parent.name, path.stem)
    content = as_json(YAML(typ="safe", pure=True).load(path))
    jsonschema.validate(content, schemas()[kind], cls=jsonschema.Draft202012Validator)


def test_every_kind_of_file_is_in_the_examples() -> None:
    assert {KIND_OF_FOLDER.get(path.parent.name, path.stem) for path in FOUND} >= FILES.keys()


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_one_and_refuses_unknown_keys(kind: str) -> None:
    schema = schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"x": {"nmae": 1}, "nmae": 1}, schema)


def test_a_date_and_its_text_are_both_what_the_schema_asks_for() -> None:
    schema = schemas()["company"]
    assert schema["properties"]["start_date"]["type"] == "string"
    assert schema["properties"]["start_date"]["format"] == "date"
