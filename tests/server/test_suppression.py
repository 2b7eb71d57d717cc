"""The list of those whose events are dropped: read again when it changes, kept when it can't be read."""

from pathlib import Path
from typing import Any

import pytest

from cdp_server import suppression
from cdp_server.suppression import Suppressions, digest


@pytest.fixture(autouse=True)
def _look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "LOOK_EVERY_SECONDS", 0.0)


@pytest.mark.parametrize(
    "event",
    [
        {"userId": "u1"},
        {"userId": "other", "traits": {"email": " ADA@example.com"}},
        {"context": {"traits": {"email": "ada@example.com"}}},
        {"userId": "new", "previousId": "u1"},
    ],
)
def test_an_event_of_or_about_somebody_on_the_list_is_covered(tmp_path: Path, event: dict[str, Any]) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(["# why", digest("userId", "u1"), digest("email", "Ada@example.com")]))
    listed = Suppressions(path)
    assert listed.hold_any()
    assert listed.cover(event)
    assert not listed.cover({"userId": "u2", "anonymousId": "u1", "traits": None, "context": 3})


def test_a_changed_list_is_read_again_and_one_that_is_gone_still_holds(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    listed = Suppressions(path)
    assert not listed.hold_any()
    path.write_text(digest("userId", "u1"))
    assert listed.hold_any()
    assert listed.cover({"userId": "u1"})
    path.unlink()
    assert listed.hold_any()
