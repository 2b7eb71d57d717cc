"""Where Splink trains and scores: in the process (DuckDB, the default) or on Spark. What every engine must offer.

An engine works for one scratch connection: tables go in by name, results come back as something that connection can
select from. Models are kept in DuckDB's dialect whichever engine trained them, so that any engine can score with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import duckdb
from splink import Linker, SettingsCreator
from splink.internals.splink_dataframe import SplinkDataFrame

from cdp_assets.identity.engines.duckdb import DuckDBEngine

Name = Literal["duckdb", "spark"]


class Engine(Protocol):
    """What training and scoring need of an engine."""

    def linker(self, model: dict[str, Any] | SettingsCreator, table: str) -> Linker:
        """A Splink linker over a scratch table. Quiet: Splink's log lines and warnings can quote values."""

    def register(self, linker: Linker, table: str) -> SplinkDataFrame:
        """A scratch table as a further input of ``linker``."""

    def relation(self, found: SplinkDataFrame) -> str:
        """What the scratch connection selects from to read a result."""

    def settings(self, linker: Linker) -> dict[str, Any]:
        """The linker's settings with their parameters, conditions in DuckDB's dialect."""


@contextmanager
def open_engine(con: duckdb.DuckDBPyConnection, name: Name) -> Iterator[Engine]:
    """The engine that `engine` of identity.yaml names, for scratch connection ``con``; closed in the end.

    Raises ``EngineMissing`` when what it needs is not installed.
    """
    if name == "duckdb":
        yield DuckDBEngine(con)
        return
    from cdp_assets.identity.engines.spark import spark_engine  # pyspark is an optional extra

    with spark_engine(con) as engine:
        yield engine
