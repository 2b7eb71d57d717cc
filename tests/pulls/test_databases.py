"""Sources that are SQL databases, in a real Postgres and a real SQLite."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_resources.sources import database
from tests.postgres_server import needs_postgres, postgres, psql
from tests.pulls.conftest import use
from tests.small_company import SmallCompany

CUSTOMERS, ORDERS = "backoffice__customers", "backoffice__orders"
TABLES = """
    DROP TABLE IF EXISTS customers, orders;
    CREATE TABLE customers (id int PRIMARY KEY, first_name text, last_name text, email text, address jsonb,
        balance numeric(12, 2), born date, updated_at timestamptz);
    INSERT INTO customers SELECT n, 'Ann' || n, 'Oak', 'ann' || n || '@example.com', '{"city": "Bonn"}', n + 0.10,
        '1990-01-01', timestamptz '2026-03-01 10:00+00' + n * interval '1 hour' FROM generate_series(1, 5) AS n;
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total numeric(12, 2), placed_at timestamptz);
    INSERT INTO orders VALUES (1, 1, 19.90, '2026-03-01 12:00+00'), (2, 5, 5.00, '2026-03-02 12:00+00');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as running:
        yield running


@pytest.fixture
def backoffice(pulling: SmallCompany, server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server as psql knows it, with fresh tables, and declared as a source."""
    use(pulling, "postgres")
    psql(server, TABLES)
    parts = dict(part.split("=") for part in server.split())
    monkeypatch.setenv("BACKOFFICE_URL", f"postgresql+psycopg://cdp@{parts['host']}:{parts['port']}/postgres")
    monkeypatch.setenv("BACKOFFICE_PASSWORD", "secret")
    return server


def pull(company: SmallCompany, *tables: str) -> None:
    company.materialize(*(f"{stage}/{table}" for table in tables for stage in ("pulls", "raw")), days=(31,))


@needs_postgres
def test_tables_become_customers_and_events(pulling: SmallCompany, backoffice: str) -> None:
    pull(pulling, CUSTOMERS, ORDERS)
    pulling.bring("customers", days=(31,))
    assert pulling.query("SELECT record_key, city FROM lake.standardized.customers ORDER BY ALL") == [
        (f"backoffice:{n}", "Bonn") for n in range(1, 6)
    ]
    pulling.bring("events", days=(31,))
    assert pulling.query("SELECT event_id, revenue::VARCHAR FROM lake.standardized.events ORDER BY ALL") == [
        ("1", "19.9000"),
        ("2", "5.0000"),
    ]
    assert pulling.query(f"SELECT balance, born, address FROM lake.raw.{CUSTOMERS} WHERE id = '1'") == [
        ("1.10", "1990-01-01", '{"city":"Bonn"}')
    ]


@needs_postgres
def test_changes_and_late_commits_land_once(pulling: SmallCompany, backoffice: str) -> None:
    pull(pulling, CUSTOMERS, ORDERS)
    psql(
        backoffice,
        "UPDATE customers SET first_name = 'Eve', updated_at = '2026-03-01 16:00+00' WHERE id = 1",
        "INSERT INTO customers (id, updated_at) VALUES (6, '2026-03-01 14:55+00')",  # committed after a later one
        "INSERT INTO orders VALUES (3, 1, 1, '2026-03-03')",
    )
    for _ in range(2):
        pull(pulling, CUSTOMERS, ORDERS)
    assert pulling.query(f"SELECT id, count(*) FROM lake.raw.{CUSTOMERS} GROUP BY id ORDER BY id") == [
        (str(n), 2 if n == 1 else 1) for n in range(1, 7)
    ]
    assert pulling.query(f"SELECT id FROM lake.raw.{ORDERS} ORDER BY id") == [("1",), ("2",), ("3",)]


@needs_postgres
def test_a_database_that_drops_the_connection_lands_nothing(
    pulling: SmallCompany, backoffice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulling.amend("sources/postgres.yaml", "lag: 10 minutes}", "lag: 10 minutes}\n      chunk_size: 1")
    psql(
        backoffice,
        "INSERT INTO customers SELECT n, repeat('x', 2000), 'Oak', '', '{}', 1, NULL, now() "
        "FROM generate_series(100, 20000) AS n",
    )
    fetched = database.rows_of_table

    def cut(*asked: object) -> Iterator[dict[str, object]]:
        for i, row in enumerate(fetched(*asked)):  # type: ignore[arg-type]
            if i == 20:
                psql(
                    backoffice,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND backend_type = 'client backend'",
                )
            yield row

    monkeypatch.setattr(database, "rows_of_table", cut)
    failure = pulling.failure(f"pulls/{CUSTOMERS}", days=(31,))
    assert "backoffice.customers: the database went away" in failure
    assert not list(pulling.landing.rglob("*.gz"))


@needs_postgres
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("column: updated_at", "column: changed_at", "public.customers has no column `changed_at`; it has: id, first"),
        ("public.customers", "public.clients", "there is no table or view public.clients"),
        ("postgresql+psycopg", "nosuch", "there is no driver"),
    ],
)
def test_what_is_declared_wrong_is_named(
    pulling: SmallCompany, backoffice: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    import os

    monkeypatch.setenv("BACKOFFICE_URL", os.environ["BACKOFFICE_URL"].replace(old, new))
    text = (pulling.folder / "sources/postgres.yaml").read_text()
    pulling.declare("sources/postgres.yaml", text.replace(old, new).encode())
    assert said in pulling.failure(f"pulls/{CUSTOMERS}", days=(31,))


@needs_postgres
def test_a_wrong_password_is_told_without_it(
    pulling: SmallCompany, backoffice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_PASSWORD", "not-the-password")
    failure = pulling.failure(f"pulls/{CUSTOMERS}", days=(31,))
    assert "password authentication failed" in failure
    assert "not-the-password" not in failure


LITE = """
    name: lite
    description: A small database
    database: {url: "sqlite:///${LITE_PATH}"}
    streams:
      people:
        description: A person
        table: {name: people, incremental: {column: updated_at}}
        columns: {id: , email: , updated_at: }
"""


def test_sqlite_is_a_database_too(pulling: SmallCompany, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulling.declare("sources/lite.yaml", LITE)
    monkeypatch.setenv("LITE_PATH", str(tmp_path / "people.db"))
    con = sqlite3.connect(tmp_path / "people.db")
    con.execute("CREATE TABLE people (id INTEGER, email TEXT, updated_at TIMESTAMP)")
    con.execute("INSERT INTO people VALUES (1, 'a@example.com', '2026-03-01 10:00:00'), (2, 'b@example.com', NULL)")
    con.commit()
    pull(pulling, "lite__people")
    con.execute("INSERT INTO people VALUES (3, 'c@example.com', '2026-03-02 10:00:00')")
    con.commit()
    con.close()
    pull(pulling, "lite__people")
    assert pulling.query("SELECT id, count(*) FROM lake.raw.lite__people GROUP BY id ORDER BY id") == [
        ("1", 1),
        ("2", 2),  # without a cursor value it can't be told whether it has changed
        ("3", 1),
    ]
