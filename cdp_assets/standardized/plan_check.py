"""A file of events held against the tracking plan before anybody sends them: by the SQL that standardizing runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cdp_assets.standardized.candidates import sent
from cdp_assets.standardized.mapped import Mapped, mappings
from cdp_assets.standardized.planned import UNPLANNED, held_against, numbered
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_resources.lake import OPTIMIZING


@dataclass(frozen=True, order=True)
class Violation:
    """What one event of a file breaks. ``line`` counts from 1."""

    line: int
    event: str
    property: str
    rule: str
    action: str


@dataclass(frozen=True)
class Checked:
    """What a file has: how many events, and how many that break something."""

    events: int
    broken: int
    violations: list[Violation]


def mappings_of(model: Model, stream: str | None) -> list[Mapped]:
    """The event mappings that a file is read with: of ``source.stream``, or of the only stream that can be meant.

    Raises ``ValueError`` where that is none, or not clear.
    """
    planned = [m for m in mappings(model, "events") if m.plan]
    streams = {f"{m.source.name}.{m.stream_name}": m.stream for m in planned}
    if not streams:
        raise ValueError(
            "there is no tracking plan: write tracking_plan/<name>.yaml, or draft it with `cdp plan infer`"
        )
    if stream is None:
        collected = [name for name, declared in streams.items() if declared.collect] or list(streams)
        if len(collected) > 1:
            raise ValueError(f"name the stream that these events are sent to: --stream {' or '.join(collected)}")
        stream = collected[0]
    if stream not in streams:
        raise ValueError(f"no plan speaks of stream {stream!r}{did_you_mean(stream, streams)}")
    return [m for m in planned if f"{m.source.name}.{m.stream_name}" == stream]


def check_file(mapped: list[Mapped], path: Path) -> Checked:
    """Every violation of the events in a file, one JSON object a line; of a batch, each of its calls."""
    rows: list[tuple[int, dict[str, Any]]] = []
    unreadable: list[Violation] = []
    for line, call in _calls(path):
        if isinstance(call, dict):
            rows.append((line, call))
        else:
            unreadable.append(Violation(line, "", "", "not a JSON object", "quarantine"))
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as con:
        con.execute(OPTIMIZING)
        con.register("sent", _as_raw(mapped[0], rows))
        con.execute("CREATE TABLE lines AS FROM sent")
        found: list[tuple[int, Violation]] = []
        for m in mapped:
            found += _violations(con, m)
    violations = sorted([*unreadable, *(violation for _, violation in found)])
    return Checked(len(rows) + len(unreadable), len({number for number, _ in found}) + len(unreadable), violations)


def _calls(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                call = json.loads(line)
            except ValueError:
                call = None
            batch = call.get("batch") if isinstance(call, dict) else None
            yield from ((number, each) for each in (batch if isinstance(batch, list) else [call]))


def _as_raw(mapped: Mapped, rows: list[tuple[int, dict[str, Any]]]) -> pa.Table:
    """Rows as the raw table would have them: declared columns, every value as text."""
    texts = {
        column: pa.array([_text(_lowered(call).get(column.lower())) for _, call in rows], pa.string())
        for column in mapped.stream.columns
    }
    nothing = pa.nulls(len(rows), pa.string())
    lines = pa.array([line for line, _ in rows], pa.int64())
    return pa.table({"_line_number": lines, "_number": pa.array(range(len(rows))), "_error": nothing, **texts})


def _lowered(call: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in call.items()}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _violations(con: duckdb.DuckDBPyConnection, mapped: Mapped) -> Iterator[tuple[int, Violation]]:
    """Each violation with the number of its event."""
    assert mapped.plan
    of, rules = sent(mapped), list(numbered(mapped.plan))
    held = held_against(mapped.plan, of, f"SELECT * FROM lines WHERE {mapped.where}")
    rows = con.execute(f"SELECT _number, _line_number, {of.name}, _cdp_violations FROM ({held})").fetchall()
    for number, line, event, broken in rows:
        if event is None:
            yield number, Violation(line, "", "", "the event has no name", "quarantine")
        elif broken and broken["version"] == UNPLANNED:
            yield number, Violation(line, event, "", "the event is not in the plan", mapped.plan.unplanned)
        elif broken:
            for each in rules:
                if each.version_number == broken["version"] and broken["words"][each.word - 1] & each.bit:
                    what = str(each.rule).partition(": ")[2]
                    if each.rule.keyword == "additionalProperties":
                        what += f": {', '.join(_others(each.rule.path, each.rule.value, broken['sent']))}"
                    yield number, Violation(line, event, each.rule.property, what, each.rule.action)


def _others(path: tuple[str, ...], known: tuple[str, ...], properties: str) -> list[str]:
    """The names of an object in the properties that the plan does not know."""
    within = json.loads(properties)
    for name in path:
        within = within[name]
    return sorted(set(within) - set(known))
