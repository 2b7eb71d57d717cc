"""The Spark session that Splink works in: where it runs, how it is set up, and what it leaves behind (nothing)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.types import DoubleType
from splink.backends.spark import similarity_jar_location

from cdp_assets.identity.engines.spark_sql import JAR_FUNCTIONS

LOCAL_MEMORY = "4g"
CONFIGURATION = {
    "spark.jars": similarity_jar_location(),
    "spark.sql.session.timeZone": "UTC",
    # an error of ANSI mode quotes the value it is about, and so does a log line
    "spark.sql.ansi.enabled": "false",
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
}


def master() -> str:
    """Where Spark runs: CDP_SPARK_MASTER, else this machine with all of its cores."""
    return os.environ.get("CDP_SPARK_MASTER") or "local[*]"


@contextmanager
def exchange_folder() -> Iterator[Path]:
    """A folder for tables on their way, readable by its owner only, removed in the end.

    It is in CDP_SPARK_FOLDER, which every machine of a cluster must see under the same path. Raises ``ValueError`` when
    a cluster is named and that is not.
    """
    shared = os.environ.get("CDP_SPARK_FOLDER")
    if not shared and not master().startswith("local["):
        raise ValueError(
            f"CDP_SPARK_MASTER is {master()!r}: set CDP_SPARK_FOLDER to a folder that the cluster sees at the same path"
        )
    if shared:
        Path(shared).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cdp-identity-", dir=shared or None) as folder:
        yield Path(folder)


@contextmanager
def spark_session(folder: Path) -> Iterator[SparkSession]:
    """A session whose files are in ``folder``, with DuckDB's string functions; stopped in the end.

    Whatever `spark-defaults.conf` says holds, unless it is set here.
    """
    builder = SparkSession.builder.master(master()).appName("identity")
    for key, value in (CONFIGURATION | _local(folder)).items():
        builder = builder.config(key, value)
    session = builder.config("spark.sql.warehouse.dir", str(folder / "warehouse")).getOrCreate()
    try:
        session.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
        for name, java_class in JAR_FUNCTIONS.items():
            session.udf.registerJavaFunction(name, java_class, DoubleType())
        for statement in _functions():
            session.sql(statement)
        yield session
    finally:
        session.stop()


def _local(folder: Path) -> dict[str, str]:
    if not master().startswith("local"):
        return {}
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": os.environ.get("CDP_SPARK_MEMORY") or LOCAL_MEMORY,
        "spark.local.dir": str(folder / "spill"),
        "spark.sql.shuffle.partitions": str(4 * (os.cpu_count() or 1)),
        "spark.ui.enabled": "false",
    }


def _functions() -> list[str]:
    text = Path(__file__).with_name("spark_functions.sql").read_text(encoding="utf-8")
    return [statement for statement in text.split(";\n") if statement.strip()]
