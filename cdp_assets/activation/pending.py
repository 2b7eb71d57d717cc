"""Changes that are to be sent. Each leaves as a row; what is recorded of them, by the thousand, stays in columns."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from cdp_assets.activation.difference import REMOVALS
from cdp_resources.destinations.base import Outcome, Row, Status

Answers = tuple["Pending", Sequence[Outcome]]
"""Some changes, and what the destination said to each."""


@dataclass(frozen=True)
class Pending:
    """Changes in the order in which they are sent; ``recorded`` has a row of columns for each, see `read_pending`."""

    rows: Sequence[Row]
    recorded: pa.Table

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    def between(self, start: int, end: int) -> "Pending":
        """Those from the place ``start`` to before ``end``."""
        return Pending(self.rows[start:end], self.recorded.slice(start, end - start))

    def parted(self, first: Sequence[bool]) -> tuple["Pending", "Pending"]:
        """Those of which ``first`` is true, and the others."""
        mask = pa.array(first, pa.bool_())
        others = [not one for one in first]
        return (
            Pending(list(compress(self.rows, first)), self.recorded.filter(mask)),
            Pending(list(compress(self.rows, others)), self.recorded.filter(pc.invert(mask))),
        )

    def in_parts(self, size: int) -> list["Pending"]:
        """Parts of at most ``size``."""
        return [self.between(start, start + size) for start in range(0, len(self), size)]


def read_pending(con: duckdb.DuckDBPyConnection, todo: str, limit: int | None) -> Pending:
    """What is to be sent, of a relation like ``difference``. Removals first: whoever withdrew waits for nobody.

    Then by key, so that batches fall the same way again.
    """
    found = con.execute(
        f"""
        SELECT change, destination_key, fields, person_id, idempotency_id,
            coalesce(told_at, ?::TIMESTAMPTZ) AS attempted_at, if({REMOVALS}, last_told_at, NULL) AS told_at,
            fingerprint, revision, consent_id, payload_hash, attempted_before, waits_since
        FROM {todo}
        ORDER BY CASE WHEN {REMOVALS} THEN 0 WHEN change = 'update' THEN 1 ELSE 2 END, destination_key
        {f"LIMIT {limit:d}" if limit is not None else ""}""",
        [dt.datetime.now(dt.UTC)],
    ).to_arrow_table()
    change, key, fields, *others = (column.to_pylist() for column in found.columns[: len(Row._fields)])
    # All at once: a call of the parser for each row takes longer than reading them.
    parsed = json.loads(f"[{','.join(text or '{}' for text in fields)}]")
    return Pending(list(map(Row, change, key, parsed, *others)), found.drop_columns(["fields"]))


def together(parts: Iterable[Pending]) -> pa.Table:
    """What is recorded of all changes of some parts."""
    return pa.concat_tables(part.recorded for part in parts)


def with_outcomes(answers: Sequence[Answers]) -> pa.Table:
    """What is recorded of changes, with ``status``, ``error`` and ``message_id`` of each one's outcome."""
    table = together(part for part, _ in answers)
    for name in ("status", "error", "message_id"):
        said = pa.chunked_array([_each(outcomes, name) for _, outcomes in answers], pa.string())
        table = table.append_column(name, said)
    return table


def who_said(answered: pa.Table, status: Status) -> pa.Table:
    """Those of ``answered`` with that answer. Mostly all have one, and nothing is copied."""
    said = pc.equal(answered["status"], status)
    return answered if pc.all(said).as_py() else answered.filter(said)


def _each(outcomes: Sequence[Outcome], name: str) -> pa.Array:
    """One value of each outcome. Mostly all rows of a batch have the same."""
    if outcomes and all(one is outcomes[0] for one in outcomes):
        return pa.repeat(pa.scalar(getattr(outcomes[0], name), pa.string()), len(outcomes))
    return pa.array([getattr(one, name) for one in outcomes], pa.string())
