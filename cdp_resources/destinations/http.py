"""The generic HTTP destination: an API declared wholly in YAML.

Bodies are YAML in which a text that begins with `$` stands for a value: `$rows`, `$message_id`, `$sync`, and in `row`,
and where a request is about one row, `$key`, `$fields`, `$fields.name` and `$change`; of an event also `$id` and `$at`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote as url_quote

from pydantic import Field, model_validator

from cdp_model.declared import Declared
from cdp_model.syncs import STATES
from cdp_resources.destinations.answers import Answer
from cdp_resources.destinations.api import Api, ApiDestination, Deliver, Headers
from cdp_resources.destinations.base import EVENTS, Row, message_id
from cdp_resources.destinations.outcomes import Outcomes, at, later, rejected, told_of
from cdp_resources.environment import expand

VALUE = re.compile(r"\$(key|fields|change|id|at|message_id|sync|rows)\b(?:\.(\w+))?")
Values = dict[str, Any]
SECRET_HEADER = re.compile(r"authorization|cookie|key|token|secret", re.IGNORECASE)


class Call(Declared):
    """One kind of request."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(default="", description="Below the `url`; may hold `$key` and `$fields.name` of the one row")
    body: Any = Field(default=None, description="Body as JSON, with `$rows` for the rows, or `$key`, `$fields` of one")
    row: Any = Field(default="$key", description="What `$rows` has for each row")


class RowErrors(Declared):
    """Where a good answer says which rows it did not take."""

    at: str = Field(description="Path of the list of errors in the answer, such as `result.errors`")
    index: str | None = Field(default=None, description="Path, in an error, of the row's place in the request, from 0")
    key: str | None = Field(default=None, description="… or of the row's key")
    words: str = Field(default="message", description="Path, in an error, of what went wrong")
    try_again: list[str] = Field(default=[], description="Words that mean: later")

    @model_validator(mode="after")
    def _names_the_row(self) -> "RowErrors":
        if (self.index is None) == (self.key is None):
            raise ValueError("say by which of `index` and `key` an error names its row")
        return self


class Http(ApiDestination):
    """Any HTTP API, declared here: which requests to send, and how its answers name the rows that it did not take."""

    type: Literal["http"]
    headers_sent: dict[str, str] = Field(
        default={},
        alias="headers",
        description="Sent with each request: secrets as `${VARIABLE}` of the environment, and `$message_id`",
    )
    addition: Call = Field(alias="upsert", description="The request that adds or changes rows")
    removal: Call | None = Field(default=None, alias="remove", description="The one that removes; needed for `mirror`")
    event: Call | None = Field(
        default=None, alias="append", description="The one that sends events; needed for `append_events`"
    )
    errors: RowErrors | None = Field(default=None, description="Leave out where a good answer takes every row")
    missing_is_removed: bool = Field(default=True, description="An answer 404 or 410 to `remove` counts as removed")
    batch_size: int = Field(default=1, ge=1, le=10_000, description="Rows a request; more than one needs `$rows`")

    @model_validator(mode="after")
    def _can_be_sent(self) -> "Http":
        for name, call in (("upsert", self.addition), ("remove", self.removal), ("append", self.event)):
            whole = f"{call.path} {call.body}" if call else ""
            if call and self.batch_size > 1 and ("$rows" not in whole or re.search(r"\$(key|fields|id|at)\b", whole)):
                raise ValueError(f"`{name}` is about one row: give its body `$rows`, or set `batch_size: 1`")
        if self.removal and "$fields" in str(self.removal):
            raise ValueError("`remove` has no `$fields`: a removed row is its `$key`")
        for name, value in self.headers_sent.items():
            if re.search(r"\$(key|fields|change|id|at|rows)\b", value):
                raise ValueError(f"header `{name}` is for all rows of a request: it may hold `$message_id` and `$sync`")
            if SECRET_HEADER.search(name) and "$" not in value:
                raise ValueError(f"header `{name}`: secrets come from the environment, so write `${{VARIABLE}}`")
        return self

    def supported_modes(self) -> tuple[str, ...]:
        """`mirror` needs a way to remove, and events one to be sent."""
        return (*(STATES if self.removal else ("upsert",)), *(("append_events",) if self.event else ()))

    def headers(self) -> Headers:
        """As declared."""
        return {name: expand(value) for name, value in self.headers_sent.items()}

    def asset_kinds(self) -> set[str]:
        """No vendor, but requests."""
        return {"requests"}

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """Events as `append` has them."""
        if self.event:
            event = self.event
            yield lambda api, rows: self._sent(api, event, rows), [row for row in batch if row.change in EVENTS]
        yield from super().requests_of([row for row in batch if row.change not in EVENTS])

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """The declared request."""
        return self._sent(api, self.addition, rows)

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """The declared request, where there is one."""
        if self.removal is None:
            return {row.key: rejected("the destination declares no `remove`") for row in rows}
        return self._sent(api, self.removal, rows, also=(404, 410) if self.missing_is_removed else ())

    def _sent(self, api: Api, call: Call, rows: Sequence[Row], also: Sequence[int] = ()) -> Outcomes:
        row, body = _filler(call.row), _filler(call.body)
        values = {"sync": api.sync, "message_id": message_id(rows), **_values_of(rows[0])}
        values["rows"] = [row({**values, **_values_of(one)}) for one in rows] if "$rows" in str(call.body) else []
        path = VALUE.sub(lambda found: url_quote(str(_value(found, values)), safe=""), call.path)
        declared = self.headers().items()
        answer = api.call(
            call.method,
            path,
            body(values),
            headers=lambda: {name: _text(value, values) for name, value in declared},
            also=also,
        )
        return _refused_rows(self.errors, answer, rows) if self.errors and answer.status < 300 else {}


def _values_of(row: Row) -> Values:
    told = {"key": row.key, "fields": row.fields, "change": row.change}
    return {**told, "id": row.idempotency_id, "at": row.at.isoformat()}


def _value(found: re.Match[str], values: Values) -> Any:
    value = values[found[1]]
    return value.get(found[2]) if found[2] and isinstance(value, dict) else value


def _text(template: str, values: Values) -> str:
    return VALUE.sub(lambda found: str(_value(found, values)), template)


def _filler(template: Any) -> Callable[[Values], Any]:
    """What fills a template with values. A text that is one placeholder becomes the value with its type."""
    if isinstance(template, dict):
        inner = {name: _filler(value) for name, value in template.items()}
        return lambda values: {name: fill(values) for name, fill in inner.items()}
    if isinstance(template, list):
        parts = [_filler(value) for value in template]
        return lambda values: [fill(values) for fill in parts]
    whole = VALUE.fullmatch(template) if isinstance(template, str) else None
    if whole:
        return lambda values: _value(whole, values)
    if isinstance(template, str) and VALUE.search(template):
        return lambda values: _text(template, values)
    return lambda _: template


def _refused_rows(errors: RowErrors, answer: Answer, rows: Sequence[Row]) -> Outcomes:
    by_key = {row.key: row for row in rows}
    named = []
    for error in _at(answer.body, errors.at) or []:
        row = at(rows, _at(error, errors.index)) if errors.index else by_key.get(str(_at(error, errors.key or "")))
        words = str(_at(error, errors.words) or "no reason given")
        named.append((row, later(words) if any(word in words for word in errors.try_again) else rejected(words)))
    return told_of(named)


def _at(value: Any, path: str) -> Any:
    """What stands at a path of names with dots between; None where nothing does."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
