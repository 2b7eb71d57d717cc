"""A lake in memory that begins as a snapshot of a real one: for trying out what must not be written yet."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import duckdb

from cdp_resources.lake import CATALOG, CONFIG, SCHEMAS, Lake, present_snapshot
from cdp_resources.sql import quote

PRESENT = "present"
"""Under this name its connections see the real lake, at the snapshot, read-only."""


class ScratchLake(Lake):
    """The same tables under the same names, so that every stage runs on it as it is; closing it forgets everything.

    Tables of `identity` are copied, all others are views of the real lake.
    """

    snapshot: int
    _engine: duckdb.DuckDBPyConnection | None = None

    @classmethod
    @contextmanager
    def over(cls, lake: Lake, copied: Collection[str] | None = None) -> Iterator["ScratchLake"]:
        """A scratch lake over ``lake`` as it is now. ``copied``: which tables of `identity`; all by default."""
        with lake.get_connection(read_only=True) as con:
            snapshot = present_snapshot(con)
        engine = duckdb.connect(":memory:", config=CONFIG)
        try:
            scratch = cls(**lake.model_dump(), snapshot=snapshot)
            lake._attach(engine, read_only=True, name=PRESENT, snapshot=scratch.snapshot)
            _fill(engine, copied)
            object.__setattr__(scratch, "_engine", engine)
            yield scratch
        finally:
            engine.close()

    @contextmanager
    def _connected(self, *_: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the one engine, with temporary tables of its own."""
        assert self._engine, "a scratch lake is open only inside of `over`"
        with self._engine.cursor() as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con

    def _only_writer(self) -> AbstractContextManager[object]:
        """Writing here keeps nobody from writing to the real lake."""
        return nullcontext()

    @contextmanager
    def _committed(self, con: duckdb.DuckDBPyConnection, note: str) -> Iterator[None]:  # noqa: ARG002
        """As of a lake, but there are no snapshots to note anything with."""
        with super()._committed(con, ""):
            yield


def _fill(con: duckdb.DuckDBPyConnection, copied: Collection[str] | None) -> None:
    con.execute(f"ATTACH ':memory:' AS {CATALOG} (COMPRESS)")
    con.execute("; ".join(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{name}" for name in SCHEMAS))
    tables = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [PRESENT]
    ).fetchall()
    for schema, table in tables:
        kind = "TABLE" if schema == "identity" and (copied is None or table in copied) else "VIEW"
        name = f"{quote(schema)}.{quote(table)}"
        con.execute(f"CREATE {kind} {CATALOG}.{name} AS FROM {PRESENT}.{name}")
