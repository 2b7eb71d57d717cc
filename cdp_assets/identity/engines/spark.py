"""Splink on Spark: scratch tables go there as Parquet files, scored pairs come back as such.

For evidence that has outgrown one machine. Training and scoring alone run there: everything else of the stage looks at
what changed, and stays in DuckDB.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import duckdb
from splink import Linker, SettingsCreator
from splink.internals.splink_dataframe import SplinkDataFrame

from cdp_assets.identity.engines.duckdb import quiet_linker
from cdp_assets.identity.engines.spark_sql import for_spark, from_spark
from cdp_resources.sql import literal, quote

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ADVICE = (
    "identity.yaml says `engine: spark`, and {missing}: install the extra (`pip install 'open-cdp[spark]'`) and "
    "Java 17 or later, or say `engine: duckdb`"
)


class EngineMissing(Exception):
    """Something that the engine needs is not installed."""


class SparkEngine:
    """See ``Engine``. Everything it exchanges is in ``folder``, which the cluster's machines must see as well."""

    def __init__(self, con: duckdb.DuckDBPyConnection, session: "SparkSession", folder: Path) -> None:
        self.con, self.session, self.folder = con, session, folder
        self._numbers = itertools.count()
        self._models: WeakKeyDictionary[Linker, dict[str, Any] | SettingsCreator] = WeakKeyDictionary()

    def linker(self, model: dict[str, Any] | SettingsCreator, table: str) -> Linker:
        from splink.backends.spark import SparkAPI

        api = SparkAPI(spark_session=self.session, register_udfs_automatically=False)
        linker = quiet_linker(api, self._sent(table), for_spark(model))
        self._models[linker] = model
        return linker

    def register(self, linker: Linker, table: str) -> SplinkDataFrame:
        return linker._db_api.register(self._sent(table))

    def relation(self, found: SplinkDataFrame) -> str:
        path = self.folder / f"found_{next(self._numbers)}"
        found.to_parquet(str(path))
        return f"read_parquet({literal(f'{path}/*.parquet')})"

    def settings(self, linker: Linker) -> dict[str, Any]:
        return from_spark(linker.misc.save_model_to_json(), self._models[linker])

    def _sent(self, table: str) -> str:
        """Name of a Spark view of a scratch table. Each gets its own: Splink keeps what it knows of a name."""
        view = f"sent_{next(self._numbers)}"
        path = self.folder / view
        self.con.execute(f"COPY {quote(table)} TO {literal(str(path))} (FORMAT parquet, PER_THREAD_OUTPUT)")
        self.session.read.parquet(str(path)).createOrReplaceTempView(view)
        return view


@contextmanager
def spark_engine(con: duckdb.DuckDBPyConnection) -> Iterator[SparkEngine]:
    """An engine in a session of its own, which ends with it; so do all files. Raises ``EngineMissing``."""
    if not find_spec("pyspark"):
        raise EngineMissing(ADVICE.format(missing="pyspark is not installed"))
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        raise EngineMissing(ADVICE.format(missing="there is no Java"))
    from cdp_assets.identity.engines.spark_session import exchange_folder, spark_session

    with exchange_folder() as folder, spark_session(folder) as session:
        yield SparkEngine(con, session, folder)
