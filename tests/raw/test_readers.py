"""Every format keeps every field as text, and what cannot be read is kept as the line it was."""

import datetime as dt
import gzip
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_model.sources import CsvOptions, Stream
from cdp_resources.sources import readers
from cdp_resources.sources.files import BrokenFile, LandedFile

Rows = list[dict[str, Any]]
Read = Callable[..., tuple[Rows, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        yield connection


@pytest.fixture
def read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    """Write files and read them: rows in order, and (line, reason) of what was unreadable."""

    def reader(file_format: str, *contents: bytes | str, name: str = "", **options: Any) -> tuple[Rows, list[Any]]:
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / (name or f"{number}.{file_format}"))
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_files(con, tmp_path, paths, file_format, **options)

    return reader


def read_files(
    con: duckdb.DuckDBPyConnection, root: Path, paths: list[Path], file_format: Any, **options: Any
) -> tuple[Rows, list[tuple[str, str]]]:
    stream = Stream(description="", files="x", format=file_format, columns={"a": None}, csv=CsvOptions(**options))
    files = [LandedFile(p.name, str(p), dt.date(2026, 3, 1), p.stat().st_size, "") for p in paths]
    rows: Rows = []
    for batch in readers.read(con, files, stream):
        result = con.execute(batch.query)
        names = [column[0] for column in result.description]
        assert sorted(names) == sorted([*batch.columns, readers.URL])
        kinds = {str(kind) for _, kind, *_ in result.description}
        assert kinds == {"VARCHAR"}
        found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        assert {row.pop(readers.URL) for row in found} <= {str(path) for path in paths}
        rows += found
    errors = con.execute("SELECT line, reason FROM unreadable_lines ORDER BY ALL").fetchall()
    return sorted(rows, key=repr), errors


CSV = 'id,name\n1,Zoë\n2,"O\'Neil, ""Al"""\n3,\n'
EXPECTED = [{"id": "1", "name": "Zoë"}, {"id": "2", "name": 'O\'Neil, "Al"'}, {"id": "3", "name": None}]


@pytest.mark.parametrize(
    ("content", "name", "options"),
    [
        (CSV.encode(), "x.csv", {}),
        (CSV.replace("\n", "\r\n").encode(), "x.csv", {}),
        (CSV.replace("\n", "\r").encode(), "x.csv", {}),
        (CSV.rstrip("\n").encode() + b"", "x.csv", {}),
        (CSV.replace("3,", "3,\n\n").encode(), "x.csv", {}),
        (b"\xef\xbb\xbf" + CSV.encode(), "x.csv", {}),
        (CSV.encode("latin-1"), "x.csv", {"encoding": "latin-1"}),
        (CSV.encode("utf-16"), "x.csv", {"encoding": "utf-16"}),
        (gzip.compress(CSV.encode()), "x.csv.gz", {}),
        (gzip.compress(CSV[:20].encode()) + gzip.compress(CSV[20:].encode()), "x.csv.gz", {}),
        (gzip.compress(CSV.encode("utf-16")), "x.csv.gz", {"encoding": "utf-16"}),
        (b'id;name\n1;Zo\xc3\xab\n2;"O\'Neil, ""Al"""\n3;\n', "x.csv", {"delimiter": ";"}),
        (b'id\tname\n1\tZo\xc3\xab\n2\t"O\'Neil, ""Al"""\n3\t\n', "x.csv", {"delimiter": "\t"}),
        (b'id|name\n1|Zo\xc3\xab\n2|O\'Neil, "Al"\n3|\n', "x.csv", {"delimiter": "|", "quote": ""}),
        (b"id,name\n1,Zo\xc3\xab\n2,'O''Neil, \"Al\"'\n3,\n", "x.csv", {"quote": "'"}),
    ],
    ids=[
        *("plain", "crlf", "cr", "no last line end", "empty line", "byte order mark", "latin-1", "utf-16", "gzip"),
        *("two gzip members", "gzip of utf-16", "semicolon", "tab", "never quoted", "single quotes"),
    ],
)
def test_csv_is_read_as_it_was_written(read: Read, content: bytes, name: str, options: dict[str, str]) -> None:
    assert read("csv", content, name=name, **options) == (EXPECTED, [])


def test_csv_values_are_text_whatever_they_look_like(read: Read) -> None:
    rows, errors = read("csv", 'a,b,c,d,e\n007,NULL,1e5, x ,"two\nlines"\n#1,true,2026-01-01,"",-\n')
    assert errors == []
    assert rows == [
        {"a": "#1", "b": "true", "c": "2026-01-01", "d": None, "e": "-"},
        {"a": "007", "b": "NULL", "c": "1e5", "d": " x ", "e": "two\nlines"},
    ]


def test_csv_files_with_columns_in_another_order_are_read_by_name(read: Read) -> None:
    rows, _ = read("csv", "a,b\n1,2\n", "b,a\n2,1\n", "a,c\n1,3\n", "a,b\n4,5\n")
    assert rows == [{"a": "1", "b": "2"}, {"a": "1", "c": "3"}, {"a": "4", "b": "5"}, {"b": "2", "a": "1"}]


def test_any_column_name_may_come(read: Read) -> None:
    names = [
        'we"ird',
        "it's",
        "two words",
        "x,y",
        "ümlaut",
        "url",
        "day",
        "rows",
        "file",
        "json",
        "line",
        "select",
        "[1]",
    ]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    values = [str(number) for number in range(len(names))]
    assert read("csv", header + "\n" + ",".join(values) + "\n") == ([dict(zip(names, values, strict=True))], [])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "x.csv"),
        (b"\n", "x.csv"),
        (b"\xef\xbb\xbf", "x.csv"),
        (gzip.compress(b""), "x.csv.gz"),
        (b"a,b\n", "x.csv"),
    ],
    ids=["empty", "line end", "byte order mark", "gzip", "header"],
)
def test_a_csv_file_without_rows_gives_none(read: Read, content: bytes, name: str) -> None:
    assert read("csv", content, name=name) == ([], [])


@pytest.mark.parametrize(
    ("content", "options", "why"),
    [
        (b"a,A\n1,2\n", {}, "a repeated column name; is `csv.delimiter` right?"),
        (b"a,\n1,2\n", {}, "has an empty or a repeated column name"),
        (b"a,\xff\n1,2\n", {}, "the header is not utf-8; set `csv.encoding`"),
        (b"a,b\n1,2\n", {"encoding": "utf-16"}, "the header can't be read"),
        (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), {"encoding": "utf-16"}, "write the file as UTF-8"),
        (b"a" * 200_000 + b"\n", {}, "the header can't be read (field larger than field limit"),
    ],
)
def test_a_csv_file_without_a_header_that_can_be_one_is_broken(
    read: Read, content: bytes, options: dict[str, str], why: str
) -> None:
    with pytest.raises(BrokenFile) as broken:
        read("csv", content, name="x.csv", **options)
    assert why in str(broken.value)
    assert str(broken.value).startswith("x.csv: ")


def test_csv_lines_that_do_not_fit_are_kept_with_the_reason(read: Read) -> None:
    rows, errors = read("csv", b'a,b\n1\n3,4\n5,6,7\n8,9\n\xff,x\n5,"a"b\n1,2,3,4\n')
    assert rows == [{"a": "3", "b": "4"}, {"a": "8", "b": "9"}]
    assert [line for line, _ in errors] == ["1", "1,2,3,4", '5,"a"b', "5,6,7", "?,x"]
    assert errors[0][1] == "Expected Number of Columns: 2 Found: 1"
    assert errors[4][1] == "Invalid unicode (byte sequence mismatch) detected. This file is not utf-8 encoded."


def test_a_quote_that_never_ends_is_kept_with_all_it_swallowed(read: Read) -> None:
    assert read("csv", 'a,b\n1,2\n3,"x\n5,6\n') == (
        [{"a": "1", "b": "2"}],
        [('3,"x\n5,6\n', "Value with unterminated quote found.")],
    )


def test_many_lines_that_do_not_fit_are_all_kept(read: Read) -> None:
    lines = [f"{i},{i}" + (",x" if i % 3 == 0 else "") for i in range(30_000)]
    rows, errors = read("csv", "a,b\n" + "\n".join(lines) + "\n")
    assert len(rows) == 20_000
    assert {line for line, _ in errors} == {line for line in lines if line.endswith("x")}
    assert len(errors) == 10_000


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.tuples(VALUES, VALUES), max_size=8))
def test_whatever_a_csv_writer_writes_is_read(
    con: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    lines = ["a,b", *(",".join('"' + value.replace('"', '""') + '"' for value in row) for row in table)]
    path.write_bytes("\n".join([*lines, ""]).encode())
    rows, errors = read_files(con, path.parent, [path], "csv")
    assert errors == []
    assert rows == sorted(({"a": a or None, "b": b or None} for a, b in table), key=repr)


NDJSON = """\
{"id": 1, "name": "Zo\\u00eb", "nested": {"a": [1, {"b": null}]}, "on": true, "big": 12345678901234567890123}
{"id": 2, "name": "", "nested": [], "on": null}

{"id": "x", "more": 1.5e3}
"""
OBJECTS = [
    {
        "id": "1",
        "name": "Zoë",
        "nested": '{"a":[1,{"b":null}]}',
        "on": "true",
        "big": "12345678901234567890123",
        "more": None,
    },
    {"id": "2", "name": "", "nested": "[]", "on": None, "big": None, "more": None},
    {"id": "x", "name": None, "nested": None, "on": None, "big": None, "more": "1500.0"},
]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (NDJSON.encode(), "x.ndjson"),
        (NDJSON.replace("\n", "\r\n").encode(), "x.ndjson"),
        (NDJSON.strip().encode(), "x.ndjson"),
        (b"\xef\xbb\xbf" + NDJSON.encode(), "x.ndjson"),
        (gzip.compress(NDJSON.encode()), "x.ndjson.gz"),
        (gzip.compress(b"\xef\xbb\xbf" + NDJSON.encode()), "x.ndjson.gz"),
    ],
    ids=["plain", "crlf", "no last line end", "byte order mark", "gzip", "gzip with byte order mark"],
)
def test_ndjson_is_read_with_every_key(read: Read, content: bytes, name: str) -> None:
    rows, errors = read("ndjson", content, name=name)
    assert errors == []
    assert rows == sorted(({**row} for row in OBJECTS), key=lambda row: repr({key: row[key] for key in rows[0]}))


@pytest.mark.parametrize("content", [NDJSON.encode(), b"\xef\xbb\xbf" + NDJSON.encode()])
@pytest.mark.parametrize("compress", [False, True])
def test_a_json_array_is_read_with_every_key(read: Read, content: bytes, compress: bool) -> None:
    text = content.decode("utf-8-sig")
    array = "[" + ",\n".join(line for line in text.splitlines() if line) + "]"
    data = (b"\xef\xbb\xbf" if content.startswith(b"\xef") else b"") + array.encode()
    rows, errors = read("json", gzip.compress(data) if compress else data, name="x.json" + ".gz" * compress)
    assert errors == []
    assert sorted(rows, key=lambda row: row["id"]) == OBJECTS


BAD_LINES = [
    '{"a":',
    "[1]",
    "5",
    "null",
    '"text"',
    '{"a": 2} {"a": 3}',
    '{"a": 4},',
    '{"a": "\\ud800"}',
    "{'a': 1}",
    "a,b",
]


def test_ndjson_lines_that_are_no_object_are_kept_with_the_reason(read: Read) -> None:
    good = [f'{{"a": {number}}}' for number in range(len(BAD_LINES) + 1)]
    mixed = [line for pair in zip(good, BAD_LINES, strict=False) for line in pair] + [good[-1]]
    rows, errors = read("ndjson", "\n".join(mixed).encode() + b'\n{"a": "\xff"}\n', '{"a": 99}\n')
    assert [row["a"] for row in rows] == sorted([*map(str, range(len(good))), "99"])
    assert {line for line, _ in errors} == {*BAD_LINES, '{"a": "?"}'}
    assert len(errors) == len(BAD_LINES) + 1
    reasons = dict(errors)
    assert reasons["[1]"] == reasons["null"] == "not a JSON object"
    assert reasons['{"a":'] == reasons['{"a": 4},'] == "not valid JSON"
    assert reasons['{"a": "?"}'].startswith("Invalid unicode")


def test_ndjson_of_bad_lines_alone_has_rows_of_none(read: Read) -> None:
    assert read("ndjson", "{\n") == ([], [("{", "not valid JSON")])
    assert read("ndjson", "\n  \n\n") == ([], [])


def test_elements_of_an_array_that_are_no_objects_are_kept(read: Read) -> None:
    rows, errors = read("json", '[{"a": 1}, null, 5, {"a": 2}]')
    assert [row["a"] for row in rows] == ["1", "2"]
    assert errors == [("5", "not a JSON object"), ("null", "not a JSON object")]


@pytest.mark.parametrize("content", ["[]", " \n", "[{}, {}]"])
def test_an_array_without_values_has_no_columns(read: Read, content: str) -> None:
    rows, errors = read("json", content)
    assert errors == []
    assert not any(rows)


@pytest.mark.parametrize("file_format", ["ndjson", "json"])
def test_keys_that_differ_only_by_case_share_a_column(read: Read, file_format: str) -> None:
    lines = ['{"Email": "x", "id": 1}', '{"email": "y", "id": 2}', '{"EMAIL": {"a": 1}, "id": 3}', '{"id": 4}']
    rows, _ = read(file_format, "\n".join(lines) if file_format == "ndjson" else f"[{','.join(lines)}]")
    assert sorted(((row["id"], row["EMAIL"]) for row in rows), key=str) == [
        ("1", "x"),
        ("2", "y"),
        ("3", '{"a":1}'),
        ("4", None),
    ]


def test_any_key_may_come(read: Read) -> None:
    rows, _ = read(
        "ndjson", '{"we\\"ird": 1, "two words": 2, "x.y": 3, "back\\\\slash": 4, "json": 5, "it\'s": 6, "$.a": 7}'
    )
    assert rows == [
        {'we"ird': "1", "two words": "2", "x.y": "3", "back\\slash": "4", "json": "5", "it's": "6", "$.a": "7"}
    ]


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_a_line_beyond_the_limit_is_kept_apart(read: Read, file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 1 << 20)
    long = "x" * (3 << 20)
    content = {
        "csv": f"a\n1\n{long}\n2\n",
        "ndjson": f'{{"a": 1}}\n{{"a": "{long}"}}\n{{"a": 2}}\n',
    }[file_format]
    rows, errors = read(file_format, content)
    assert rows == [{"a": "1"}, {"a": "2"}]
    ((line, reason),) = errors
    assert "x" * 1000 in line
    assert "Maximum line size of 1048576 bytes exceeded" in reason


def test_a_long_value_in_an_array_is_read(read: Read) -> None:
    rows, _ = read("json", f'[{{"a": 1}}, {{"a": "{"x" * (20 << 20)}"}}]')
    assert [len(row["a"]) for row in rows] == [1, 20 << 20]


TABLE = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "address": pa.array([{"city": "Köln", "lines": ["a", "b"]}, None]),
        "tags": pa.array([["x"], []], pa.list_(pa.string())),
        "attributes": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        "price": pa.array([Decimal("12345678901234567.89"), Decimal("0.10")], pa.decimal128(38, 2)),
        "at": pa.array([dt.datetime(2026, 3, 29, 1, 30, 0, 1), None], pa.timestamp("us")),
        "at_zone": pa.array([dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)] * 2, pa.timestamp("us", "Europe/Berlin")),
        "born": pa.array([dt.date(1990, 2, 28), None], pa.date32()),
        "ratio": pa.array([0.1, float("nan")], pa.float64()),
        "on": pa.array([True, None], pa.bool_()),
        "bytes": pa.array([b"\x00a", None], pa.binary()),
        "size": pa.array(["S", "M"]).dictionary_encode(),
    }
)


def test_parquet_is_read_with_every_column_as_text(read: Read, tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet")
    rows, errors = read("parquet", (tmp_path / "x.parquet").read_bytes(), name="x.parquet")
    assert errors == []
    assert rows == [
        {
            "id": "1",
            "address": '{"city":"Köln","lines":["a","b"]}',
            "tags": '["x"]',
            "attributes": '{"k":1}',
            "price": "12345678901234567.89",
            "at": "2026-03-29 01:30:00.000001",
            "at_zone": "2026-03-29 01:30:00+00",
            "born": "1990-02-28",
            "ratio": "0.1",
            "on": "true",
            "bytes": "\\x00a",
            "size": "S",
        },
        {
            "id": "2",
            "address": None,
            "tags": "[]",
            "attributes": None,
            "price": "0.10",
            "at": None,
            "at_zone": "2026-03-29 01:30:00+00",
            "born": None,
            "ratio": "nan",
            "on": None,
            "bytes": None,
            "size": "M",
        },
    ]


def test_parquet_files_of_different_schemas_are_read_together(read: Read, tmp_path: Path) -> None:
    contents = []
    for table in (pa.table({"a": [1]}), pa.table({"a": ["x"], "b": [1.5]}), pa.table({"a": pa.array([], pa.int64())})):
        pq.write_table(table, tmp_path / "y")
        contents.append((tmp_path / "y").read_bytes())
    assert read("parquet", *contents)[0] == [{"a": "1"}, {"a": "x", "b": "1.5"}]


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_a_parquet_file_that_ends_too_early_is_broken(read: Read, tmp_path: Path, cut: float) -> None:
    pq.write_table(TABLE, tmp_path / "y")
    content = (tmp_path / "y").read_bytes()
    with pytest.raises(BrokenFile, match=r"x.parquet: not a readable Parquet file"):
        read("parquet", content[: int(len(content) * cut)], name="x.parquet")


@pytest.mark.parametrize(
    "name", ["a[1].csv", "a*.csv", "a?.csv", "it's.csv", "ü b.csv", "a=b.csv", "%20.csv", "a#b.csv"]
)
def test_a_file_of_any_name_is_read_and_no_other(read: Read, name: str, tmp_path: Path) -> None:
    for other in ("a1.csv", "ab.csv"):
        (tmp_path / other).write_text("a\nother\n")
    assert read("csv", "a\n1\n", name=name) == ([{"a": "1"}], [])


@pytest.mark.parametrize("file_format", ["csv", "ndjson", "json", "parquet"])
def test_a_folder_named_like_a_column_does_not_change_the_column(read: Read, file_format: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "date": ["from the file"]}), tmp_path / "y")
    content = {
        "csv": b"id,date\n1,from the file\n",
        "ndjson": b'{"id": "1", "date": "from the file"}\n',
        "json": b'[{"id": "1", "date": "from the file"}]',
        "parquet": (tmp_path / "y").read_bytes(),
    }[file_format]
    rows, _ = read(file_format, content, name=f"date=2026-03-01/x.{file_format}")
    assert rows == [{"id": "1", "date": "from the file"}]
