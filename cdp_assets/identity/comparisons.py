"""What Splink is asked to compare, as plain settings dictionaries; rules.py says which pairs. Opens nothing."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from cdp_model.identity import Comparison, IdentitySettings

MIN_COMPLETENESS = 0.02
"""A column that fewer records have than this says too little to be compared."""

FREQUENCY_COLUMNS = ("given", "last_name", "city")
"""Agreeing on a rare value of these says more than on a common one, so their frequencies are part of a model."""

NUMBER = "number_"
"""Before the identifier type, the name of a column and comparison of numbers that a person has to themselves."""

SWAPPED = "swap_first_l = swap_last_r AND swap_last_l = swap_first_r"
NEARLY_SWAPPED = (
    "jaro_winkler_similarity(swap_first_l, swap_last_r) >= 0.85 "
    "AND jaro_winkler_similarity(swap_last_l, swap_first_r) >= 0.85"
)
ALIKE = "jaro_winkler_similarity(call_name_l, call_name_r)"

Level = dict[str, Any]


def comparisons(completeness: Mapping[str, float], settings: IdentitySettings) -> list[dict[str, Any]]:
    """Splink comparisons for the columns that hold data.

    ``completeness`` is the share of records with a value, by evidence column. Every condition is symmetric, so
    that a pair scores the same from both sides.
    """
    have = {column for column, share in completeness.items() if share >= MIN_COMPLETENESS}
    builders: dict[Comparison, tuple[Callable[[Collection[str]], list[Level]], set[str]]] = {
        "first_name": (_first_name, {"first_name"}),
        "middle_name": (_middle_name, {"middle_name"}),
        "last_name": (_last_name, {"last_name"}),
        "date_of_birth": (_date_of_birth, {"date_of_birth"}),
        "email": (_email, {"email"}),
        "phone": (_phone, {"phone"}),
        "address": (_address, {"street", "postal_code", "city"}),
    }
    chosen = settings.comparisons or list(builders)
    numbers = sorted(column for column in have if column.startswith(NUMBER))
    return [
        {"output_column_name": name, "comparison_levels": builders[name][0](have)}
        for name in chosen
        if have & builders[name][1]
    ] + [{"output_column_name": column, "comparison_levels": _number(column)} for column in numbers]


def _level(condition: str, label: str, **more: Any) -> Level:
    return {"sql_condition": condition, "label_for_charts": label, **more}


def _null(condition: str) -> Level:
    return _level(condition, "Unknown", is_null_level=True)


def _either_null(*columns: str) -> str:
    return " AND ".join(f"({column}_l IS NULL OR {column}_r IS NULL)" for column in columns)


def _equal(column: str, label: str) -> Level:
    frequency = {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0} if column in FREQUENCY_COLUMNS else {}
    return _level(f"{column}_l = {column}_r", label, **frequency)


def _first_name(have: Collection[str]) -> list[Level]:
    swapped = [
        _level(SWAPPED, "First and last name exchanged"),
        _level(NEARLY_SWAPPED, "First and last name exchanged, with errors"),
    ]
    return [
        _null(_either_null("given")),
        _equal("given", "Same first name"),
        *(swapped[:1] if "last_name" in have else []),
        _level("list_has_any(given_forms_l, given_forms_r)", "Short form"),
        _level(f"{ALIKE} >= 0.88", "Similar first name"),
        _level(
            "least(length(call_name_l), length(call_name_r)) = 1 AND left(call_name_l, 1) = left(call_name_r, 1)",
            "Same initial",
        ),
        *(swapped[1:] if "last_name" in have else []),
        _level(f"{ALIKE} >= 0.75 OR damerau_levenshtein(call_name_l, call_name_r) <= 1", "Somewhat similar first name"),
        _level("ELSE", "Different first name"),
    ]


def _middle_name(have: Collection[str]) -> list[Level]:  # noqa: ARG001
    return [
        _null(_either_null("middle_name")),
        _level("middle_name_l = middle_name_r", "Same middle name"),
        _level(
            "left(middle_name_l, 1) = left(middle_name_r, 1) AND (least(length(middle_name_l), length(middle_name_r)) "
            "= 1 OR jaro_winkler_similarity(middle_name_l, middle_name_r) >= 0.85)",
            "Same initial or similar middle name",
        ),
        _level("ELSE", "Different middle name"),
    ]


def _last_name(have: Collection[str]) -> list[Level]:
    # an exchanged pair is counted once, under the first name
    swapped = (
        " OR (jaro_winkler_similarity(last_name_l, swap_first_r) >= 0.85 "
        "AND jaro_winkler_similarity(swap_first_l, last_name_r) >= 0.85 "
        "AND jaro_winkler_similarity(swap_first_l, swap_first_r) < 0.88)"
    )
    return [
        _null(_either_null("last_name") + (swapped if "first_name" in have else "")),
        _equal("last_name", "Same last name"),
        _level(
            "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.92 "
            "OR damerau_levenshtein(last_name_l, last_name_r) <= 1",
            "Similar last name",
        ),
        _level(
            "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.8 OR (least(length(last_name_l), "
            "length(last_name_r)) >= 4 AND (contains(last_name_l, last_name_r) OR contains(last_name_r, last_name_l))) "
            "OR (least(length(last_name_l), length(last_name_r)) = 1 AND left(last_name_l, 1) = left(last_name_r, 1))",
            "Somewhat similar, an initial or part of a double name",
        ),
        _level("ELSE", "Different last name"),
    ]


def _edits(column: str, most: int) -> str:
    """At most so many typing errors, exchanged letters being one. Quick looks first: few pairs need the slow one."""
    lengths, both = f"abs(length({column}_l) - length({column}_r))", f"({column}_l, {column}_r)"
    return f"({lengths} <= {most} AND levenshtein{both} <= {2 * most} AND damerau_levenshtein{both} <= {most})"


def _number(column: str) -> list[Level]:
    return [
        _null(_either_null(column)),
        _equal(column, "Same number"),
        _level(
            f"{_edits(column, 1)} AND least(length({column}_l), length({column}_r)) >= 5",
            "One edit apart",
        ),
        _level(
            f"{_edits(column, 2)} AND least(length({column}_l), length({column}_r)) >= 7",
            "Two edits apart",
        ),
        _level("ELSE", "Different number"),
    ]


def _date_of_birth(have: Collection[str]) -> list[Level]:  # noqa: ARG001
    days = "abs(date_diff('day', try_cast(date_of_birth_l AS DATE), try_cast(date_of_birth_r AS DATE)))"
    return [
        _null(_either_null("date_of_birth")),
        _equal("date_of_birth", "Same birth date"),
        _level("damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1", "One edit apart"),
        _level(
            f"{days} <= 31 OR (left(date_of_birth_l, 4) = left(date_of_birth_r, 4) "
            "AND substr(date_of_birth_l, 6, 2) = substr(date_of_birth_r, 9, 2) "
            "AND substr(date_of_birth_l, 9, 2) = substr(date_of_birth_r, 6, 2))",
            "Within a month, or day and month exchanged",
        ),
        _level(f"{days} <= 366", "Within a year"),
        _level("ELSE", "Different birth date"),
    ]


def _email(have: Collection[str]) -> list[Level]:
    # addresses made of one name alone are alike whoever has the name: that says nothing beyond the names
    named = (
        " OR (email_l <> email_r AND ((email_is_name_l OR email_is_name_r) AND email_user_l = email_user_r "
        f"OR email_is_name_l AND email_is_name_r AND {_edits('email', 2)}))"
    )
    digits = "regexp_replace({}, '[^0-9]', '', 'g')"
    return [
        _null(_either_null("email") + (named if "last_name" in have else "")),
        _equal("email", "Same e-mail"),
        _level("email_user_l = email_user_r", "Same before the @"),
        _level(
            f"{_edits('email', 2)} AND {digits.format('email_l')} = {digits.format('email_r')}",
            "One or two letters apart",
        ),
        _level("ELSE", "Different e-mail"),
    ]


def _phone(have: Collection[str]) -> list[Level]:
    # a landline and a mobile phone may well be one person's, two mobile phones seldom are
    kinds = "phone_kind" in have
    other = "phone_l <> phone_r AND coalesce(phone_kind_l <> phone_kind_r, false)"
    mobile = "coalesce(phone_kind_l = 'mobile' AND phone_kind_r = 'mobile', false)"
    return [
        _null(_either_null("phone") + (f" OR ({other})" if kinds else "")),
        _equal("phone", "Same phone"),
        _level("damerau_levenshtein(right(phone_l, 8), right(phone_r, 8)) <= 1", "One digit apart"),
        *([_level(f"NOT {mobile}", "Different phone")] if kinds else []),
        _level("ELSE", "Different mobile phone" if kinds else "Different phone"),
    ]


def _address(have: Collection[str]) -> list[Level]:
    columns = [column for column in ("street", "postal_code", "city") if column in have]
    levels = [_null(_either_null(*columns))]
    places = [column for column in ("postal_code", "city") if column in have]
    if "street" in have and places:
        same_place = " OR ".join(f"{column}_l = {column}_r" for column in places)
        levels += [
            _level(f"street_l = street_r AND ({same_place})", "Same street and place"),
            _level(
                f"jaro_winkler_similarity(street_l, street_r) >= 0.9 AND ({same_place})",
                "Similar street, same place",
            ),
        ]
    if "street" in have:
        levels.append(_level("street_l = street_r", "Same street"))
    if "postal_code" in have:
        levels.append(_equal("postal_code", "Same postal code"))
    if "city" in have:
        levels.append(_equal("city", "Same city"))
        levels.append(_level("jaro_winkler_similarity(city_l, city_r) >= 0.88", "Similar city"))
    return [*levels, _level("ELSE", "Different address")]
