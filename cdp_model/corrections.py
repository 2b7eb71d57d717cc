"""Corrections of what sources say about a person: what `corrections.csv` of a company holds, and what may stand in it.

What is wrong with a value is said without the value: messages get into logs.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import phonenumbers
from babel import Locale

from cdp_model import handwritten
from cdp_model.documents import Problem
from cdp_model.expressions import did_you_mean
from cdp_model.handwritten import Mistake
from cdp_model.survivorship import EMAIL, RECORD_ATTRIBUTES

FILE = "corrections.csv"
COLUMNS = ("record_key", "attribute", "value", "author", "corrected_at", "reason")
NONE = "-"
"""Written as a value: the person has none, whatever sources say."""
LONGEST = 200
OLDEST = dt.date(1880, 1, 1)
GENDERS = ("female", "male", "other")


@dataclass(frozen=True)
class Correction:
    """What an attribute of a record should be; ``value`` is null where there is none. ``line``: where it stands."""

    record_key: str
    attribute: str
    value: str | None
    author: str
    corrected_at: dt.datetime
    reason: str = ""
    line: int = 0


def corrected_value(attribute: str, written: str, today: dt.date) -> str | None:
    """The value in the form that standardized records have it in; None for ``NONE``. Raises ``ValueError``."""
    if attribute not in RECORD_ATTRIBUTES:
        hint = did_you_mean(attribute, RECORD_ATTRIBUTES) or f": there are {', '.join(RECORD_ATTRIBUTES)}"
        raise ValueError(f"unknown attribute `{attribute}`{hint}")
    text = " ".join(unicodedata.normalize("NFC", written).split())
    if text == NONE:
        return None
    if not text:
        raise ValueError(f"the value is missing: write {NONE} when there is none")
    if len(text) > LONGEST:
        raise ValueError(f"the value is longer than {LONGEST} characters")
    if attribute == "date_of_birth":
        return _birth_date(text, today)
    if attribute == "phone":
        return _phone(text)
    if attribute == "email":
        if not re.fullmatch(EMAIL, text):
            raise ValueError("the value is no e-mail address: write name@example.com")
        return text.lower()
    if attribute == "country":
        if text.upper() not in _countries():
            raise ValueError("the value is no country: write its two letters, such as DE (ISO 3166)")
        return text.upper()
    if attribute == "gender":
        if text.lower() not in GENDERS:
            raise ValueError(f"the value is no gender that records have: write {', '.join(GENDERS)} or {NONE}")
        return text.lower()
    if not text.isprintable():
        raise ValueError("the value has characters that cannot be printed")
    return text.upper() if attribute == "postal_code" else text


def _birth_date(text: str, today: dt.date) -> str:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("the value is no day: write it as 1980-01-31") from None
    if not OLDEST <= date <= today:
        raise ValueError(f"the value is no birth date of anybody alive: it lies before {OLDEST} or in the future")
    return str(date)


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValueError("the value is no phone number that can exist: write it with its country, as +49 30 901820")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - {"EU", "EZ", "UN", "XA", "XB", "ZZ"}


def read_corrections(folder: Path) -> tuple[list[Correction], list[Problem]]:
    """The corrections in the company's `corrections.csv`, and all its mistakes. A missing file has none."""
    text, problems = handwritten.read(folder / FILE)
    return parse_corrections(text, dt.datetime.now(dt.UTC)) if text is not None else ([], problems)


def parse_corrections(text: str, now: dt.datetime) -> tuple[list[Correction], list[Problem]]:
    """The corrections of a file's text, and its mistakes. Of several of one value all are given; the newest holds."""
    found, problems = handwritten.parse(text, FILE, COLUMNS, lambda row, line: _correction(row, line, now))
    return found, [*problems, *_corrected_twice(found)]


def _correction(row: dict[str, str], line: int, now: dt.datetime) -> Correction:
    handwritten.require(row, COLUMNS, {"value": f"write {NONE} when there is none"})
    try:
        value = corrected_value(row["attribute"], row["value"], now.date())
    except ValueError as error:
        raise Mistake("value" if row["attribute"] in RECORD_ATTRIBUTES else "attribute", str(error)) from None
    at = handwritten.past_moment(row, "corrected_at", now)
    return Correction(row["record_key"], row["attribute"], value, row["author"], at, row.get("reason", ""), line)


def _corrected_twice(corrections: list[Correction]) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Correction] = {}
    for correction in corrections:
        key = (correction.record_key, correction.attribute, correction.corrected_at)
        earlier = first.setdefault(key, correction)
        if earlier.value != correction.value:
            yield Problem(FILE, correction.line, "value", f"line {earlier.line} says something else, at the same time")
