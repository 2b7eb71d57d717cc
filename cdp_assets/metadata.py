"""What the UI shows of a table after each materialization: rows, columns, personal data and lineage."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import dagster as dg
import duckdb

from cdp_resources.lake import CATALOG

Lineage = Mapping[str, Iterable[tuple[str, str]]]
"""Output column → the (asset, column) pairs it is made from, such as ("standardized/customers", "email")."""

PII_TAG = {"pii": "true"}


def table_metadata(
    con: duckdb.DuckDBPyConnection,
    table: str,
    descriptions: Mapping[str, str] | None = None,
    pii: Collection[str] = (),
    lineage: Lineage | None = None,
) -> dict[str, Any]:
    """Row count, column schema (with descriptions and PII tags) and column lineage of ``lake.<table>``."""
    described = con.execute(f"DESCRIBE {CATALOG}.{table}").fetchall()
    descriptions = descriptions or {}
    columns = [
        dg.TableColumn(name, kind, description=descriptions.get(name), tags=PII_TAG if name in pii else None)
        for name, kind, *_ in described
    ]
    metadata: dict[str, Any] = {
        "dagster/row_count": count_rows(con, table),
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/table_name": f"{CATALOG}.{table}",
    }
    if lineage:
        names = {column.name for column in columns}
        deps = {out: _deps(sources) for out, sources in lineage.items() if out in names}
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(deps)
    return metadata


def count_rows(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> int:
    """Number of rows of ``lake.<table>``."""
    row = con.execute(f"SELECT count(*) FROM {CATALOG}.{table} WHERE {where}").fetchone()
    assert row
    return int(row[0])


def has_table(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether ``lake.<table>`` exists, table or view. The information schema would read the whole catalog."""
    try:
        con.execute(f"DESCRIBE {CATALOG}.{table}")
    except duckdb.CatalogException:
        return False
    return True


def same_columns(asset: str, columns: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Lineage of columns that are passed on unchanged under their names."""
    return {column: [(asset, column)] for column in columns}


def _deps(sources: Iterable[tuple[str, str]]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(dg.AssetKey(asset.split("/")), column) for asset, column in sorted(set(sources))]
