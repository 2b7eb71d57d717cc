"""Files of changes beyond folders and CSV: Parquet with the profile's types, and SFTP servers that are known."""

import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cdp_resources.destinations import connect
from cdp_resources.destinations.base import Connection, DestinationMisconfigured, Outcome, Row
from cdp_resources.destinations.files import Files
from tests.sftp_server import PASSWORD, SftpServer, known_sftp_server

DAY = dt.date(2026, 9, 30)
TYPES = {"name": "VARCHAR", "spend": "DECIMAL(9,2)", "born": "DATE", "tags": "VARCHAR[]", 'first "seen': "TIMESTAMP"}
BATCH = [
    Row("add", "a@x.org", {"name": "Ada", "spend": 1.5, "born": "1815-12-10", "tags": ["x", "y"]}, "p1", "i1"),
    Row("remove", "b@x.org", {}, "p2", "i2"),
]


def files(folder: object, **options: object) -> Connection:
    """An open destination in a folder."""
    return connect(Files.model_validate({"type": "file", "folder": str(folder), **options}), "vips", TYPES, DAY)


def sent(connection: Connection) -> list[Outcome]:
    """Send the batch and close."""
    try:
        return connection.send(BATCH)
    finally:
        connection.close()


def test_parquet_has_the_types_of_the_profile_even_where_every_value_is_null(tmp_path: Path) -> None:
    sent(files(tmp_path, format="parquet"))
    (file,) = (tmp_path / "vips").iterdir()
    found = duckdb.sql(f"SELECT * FROM '{file}' ORDER BY key")
    assert dict(zip(found.columns, map(str, found.types), strict=True)) == {
        "change": "VARCHAR",
        "key": "VARCHAR",
        **TYPES,
    }
    first, second = found.fetchall()
    assert first[:2] == ("add", "a@x.org")
    assert [str(value) for value in first[2:]] == ["Ada", "1.50", "1815-12-10", "['x', 'y']", "None"]
    assert second == ("remove", "b@x.org", None, None, None, None, None)


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    """A server that is known."""
    monkeypatch.setenv("SFTP_PASSWORD", PASSWORD)
    with known_sftp_server(tmp_path / "served", tmp_path, monkeypatch) as server:
        yield server


def over_sftp(server: SftpServer, **options: object) -> list[Outcome]:
    """Send to the server."""
    return sent(files(f"{server.address}/in/crm", password_env="SFTP_PASSWORD", **options))


def test_a_file_on_an_sftp_server_is_replaced_by_the_same_changes(sftp: SftpServer, tmp_path: Path) -> None:
    for _ in range(2):
        assert [outcome.status for outcome in over_sftp(sftp)] == ["acknowledged"] * 2
    (file,) = (tmp_path / "served" / "in" / "crm" / "vips").iterdir()
    assert file.read_text().splitlines()[0] == 'change,key,name,spend,born,tags,"first ""seen"'


def test_a_server_that_is_not_known_is_told_nothing(sftp: SftpServer, tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "known_hosts").unlink()
    assert {(outcome.status, outcome.error) for outcome in over_sftp(sftp)} == {("retry_later", "UnknownHostKey")}
    assert list((tmp_path / "served").iterdir()) == []


def test_a_wrong_password_and_a_server_that_is_gone_leave_the_rows_for_later(
    sftp: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PASSWORD", "wrong")
    assert {(outcome.status, outcome.error) for outcome in over_sftp(sftp)} == {
        ("retry_later", "AuthenticationException")
    }
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    outcomes = sent(files(f"sftp://cdp@127.0.0.1:{port}/in", password_env="SFTP_PASSWORD"))
    assert {outcome.status for outcome in outcomes} == {"retry_later"}


def test_a_missing_password_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DestinationMisconfigured, match="SFTP_PASSWORD is not set"):
        files("sftp://cdp@localhost/in", password_env="SFTP_PASSWORD")
