"""Files from elsewhere, and what destinations report back: they land like any other file."""

from pathlib import Path

import dagster as dg
import fsspec
import pytest

from sensors.folders import folder_files
from tests.pulls.conftest import use
from tests.pulls.vendors import TOKEN, Reports, Sheet, serving
from tests.sftp_server import PASSWORD, known_sftp_server
from tests.small_company import SmallCompany, csv

PARTNERS = ("pulls/sheet__partners", "raw/sheet__partners")
CARDS = ("pulls/till__cards", "raw/till__cards")


def test_a_sheet_lands_when_it_has_changed(pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pulling, "sheet")
    with serving(Sheet()) as vendor:
        assert isinstance(vendor, Sheet)
        monkeypatch.setenv("SHEET_URL", f"{vendor.url}/export?format=csv")
        for name in ("Ann Oak", "Ann Oak", "Ann Elm"):
            vendor.content = csv("id,name,email", f"1,{name},ann@example.com").encode()
            pulling.materialize(*PARTNERS, days=(31,))
        pulling.bring("customers", days=(31,))
        assert pulling.query("SELECT last_name, _versions FROM lake.standardized.customers") == [("Elm", 2)]
        vendor.content = b"<!DOCTYPE html><p>Sign in"
        assert "sheet.partners: answered with a web page in place of csv" in pulling.failure(PARTNERS[0], days=(31,))
        assert len(list(pulling.landing.rglob("*.csv"))) == 2


@pytest.fixture
def till(pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> fsspec.AbstractFileSystem:
    """A store of files that DuckDB can't read by itself."""
    use(pulling, "folder")
    pulling.amend("sources/folder.yaml", "folder_password_env: TILL_PASSWORD\n", "")
    monkeypatch.setenv("TILL_FOLDER", "memory://till/out")
    store = fsspec.filesystem("memory")
    store.pipe_file(
        "/till/out/cards/2026-03-01.csv", csv("card_no,name,email,changed_on", "1,Ann Oak,,2026-03-01").encode()
    )
    store.pipe_file("/till/out/cards/other.csv", b"x")
    yield store
    store.rm("/till", recursive=True)


def test_files_of_a_folder_are_copied_once_and_again_when_they_change(
    pulling: SmallCompany, till: fsspec.AbstractFileSystem
) -> None:
    for _ in range(2):
        pulling.materialize(*CARDS)
    assert pulling.query("SELECT card_no, _day::VARCHAR, _source_file FROM lake.raw.till__cards") == [
        ("1", "2026-03-01", "pulled/till/cards/2026-03-01.csv")
    ]
    rewritten = csv("card_no,name,email,changed_on", "1,Ann Oak,,2026-03-01", "2,Bo Ash,,2026-03-01")
    till.pipe_file("/till/out/cards/2026-03-01.csv", rewritten.encode())
    pulling.materialize(*CARDS)
    pulling.bring("customers")
    assert pulling.query("SELECT record_key FROM lake.standardized.customers ORDER BY ALL") == [
        ("till:1",),
        ("till:2",),
    ]


def test_a_folder_that_is_not_there_is_named(pulling: SmallCompany, till: fsspec.AbstractFileSystem) -> None:
    till.rm("/till", recursive=True)
    till.makedirs("/till")
    assert "till.cards: there is no folder" in pulling.failure(CARDS[0])


def test_files_of_an_sftp_server_are_copied_once_it_is_known(
    pulling: SmallCompany, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(pulling, "folder")
    (tmp_path / "server/out/cards").mkdir(parents=True)
    (tmp_path / "server/out/cards/2026-03-01.csv").write_text(
        csv("card_no,name,email,changed_on", "1,Ann Oak,,2026-03-01")
    )
    with known_sftp_server(tmp_path / "server", tmp_path, monkeypatch) as server:
        monkeypatch.setenv("TILL_FOLDER", f"{server.address}/out")
        monkeypatch.setenv("TILL_PASSWORD", "wrong")
        refused = pulling.failure(CARDS[0])
        assert "till.cards: the folder can't be reached (sftp" in refused
        assert "wrong" not in refused
        monkeypatch.setenv("TILL_PASSWORD", PASSWORD)
        (tmp_path / ".ssh" / "known_hosts").rename(tmp_path / "known")
        assert "is not in ~/.ssh/known_hosts" in pulling.failure(CARDS[0])
        (tmp_path / "known").rename(tmp_path / ".ssh" / "known_hosts")
        pulling.materialize(*CARDS)
    assert pulling.query("SELECT card_no, name FROM lake.raw.till__cards") == [("1", "Ann Oak")]


def test_what_a_destination_reports_becomes_events_and_withdrawals(
    pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(pulling, "engagement")
    with serving(Reports()) as vendor:
        monkeypatch.setenv("ENGAGEMENT_URL", vendor.url)
        monkeypatch.setenv("ENGAGEMENT_TOKEN", TOKEN)
        vendor.rows["activity"] = [
            {
                "id": n,
                "email": "Ann@example.com",
                "type": kind,
                "campaign": "spring",
                "occurred_at": f"2026-03-31T0{n}:00:00Z",
            }
            for n, kind in enumerate(("delivered", "opened", "bounced", "unsubscribed"))
        ]
        pulling.materialize("pulls/engagement__activity", days=(31,))
        assert len(vendor.requests) == 2
    for output in ("customers", "events", "consents"):
        pulling.bring(output, days=(31,))
    assert pulling.query("SELECT event_name, record_key FROM lake.standardized.events ORDER BY occurred_at") == [
        (f"Email {kind}", "engagement:ann@example.com") for kind in ("Delivered", "Opened", "Bounced", "Unsubscribed")
    ]
    assert pulling.query("SELECT record_key, channel, status FROM lake.standardized.consents") == [
        ("engagement:ann@example.com", "email", "withdrawn")
    ]


def test_nothing_is_left_of_a_copy_that_breaks(
    pulling: SmallCompany, till: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_store: fsspec.AbstractFileSystem, _remote: str, local: str) -> None:
        Path(local).write_text("card_no")
        raise ConnectionResetError

    monkeypatch.setattr(type(till), "get_file", break_off)
    assert "cards/2026-03-01.csv could not be copied (ConnectionResetError)" in pulling.failure(CARDS[0])
    assert not list(pulling.landing.rglob("*.csv"))


def test_new_files_of_a_folder_start_one_copy_of_their_stream(
    pulling: SmallCompany, till: fsspec.AbstractFileSystem
) -> None:
    (sensor,) = folder_files(pulling.model)
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> dg.RunRequest | dg.SkipReason:
            context = dg.build_sensor_context(instance=instance, resources={"lake": pulling.lake})
            (said,) = list(sensor(context))
            return said

        first, again = look(), look()
        assert isinstance(first, dg.RunRequest)
        assert first.asset_selection == [dg.AssetKey(["pulls", "till__cards"])]
        assert isinstance(again, dg.RunRequest)
        assert again.run_key == first.run_key
        pulling.materialize(*CARDS)
        assert "no new file" in str(look())
        till.pipe_file("/till/out/cards/2026-03-01.csv", csv("card_no,name,email,changed_on", "2,Bo Ash,,").encode())
        rewritten = look()
        assert isinstance(rewritten, dg.RunRequest)
        assert rewritten.run_key != first.run_key
        till.rm("/till", recursive=True)
        till.makedirs("/till")
        assert "till: there is no folder" in str(look())
