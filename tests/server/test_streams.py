"""Which declared streams are collected, where to, and what a company lacks for it."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cdp_model import ModelError, load_model
from cdp_model.collecting import file_mistake
from cdp_resources.sources.files import list_files
from cdp_server.streams import CollectedStream, NotReady, collected_streams
from tests.server.collector_process import SECRET, TICKETS, new_home

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETAILER_WRITE_KEY", "k")
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("CDP_LANDING", str(tmp_path / "landing"))
    return new_home(tmp_path)


def test_streams_are_found_by_key_and_by_name(home: Path) -> None:
    streams = collected_streams(load_model(home / "model"))
    assert streams.by_write_key["k"].label == "app/calls"
    assert streams.webhooks["desk/tickets"].folder == home / "landing" / "desk"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RETAILER_WRITE_KEY", "", r"sources/app.yaml: stream `calls` needs .* RETAILER_WRITE_KEY"),
        ("CDP_LANDING", "s3://bucket/landing", r"landing folder is s3://bucket/landing: run it with CDP_LANDING"),
    ],
)
def test_what_is_missing_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(NotReady, match=message):
        collected_streams(load_model(home / "model"))


def test_two_streams_have_two_keys(home: Path) -> None:
    again = TICKETS.replace("type: webhook, secret_env: DESK_SECRET", "type: segment, key_env: RETAILER_WRITE_KEY")
    (home / "model" / "sources" / "desk.yaml").write_text(again)
    with pytest.raises(NotReady, match="RETAILER_WRITE_KEY is also the key of app/calls"):
        collected_streams(load_model(home / "model"))


@pytest.mark.parametrize(
    ("files", "file_format", "good"),
    [
        ("app/{date}*.ndjson", "ndjson", True),
        ("app/live-{date}*.ndjson", "ndjson", True),
        ("app/{date}.ndjson", "ndjson", False),
        ("app/{date}*.ndjson.gz", "ndjson", False),
        ("app/{date}*.csv", "csv", False),
        ("app/*/{date}*.ndjson", "ndjson", False),
    ],
)
def test_a_pattern_must_be_one_to_write_to(files: str, file_format: str, good: bool) -> None:
    assert (file_mistake(files, file_format) is None) == good


def test_a_wrong_pattern_is_a_mistake_with_its_line(home: Path) -> None:
    (home / "model" / "sources" / "desk.yaml").write_text(TICKETS.replace("{date}*", "{date}"))
    with pytest.raises(ModelError) as refused:
        load_model(home / "model")
    assert "sources/desk.yaml:6: streams.tickets.files: the collector needs one `{date}*`" in str(refused.value)


def test_a_file_has_the_day_of_the_company_and_is_found_by_its_pattern(tmp_path: Path) -> None:
    late = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
    stream = CollectedStream("app", "calls", "k", tmp_path, "{date}*.ndjson", ZoneInfo("Europe/Berlin"))
    first, second = stream.new_file(late), stream.new_file(late)
    assert first != second
    for path in (first, second):
        path.write_text("{}\n")
    first.with_name(f".{first.name}.part").write_text("{}")
    days = [file.day for file in list_files(str(tmp_path), stream.file_pattern, dt.date(2026, 1, 1))]
    assert days == [dt.date(2026, 3, 2)] * 2


def test_the_collector_of_a_company_with_destinations_knows_their_kinds() -> None:
    load = "import pathlib, cdp_server.__main__ as m; m.load_model(pathlib.Path('examples/retailer'))"
    done = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
