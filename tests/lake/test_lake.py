"""The lake keeps its promises: all or nothing, readers beside a writer, two writers, nothing left open."""

import threading
from pathlib import Path

import duckdb
import pytest

from cdp_resources.extensions import is_remote
from cdp_resources.lake import SCHEMAS, Lake, LakeMissing
from cdp_resources.sql import literal, quote


def fill(con: duckdb.DuckDBPyConnection, value: int, rows: int = 10) -> None:
    con.execute(f"CREATE OR REPLACE TABLE lake.raw.numbers AS SELECT {value} AS value, i FROM range({rows}) AS t(i)")


def values(lake: Lake) -> list[tuple[int, int]]:
    with lake.reading() as con:
        return con.execute("SELECT value, count(*) FROM lake.raw.numbers GROUP BY value").fetchall()


def test_a_new_lake_has_every_schema(lake: Lake) -> None:
    with lake.transaction() as con:
        rows = con.execute("SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'lake'").fetchall()
    assert {name for (name,) in rows} >= set(SCHEMAS)


def test_a_transaction_commits_all_of_its_tables_at_its_end(lake: Lake) -> None:
    with lake.transaction("two tables") as con:
        fill(con, 1)
        con.execute("CREATE TABLE lake.raw.others AS SELECT 1 AS a")
        with pytest.raises(duckdb.CatalogException), lake.reading() as reader:
            reader.execute("FROM lake.raw.numbers")
    with lake.reading() as con:
        assert con.execute("SELECT count(*) FROM lake.raw.numbers, lake.raw.others").fetchall() == [(10,)]
        notes = con.execute("SELECT commit_message FROM lake.snapshots() ORDER BY snapshot_id").fetchall()
    assert notes[-1] == ("two tables",)


@pytest.mark.parametrize("stop", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_an_error_in_the_block_leaves_the_old_tables(lake: Lake, stop: BaseException) -> None:
    with lake.transaction() as con:
        fill(con, 1)

    def stopped() -> None:
        with lake.transaction() as con:
            fill(con, 2)
            con.execute("CREATE TABLE lake.raw.others AS SELECT 1 AS a")
            raise stop

    with pytest.raises(type(stop)):
        stopped()
    assert values(lake) == [(1, 10)]
    with pytest.raises(duckdb.CatalogException), lake.reading() as con:
        con.execute("FROM lake.raw.others")


def test_an_error_of_the_database_is_told_as_it_is(lake: Lake) -> None:
    with pytest.raises(duckdb.CatalogException, match="nothing_here"), lake.transaction() as con:
        con.execute("FROM lake.raw.nothing_here")


@pytest.mark.parametrize("way", ["transaction", "reading", "get_connection"])
def test_a_connection_is_closed_when_its_block_raises(lake: Lake, way: str) -> None:
    with lake.transaction() as con:
        fill(con, 1)
    with pytest.raises(RuntimeError), getattr(lake, way)() as con:
        raise RuntimeError
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")


def test_a_connection_is_closed_when_the_lake_cannot_be_attached(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_text("this is no catalog at all, and longer than a header of SQLite is" * 3)
    lake = Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    with pytest.raises(duckdb.Error), lake.reading():
        raise AssertionError


def test_a_reader_sees_one_snapshot_throughout(lake: Lake) -> None:
    with lake.transaction() as con:
        fill(con, 1)
    with lake.reading() as reader:
        assert reader.execute("SELECT max(value) FROM lake.raw.numbers").fetchall() == [(1,)]
        with lake.transaction() as con:
            fill(con, 2)
        assert reader.execute("SELECT max(value) FROM lake.raw.numbers").fetchall() == [(1,)]
    assert values(lake) == [(2, 10)]


def test_readers_beside_a_writer_see_no_error_and_never_half_a_state(lake: Lake) -> None:
    rows = 2000
    with lake.transaction() as con:
        fill(con, 0, rows)
    done, seen, errors = threading.Event(), set[int](), list[BaseException]()

    def read() -> None:
        try:
            while not done.is_set():
                ((value, count),) = values(lake)
                assert count == rows
                seen.add(value)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for value in range(1, 13):
        with lake.transaction() as con:
            fill(con, value, rows)
    done.set()
    for reader in readers:
        reader.join()
    assert not errors
    assert seen <= set(range(13))
    assert values(lake) == [(12, rows)]


def test_two_writers_both_land(lake: Lake) -> None:
    with lake.transaction() as con:
        con.execute("CREATE TABLE lake.raw.log (writer INTEGER, i INTEGER)")
    together, errors = threading.Barrier(2), list[BaseException]()

    def append(writer: int) -> None:
        try:
            together.wait()
            for i in range(8):
                lake.write(lambda con, i=i: con.execute("INSERT INTO lake.raw.log VALUES (?, ?)", [writer, i]))
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=append, args=[number]) for number in range(2)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert not errors
    with lake.reading() as con:
        assert con.execute(
            "SELECT writer, count(DISTINCT i), count(*) FROM lake.raw.log GROUP BY 1 ORDER BY 1"
        ).fetchall() == [
            (0, 8, 8),
            (1, 8, 8),
        ]


def test_writing_gives_back_what_the_work_gives_back(lake: Lake) -> None:
    assert lake.write(lambda con: con.execute("SELECT 42").fetchall()) == [(42,)]


def test_work_that_is_wrong_is_not_tried_again(lake: Lake) -> None:
    attempts = []

    def work(con: duckdb.DuckDBPyConnection) -> None:
        attempts.append(1)
        con.execute("FROM lake.raw.nothing_here")

    with pytest.raises(duckdb.CatalogException):
        lake.write(work)
    assert len(attempts) == 1


def test_a_reader_cannot_write(lake: Lake) -> None:
    with lake.transaction() as con:
        fill(con, 1)
    for statement in (
        "DROP TABLE lake.raw.numbers",
        "INSERT INTO lake.raw.numbers VALUES (2, 2)",
        "CREATE TABLE lake.raw.others AS SELECT 1 AS a",
        "CREATE SCHEMA lake.mine",
    ):
        with pytest.raises(duckdb.Error, match="read-only"), lake.reading() as con:
            con.execute(statement)
    assert values(lake) == [(1, 10)]


def test_every_connection_has_its_own_scratch_tables(lake: Lake) -> None:
    with lake.transaction() as con:
        con.execute("CREATE TABLE scratch AS SELECT 1 AS a")
    with pytest.raises(duckdb.CatalogException), lake.reading() as con:
        con.execute("FROM scratch")


def test_a_reader_of_a_lake_that_is_not_there_is_told_what_to_do(lake: Lake) -> None:
    with pytest.raises(LakeMissing, match="materialize the assets first"), lake.reading():
        raise AssertionError
    assert not Path(lake.catalog.removeprefix("sqlite:")).parent.exists()


@pytest.mark.parametrize("catalog", ["duckdb:x", "/tmp/catalog.sqlite", ""])
def test_a_catalog_of_another_kind_is_refused_by_name(catalog: str, tmp_path: Path) -> None:
    lake = Lake(catalog=catalog, data_path=str(tmp_path))
    with pytest.raises(ValueError, match=r"CDP_LAKE_CATALOG is .* must begin with `sqlite:`"), lake.transaction():
        raise AssertionError


def test_the_environment_describes_the_lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CDP_HOME", "CDP_LAKE_CATALOG", "CDP_LAKE_DATA", "CDP_LAKE_ENCRYPTED", "CDP_MEMORY_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert Lake.from_env().catalog == f"sqlite:{tmp_path}/.cdp/lake/catalog.sqlite"
    assert Lake.from_env().data_path == f"{tmp_path}/.cdp/lake/data"
    assert not Lake.from_env().encrypted
    for name, value in {
        "CDP_LAKE_CATALOG": "postgres:dbname=cdp",
        "CDP_LAKE_DATA": "s3://bucket/lake",
        "CDP_LAKE_ENCRYPTED": "true",
        "CDP_MEMORY_LIMIT": "1GB",
    }.items():
        monkeypatch.setenv(name, value)
    assert Lake.from_env() == Lake(
        catalog="postgres:dbname=cdp", data_path="s3://bucket/lake", encrypted=True, memory_limit="1GB"
    )


def test_the_memory_limit_is_set(lake: Lake) -> None:
    small = Lake(catalog=lake.catalog, data_path=lake.data_path, memory_limit="300MB")
    with small.transaction() as con:
        assert con.execute("SELECT current_setting('memory_limit')").fetchall() == [("286.1 MiB",)]


@pytest.mark.parametrize("folder", ["with space", "it's", "ümlaut", 'quo"te', "semi;colon", "[1]"])
def test_a_lake_may_live_in_any_folder(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    lake = Lake(catalog=f"sqlite:{home}/catalog.sqlite", data_path=f"{home}/data")
    with lake.transaction() as con:
        fill(con, 1)
    assert values(lake) == [(1, 10)]


def test_encrypted_files_hide_their_content(tmp_path: Path) -> None:
    plain = Lake(catalog=f"sqlite:{tmp_path}/plain/catalog.sqlite", data_path=f"{tmp_path}/plain/data")
    encrypted = Lake(
        catalog=f"sqlite:{tmp_path}/encrypted/catalog.sqlite", data_path=f"{tmp_path}/encrypted/data", encrypted=True
    )
    for lake in (plain, encrypted):
        with lake.transaction() as con:
            con.execute("CREATE TABLE lake.raw.people AS SELECT 'ann.secret@example.org' AS email")
        with lake.reading() as con:
            assert con.execute("FROM lake.raw.people").fetchall() == [("ann.secret@example.org",)]

    def bytes_of(folder: str) -> bytes:
        return b"".join(path.read_bytes() for path in (tmp_path / folder / "data").rglob("*.parquet"))

    assert b"ann.secret" in bytes_of("plain")
    assert bytes_of("encrypted")
    assert b"ann.secret" not in bytes_of("encrypted")


def test_an_encrypted_lake_stays_encrypted_when_the_setting_is_forgotten(tmp_path: Path) -> None:
    lake = Lake(catalog=f"sqlite:{tmp_path}/catalog.sqlite", data_path=f"{tmp_path}/data", encrypted=True)
    with lake.transaction() as con:
        fill(con, 1)
    forgetful = Lake(catalog=lake.catalog, data_path=lake.data_path)
    with forgetful.transaction() as con:
        con.execute("CREATE TABLE lake.raw.people AS SELECT 'ann.secret@example.org' AS email")
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert b"ann.secret" not in content


def test_identifiers_and_texts_are_quoted() -> None:
    assert quote('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"


@pytest.mark.parametrize(
    ("location", "remote"), [("s3://b/x", True), ("/data", False), ("data", False), ("file:///data", False)]
)
def test_an_object_store_is_told_from_a_folder(location: str, remote: bool) -> None:
    assert is_remote(location) is remote


def test_a_writer_that_stays_open_locks_nobody_out_between_its_transactions(lake: Lake) -> None:
    with lake.writer() as write:
        write(lambda con: con.execute("CREATE TABLE lake.raw.t AS SELECT 1 AS n") and None, "first")
        lake.write(lambda con: con.execute("INSERT INTO lake.raw.t VALUES (2)"))
        write(lambda con: con.execute("INSERT INTO lake.raw.t SELECT max(n) + 1 FROM lake.raw.t") and None, "second")
    with lake.reading() as con:
        assert con.execute("SELECT n FROM lake.raw.t ORDER BY n").fetchall() == [(1,), (2,), (3,)]
