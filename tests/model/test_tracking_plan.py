"""The tracking plan as declared: what it means, and every mistake with file, line and the likely fix."""

import json
from typing import Any

import pytest

from cdp_model import ModelError
from cdp_model.event_schemas import KEYWORDS, rules_of, schema_mistakes
from cdp_model.tracking_plan import plan_of
from tests.small_company import SmallCompany

PLAN = """
    sources: [shop]
    events:
      Bought:
        schema:
          required: [amount]
          properties:
            amount: {type: number}
"""


def told(company: SmallCompany, text: str | None = None) -> list[str]:
    if text is not None:
        company.declare("tracking_plan/shop.yaml", text)
    with pytest.raises(ModelError) as raised:
        _ = company.model
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[shop]", "[shpo]", "shop.yaml:2: sources.0: unknown source `shpo`; did you mean `shop`?"),
        ("schema:", "schmea:", "shop.yaml:5: events.Bought.schmea: unknown key `schmea`; did you mean `schema`?"),
        ("number", "nubmer", "amount.type: unknown type `nubmer`; there are string, number, integer, boolean, null, "),
        ("type: number", "oneOf: []", "amount.oneOf: not valid JSON Schema: [] should be non-empty"),
        ("type: number", "oneOf: [{}]", "amount.oneOf: keyword `oneOf` is not supported, only additionalProperties, "),
        ("type: number", "minmum: 1", "amount.minmum: keyword `minmum` is not supported; did you mean `minimum`?"),
        ("type: number", "format: ipv4", "amount.format: format `ipv4` is not supported, only date, date-time, "),
        ("type: number", "pattern: (?<=a)b", "amount.pattern: not a regular expression that can be searched for (RE2)"),
        ("type: number", "enum: [[1]]", "amount.enum: only texts, numbers, true, false and null are supported"),
        ("type: number", "x-pii: contct", "amount.x-pii: unknown class `contct`; there are identifier, contact, "),
        ("type: number", "x-on-violation: dorp", "x-on-violation: unknown action `dorp`; there are report, drop, "),
        ("type: number", "x-on-violation: {minmum: drop}", "unknown keyword `minmum`; did you mean `minimum`?"),
        ("type: number", "items: {items: {}}", "`items` is not supported below `items`"),
        ("type: number", "additionalProperties: {}", "a schema is not supported here, only true or false"),
        ("required:", "type: array\n          required:", "the properties of an event are an object"),
        ("schema:", "version: 1-0\n        schema:", "a version is MODEL-REVISION-ADDITION (SchemaVer), such as 1-0-0"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_meant(
    company: SmallCompany, old: str, new: str, problem: str
) -> None:
    assert old in PLAN
    assert any(problem in line for line in told(company, PLAN.replace(old, new))), told(company)


def test_an_event_that_no_mapping_makes_is_a_mistake(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "name_from: what", "name: Bougth")
    (problem,) = told(company, PLAN)
    assert problem.endswith(
        "shop.yaml:4: events.Bought: no source of the plan has event `Bought`; did you mean `Bougth`?"
    )


def test_plans_of_a_source_neither_repeat_an_event_nor_contradict_one_another(company: SmallCompany) -> None:
    company.declare("tracking_plan/a.yaml", PLAN.replace("[shop]", "[shop]\n    unplanned: allow"))
    assert told(company, PLAN.replace("[shop]", "[shop]\n    unplanned: quarantine")) == [
        "tracking_plan/shop.yaml:3: unplanned: a.yaml says `allow` of source `shop`: they must agree",
        "tracking_plan/shop.yaml:5: events.Bought: version 1-0-0 of `Bought` is in a.yaml already, for source `shop`",
    ]


def test_a_json_schema_file_is_a_plan_of_one_event_with_a_version(company: SmallCompany) -> None:
    company.declare("tracking_plan/shop.yaml", PLAN)
    schema = {"title": "Bought", "self": {"version": "1-0-1"}, "x-sources": ["shop"], "x-owner": "team:web"}
    company.declare("tracking_plan/bought.json", json.dumps(schema | {"properties": {"amount": {"minimum": 0}}}))
    plan = plan_of(company.model.tracking_plan, "shop")
    assert plan
    assert [(version.version, version.latest) for version in plan.events] == [("1-0-1", True), ("1-0-0", False)]
    assert plan.unplanned == "report"
    assert plan_of(company.model.tracking_plan, "crm") is None


def test_a_json_schema_file_is_checked_as_yaml_is(company: SmallCompany) -> None:
    company.declare("tracking_plan/bought.json", '{\n"x-sources": ["shop"],\n"properties": {"a": {"typ": 1}}\n}')
    assert told(company) == ["tracking_plan/bought.json:1: title: is missing, and needed"]
    company.amend("tracking_plan/bought.json", '"x-s', '"title": "Bought",\n"x-s')
    assert told(company)[0].startswith("tracking_plan/bought.json:4: properties.a.typ: keyword `typ` is not supported")


def test_an_addition_may_not_ask_for_more(company: SmallCompany) -> None:
    company.declare("tracking_plan/older.yaml", PLAN.replace("required: [amount]", ""))
    newer = PLAN.replace("schema:", "version: 1-0-1\n        schema:")
    (problem,) = told(company, newer)
    assert problem.startswith("tracking_plan/shop.yaml:7: events.Bought.schema.required: an ADDITION may not require")
    company.declare("tracking_plan/shop.yaml", newer.replace("1-0-1", "2-0-0"))
    assert company.model.tracking_plan


def test_what_is_said_of_a_violation_holds_for_what_is_below_until_something_else_is_said() -> None:
    schema: dict[str, Any] = {
        "required": ["a", "b"],
        "x-on-violation": "quarantine",
        "properties": {
            "a": {"type": "string", "minLength": 1, "x-on-violation": {"minLength": "drop"}},
            "b": {"x-on-violation": "report", "type": "array", "items": {"type": "string"}},
        },
    }
    found = {(rule.property, rule.keyword): rule.action for rule in rules_of(schema, "drop")}
    assert found == {
        ("", "type"): "quarantine",
        ("a", "required"): "quarantine",
        ("b", "required"): "report",
        ("a", "type"): "quarantine",
        ("a", "minLength"): "drop",
        ("b", "type"): "report",
        ("b[]", "type"): "report",
    }


def test_every_keyword_that_is_not_supported_is_refused() -> None:
    from jsonschema import Draft202012Validator

    known = {*Draft202012Validator.VALIDATORS} - KEYWORDS
    assert len(known) > 15
    values: dict[str, Any] = {"dependentRequired": {}, "dependentSchemas": {}, "patternProperties": {}, "$ref": "#"}
    for keyword in known:
        for value in (values.get(keyword, 1), True, [{}], {}):
            assert list(schema_mistakes({"properties": {"a": {keyword: value}}})), keyword
