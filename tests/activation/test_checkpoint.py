"""Ids of acknowledged changes, noted batch by batch."""

from pathlib import Path

import pytest

from cdp_assets.activation.checkpoint import Checkpoint
from cdp_resources.destinations.base import Outcome, Row


def noted(home: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """A checkpoint after two batches, of which one row was refused."""
    monkeypatch.setenv("CDP_HOME", str(home))
    checkpoint = Checkpoint("vips")
    rows = [Row("add", f"{n}@x.org", {}, f"p{n}", f"id{n}") for n in range(3)]
    checkpoint.add(rows[:2], [Outcome("acknowledged", "", "first"), Outcome("rejected", "no")])
    checkpoint.add(rows[2:], [Outcome("acknowledged", "", "second")])
    return checkpoint


def test_acknowledged_changes_are_known_by_id_with_their_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = noted(tmp_path, monkeypatch)
    assert checkpoint.read() == Checkpoint("vips").read() == {"id0": "first", "id2": "second"}
    assert Checkpoint("others").read() == {}
    assert "x.org" not in (tmp_path / "checkpoints/vips.ndjson").read_text()


def test_a_line_that_was_not_written_to_its_end_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, file = noted(tmp_path, monkeypatch), tmp_path / "checkpoints/vips.ndjson"
    file.write_bytes(file.read_bytes()[:-4])
    assert checkpoint.read() == {"id0": "first"}
    checkpoint.keep(checkpoint.read())
    checkpoint.add([Row("add", "3@x.org", {}, "p3", "id3")], [Outcome("acknowledged", "", "third")])
    assert checkpoint.read() == {"id0": "first", "id3": "third"}


def test_what_is_in_the_lake_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = noted(tmp_path, monkeypatch)
    checkpoint.keep({"id2": "second"})
    assert checkpoint.read() == {"id2": "second"}
    checkpoint.keep({})
    assert checkpoint.read() == {}
    assert not (tmp_path / "checkpoints/vips.ndjson").exists()
