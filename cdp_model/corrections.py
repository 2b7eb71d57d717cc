"""Corrections of what sources say about a person: what `corrections.csv` of a company holds, and what may stand in it.

What is wrong with a value is said without the value: messages get into logs.
"""

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import phonenumbers
from babel import Locale

from cdp_model.documents import Problem
from cdp_model.expressions import did_you_mean
from cdp_model.survivorship import RECORD_ATTRIBUTES

FILE = "corrections.csv"
COLUMNS = ("record_key", "attribute", "value", "author", "corrected_at", "reason")
NONE = "-"
"""Written as a value: the person has none, whatever sources say."""
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
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
    path = folder / FILE
    if not path.is_file():
        return [], []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [], [Problem(FILE, 1, "", "is not UTF-8 text: save it as CSV in UTF-8")]
    return parse_corrections(text, dt.datetime.now(dt.UTC))


def parse_corrections(text: str, now: dt.datetime) -> tuple[list[Correction], list[Problem]]:
    """The corrections of a file's text, and its mistakes. Of several of one value all are given; the newest holds."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    problems = list(_header_problems(header))
    if problems:
        return [], problems
    found: list[Correction] = []
    start = reader.line_num + 1
    for values in reader:
        line, start = start, reader.line_num + 1
        if not any(value.strip() for value in values):
            continue
        row = dict(zip(header, (value.strip() for value in values), strict=False))
        try:
            found.append(_correction(row, len(values) - len(header), now, line))
        except _Mistake as mistake:
            problems.append(Problem(FILE, line, mistake.column, str(mistake)))
    problems += _corrected_twice(found)
    return found, problems


class _Mistake(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _correction(row: dict[str, str], surplus: int, now: dt.datetime, line: int) -> Correction:
    if surplus > 0:
        raise _Mistake("", "more values than columns: put a value with commas in quotes")
    for name in COLUMNS[:-1]:
        if not row.get(name):
            raise _Mistake(name, "is missing" + (f": write {NONE} when there is none" if name == "value" else ""))
    try:
        value = corrected_value(row["attribute"], row["value"], now.date())
    except ValueError as error:
        raise _Mistake("value" if row["attribute"] in RECORD_ATTRIBUTES else "attribute", str(error)) from None
    try:
        at = dt.datetime.fromisoformat(row["corrected_at"])
    except ValueError:
        wrong = f"{row['corrected_at']!r} is no time: write 2026-01-31 or 2026-01-31T14:05:00+01:00"
        raise _Mistake("corrected_at", wrong) from None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    if at > now:
        raise _Mistake("corrected_at", f"{row['corrected_at']} lies in the future")
    return Correction(row["record_key"], row["attribute"], value, row["author"], at, row.get("reason", ""), line)


def _header_problems(header: list[str]) -> Iterator[Problem]:
    for name in COLUMNS[:-1]:
        if name not in header:
            yield Problem(FILE, 1, "", f"the column `{name}` is missing: the first line is {','.join(COLUMNS)}")
    for name in header:
        if name not in COLUMNS:
            yield Problem(FILE, 1, "", f"unknown column `{name}`{did_you_mean(name, COLUMNS)}")


def _corrected_twice(corrections: list[Correction]) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Correction] = {}
    for correction in corrections:
        key = (correction.record_key, correction.attribute, correction.corrected_at)
        earlier = first.setdefault(key, correction)
        if earlier.value != correction.value:
            yield Problem(FILE, correction.line, "value", f"line {earlier.line} says something else, at the same time")
