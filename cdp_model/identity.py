"""The types of `identity.yaml`: what makes two records the same person. The defaults fit most consumer businesses."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cdp_model.declared import Declared

IdentifierType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Comparison = Literal["first_name", "middle_name", "last_name", "date_of_birth", "email", "phone", "address"]
MatchField = Literal[
    "given",
    "first_name",
    "last_name",
    "date_of_birth",
    "email",
    "email_user",
    "phone",
    "street",
    "postal_code",
    "city",
]
Rule = Annotated[list[MatchField], Field(min_length=1)]


class Placeholders(Declared):
    """Values that people and systems write when they have none. They count as missing, for matching only."""

    names: list[str] = Field(
        default=[
            *(
                "n/a",
                "na.",
                "n.a.",
                "none",
                "null",
                "nil",
                "unknown",
                "unbekannt",
                "desconocido",
                "test",
                "tester",
            ),
            *(
                "asdf",
                "qwerty",
                "xxx",
                "xx",
                "x",
                "-",
                ".",
                "guest",
                "gast",
                "kunde",
                "customer",
                "anonymous",
            ),
            *("anonym", "first name", "last name", "vorname", "nachname", "noname", "no name"),
        ],
        description="First and last names that are none, in lower case",
    )
    emails: list[str] = Field(
        default=[
            "test@test.com",
            "test@test.de",
            "a@a.com",
            "none@none.com",
            "no@email.com",
            "email@email.com",
        ],
        description="E-mail addresses that are nobody's",
    )
    email_users: list[str] = Field(
        default=[
            *("info", "office", "kontakt", "contact", "contacto", "hello", "hallo", "mail", "post", "admin"),
            *(
                "support",
                "service",
                "sales",
                "vertrieb",
                "ventas",
                "shop",
                "webmaster",
                "postmaster",
                "buchhaltung",
            ),
            *(
                "noreply",
                "no-reply",
                "no.reply",
                "donotreply",
                "test",
                "asdf",
                "none",
                "null",
                "na",
                "unknown",
            ),
        ],
        description="The part before the @ of role and test addresses: many people stand behind one of them",
    )
    phones: list[str] = Field(default=[], description="Phone numbers that are nobody's, as E.164")
    dates_of_birth: list[dt.date] = Field(
        default=[
            dt.date(1900, 1, 1),
            dt.date(1901, 1, 1),
            dt.date(1970, 1, 1),
            dt.date(1980, 1, 1),
            dt.date(1990, 1, 1),
            dt.date(2000, 1, 1),
        ],
        description="Birth dates that forms fill in by themselves",
    )


class AccuracyFloor(Declared):
    """What linkage must reach where the truth is known. Below it the check `accuracy_against_truth` warns."""

    precision: float = Field(default=0.95, ge=0, le=1, description="Share of joined pairs that are one person")
    recall: float = Field(default=0.80, ge=0, le=1, description="Share of one person's pairs that are joined")
    household_merges: float = Field(
        default=5, ge=0, description="People wrongly merged with someone of their household, of each 1,000"
    )


class IdentitySettings(Declared):
    """`identity.yaml`: how records are linked to people. Every key may be left out."""

    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb",
        description="Where Splink trains and scores: in the process, or on Spark (extra `spark`, and Java) for "
        "evidence that has outgrown one machine. It changes no person",
    )
    strong: list[IdentifierType] = Field(
        default=["account_id", "customer_id", "loyalty_id"],
        description="Identifier types that one person alone has: equal values link two records from any sources",
    )
    shared_prone: list[IdentifierType] = Field(
        default=["email", "phone", "device"],
        description="Identifier types that families share: equal values link only records with compatible names",
    )
    exclusive: list[IdentifierType] = Field(
        default=[],
        description="Identifier types of which a person has exactly one: records with different values never join",
    )
    max_names: int = Field(
        default=3,
        ge=1,
        description="An identifier value seen with more first names than this is shared, and links nothing",
    )
    max_records: int = Field(
        default=500,
        ge=2,
        description="An identifier value on more records than this is not personal, and links nothing",
    )
    comparisons: list[Comparison] | None = Field(
        default=None, description="What Splink compares; by default whatever enough records have"
    )
    blocking: list[Rule] | None = Field(
        default=None,
        description="Only pairs that agree on all fields of one of these rules are scored; by default chosen from "
        "what records have and from how many pairs each rule gives",
    )
    training: list[Rule] | None = Field(
        default=None,
        description="Rules for expectation maximisation. Never only on what a household shares: surname, address, "
        "e-mail or landline",
    )
    max_pairs_per_rule: int = Field(
        default=20_000_000,
        ge=1,
        description="A blocking rule that would give more pairs than this is left out",
    )
    candidate_threshold: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Pairs at or above this match probability are kept as links, for a human to look at",
    )
    link_threshold: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="Records come together only over pairs of at least this match probability. Raise it for fewer "
        "wrong merges, lower it for fewer missed ones",
    )
    review_threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Pairs that were not joined, at or above this, are worth a human's look",
    )
    review_pairs: int = Field(default=200, ge=0, description="How many pairs the review queue has at most")
    cut: float = Field(
        default=-3.0,
        description="Two groups of records join while the mean match weight between them is at least this. Each unit "
        "doubles the odds; below 0 (as likely as not), because one person's records often lack something",
    )
    max_component: int = Field(
        default=300,
        ge=10,
        description="Largest group of records whose pairs are all compared; larger ones are split by a higher "
        "threshold first",
    )
    max_change: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="A run that would merge or split more than this share of the people with several records, and more "
        "than a hundred, writes nothing and says so",
    )
    giant_person: int = Field(default=200, ge=2, description="A person with more records than this raises a warning")
    max_household: int = Field(
        default=12,
        ge=2,
        description="An address of more people than this, such as an office or a dormitory, makes no household",
    )
    generation_years: int = Field(
        default=15,
        ge=1,
        description="Namesakes born this many years apart, with other contact data, are parent and child",
    )
    prior_recall: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Share of true pairs that agree on full name and birth date, or name and e-mail; sets the prior",
    )
    min_training_pairs: int = Field(
        default=30, ge=1, description="With fewer near-certain pairs than this no model is trained"
    )
    placeholders: Placeholders = Field(default=Placeholders(), description="Values that mean nothing")
    accuracy: AccuracyFloor = Field(default=AccuracyFloor(), description="What linkage must reach")
    seed: int = Field(default=20_240_229, description="Makes training reproducible")
