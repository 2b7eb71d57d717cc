"""The lake: DuckLake tables behind one DuckDB connection, and the only place that opens it.

Anything about reaching, locking and committing belongs here; what the tables hold belongs to the assets.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TypeVar

import duckdb
from dagster_duckdb import DuckDBResource
from filelock import FileLock
from pydantic import Field
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from cdp_resources.environment import home
from cdp_resources.extensions import allow_object_storage, is_remote, load_extension
from cdp_resources.sql import literal

CATALOG = "lake"
SCHEMAS = ("raw", "standardized", "identity", "profiles", "predictions", "segments", "activation", "privacy")
OPTIMIZING = "SET disabled_optimizers = 'common_subexpressions'"
"""DuckDB 1.5 computes what two TRY have in common outside of both, where its errors are not caught."""
PER_CONNECTION = f"SET TimeZone = 'UTC'; {OPTIMIZING}"
LOCK_TIMEOUT_SECONDS = 120
WRITER_TIMEOUT_SECONDS = 4 * 3600
CONFIG: dict[str, bool | int | float | str | list[str]] = {
    "autoinstall_known_extensions": False,
    "allow_unsigned_extensions": True,  # `load_extension` checks each signature once a process, not at each connection
}

T = TypeVar("T")
Write = Callable[[Callable[[duckdb.DuckDBPyConnection], None], str], None]
logger = logging.getLogger(__name__)


def is_write_conflict(error: BaseException) -> bool:
    """Whether another writer came first, so that the same work may be tried again."""
    text = str(error).lower()
    return isinstance(error, duckdb.Error) and (
        "database is locked" in text or "transaction conflict" in text or ("conflict" in text and "commit" in text)
    )


AGAIN = retry(
    retry=retry_if_exception(is_write_conflict),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    stop=stop_after_delay(LOCK_TIMEOUT_SECONDS),
    before_sleep=before_sleep_log(logger, logging.DEBUG),
    reraise=True,
)
"""For short transactions: once more from the start where another writer was first."""


class Lake(DuckDBResource):
    """DuckLake on DuckDB: Parquet files, and a catalog in SQLite (default) or Postgres.

    Every connection sees the lake's tables as ``lake.<schema>.<table>`` and has its own in-memory scratch
    database for intermediate tables. Times are UTC. Postgres and object-storage credentials come from their
    usual environment variables (``PGPASSWORD``, ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` …), never from here.
    """

    database: str = ":memory:"
    catalog: str = Field(description="DuckLake catalog: `sqlite:<path>` or `postgres:<libpq string without password>`")
    data_path: str = Field(description="Where the Parquet files are: a folder or an s3:// URL")
    encrypted: bool = Field(default=False, description="Encrypt the Parquet files; keys are in the catalog")
    memory_limit: str = Field(default="", description="DuckDB memory limit, such as 8GB; empty: 80 % of RAM")

    @classmethod
    def from_env(cls) -> "Lake":
        """The lake that the environment describes: CDP_HOME, CDP_LAKE_CATALOG, CDP_LAKE_DATA and so on."""
        folder = home() / "lake"
        return cls(
            catalog=os.environ.get("CDP_LAKE_CATALOG") or f"sqlite:{folder / 'catalog.sqlite'}",
            data_path=os.environ.get("CDP_LAKE_DATA") or str(folder / "data"),
            encrypted=os.environ.get("CDP_LAKE_ENCRYPTED", "").lower() in ("1", "true", "yes"),
            memory_limit=os.environ.get("CDP_MEMORY_LIMIT", ""),
        )

    @contextmanager
    def get_connection(self, read_only: bool = False, shared: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the lake attached, closed whatever happens.

        ``shared``: what attaching took is kept for the next such reader. Raises ``LakeMissing`` when a reader comes
        before the first writer has made the catalog.
        """
        if read_only and not self.exists():
            raise LakeMissing(self.catalog)
        with nullcontext() if read_only else self._only_writer(), self._connected(read_only, shared) as con:
            yield con

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection inside one transaction: every query sees the same snapshot of the lake."""
        with self.get_connection(read_only=True, shared=True) as con:
            con.execute("BEGIN")
            yield con

    @contextmanager
    def as_of(self, snapshot: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection to the lake as it was at a snapshot, with all its tables and views of that time."""
        with duckdb.connect(":memory:", config=CONFIG) as con:
            self._attach(con, read_only=True, snapshot=snapshot)
            yield con

    @contextmanager
    def transaction(self, note: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """A writing connection: all of the block is committed at once at its end, or none of it.

        For work that holds the Dagster pool ``lake``. ``note`` is kept with the DuckLake snapshot.
        """
        with self.get_connection() as con, self._committed(con, note):
            yield con

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], note: str = "") -> T:
        """Run short ``work`` in a transaction of its own, again from its start when another writer was first.

        For appends that do not hold the pool, such as recording acknowledgements between network calls.
        """

        @AGAIN
        def attempt() -> T:
            with self.transaction(note) as con:
                return work(con)

        return attempt()

    @contextmanager
    def writer(self) -> Iterator[Write]:
        """Gives what writes like `write`, with one connection for many transactions: opening it is most of a short one.

        Between them nothing is locked. Threads write one after another.
        """
        with ExitStack() as opened:
            with self._only_writer():
                con = opened.enter_context(self._connected())
            con.execute("SET threads = 1")  # a few thousand rows are written no faster by several, beside other work
            turn = Lock()

            @AGAIN
            def write(work: Callable[[duckdb.DuckDBPyConnection], None], note: str) -> None:
                with turn, self._only_writer(), self._committed(con, note):
                    work(con)

            yield write

    def exists(self) -> bool:
        """Whether the catalog was ever made; a Postgres catalog is taken to exist."""
        kind, _, path = self.catalog.partition(":")
        return kind != "sqlite" or Path(path).exists()

    @contextmanager
    def _connected(self, read_only: bool = False, shared: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection, whoever else writes: to an engine of its own, or to one that readers share.

        A Postgres server may be restarted, which an engine that is kept would not survive.
        """
        kind, _, path = self.catalog.partition(":")
        if shared and kind == "sqlite":
            with _attached(self.model_dump_json(), Path(path).stat().st_ino).cursor() as con:
                con.execute(PER_CONNECTION)
                yield con
            return
        con = duckdb.connect(":memory:", config=CONFIG)
        try:
            self._attach(con, read_only)
            yield con
        finally:
            con.close()

    @contextmanager
    def _committed(self, con: duckdb.DuckDBPyConnection, note: str) -> Iterator[None]:
        """A transaction around the block."""
        con.execute("BEGIN")
        try:
            yield
            if note:
                con.execute(f"CALL {CATALOG}.set_commit_message('cdp', {literal(note)})")
            con.execute("COMMIT")
        except BaseException:
            _rollback(con)
            raise

    def _only_writer(self) -> AbstractContextManager[object]:
        """Held by a writing connection on a SQLite catalog, also against other processes; the kernel frees it.

        SQLite lets a second writer in only to refuse the first one's commit: a short append beside a long
        materialization would fail the long one. Postgres settles that by itself.
        """
        kind, _, location = self.catalog.partition(":")
        if kind != "sqlite":
            return nullcontext()
        Path(location).parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{location}.lock", timeout=WRITER_TIMEOUT_SECONDS)

    def _attach(
        self, con: duckdb.DuckDBPyConnection, read_only: bool, name: str = CATALOG, snapshot: int | None = None
    ) -> None:
        kind = self.catalog.partition(":")[0]
        if kind not in ("sqlite", "postgres"):
            raise ValueError(f"CDP_LAKE_CATALOG is {self.catalog!r}: it must begin with `sqlite:` or `postgres:`")
        con.execute(PER_CONNECTION)
        con.execute("SET preserve_insertion_order = false")
        if self.memory_limit:
            con.execute(f"SET memory_limit = {literal(self.memory_limit)}")
        load_extension(con, "ducklake")
        load_extension(con, "sqlite_scanner" if kind == "sqlite" else "postgres_scanner")
        options = [f"DATA_PATH {literal(self.data_path)}", "DATA_INLINING_ROW_LIMIT 0"]
        if kind == "sqlite":
            options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {LOCK_TIMEOUT_SECONDS * 1000}"]
        else:
            con.execute("SET ducklake_max_retry_count = 100")
        if is_remote(self.data_path):
            allow_object_storage(con)
        if self.encrypted:
            options.append("ENCRYPTED")
        if read_only:
            options.append("READ_ONLY")
        if snapshot is not None:
            options.append(f"SNAPSHOT_VERSION {snapshot:d}")
        target = literal("ducklake:" + self.catalog)
        con.execute(f"ATTACH {target} AS {name} ({', '.join(options)})")
        if _is_encrypted(con, name):
            load_extension(con, "httpfs")  # it brings the cryptography that writing an encrypted lake needs
        if not read_only and not _has_schemas(con):
            con.execute("; ".join(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{name}" for name in SCHEMAS))


@lru_cache(maxsize=1)
def _attached(settings: str, catalog_file: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001
    """A lake that is attached for reading as long as the process reads no other one, nor the same one made anew.

    Attaching takes about ten times what a small question does, and a run asks some dozens.
    """
    con = duckdb.connect(":memory:", config=CONFIG)
    con.execute("SET enable_external_file_cache = false")
    Lake.model_validate_json(settings)._attach(con, read_only=True)
    return con


class LakeMissing(Exception):
    """Nothing has been written yet."""

    def __init__(self, catalog: str) -> None:
        super().__init__(
            f"there is no lake at {catalog} yet: materialize the assets first (`make demo`, or the Dagster UI)"
        )


def present_snapshot(con: duckdb.DuckDBPyConnection) -> int:
    """The snapshot of the lake that the open transaction reads, or a connection now."""
    row = con.execute(f"SELECT id FROM {CATALOG}.current_snapshot()").fetchone()
    assert row
    return int(row[0])


def _is_encrypted(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    query = f"SELECT 1 FROM {name}.options() WHERE option_name = 'encrypted' AND scope = 'GLOBAL' AND value = 'true'"
    return con.execute(query).fetchone() is not None


def _has_schemas(con: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT count(*) FROM duckdb_schemas() WHERE database_name = ? AND list_contains(?, schema_name)"
    row = con.execute(query, [CATALOG, list(SCHEMAS)]).fetchone()
    return row is not None and row[0] == len(SCHEMAS)


def _rollback(con: duckdb.DuckDBPyConnection) -> None:
    """Undo the open transaction, without hiding the error that led here."""
    try:
        con.execute("ROLLBACK")
    except duckdb.Error:
        logger.debug("nothing to roll back", exc_info=True)
