"""DuckDB's extensions, whose signatures are checked, and the object storage that one of them reads and writes."""

import importlib
import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from cdp_resources.sql import literal


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load a DuckDB extension from its PyPI wheel; where there is no wheel, install it from DuckDB's host.

    Raises ``duckdb.Error`` when its signature is not DuckDB's.
    """
    con.load_extension(_with_checked_signature(name))


@lru_cache
def _with_checked_signature(name: str) -> str:
    """What to load for an extension. Hashing its file takes a fifth of a second, most of what connecting costs."""
    with duckdb.connect(":memory:") as strict:
        try:
            package = importlib.import_module(f"duckdb_extension_{name}")
        except ModuleNotFoundError:
            strict.install_extension(name)
            found = name
        else:
            assert package.__file__
            found = str(next(Path(package.__file__).parent.rglob("*.duckdb_extension")))
        strict.load_extension(found)
    return found


def is_remote(location: str) -> bool:
    """Whether a location is an object-storage URL and not a folder."""
    return "://" in location and not location.startswith("file://")


def allow_object_storage(con: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read and write s3:// URLs, with the credentials of the usual AWS variables."""
    load_extension(con, "httpfs")
    settings = {
        "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
        "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
        "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        settings |= {"ENDPOINT": parts.netloc, "URL_STYLE": "path"}
        if parts.scheme == "http":
            settings["USE_SSL"] = "false"
    given = ", ".join(f"{key} {literal(value)}" for key, value in settings.items() if value)
    con.execute(f"CREATE OR REPLACE SECRET object_storage (TYPE s3{', ' + given if given else ''})")
