"""The page about destinations: its YAML is valid, every kind has its line, and the destination that it adds works."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from cdp_model.syncs import AnyDestination, DestinationSettings
from tests.destinations.vendor import Reply

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("declared", blocks("yaml"))
def test_every_example_can_be_declared(declared: str) -> None:
    assert TypeAdapter(dict[str, AnyDestination]).validate_python(YAML(typ="safe").load(declared))


def test_every_kind_has_its_line_and_its_example() -> None:
    listed = set(re.findall(r"^\| \[`(\w+)`\]", PAGE, re.MULTILINE))
    shown = {kind for block in blocks("yaml") for kind in re.findall(r"^  type: (\w+)", block, re.MULTILINE)}
    assert listed == shown == set(DestinationSettings.kinds)


DESTINATION, CONTRACT = (block for block in blocks("python") if "Pigeon Post" in block)
ADDED: dict[str, Any] = {"__name__": "pigeon"}
exec(DESTINATION + CONTRACT, ADDED)
PIGEON = DestinationSettings.kinds.pop("pigeon")


class TestTheDestinationThatThePageAdds(ADDED["TestPigeon"]):
    """The page's own class, with the kind known for as long as its tests run."""

    @pytest.fixture(autouse=True)
    def _known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(DestinationSettings.kinds, "pigeon", PIGEON)

    def test_its_words_for_later_are_understood(self) -> None:
        self.vendor.reply = lambda _: Reply(200, {"lost": [{"bird": 0, "why": "storm"}]})
        assert self.statuses(self.rows(1, 2)) == ["retry_later", "acknowledged"]
