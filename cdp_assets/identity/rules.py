"""Which pairs are looked at: to score them, to train on them, and to say how many are one person. Opens nothing.

A rule is the columns that a pair has to agree on.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cdp_assets.identity.comparisons import NUMBER
from cdp_model.identity import IdentitySettings


def training_rules(names: Collection[str], settings: IdentitySettings) -> list[tuple[str, ...]]:
    """Blocking rules for expectation maximisation: personal fields only, never those a household shares."""
    if settings.training:
        return [tuple(rule) for rule in settings.training]
    rules: list[tuple[str, ...]] = [(name,) for name in names if name.startswith(NUMBER)]
    if {"first_name", "last_name"} <= set(names):
        rules.append(("given", "last_name"))
    if "date_of_birth" in names:
        rules.append(("date_of_birth",))
        if "first_name" in names:
            rules.append(("given", "date_of_birth"))
    elif "first_name" in names:
        # a first name beside what a household shares is personal again: for the last name, which nothing else trains
        rules += [("given", column) for column in ("email", "phone") if column in names]
    return rules


def shared_rules(name: str) -> Sequence[tuple[str, ...]]:
    """Training rules for a comparison that no personal rule reaches: another field, beside what a household shares.

    Members of a household are among their pairs, so that nothing but this one comparison is learned from them.
    """
    others = {
        "first_name": (("last_name",), ()),
        "last_name": (("given",),),
        "date_of_birth": (("last_name",), ("given",)),
    }
    homes = (("email",), ("phone",), ("street", "postal_code"), ("street", "city"), ("postal_code",), ("city",))
    return [(*other, *home) for other in others.get(name, ()) for home in homes]


def trained_by(rule: Collection[str], compared: Collection[Mapping[str, Any]]) -> list[str]:
    """Names of the comparisons that a training rule tells something about: those that use none of its columns."""
    blocked = re.compile(rf"\b({'|'.join(rule)})_[lr]\b")
    return [
        comparison["output_column_name"]
        for comparison in compared
        if not any(blocked.search(level["sql_condition"]) for level in comparison["comparison_levels"])
    ]


def candidate_rules(names: Collection[str], settings: IdentitySettings) -> Sequence[tuple[str, ...]]:
    """Blocking rules for scoring, narrow first. Those that give too many pairs are left out by the caller."""
    if settings.blocking:
        return [tuple(rule) for rule in settings.blocking]
    return (
        *((name,) for name in names if name.startswith(NUMBER)),
        ("email",),
        ("phone",),
        ("given", "last_name"),
        ("given", "date_of_birth"),
        ("last_name", "date_of_birth"),
        ("swap_first", "swap_last"),
        ("date_of_birth", "postal_code"),
        ("street", "postal_code"),
        ("given", "street"),
        ("given", "postal_code"),
        ("last_name", "street"),
        ("email_user",),
        ("street",),
        ("date_of_birth",),
        ("last_name", "postal_code"),
        ("last_name", "city"),
        ("given", "city"),
        ("last_name",),
        ("given",),
    )


EXCHANGED = "l.swap_first = r.swap_last AND l.swap_last = r.swap_first AND l.swap_first <> l.swap_last"


def rule_sql(rule: Sequence[str]) -> str:
    """A blocking rule as SQL over ``l`` and ``r``. ``(swap_first, swap_last)`` means first and last name exchanged."""
    if tuple(rule) == ("swap_first", "swap_last"):
        return EXCHANGED
    return " AND ".join(f"l.{column} = r.{column}" for column in rule)


def certain_rules(names: Collection[str]) -> list[tuple[str, ...]]:
    """Rules whose pairs are nearly always one person: they set the prior."""
    rules: list[tuple[str, ...]] = []
    if {"first_name", "last_name", "date_of_birth"} <= set(names):
        rules.append(("given", "last_name", "date_of_birth"))
    if {"first_name", "email"} <= set(names):
        rules.append(("given", "email"))
    if {"first_name", "last_name", "phone"} <= set(names):
        rules.append(("given", "last_name", "phone"))
    if not rules and {"first_name", "last_name", "address"} <= set(names):
        rules.append(("given", "last_name", "street", "postal_code"))
    if not rules and "date_of_birth" in names and len(names) > 2:
        rules += [(column, "date_of_birth") for name, column in ONE_NAME.items() if name in names]
    return rules


ONE_NAME = {"first_name": "given", "last_name": "last_name"}
