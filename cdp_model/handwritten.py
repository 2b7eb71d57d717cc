"""CSV files that people write by hand beside `company.yaml`: read line by line, with all their mistakes.

What a line may say stands with its file, in `overrides.py` and `corrections.py`.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from cdp_model.documents import Problem
from cdp_model.expressions import did_you_mean

T = TypeVar("T")
Columns = tuple[str, ...]
"""Names of the columns of a file, in order. A value of each is needed but of the last, which is for remarks."""


class Mistake(Exception):
    """What is wrong with a line, and in which column; none: in the line as a whole."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def read(path: Path) -> tuple[str | None, list[Problem]]:
    """The text of a file, or why there is none. That it is missing is no problem."""
    if not path.is_file():
        return None, []
    try:
        return path.read_text(encoding="utf-8-sig"), []
    except UnicodeDecodeError:
        return None, [Problem(path.name, 1, "", "is not UTF-8 text: save it as CSV in UTF-8")]


def parse(
    text: str, file: str, columns: Columns, entry: Callable[[dict[str, str], int], T]
) -> tuple[list[T], list[Problem]]:
    """What ``entry`` makes of the values of each line and its number, and the mistakes. Empty lines say nothing."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    problems = list(_header_problems(file, header, columns))
    found: list[T] = []
    start = reader.line_num + 1
    for values in reader if not problems else ():
        line, start = start, reader.line_num + 1
        if not any(value.strip() for value in values):
            continue
        try:
            if len(values) > len(header):
                raise Mistake("", "more values than columns: put a value with commas in quotes")
            found.append(entry(dict(zip(header, (value.strip() for value in values), strict=False)), line))
        except Mistake as mistake:
            problems.append(Problem(file, line, mistake.column, str(mistake)))
    return found, problems


def require(row: dict[str, str], columns: Columns, ways_out: dict[str, str] | None = None) -> None:
    """Raise ``Mistake`` for a missing value. ``ways_out``: what to write when there is none, by column."""
    for name in columns[:-1]:
        if not row.get(name):
            way_out = (ways_out or {}).get(name)
            raise Mistake(name, f"is missing: {way_out}" if way_out else "is missing")


def past_moment(row: dict[str, str], column: str, now: dt.datetime) -> dt.datetime:
    """The time in a column. Raises ``Mistake`` for what is none, or is after ``now``."""
    try:
        at = moment(row[column])
    except ValueError as error:
        raise Mistake(column, str(error)) from None
    if at > now:
        raise Mistake(column, f"{row[column]} lies in the future")
    return at


def moment(text: str) -> dt.datetime:
    """A time as people write it; in UTC where it names no zone. Raises ``ValueError``."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 2026-01-31 or 2026-01-31T14:05:00+01:00") from None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _header_problems(file: str, header: list[str], columns: Columns) -> Iterator[Problem]:
    for name in columns[:-1]:
        if name not in header:
            yield Problem(file, 1, "", f"the column `{name}` is missing: the first line is {','.join(columns)}")
    for name in header:
        if name not in columns:
            yield Problem(file, 1, "", f"unknown column `{name}`{did_you_mean(name, columns)}")
