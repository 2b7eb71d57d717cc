"""`profiles.yaml`: what may stand in it, and what a data team is told about its mistakes."""

import pytest

from cdp_model import ModelError
from cdp_model.survivorship import SourcePriority, VerifiedFirst
from tests.small_company import SmallCompany


def told(company: SmallCompany, text: str) -> list[str]:
    company.declare("profiles.yaml", text)
    with pytest.raises(ModelError) as raised:
        _ = company.model
    return [str(problem) for problem in raised.value.problems]


def test_without_the_file_and_without_an_attribute_the_defaults_hold(company: SmallCompany) -> None:
    default = company.model.profiles.attributes.rules()
    assert default["email"] == ["most_recent"]
    company.declare("profiles.yaml", "attributes:\n  phone: most_frequent\n")
    declared = company.model.profiles.attributes.rules()
    assert declared == default | {"phone": ["most_frequent"]}


def test_rules_are_one_or_a_list(company: SmallCompany) -> None:
    company.declare(
        "profiles.yaml",
        """
        attributes:
          first_name: {source_priority: [shop]}
          email: [{verified_first: attributes->>'email_verified' = 'true'}, most_recent]
        """,
    )
    rules = company.model.profiles.attributes.rules()
    assert rules["first_name"] == [SourcePriority(source_priority=["shop"])]
    assert rules["email"] == [VerifiedFirst(verified_first="attributes->>'email_verified' = 'true'"), "most_recent"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("most_recnt", "profiles.yaml:2: attributes.email: unknown rule `most_recnt`; did you mean `most_recent`?"),
        ("source_priority", "attributes.email: `source_priority` needs a value: write `source_priority: [crm, shop]`"),
        ("[]", "profiles.yaml:2: attributes.email: name a rule, or leave the attribute out"),
        ("[{source_priority: [shp]}]", "source_priority.0: unknown source `shp`; did you mean `shop`?"),
        ("[{source_priority: [shop, shop]}]", "source_priority.1: source `shop` is named twice"),
        ("[{verified_first: emial IS NOT NULL}]", "verified_first: unknown column `emial`; did you mean `email`?"),
        ("[{verified_first: count(*) > 1}]", "is not allowed here: only scalar expressions are"),
    ],
)
def test_a_mistake_is_named_with_line_and_the_near_name(company: SmallCompany, rules: str, message: str) -> None:
    (problem,) = told(company, f"attributes:\n  email: {rules}\n")
    assert message in problem


def test_an_unknown_attribute_is_named_with_the_near_one(company: SmallCompany) -> None:
    (problem,) = told(company, "attributes:\n  mail: most_recent\n")
    assert problem == "profiles.yaml:2: attributes.mail: unknown key `mail`; did you mean `email`?"
