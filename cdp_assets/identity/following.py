"""Nothing is made of two states of identity: who reads several tables asks here whether they belong together.

Links follow the version in use, people follow links, and what is made of people says of which resolution it was made.
Between two commits a reader may meet one table that is ahead of another. It stops then, and what was there stays.
"""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets.identity.in_use import promoted_model
from cdp_assets.identity.links import linking_version
from cdp_assets.metadata import has_table
from cdp_model.identity import IdentitySettings

TABLE = "CREATE TABLE IF NOT EXISTS lake.identity.followers (table_name VARCHAR, resolved_at TIMESTAMPTZ)"
"""Of which resolution a table was made. Rows are only added, so that two assets never write the same one."""


class Behind(dg.Failure):
    """An input is of another state of identity than the rest. The message says what to materialize."""

    def __init__(self, table: str, ahead: str) -> None:
        asset = table.replace(".", "/")
        super().__init__(
            f"{asset} is older than {ahead.replace('.', '/')}, and nothing is made of both: everything was left as it "
            f"is. Materialize {asset}, and then this",
            allow_retries=False,
        )


def require_links(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Raise ``Behind`` unless links were made by the version in use and this release, with ``settings``."""
    row = con.execute("SELECT linking_version FROM lake.identity.linked_records LIMIT 1").fetchone()
    if row and row[0] != linking_version(promoted_model(con), settings):
        raise Behind("identity.links", "identity.linkage_models")


def require_resolved(con: duckdb.DuckDBPyConnection) -> None:
    """Raise ``Behind`` when links changed and people did not follow yet."""
    if links_changed(con):
        raise Behind("identity.record_persons", "identity.links")


def links_changed(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether there are links that people do not follow yet."""
    return con.execute("FROM lake.identity.unresolved_records LIMIT 1").fetchone() is not None


def require(con: duckdb.DuckDBPyConnection, *tables: str) -> None:
    """Raise ``Behind`` when one of ``tables`` was made of other people than those of `identity.record_persons`."""
    present = _resolved_at(con)
    for table in tables if present else ():
        if _followed(con, table) not in (present, None):
            raise Behind(table, "identity.record_persons")


def follow(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Note in the open transaction, which makes ``table``, that it is of the present people."""
    present = _resolved_at(con)
    if present and _followed(con, table) != present:
        con.execute(TABLE)
        con.execute("INSERT INTO lake.identity.followers VALUES (?, ?)", [table, present])


def _resolved_at(con: duckdb.DuckDBPyConnection) -> dt.datetime | None:
    """When people were resolved last; None where it was never noted, as in the lake of an earlier release."""
    try:
        row = con.execute("SELECT resolved_at FROM lake.identity.resolutions").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return row[0] if row else None


def _followed(con: duckdb.DuckDBPyConnection, table: str) -> dt.datetime | None:
    if not has_table(con, "identity.followers"):
        return None
    row = con.execute("SELECT max(resolved_at) FROM lake.identity.followers WHERE table_name = ?", [table]).fetchone()
    return row[0] if row else None
