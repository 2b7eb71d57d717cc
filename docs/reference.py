"""`python -m docs.reference` writes docs/model.md: every key of the YAML, from the types that check it.

What is said of a key stands beside its type in `cdp_model`, so this page cannot say anything else than the code does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import cdp_resources.destinations  # noqa: F401 - makes the kinds of destination known to the model
from cdp_model.columns import NOT_EXPRESSIONS
from cdp_model.functions import SCALAR_FUNCTIONS
from cdp_model.schema import schemas
from cdp_model.survivorship import RECORD_COLUMNS
from cdp_model.traits import NEEDS_VALUE, PERSON_COLUMNS, TRAIT_EVENT_COLUMNS, ZERO_WITHOUT_EVENTS, Aggregate

PAGE = Path(__file__).parent / "model.md"
MAPPINGS = ("CustomerMapping", "EventMapping", "ConsentMapping", "RateMapping")
EXPRESSION_KEYS = {
    "Stream": {"day"},
    "Trait": {"where", "of", "sql"},
    "PropensityPrediction": {"where", "among"},
    "NextProductPrediction": {"item"},
    "ClustersPrediction": {"among"},
    "Segment": {"all", "any", "none"},
    "Counted": {"where"},
    "Step": {"where"},
    "Group": {"all", "any", "none"},
    "Sync": {"key", "fields"},
    "VerifiedFirst": {"verified_first"},
}
"""Keys whose texts are expressions, by the type that has them; in a mapping all are but `NOT_EXPRESSIONS`."""

INTRODUCTION = """\
# The declared company

<!-- Written by `python -m docs.reference` from the types in `cdp_model`. Change those, not this page. -->

A company is a folder of YAML files. `CDP_MODEL` names the folder.

| file | what it declares | needed |
|---|---|---|
| `company.yaml` | the company: owner, time zone, currency, first day | yes |
| `sources/<name>.yaml` | one system that knows customers, its files and what their rows mean | at least one |
| `identity.yaml` | what makes two records the same person | no: the defaults fit most consumer businesses |
| `profiles.yaml` | which value survives where records differ ([golden records](golden-records.md)) | no |
| `traits.yaml` | values computed for every person | no |
| `predictions.yaml` | what people are expected to do ([predictions](predictions.md)) | no |
| `segments/*.yaml` | which people belong together | no |
| `destinations.yaml` | where syncs send to | for syncs |
| `syncs/*.yaml` | who is told what, and under which consent | no |
| `tracking_plan/*.yaml` | which events are meant to come, with what ([tracking plan](tracking_plan.md)) | no |

`cdp check` reads them all and reports every mistake with file, line and the likely fix. Unknown keys are mistakes.
Names have lower case letters, digits and underscores, begin with a letter, and have at most 60 characters: they
become table names, asset keys and file names.

Editors complete and underline while you type, once they know the JSON Schema of each file:

    cdp schema --out .schemas

and, as the first line of a file such as `sources/crm.yaml` (for editors with the YAML language server; the path is
relative to the file):

    # yaml-language-server: $schema=../.schemas/source.schema.json
"""

CHAPTERS = {
    "company": "`company.yaml`",
    "source": "`sources/<name>.yaml`",
    "identity": "`identity.yaml`",
    "profiles": "`profiles.yaml`",
    "traits": "`traits.yaml`",
    "predictions": "`predictions.yaml`",
    "segments": "`segments/*.yaml`",
    "destinations": "`destinations.yaml`",
    "syncs": "`syncs/*.yaml`",
    "tracking_plan": "`tracking_plan/*.yaml`",
}
AFTERWORDS = {
    "source": """\
A column is declared by its name and one of: nothing, a description, or a mapping with `description` and `pii`.
Columns of a file that are not declared are kept in the raw table all the same, but no expression may use them.
A declared column that a file lacks is a warning, and null.
""",
    "traits": "Each entry is the name of a trait, or with `family` of several traits, and:\n",
    "predictions": "Each entry is the name of a prediction and the keys of its `kind`:\n",
    "segments": "Each entry is the name of a segment and:\n",
    "destinations": "Each entry is the name of a destination and the keys of its `type`:\n",
    "syncs": "Each entry is the name of a sync and:\n",
    "tracking_plan": """\
Keywords of JSON Schema that `schema` may have, and the files `tracking_plan/*.json`, are described in
[tracking plan](tracking_plan.md).
""",
}

EXPRESSIONS = """\
## Expressions

Mappings, survivorship, traits, predictions, segments and syncs are written in SQL: one scalar expression of DuckDB's
dialect, over the columns that exist where it stands. It is parsed before it is run. Statements, subqueries, aggregates
and window functions are refused, and so is whatever gives another answer each time, such as `now()` or `random()`: use
`as_of`.

- Every raw column is text. Write `total::double` or `try_strptime(born, '%d.%m.%Y')` where another type is meant.
- What cannot be computed or converted stops no run. An event or a consent with such a value goes to
  `standardized.quarantine` with the reason. A customer record keeps all that could be read, and the rest is null; it
  goes to quarantine when it has no id. In traits, segments, predictions and syncs the value is null, and so is a
  division by zero.
- Nested values of JSON and Parquet are JSON text: `address->>'city'`, `context->'page'->>'path'`.
- A time without a zone is UTC. For local times: `timezone('Europe/Berlin', changed_at::timestamp)`.
- A constant is quoted for SQL inside the quotes of YAML: `country: "'DE'"`.
- YAML ends a plain value at ` #` and, inside `[a, b]` or `{a: b}`, at a comma: quote it or give it a line of its own.
- `true`, `false` and numbers alone are not text in YAML: quote them, as in `granted: "false"`.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION]
    for name, schema in schemas().items():
        parts.append(f"## {CHAPTERS[name]}\n")
        definitions = schema.get("$defs", {})
        if name in AFTERWORDS and "properties" not in schema:
            parts.append(AFTERWORDS[name])
            parts += [text for kind in _entries(schema, definitions) for text in _object(kind, definitions, set())]
        else:
            parts += _object(schema, definitions, set(), heading=False)
            if name in AFTERWORDS:
                parts.append(AFTERWORDS[name])
        if name == "traits":
            parts += [
                _aggregates(),
                _columns("`where` and `of` may use these columns of an event", TRAIT_EVENT_COLUMNS),
            ]
        if name == "segments":
            users = "A condition of a segment, an `sql` trait and a field of a sync"
            usable = "every trait, every column of a prediction and these attributes"
            parts.append(_columns(f"{users} may use {usable}", PERSON_COLUMNS))
        if name == "profiles":
            parts.append(_columns("`verified_first` may use these columns of a standardized record", RECORD_COLUMNS))
    parts += [EXPRESSIONS, _functions()]
    return "\n".join(parts)


def _entries(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The types that an entry of a file of named things may have."""
    entry = schema.get("additionalProperties")
    if not isinstance(entry, dict):
        (entry,) = schema["patternProperties"].values()
    return [definitions[name] for name in _references(entry)]


def _references(schema: dict[str, Any]) -> list[str]:
    """Names of the definitions that a schema points at, in order, each once."""
    if "$ref" in schema:
        return [schema["$ref"].rsplit("/", 1)[-1]]
    below = [schema.get("items"), schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
    below += [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    return list(dict.fromkeys(name for part in below if isinstance(part, dict) for name in _references(part)))


def _object(schema: dict[str, Any], definitions: dict[str, Any], seen: set[str], heading: bool = True) -> Iterator[str]:
    """A table of the keys of one type, then of the types that its keys point at."""
    if heading:
        yield f"### {schema['title']}\n"
    if schema.get("description"):
        yield _without_file(schema["description"].strip()) + "\n"
    seen.add(schema["title"])
    lines, pointed_at = ["| key | value | default | meaning |", "|---|---|---|---|"], []
    for key, value in schema["properties"].items():
        needed = key in schema.get("required", [])
        kind = _kind(value, definitions)
        if _is_expression(schema["title"], key):
            kind = kind.replace("text", "[expression](#expressions)")
        cells = [f"`{key}`", kind, "needed" if needed else _default(value), _meaning(value)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        pointed_at += _references(value)
    yield "\n".join(lines) + "\n"
    for name in dict.fromkeys(pointed_at):
        if definitions[name]["title"] not in seen:
            yield from _object(definitions[name], definitions, seen)


def _is_expression(title: str, key: str) -> bool:
    if title in MAPPINGS:
        return key not in NOT_EXPRESSIONS
    return key in EXPRESSION_KEYS.get(title, ())


def _without_file(description: str) -> str:
    """The description of a type without the name of its file, which the heading has already."""
    file, separator, rest = description.partition(": ")
    if not separator or not file.startswith("`"):
        return description
    return rest[0].upper() + rest[1:]


def _meaning(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, "", [], {}) or "$ref" in schema:
        return ""
    if isinstance(default, dict):
        scalar = all(isinstance(value, int | float | str) for value in default.values())
        return f"`{', '.join(f'{name}: {value}' for name, value in default.items())}`" if scalar else ""
    if isinstance(default, list):
        return ", ".join(f"`{value}`" for value in default)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The type of a value in plain words."""
    if "$ref" in schema:
        return _link(schema["$ref"].rsplit("/", 1)[-1], definitions)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    alternatives = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if alternatives:
        words = [_kind(part, definitions) for part in alternatives if part.get("type") != "null"]
        either = " or ".join(dict.fromkeys(word for word in words if not word.startswith("list of ")))
        return f"{either}, or a list of these" if f"list of {either}" in words else " or ".join(dict.fromkeys(words))
    if "prefixItems" in schema:
        return "[" + ", ".join(_kind(part, definitions) for part in schema["prefixItems"]) + "]"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), definitions)}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), {})
        return f"name: {_kind(values, definitions)}" if isinstance(values, dict) else "mapping"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    kind = "day" if schema.get("format") == "date" else words.get(str(schema.get("type")), "anything")
    return kind + _limits(schema)


def _limits(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = [f"from {low:g}"] if low is not None else [f"above {above:g}"] if above is not None else []
    words += [f"to {high:g}"] if high is not None else [f"below {below:g}"] if below is not None else []
    return f" ({' '.join(words)})" if words else ""


def _link(name: str, definitions: dict[str, Any]) -> str:
    title = definitions[name]["title"]
    return f"[{title}](#{title.lower()})"


def _aggregates() -> str:
    listed = "\n".join(
        f"| `{name}` | {'yes' if name in NEEDS_VALUE else ''} | {AGGREGATES[name]} |" for name in get_args(Aggregate)
    )
    zero = ", ".join(f"`{name}`" for name in get_args(Aggregate) if name in ZERO_WITHOUT_EVENTS)
    return (
        f"| aggregate | needs `of` | value |\n|---|---|---|\n{listed}\n\n"
        f"Events count where `of` is not null. {zero} are 0 for people without such events; the others are null unless "
        "`default` says otherwise.\n"
    )


AGGREGATES = {
    "count": "number of events",
    "sum": "sum of `of`",
    "mean": "mean of `of`",
    "min": "smallest `of`",
    "max": "largest `of`",
    "first": "`of` of the earliest event; of several at one moment the least",
    "last": "`of` of the latest event; of several at one moment the greatest",
    "most_frequent": "the `of` of most events; of equals the smallest",
    "count_distinct": "number of different `of`",
    "distinct": "list of the different `of`, sorted",
    "ratio": "share of the events for which `of`, a condition, is true",
    "days_since_first": "days from the earliest event to the day the value is for",
    "days_since_last": "days from the latest event to the day the value is for",
    "days_active": "number of days with an event",
    "days_between": "mean days from one day with an event to the next: (last - first) / (days with one - 1)",
    "longest_streak": "most days in a row with an event",
    "current_streak": "days in a row with an event that end on the day the value is for",
}


def _columns(introduction: str, columns: dict[str, str]) -> str:
    listed = "\n".join(f"| `{name}` | {kind} |" for name, kind in columns.items())
    return f"{introduction}:\n\n| column | type |\n|---|---|\n{listed}\n"


def _functions() -> str:
    listed = ", ".join(f"`{name}`" for name in sorted(SCALAR_FUNCTIONS))
    return (
        "The usual operators, `case`, casts and common functions (`coalesce`, `lower`, `upper`, `round`, `abs`, "
        "`concat`, `length` …) may be used, and of DuckDB's other functions these:\n\n"
        f"{listed}.\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
