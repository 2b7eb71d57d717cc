"""The lake with its catalog in a real Postgres: several writers at once, and no password in the settings."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_resources.lake import Lake
from tests.postgres_server import needs_postgres, postgres, psql
from tests.small_company import SmallCompany, csv

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as running:
        yield running


@pytest.fixture
def postgres_lake(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("PGPASSWORD", "secret")
    return Lake(catalog=f"postgres:{server}", data_path=str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def _empty(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a catalog of its own."""
    monkeypatch.setenv("PGPASSWORD", "secret")
    psql(server, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def test_a_run_and_its_readers_work_on_a_postgres_catalog(company: SmallCompany, postgres_lake: Lake) -> None:
    company.lake = postgres_lake
    company.land("people/2026-03-01.csv", csv("id,first_name,updated_at,news", "1,Ann,2026-03-01,true", "2,,,"))
    company.land("events/2026-03-01.csv", csv("id,who,what,at", "e1,1,Bought,2026-03-01 10:00", "e1,1,Bought,never"))
    assert company.materialize().success
    assert company.materialize().success
    assert company.one("SELECT count(*) FROM lake.raw.shop__people") == 2
    assert company.one("SELECT count(*) FROM lake.standardized.customers") == 2
    assert company.one("SELECT count(*) FROM lake.standardized.events") == 1
    assert company.one("SELECT count(*) FROM lake.standardized.quarantine") == 1


def test_writers_at_the_same_time_all_land(postgres_lake: Lake) -> None:
    with postgres_lake.transaction() as con:
        con.execute("CREATE TABLE lake.raw.log (writer INTEGER, i INTEGER)")
    together, errors = threading.Barrier(3), list[BaseException]()

    def append(writer: int) -> None:
        try:
            together.wait()
            for i in range(4):
                postgres_lake.write(lambda con, i=i: con.execute("INSERT INTO lake.raw.log VALUES (?, ?)", [writer, i]))
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=append, args=[number]) for number in range(3)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert not errors
    with postgres_lake.reading() as con:
        counts = con.execute("SELECT writer, count(DISTINCT i), count(*) FROM lake.raw.log GROUP BY 1 ORDER BY 1")
        assert counts.fetchall() == [(0, 4, 4), (1, 4, 4), (2, 4, 4)]


def test_a_transaction_leaves_nothing_when_it_fails(postgres_lake: Lake) -> None:
    def fail() -> None:
        with postgres_lake.transaction() as con:
            con.execute("CREATE TABLE lake.raw.half AS SELECT 1 AS a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with postgres_lake.reading() as con:
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half'").fetchall() == [(0,)]
