"""The types of `profiles.yaml`: which of the values that a person's records hold survives into the golden record."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cdp_model.declared import Declared
from cdp_model.expressions import did_you_mean

ADDRESS = ("street", "city", "region", "postal_code", "country")
"""Taken together from one record, so that no street stands in another city."""

RECORD_ATTRIBUTES = {
    "first_name": "VARCHAR",
    "last_name": "VARCHAR",
    "date_of_birth": "DATE",
    "gender": "VARCHAR",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    **dict.fromkeys(ADDRESS, "VARCHAR"),
}
"""What is known of a person by their records, with types."""

EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
"""What can be an e-mail address, of a record or of a correction."""

RECORD_COLUMNS = {
    "record_key": "VARCHAR",
    "source": "VARCHAR",
    **RECORD_ATTRIBUTES,
    "identifiers": "MAP(VARCHAR, VARCHAR[])",
    "attributes": "JSON",
    "created_at": "TIMESTAMP WITH TIME ZONE",
    "updated_at": "TIMESTAMP WITH TIME ZONE",
}
"""The columns of a standardized record, which `verified_first` may use."""

PlainRule = Literal["most_recent", "most_frequent", "most_complete"]
PLAIN_RULES = ("most_recent", "most_frequent", "most_complete")


class SourcePriority(Declared):
    """Values of the source named first come first; sources that are not named come last, and are equal."""

    source_priority: list[str] = Field(min_length=1, description="Sources, the most trusted first")


class VerifiedFirst(Declared):
    """Values of records for which a condition is true come first."""

    verified_first: str = Field(
        description="Condition over a standardized record, such as `attributes->>'email_verified' = 'true'`"
    )


Rule = PlainRule | SourcePriority | VerifiedFirst


def _as_list(written: Any) -> Any:
    """One rule is a list of one; a misspelt rule is named with the nearest."""
    rules = written if isinstance(written, list) else [written]
    if not rules:
        raise ValueError("name a rule, or leave the attribute out")
    for rule in rules:
        if isinstance(rule, str) and rule not in PLAIN_RULES:
            if rule in KEYED_RULES:
                raise ValueError(f"`{rule}` needs a value: write `{rule}: {KEYED_RULES[rule]}`")
            raise ValueError(f"unknown rule `{rule}`{did_you_mean(rule, [*PLAIN_RULES, *KEYED_RULES])}")
    return rules


KEYED_RULES = {"source_priority": "[crm, shop]", "verified_first": "source = 'crm'"}
Rules = Annotated[list[Rule], BeforeValidator(_as_list, json_schema_input_type=Rule | list[Rule]), Field(min_length=1)]


class Survivorship(Declared):
    """For each attribute the rules that choose its value, in order: each decides what those before it left open.

    What all of them leave open is decided by the latest change of a record, then by the larger record key.
    """

    first_name: Rules = Field(default=["most_frequent", "most_recent"], description="First name")
    last_name: Rules = Field(default=["most_frequent", "most_recent"], description="Last name")
    date_of_birth: Rules = Field(default=["most_frequent", "most_recent"], description="Birth date")
    gender: Rules = Field(default=["most_frequent", "most_recent"], description="Gender")
    email: Rules = Field(default=["most_recent"], description="E-mail address")
    phone: Rules = Field(default=["most_recent"], description="Phone number")
    address: Rules = Field(
        default=["most_complete", "most_recent"],
        description="Street, city, region, postal code and country, always together from one record",
    )

    def rules(self) -> dict[str, list[Rule]]:
        """The rules of every attribute, in the order of the attributes."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def rule_name(rule: Rule) -> str:
    """The rule as it is called in YAML and in `provenance`."""
    return rule if isinstance(rule, str) else next(iter(type(rule).model_fields))


class ProfileSettings(Declared):
    """`profiles.yaml`: how one value of each attribute is chosen from all records of a person."""

    attributes: Survivorship = Field(default=Survivorship(), description="Which value survives, by attribute")
