"""What every destination must do, as test classes: a destination adds a subclass with its vendor's behaviour."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from openapi_core import OpenAPI
from pydantic import TypeAdapter, ValidationError

from cdp_model.syncs import AnyDestination
from cdp_resources.destinations import connect
from cdp_resources.destinations.api import Api, ApiDestination
from cdp_resources.destinations.base import DestinationMisconfigured, Outcome, Row
from cdp_resources.rehearsal import Rehearsed, rehearse
from tests.destinations.vendor import Reply, Request, Vendor

NOON = dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC)


class AtVendor:
    """A subclass says how the destination is declared, and how its vendor answers."""

    declared: ClassVar[dict[str, Any]]
    """As in destinations.yaml, without `url`."""

    secrets: ClassVar[dict[str, str]]
    """Environment variables."""

    credentials: ClassVar[tuple[str, str]]
    """The header that the vendor demands, in lower case, and its value."""

    fields: ClassVar[dict[str, Any]] = {"first_name": "Ada"}
    answers_with_json: ClassVar[bool] = True
    answers_say_what_was_done: ClassVar[bool] = True
    """Otherwise an answer without errors is a good one, whatever else it says."""
    looks_up: ClassVar[bool] = False
    """Whether it asks for the vendor's own ids, which the vendor may not know yet."""
    vendor: Vendor

    def description(self) -> OpenAPI | None:
        """What requests and answers are held against."""
        return None

    def reply(self, request: Request) -> Reply:
        """The vendor: changes ``vendor.held``, complains about ``bad`` rows, refuses all because of ``poison``."""
        raise NotImplementedError

    def begin(self) -> None:
        """What the vendor has beyond the rows that it holds."""

    def key(self, n: int) -> str:
        """The key of a row."""
        return f"ada{n}@example.com"

    @contextmanager
    def running(self, patch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
        """The vendor is there, and the environment has what it takes."""
        patch.setenv("CDP_HOME", str(home))
        for name, value in self.secrets.items():
            patch.setenv(name, value)
        self.pauses: list[float] = []
        self.begin()
        with Vendor(self.description(), self.reply, self.credentials) as self.vendor:
            yield
        assert not self.vendor.violations, "\n".join(self.vendor.violations)

    @pytest.fixture(autouse=True)
    def _vendor(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
        with self.running(monkeypatch, tmp_path):
            yield

    def rows(self, *numbers: int, change: Any = "add", **fields: Any) -> list[Row]:
        """Rows by number."""
        held = {} if change == "remove" else {**self.fields, **fields}
        return [Row(change, self.key(n), held, f"person {n}", f"id {n} {change} {held}", NOON) for n in numbers]

    def settings(self, **options: Any) -> ApiDestination:
        """The declared destination, at the vendor's local address."""
        declared = {"url": self.vendor.url, "max_attempts": 2, "limits": {}, **self.declared, **options}
        settings = TypeAdapter(AnyDestination).validate_python(declared)
        assert isinstance(settings, ApiDestination)
        return settings

    def send(self, rows: Sequence[Row], **options: Any) -> list[Outcome]:
        """Send one batch, with pauses written down instead of made."""
        api = Api(self.settings(**options), "vips", sleep=self.pauses.append)
        try:
            return api.send(rows)
        finally:
            api.close()

    def statuses(self, rows: Sequence[Row]) -> list[str]:
        """Status of each row."""
        return [outcome.status for outcome in self.send(rows)]


class DestinationContract(AtVendor):
    """A vendor that holds people."""

    def expected(self, row: Row) -> Any:
        """What the vendor holds for a row."""
        return row.fields

    def test_rows_are_held_as_they_were_sent_however_often(self) -> None:
        rows = self.rows(1, 2, 3)
        for _ in range(2):
            assert self.statuses(rows) == ["acknowledged"] * 3
            assert self.vendor.held == {row.key: self.expected(row) for row in rows}

    def test_a_changed_row_replaces_the_old_one(self) -> None:
        self.send(self.rows(1))
        changed = self.rows(1, change="update", **dict.fromkeys(self.fields, "Grace"))
        assert self.statuses(changed) == ["acknowledged"]
        assert self.vendor.held == {self.key(1): self.expected(changed[0])}

    def test_a_removed_row_is_gone_and_one_that_never_was_there_too(self) -> None:
        self.send(self.rows(1, 2))
        assert self.statuses(self.rows(1, 9, change="remove")) == ["acknowledged"] * 2
        assert set(self.vendor.held) == {self.key(2)}

    def test_who_was_just_added_is_looked_for_until_the_vendor_finds_them(self) -> None:
        if not self.looks_up:
            pytest.skip("it is removed by its key")
        self.send(self.rows(1, 2))
        self.vendor.clock = lambda: sum(self.pauses)
        lately = [row._replace(told_at=dt.datetime.now(dt.UTC)) for row in self.rows(1, change="remove")]
        self.vendor.script.append("forgets")
        assert self.statuses(lately) == ["acknowledged"]
        assert set(self.vendor.held) == {self.key(2)}
        assert 30 <= sum(self.pauses) < 60

    def test_adds_and_removals_go_together(self) -> None:
        self.send(self.rows(1, 2))
        assert self.statuses([*self.rows(2, change="remove"), *self.rows(3)]) == ["acknowledged"] * 2
        assert set(self.vendor.held) == {self.key(1), self.key(3)}

    @pytest.mark.parametrize("how", ["bad", "poison"])
    def test_only_the_row_that_the_vendor_does_not_want_is_rejected(self, how: str) -> None:
        setattr(self.vendor, how, {self.key(2)})
        outcomes = self.send(self.rows(1, 2, 3, 4))
        assert [outcome.status for outcome in outcomes] == ["acknowledged", "rejected", "acknowledged", "acknowledged"]
        assert set(self.vendor.held) == {self.key(n) for n in (1, 3, 4)}
        assert "not valid" in outcomes[1].error
        assert self.key(2) not in outcomes[1].error

    def test_an_outage_leaves_every_row_for_later(self) -> None:
        self.vendor.script.extend(["503", "reset"])
        assert self.statuses(self.rows(1, 2)) == ["retry_later"] * 2
        assert self.vendor.held == {}

    def test_a_busy_vendor_is_given_the_time_that_it_asks_for(self) -> None:
        self.vendor.script.append("429 7")
        assert self.statuses(self.rows(1, 2)) == ["acknowledged"] * 2
        assert max(self.pauses) >= 7

    def test_expired_credentials_cost_one_request_and_reject_nothing(self) -> None:
        self.vendor.credentials = (self.credentials[0], "something else")
        outcomes = self.send(self.rows(1, 2))
        assert [(outcome.status, outcome.error) for outcome in outcomes] == [
            ("retry_later", "HTTP 401: the credentials are wrong")
        ] * 2
        assert len(self.vendor.requests) == 1

    def test_a_change_whose_answer_was_lost_is_sent_again_to_the_same_end(self) -> None:
        rows = self.rows(1, 2)
        self.vendor.script.extend(["lost"])
        self.send(rows)
        assert self.statuses(rows) == ["acknowledged"] * 2
        assert self.vendor.held == {row.key: self.expected(row) for row in rows}

    def test_an_answer_that_nobody_can_read_acknowledges_nothing(self) -> None:
        if not self.answers_with_json:
            pytest.skip("its status says all")
        self.vendor.script.extend(["garbled"] * 4)
        assert "acknowledged" not in self.statuses(self.rows(1, 2))

    def test_an_answer_that_says_nothing_acknowledges_nothing(self) -> None:
        if not self.answers_say_what_was_done:
            pytest.skip("an answer without errors is a good one")
        self.vendor.script.extend(["strange"] * 4)
        assert "acknowledged" not in self.statuses(self.rows(1, 2))

    def test_a_wrong_address_removes_nobody(self) -> None:
        if getattr(self.settings(), "missing_is_removed", False):
            pytest.skip("it is declared that what is not found is removed")
        self.send(self.rows(1))
        self.vendor.script.extend(["404"] * 4)
        assert self.statuses(self.rows(1, change="remove")) == ["retry_later"]
        assert set(self.vendor.held) == {self.key(1)}

    def test_a_rehearsal_has_the_first_requests_of_the_run_sends_nothing_and_shows_no_secret(self) -> None:
        rows, shown = [*self.rows(2, change="remove"), *self.rows(1, 3)], list[Rehearsed]()
        connection = rehearse(self.settings(limits={"day": 1}), "vips", {}, None, shown.append)
        assert [outcome.status for outcome in connection.send(rows)] == ["acknowledged"] * 3
        connection.close()
        assert self.vendor.requests == []
        assert not any(value in request.line() for request in shown for value in self.secrets.values())
        self.send(rows)
        assert shown[0].method == self.vendor.requests[0].method
        assert {request.method for request in self.vendor.requests} <= {request.method for request in shown} | {"POST"}

    def test_a_missing_secret_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in self.secrets:
            monkeypatch.delenv(name)
        with pytest.raises(DestinationMisconfigured, match=next(iter(self.secrets))):
            connect(self.settings(), "vips")

    def test_an_option_that_it_does_not_have_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="batchsize"):
            self.settings(batchsize=3)


class EventContract(AtVendor):
    """A vendor that takes events: ``vendor.held`` has one for each that it tells apart, as key, name and fields."""

    def test_events_have_a_name_and_fields_and_are_told_apart_from_their_repetition(self) -> None:
        rows = [*self.rows(1, 2, change="entered"), *self.rows(3, change="exited")]
        for _ in range(2):
            assert self.statuses(rows) == ["acknowledged"] * 3
        assert sorted(map(str, self.vendor.held.values())) == sorted(
            str((row.key, f"vips {row.change}", row.fields)) for row in rows
        )

    @pytest.mark.parametrize("how", ["bad", "poison"])
    def test_only_the_event_that_the_vendor_does_not_want_is_rejected(self, how: str) -> None:
        setattr(self.vendor, how, {self.key(2)})
        outcomes = self.send(self.rows(1, 2, 3, change="entered"))
        assert [outcome.status for outcome in outcomes] == ["acknowledged", "rejected", "acknowledged"]
        assert {key for key, *_ in self.vendor.held.values()} == {self.key(1), self.key(3)}
        assert self.key(2) not in outcomes[1].error

    def test_an_event_whose_answer_was_lost_is_there_once(self) -> None:
        self.vendor.script.extend(["lost"] * 2)
        assert self.statuses(self.rows(1, 2, change="entered")) == ["retry_later"] * 2
        assert self.statuses(self.rows(1, 2, 3, change="entered")) == ["acknowledged"] * 3
        assert len(self.vendor.held) == 3

    def test_the_name_of_events_is_declared(self) -> None:
        if "event_name" not in type(self.settings()).model_fields:
            pytest.skip("its body says what happened")
        self.send(self.rows(1, change="entered"), event_name="$$ $sync: $change")
        assert [name for _, name, _ in self.vendor.held.values()] == ["$ vips: entered"]
        with pytest.raises(ValidationError, match="may stand before change, sync"):
            self.settings(event_name="$segment")

    def test_a_rehearsal_shows_the_events(self) -> None:
        rows, shown = self.rows(1, 2, change="entered"), list[Rehearsed]()
        connection = rehearse(self.settings(), "vips", {}, None, shown.append)
        assert [outcome.status for outcome in connection.send(rows)] == ["acknowledged"] * 2
        connection.close()
        assert self.vendor.requests == []
        assert any("entered" in str(request.body) for request in shown)
