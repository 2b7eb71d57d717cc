"""Human decisions in the lake: taking, replacing and withdrawing them. None is deleted; a withdrawn one says when."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from cdp_model.overrides import Contradiction, Override, contradictions

TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.overrides (
    left_key VARCHAR, right_key VARCHAR, decision VARCHAR, author VARCHAR, decided_at TIMESTAMPTZ, reason VARCHAR);
ALTER TABLE lake.identity.overrides ADD COLUMN IF NOT EXISTS origin VARCHAR;
ALTER TABLE lake.identity.overrides ADD COLUMN IF NOT EXISTS withdrawn_at TIMESTAMPTZ;
CREATE VIEW IF NOT EXISTS lake.identity.overrides_in_force AS
SELECT
    least(left_key, right_key) AS left_key, greatest(left_key, right_key) AS right_key,
    decision, author, decided_at, reason, origin
FROM lake.identity.overrides
WHERE withdrawn_at IS NULL
QUALIFY row_number() OVER (
    PARTITION BY least(left_key, right_key), greatest(left_key, right_key)
    ORDER BY decided_at DESC, decision, origin, author) = 1;
"""
"""The newest decision about a pair that was not withdrawn is the one in force."""

DECIDED_ANEW = """
WITH now AS (SELECT left_key, right_key, decision, decided_at FROM lake.identity.overrides_in_force),
anew AS (
    (FROM now EXCEPT FROM lake.identity.resolved_overrides)
    UNION ALL (FROM lake.identity.resolved_overrides EXCEPT FROM now))
SELECT left_key AS record_key FROM anew UNION ALL SELECT right_key FROM anew"""
"""Records about which something was decided, or withdrawn, that the present persons do not follow yet."""

FROM_FILE = "file"
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("left_key", "right_key", "decision", "author", "reason")]
    + [("decided_at", pa.timestamp("us", "UTC"))]
)


class Contradicted(Exception):
    """Decisions that cannot hold beside those that stand; ``found`` says which and why."""

    def __init__(self, found: Sequence[Contradiction]) -> None:
        self.found = list(found)
        super().__init__("; ".join(map(str, found)))


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create `identity.overrides` and `identity.overrides_in_force` where they are missing."""
    con.execute(TABLES)


def in_force(con: duckdb.DuckDBPyConnection, where: str = "true", values: Sequence[object] = ()) -> list[Override]:
    """Decisions that hold now, oldest first. ``where`` is a condition on columns of `identity.overrides_in_force`."""
    rows = con.execute(
        f"""SELECT left_key, right_key, decision, author, decided_at, coalesce(reason, '')
        FROM lake.identity.overrides_in_force WHERE {where} ORDER BY decided_at, left_key, right_key""",
        list(values),
    ).fetchall()
    return [Override(*row) for row in rows]


def decide(con: duckdb.DuckDBPyConnection, decisions: Sequence[Override], origin: str) -> None:
    """Append decisions in the open transaction. Raises ``Contradicted``, and keeps none, when one cannot hold."""
    ensure_tables(con)
    found = contradictions(decisions, in_force(con))
    if found:
        raise Contradicted(found)
    _append(con, decisions, origin)


def withdraw(con: duckdb.DuckDBPyConnection, left: str, right: str) -> int:
    """Withdraw all decisions about a pair except the file's, which only the file can; returns how many."""
    ensure_tables(con)
    return _withdraw(
        con,
        """least(left_key, right_key) = $left AND greatest(left_key, right_key) = $right
        AND origin IS DISTINCT FROM $file""",
        {"left": min(left, right), "right": max(left, right), "file": FROM_FILE},
    )


def taken_back(con: duckdb.DuckDBPyConnection, left: str, right: str) -> Override | None:
    """Withdraw, as ``withdraw``; returns the file's decision, which holds again. Raises ``ValueError`` if none was."""
    withdrawn = withdraw(con, left, right)
    remaining = in_force(con, "left_key = ? AND right_key = ?", [min(left, right), max(left, right)])
    if not withdrawn and remaining:
        raise ValueError(f"{remaining[0]} stands in overrides.csv: remove its line there")
    if not withdrawn:
        raise ValueError(f"nobody decided about {left} and {right}: `cdp identity overrides` lists all decisions")
    return remaining[0] if remaining else None


def take_file(con: duckdb.DuckDBPyConnection, decisions: Sequence[Override]) -> tuple[int, int]:
    """Make ``decisions`` those that the file has made; returns how many were new and how many withdrawn.

    What is no longer in the file is withdrawn. Raises ``Contradicted``, and changes nothing, when one cannot hold.
    """
    ensure_tables(con)
    found = contradictions(decisions, in_force(con, "origin IS DISTINCT FROM ?", [FROM_FILE]))
    if found:
        raise Contradicted(found)
    names = ", ".join(SCHEMA.names)
    con.register("file_rows", _table(decisions))
    con.execute("CREATE OR REPLACE TEMP TABLE file_decisions AS SELECT DISTINCT * FROM file_rows")
    con.unregister("file_rows")
    standing = f"SELECT {names} FROM lake.identity.overrides WHERE origin = $file AND withdrawn_at IS NULL"
    new = con.execute(f"SELECT {names} FROM file_decisions EXCEPT ({standing})", {"file": FROM_FILE}).fetchall()
    gone = f"origin = $file AND row({names}) NOT IN (SELECT row({names}) FROM file_decisions)"
    withdrawn = _withdraw(con, gone, {"file": FROM_FILE})
    _append(con, [Override(**dict(zip(SCHEMA.names, row, strict=True))) for row in new], FROM_FILE)
    return len(new), withdrawn


def _withdraw(con: duckdb.DuckDBPyConnection, which: str, values: dict[str, str]) -> int:
    """Nothing is written when there is nothing to withdraw, so that an idle run makes no snapshot."""
    about = f"withdrawn_at IS NULL AND {which}"
    row = con.execute(f"SELECT count(*) FROM lake.identity.overrides WHERE {about}", values).fetchone()
    if row and row[0]:
        con.execute(f"UPDATE lake.identity.overrides SET withdrawn_at = now() WHERE {about}", values)
    return int(row[0]) if row else 0


def _append(con: duckdb.DuckDBPyConnection, decisions: Sequence[Override], origin: str) -> None:
    if not decisions:
        return
    con.register("decided_rows", _table(decisions))
    con.execute("INSERT INTO lake.identity.overrides BY NAME SELECT *, ? AS origin FROM decided_rows", [origin])
    con.unregister("decided_rows")


def _table(decisions: Sequence[Override]) -> pa.Table:
    return pa.table({name: [getattr(d, name) for d in decisions] for name in SCHEMA.names}, schema=SCHEMA)
