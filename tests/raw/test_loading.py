"""Raw streams: nothing is loaded twice, nothing is lost, and a broken file is named."""

import datetime as dt
import gzip
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdp_assets.raw import streams
from cdp_assets.raw.extracts import loaded_files
from tests.small_company import SmallCompany, csv, day, metadata_of

PEOPLE = "raw/shop__people"
HEADER = "id,first_name,email,phone,country,updated_at,gone,news"


def person(number: object, name: str = "Ann") -> str:
    return f"{number},{name},,,,,,"


def ids(company: SmallCompany, table: str = "shop__people") -> list[tuple[str, dt.date]]:
    return company.query(f"SELECT id, _day FROM lake.raw.{table} ORDER BY ALL")


def stream(company: SmallCompany, **settings: str) -> None:
    """A source `x` with one stream `s` with columns id and name."""
    given = {"files": "x/{date}.csv", "format": "csv", "columns": "{id: , name: }"} | settings
    lines = "".join(f"    {key}: {value}\n" for key, value in given.items())
    company.declare("sources/x.yaml", f"name: x\ndescription: X\nstreams:\n  s:\n    description: S\n{lines}")


def test_a_row_is_kept_with_where_it_came_from(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv(HEADER, "1,Ann,ann@x.org,030 1,DE,2026-03-01,,true"))
    result = company.materialize(PEOPLE)
    rows = company.query(
        "SELECT * EXCLUDE (_extract_id), _extract_id = (SELECT any_value(extract_id) FROM lake.raw.extracts) "
        "FROM lake.raw.shop__people"
    )
    (row,) = rows
    assert row[:6] == (day(1), row[1], "people/2026-03-01.csv", None, None, "1")
    assert row[6:] == ("Ann", "ann@x.org", "030 1", "DE", "2026-03-01", None, "true", True)
    assert abs((dt.datetime.now(dt.UTC) - row[1]).total_seconds()) < 60
    metadata = metadata_of(result, PEOPLE)
    assert {key: metadata[key] for key in ("files_found", "files_loaded", "rows_loaded", "unreadable_lines")} == {
        "files_found": 1,
        "files_loaded": 1,
        "rows_loaded": 1,
        "unreadable_lines": 0,
    }
    assert metadata["dagster/row_count"] == 1
    assert metadata["warnings"] == "none"


def test_the_same_run_again_loads_nothing(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv(HEADER, person(1)))
    company.materialize(PEOPLE)
    before = company.query("FROM lake.raw.shop__people")
    again = company.materialize(PEOPLE)
    assert company.query("FROM lake.raw.shop__people") == before
    assert metadata_of(again, PEOPLE)["rows_loaded"] == 0
    assert company.one("SELECT count(*) FROM lake.raw.extracts") == 1


def test_a_touched_file_with_the_same_content_is_not_loaded_again(company: SmallCompany) -> None:
    path = company.land("people/2026-03-01.csv", csv(HEADER, person(1)))
    company.materialize(PEOPLE)
    os.utime(path, (1, 1))
    company.materialize(PEOPLE)
    assert ids(company) == [("1", day(1))]
    with company.lake.reading() as con:
        assert loaded_files(con, "raw.shop__people") == {("people/2026-03-01.csv", path.stat().st_size, "1.0")}


def test_a_file_rewritten_in_place_is_loaded_beside_the_first(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv(HEADER, person(1, "Ann")))
    company.materialize(PEOPLE)
    company.land("people/2026-03-01.csv", csv(HEADER, person(1, "Bob")))
    company.materialize(PEOPLE)
    company.materialize(PEOPLE)
    assert company.query("SELECT first_name FROM lake.raw.shop__people ORDER BY 1") == [("Ann",), ("Bob",)]
    assert company.one("SELECT count(DISTINCT _extract_id) FROM lake.raw.shop__people") == 2


def test_a_file_put_back_to_what_it_was_is_loaded_once_more(company: SmallCompany) -> None:
    for name in ("Ann", "Bob", "Ann"):
        company.land("people/2026-03-01.csv", csv(HEADER, person(1, name)))
        company.materialize(PEOPLE, "standardized/customers")
        assert company.query("SELECT first_name FROM lake.standardized.customers") == [(name,)]
    assert company.one("SELECT count(*) FROM lake.raw.shop__people") == 3
    assert company.one("SELECT count(DISTINCT _extract_id) FROM lake.raw.shop__people") == 3


def test_the_same_content_in_two_files_is_two_extracts(company: SmallCompany) -> None:
    for number in (1, 2):
        company.land(f"people/2026-03-0{number}.csv", csv(HEADER, person(1)))
    company.materialize(PEOPLE, days=[1, 2])
    assert ids(company) == [("1", day(1)), ("1", day(2))]


def test_a_day_without_a_file_has_no_rows(company: SmallCompany) -> None:
    result = company.materialize(PEOPLE)
    assert metadata_of(result, PEOPLE)["files_found"] == 0
    assert company.one("SELECT count(*) FROM lake.raw.shop__people") == 0


def test_only_files_of_the_days_asked_for_are_loaded(company: SmallCompany) -> None:
    for number in (1, 2, 3):
        company.land(f"people/2026-03-0{number}.csv", csv(HEADER, person(number)))
    company.land("people/2026-02-30.csv", csv(HEADER, person("x")))
    company.materialize(PEOPLE, days=[2])
    assert ids(company) == [("2", day(2))]


def test_a_missing_landing_folder_fails_with_the_way_out(company: SmallCompany) -> None:
    company.landing.rmdir()
    assert "does not exist: create it, or set CDP_LANDING" in company.failure(PEOPLE)


@pytest.mark.parametrize("content", ["", HEADER + "\n", "\n"], ids=["empty", "header", "line end"])
def test_a_file_without_rows_is_loaded_with_a_warning(company: SmallCompany, content: str) -> None:
    company.land("people/2026-03-01.csv", content)
    result = company.materialize(PEOPLE)
    assert "people/2026-03-01.csv is empty: no rows" in metadata_of(result, PEOPLE)["warnings"]
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert company.one("SELECT count(*) FROM lake.raw.shop__people") == 0
    company.land("people/2026-03-01.csv", csv(HEADER, person(1)))
    company.materialize(PEOPLE)
    assert ids(company) == [("1", day(1))]


def broken_parquet(tmp_path: Path) -> bytes:
    """A Parquet file with a whole footer and damaged pages."""
    table = pa.table({"id": pa.array([str(i * 7919) for i in range(5000)])})
    pq.write_table(table, tmp_path / "y", compression="gzip")
    content = bytearray((tmp_path / "y").read_bytes())
    content[100:2000] = bytes(1900)
    return bytes(content)


def whole_parquet(tmp_path: Path) -> bytes:
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "y")
    return (tmp_path / "y").read_bytes()


BROKEN = {
    "csv.gz": (gzip.compress(b"id,name\n1,x\n")[:-4], "the gzip file ends before its end (truncated)"),
    "csv": (b"id,name\r\n1,x\n2,y\r\n", "its lines end in different ways"),
    "ndjson.gz": (b'{"id": 1}\n', "not a readable gzip file"),
    "json": (b'[{"id": 1}, {"id":', "Malformed JSON"),
    "parquet": (b"PAR1 and no more", "not a readable Parquet file"),
}


@pytest.mark.parametrize("ending", [*BROKEN, "pages.parquet", "windows.csv"])
def test_a_broken_file_in_a_range_is_named_and_nothing_is_loaded_until_it_is_whole(
    company: SmallCompany, tmp_path: Path, ending: str
) -> None:
    file_format = ending.removesuffix(".gz").rpartition(".")[2]
    good = {
        "csv": b"id,name\n1,x\n",
        "ndjson": b'{"id": 1}\n',
        "json": b'[{"id": 1}]',
        "parquet": whole_parquet(tmp_path),
    }[file_format]
    if ending == "pages.parquet":
        bad, why = broken_parquet(tmp_path), "x/2026-03-02.pages.parquet:"
    elif ending == "windows.csv":
        bad, why = b"id,name\n1,\x80\n", "File is not latin-1 encoded"
    else:
        bad, why = BROKEN[ending]
    options = {"csv": "{encoding: latin-1}"} if ending == "windows.csv" else {}
    stream(company, files=f"x/{{date}}.{ending}", format=file_format, **options)
    for number in (1, 3):
        company.land(f"x/2026-03-0{number}.{ending}", gzip.compress(good) if ending.endswith(".gz") else good)
    path = company.land(f"x/2026-03-02.{ending}", bad)
    told = company.failure("raw/x__s", days=[1, 3])
    assert f"x/2026-03-02.{ending}: " in told
    assert why in told
    assert "put a whole file in its place and materialize the day again" in told
    assert company.one("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'x__s'") == 0
    path.write_bytes(gzip.compress(good) if ending.endswith(".gz") else good)
    company.materialize("raw/x__s", days=[1, 3])
    assert ids(company, "x__s") == [("1", day(1)), ("1", day(2)), ("1", day(3))]


def test_unreadable_lines_are_rows_with_their_error(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv(HEADER, person(1), "2,too,few").encode() + b"3,\xff,,,,,,\n")
    result = company.materialize(PEOPLE)
    rows = company.query("SELECT id, _line, _error, _source_file, _day FROM lake.raw.shop__people ORDER BY ALL")
    assert rows == [
        ("1", None, None, "people/2026-03-01.csv", day(1)),
        (None, "2,too,few", "Expected Number of Columns: 8 Found: 3", "people/2026-03-01.csv", day(1)),
        (
            None,
            "3,?,,,,,,",
            "Invalid unicode (byte sequence mismatch) detected. This file is not utf-8 encoded.",
            "people/2026-03-01.csv",
            day(1),
        ),
    ]
    assert metadata_of(result, PEOPLE)["unreadable_lines"] == 2
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed


def test_a_new_column_is_added_and_kept(company: SmallCompany) -> None:
    stream(company)
    company.land("x/2026-03-01.csv", "id,name\n1,Ann\n")
    company.materialize("raw/x__s")
    company.land("x/2026-03-02.csv", "name,shoe size,id\nBob,42,2\n")
    company.materialize("raw/x__s", days=[2])
    rows = company.query('SELECT id, name, "shoe size" FROM lake.raw.x__s ORDER BY id')
    assert rows == [("1", "Ann", None), ("2", "Bob", "42")]


def test_a_missing_column_is_a_warning_with_the_nearest_that_is_there(company: SmallCompany) -> None:
    stream(company)
    company.land("x/2026-03-01.csv", "id,nmae\n1,Ann\n")
    result = company.materialize("raw/x__s")
    warnings = metadata_of(result, "raw/x__s")["warnings"]
    assert warnings == "- x/2026-03-01.csv: column `name` is missing; did you mean `nmae`?"
    assert company.query("SELECT id, name, nmae FROM lake.raw.x__s") == [("1", None, "Ann")]


@pytest.mark.parametrize(
    ("file_format", "first", "second"),
    [
        ("csv", "ID,Name\n1,Ann\n", "id,NAME\n2,Bob\n"),
        ("ndjson", '{"ID": 1, "Name": "Ann"}\n', '{"id": 2, "NAME": "Bob"}\n'),
    ],
    ids=["csv", "ndjson"],
)
def test_a_column_in_another_case_is_the_same_column(
    company: SmallCompany, file_format: str, first: str, second: str
) -> None:
    stream(company, files=f"x/{{date}}.{file_format}", format=file_format)
    company.land(f"x/2026-03-01.{file_format}", first)
    company.land(f"x/2026-03-02.{file_format}", second)
    result = company.materialize("raw/x__s", days=[1, 2])
    assert company.query("SELECT id, name FROM lake.raw.x__s ORDER BY 1") == [("1", "Ann"), ("2", "Bob")]
    assert metadata_of(result, "raw/x__s")["warnings"] == "none"


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_columns_named_like_ours_are_kept_beside_ours(company: SmallCompany, file_format: str) -> None:
    names = ["_day", "_Error", "_line", "url", "day", "rows", "file", "loading", "extract_id", "own_day", "_url", "id"]
    values = [str(number) for number in range(len(names))]
    objects = "{" + ", ".join(f'"{name}": {value}' for name, value in zip(names, values, strict=True)) + "}\n"
    content = {"csv": f"{','.join(names)}\n{','.join(values)}\n", "ndjson": objects}[file_format]
    stream(company, files=f"x/{{date}}.{file_format}", format=file_format)
    company.land(f"x/2026-03-01.{file_format}", content)
    assert company.materialize("raw/x__s").success
    stored = ["_day_", "_error_", "_line_", *names[3:]]
    assert company.query(f"SELECT {', '.join(stored)} FROM lake.raw.x__s") == [tuple(values)]
    assert company.query("SELECT _day, _error, _line FROM lake.raw.x__s") == [(day(1), None, None)]


def test_the_day_may_be_computed_from_columns_named_like_ours(company: SmallCompany) -> None:
    stream(company, files="all.csv", columns="{day: , url: , file: , rows: , loading: }", day="day")
    company.land("all.csv", "day,url,file,rows,loading\n2026-03-02,a,b,c,d\n")
    company.materialize("raw/x__s", days=[1, 3])
    assert company.query("SELECT _day, day, url, file, rows, loading FROM lake.raw.x__s") == [
        (day(2), "2026-03-02", "a", "b", "c", "d")
    ]


@pytest.mark.parametrize("name", ["it's a [new] day {} ü.csv", "a*{}.csv", 'quo"te {}.csv', "a=b {}.csv"])
def test_files_of_any_name_are_loaded(company: SmallCompany, name: str) -> None:
    stream(company, files="'x/" + name.replace("{}", "{date}").replace("'", "''") + "'")
    file = "x/" + name.replace("{}", "2026-03-01")
    company.land(file, "id,name\n1,Ann\n")
    company.materialize("raw/x__s")
    assert company.query("SELECT id, name, _source_file FROM lake.raw.x__s") == [("1", "Ann", file)]


MANY_DAYS = [
    "2026-02-20,before",
    "2026-03-01,first",
    "2026-03-02,second",
    "2026-03-02 23:59:59,second",
    "never,unknown",
    ",empty",
    "2026-03-31,last",
    "2026-04-20,after",
    "only one",
]


def test_one_file_with_many_days_loads_the_same_by_the_day_as_at_once(company: SmallCompany) -> None:
    for name in ("x", "y"):
        source = "name: {0}\ndescription: X\nstreams:\n  s: {{description: S, files: all.csv, format: csv, "
        source += "columns: {{at: , name: }}, day: at}}"
        company.declare(f"sources/{name}.yaml", source.format(name))
    company.land("all.csv", csv("at,name", *MANY_DAYS))
    company.materialize("raw/x__s", days=[1, 31])
    for number in (31, 2, 1):
        company.materialize("raw/y__s", days=[number])
    query = 'SELECT _day, "at", name, _line FROM lake.raw.{}__s ORDER BY ALL'
    assert company.query(query.format("x")) == company.query(query.format("y"))
    days = Counter(day for day, *_ in company.query(query.format("x")))
    assert days == {day(1): 5, day(2): 2, day(31): 2}
    company.materialize("raw/x__s", days=[1, 31])
    company.materialize("raw/y__s", days=[1, 31])
    assert company.one("SELECT count(*) FROM lake.raw.x__s") == len(MANY_DAYS)
    assert company.one("SELECT count(*) FROM lake.raw.y__s") == len(MANY_DAYS)


def test_a_backfill_in_any_order_loads_the_same_as_in_order(company: SmallCompany) -> None:
    states = set()
    for number in (1, 2, 3):
        company.land(f"people/2026-03-0{number}.csv", csv(HEADER, person(number), person(number + 1)))
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        with company.lake.transaction() as con:
            con.execute("DROP TABLE IF EXISTS lake.raw.shop__people; DROP TABLE IF EXISTS lake.raw.extracts")
        for number in order:
            company.materialize(PEOPLE, days=[number])
        columns = "SELECT * EXCLUDE (_extracted_at) FROM lake.raw.shop__people ORDER BY ALL"
        states.add(repr(company.query(columns)))
    assert len(states) == 1


def test_a_column_declared_later_is_there_for_what_comes_after(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv(HEADER, person(1)))
    company.materialize(PEOPLE, "standardized/customers")
    company.amend("sources/shop.yaml", "gone: , news: }", "gone: , news: , city: }")
    company.amend("sources/shop.yaml", "country: country\n", "country: country\n      city: city\n")
    company.materialize("standardized/customers", "standardized/consents")
    assert company.query("SELECT record_key, city FROM lake.standardized.customers") == [("shop:1", None)]


def test_every_own_column_is_described() -> None:
    assert streams.OWN_COLUMNS.keys() == streams.OWN_DESCRIPTIONS.keys()


def test_columns_are_shown_with_their_description_and_personal_data(company: SmallCompany) -> None:
    stream(company, columns="{id: The number, name: {description: The name, pii: true}}")
    company.land("x/2026-03-01.csv", "id,name\n1,Ann\n")
    schema = metadata_of(company.materialize("raw/x__s"), "raw/x__s")["dagster/column_schema"]
    shown = {column.name: (column.description, dict(column.tags)) for column in schema.columns}
    assert shown["id"] == ("The number", {})
    assert shown["name"] == ("The name", {"pii": "true"})
    assert shown["_line"][1] == {"pii": "true"}
