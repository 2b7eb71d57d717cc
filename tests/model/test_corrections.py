"""`corrections.csv`: what is read, what is refused, and that no message shows a value."""

import datetime as dt

import pytest

from cdp_model import ModelError, check_corrections
from cdp_model.corrections import Correction, corrected_value, parse_corrections, read_corrections
from tests.small_company import SmallCompany

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
HEADER = "record_key,attribute,value,author,corrected_at,reason\n"


@pytest.mark.parametrize(
    ("attribute", "written", "value"),
    [
        ("first_name", "  Zoe\u0308  Ann ", "Zoë Ann"),
        ("email", "Ann@X.Example", "ann@x.example"),
        ("phone", "+49 (30) 90 18 20", "+4930901820"),
        ("date_of_birth", "1980-05-05", "1980-05-05"),
        ("country", "de", "DE"),
        ("gender", "Female", "female"),
        ("postal_code", "sw1a 1aa", "SW1A 1AA"),
        ("phone", "-", None),
    ],
)
def test_a_value_takes_the_form_of_standardized_records(attribute: str, written: str, value: str | None) -> None:
    assert corrected_value(attribute, written, NOW.date()) == value
    if value:
        assert corrected_value(attribute, value, NOW.date()) == value


@pytest.mark.parametrize(
    ("attribute", "written", "message"),
    [
        ("emial", "x", "unknown attribute `emial`; did you mean `email`?"),
        ("zzz", "x", "unknown attribute `zzz`: there are first_name, last_name"),
        ("email", "nobody at x", "is no e-mail address"),
        ("phone", "030 901820", "is no phone number that can exist: write it with its country"),
        ("phone", "+49 1", "is no phone number that can exist"),
        ("date_of_birth", "5.5.1980", "is no day: write it as 1980-01-31"),
        ("date_of_birth", "2026-02-30", "is no day"),
        ("date_of_birth", "2026-06-02", "in the future"),
        ("date_of_birth", "1800-01-01", "anybody alive"),
        ("country", "XX", "is no country"),
        ("gender", "yes", "is no gender that records have: write female, male, other or -"),
        ("first_name", " ", "the value is missing: write - when there is none"),
        ("first_name", "x" * 201, "longer than 200"),
        ("city", "a\x00b", "cannot be printed"),
    ],
)
def test_a_value_that_cannot_be_is_refused_without_showing_it(attribute: str, written: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.partition("`")[0].partition(":")[0]) as raised:
        corrected_value(attribute, written, NOW.date())
    assert message in str(raised.value)
    assert len(written.strip()) < 2 or written not in str(raised.value)


def test_a_correction_is_read_with_its_line() -> None:
    text = HEADER + '\ncrm:1,email,A@x.example,ann,2026-01-02,"she wrote,\ntwice"\ncrm:2,phone,-,bo,2026-01-03,\n'
    (first, second), problems = parse_corrections(text, NOW)
    assert not problems
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert first == Correction("crm:1", "email", "a@x.example", "ann", at, "she wrote,\ntwice", 3)
    assert (second.value, second.line) == (None, 5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("crm:1,email,,ann,2026-01-02,", "corrections.csv:2: value: is missing: write - when there is none"),
        ("crm:1,email,x,ann,2026-01-02,", "corrections.csv:2: value: the value is no e-mail address"),
        ("crm:1,mail,x,ann,2026-01-02,", "corrections.csv:2: attribute: unknown attribute `mail`; did you mean"),
        ("crm:1,city,Ulm,ann,2.1.2026,", "corrections.csv:2: corrected_at: '2.1.2026' is no time"),
        ("crm:1,city,Ulm,ann,2062-01-02,", "corrections.csv:2: corrected_at: 2062-01-02 lies in the future"),
        ("crm:1,city,Ulm,ann,2026-01-02,no, never", "corrections.csv:2: more values than columns"),
        ("crm:1,city,Ulm,a,2026-01-02,\ncrm:1,city,Bonn,a,2026-01-02,", "corrections.csv:3: value: line 2 says"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_the_way_out(row: str, message: str) -> None:
    (problem,) = parse_corrections(HEADER + row + "\n", NOW)[1]
    assert str(problem).startswith(message)


def test_a_file_with_another_header_says_which_columns_it_needs() -> None:
    (problem,) = parse_corrections(HEADER.replace("reason", "raeson"), NOW)[1]
    assert str(problem) == "corrections.csv:1: unknown column `raeson`; did you mean `reason`?"
    assert "the column `value` is missing" in str(parse_corrections("record_key;attribute\n", NOW)[1])


def test_the_file_is_checked_with_the_model_and_may_be_missing(company: SmallCompany) -> None:
    assert read_corrections(company.folder) == ([], [])
    company.declare("corrections.csv", HEADER + "crm:1,email,x,ann,2026-01-02,\n")
    with pytest.raises(ModelError, match=r"corrections.csv:2: value"):
        check_corrections(company.folder)
    company.declare("corrections.csv", b"\xff\xfe")
    with pytest.raises(ModelError, match="is not UTF-8"):
        check_corrections(company.folder)
