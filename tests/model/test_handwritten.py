"""Files that people write by hand: what any of them may and may not be."""

import datetime as dt
from pathlib import Path

import pytest

from cdp_model.handwritten import Mistake, moment, parse, past_moment, read, require

COLUMNS = ("name", "at", "remark")


def entry(row: dict[str, str], line: int) -> tuple[int, str]:
    require(row, COLUMNS, {"at": "write today"})
    return line, row["name"]


def test_a_missing_file_has_no_text_and_an_empty_one_lacks_its_columns(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv") == (None, [])
    (tmp_path / "a.csv").write_text("")
    assert read(tmp_path / "a.csv") == ("", [])
    missing = [str(problem) for problem in parse("", "a.csv", COLUMNS, entry)[1]]
    assert missing == [f"a.csv:1: the column `{c}` is missing: the first line is name,at,remark" for c in COLUMNS[:2]]


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("name,at\nJörg,x\n".encode("latin-1"))
    assert [str(problem) for problem in read(tmp_path / "a.csv")[1]] == [
        "a.csv:1: is not UTF-8 text: save it as CSV in UTF-8"
    ]


def test_each_wrong_line_is_named_and_the_others_count() -> None:
    text = 'name,at\n"of two\nlines",x\n\n,x\nb\nc,x,y\nd,x\n'
    found, problems = parse(text, "a.csv", COLUMNS, entry)
    assert found == [(2, "of two\nlines"), (8, "d")]
    assert [str(problem) for problem in problems] == [
        "a.csv:5: name: is missing",
        "a.csv:6: at: is missing: write today",
        "a.csv:7: more values than columns: put a value with commas in quotes",
    ]


def test_a_time_without_a_zone_is_utc() -> None:
    assert moment("2026-01-31") == dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    assert moment("2026-01-31T14:05:00+01:00").utcoffset() == dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "message"), [("soon", "'soon' is no time: write"), ("2026-03-01", "lies in the future")]
)
def test_a_time_that_is_none_or_has_not_come_is_refused(text: str, message: str) -> None:
    with pytest.raises(Mistake, match=message):
        past_moment({"at": text}, "at", dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
