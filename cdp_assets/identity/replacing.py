"""Bringing a table of the lake to what it should be by writing only what differs."""

import duckdb


def replace_changed_rows(
    con: duckdb.DuckDBPyConnection, table: str, fresh: str, key: tuple[str, ...], version: tuple[str, ...], scope: str
) -> int:
    """Make the rows of ``lake.<table>`` that meet ``scope`` equal to ``fresh``, touching only what differs.

    Two rows with the same ``key`` and ``version`` columns are taken to be equal. Returns the rows inserted. Writes
    nothing when nothing differs, so that an idle run makes no new files.
    """
    if con.execute(f"FROM lake.{table} LIMIT 1").fetchone() is None:
        return _insert(con, table, fresh, key)
    # by hashes of 64 bits: to be missed, a difference would have to meet one of the rows' in 10^19
    row_hash = f"hash({', '.join((*key, *version))})"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE present AS
        SELECT rowid AS row_number, {row_hash} AS row_hash FROM lake.{table} WHERE {scope};
        CREATE OR REPLACE TEMP TABLE gone AS
        SELECT row_number FROM present WHERE row_hash NOT IN (SELECT {row_hash} FROM {fresh});
        CREATE OR REPLACE TEMP TABLE rows_to_insert AS
        FROM {fresh} WHERE {row_hash} NOT IN (SELECT row_hash FROM present)"""
    )
    if con.execute("FROM gone LIMIT 1").fetchone():
        con.execute(f"DELETE FROM lake.{table} WHERE rowid IN (FROM gone)")
    return _insert(con, table, "rows_to_insert", key)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: str, key: tuple[str, ...]) -> int:
    counted = con.execute(f"SELECT count(*) FROM {rows}").fetchone()
    count = int(counted[0]) if counted else 0
    if count:
        con.execute(f"INSERT INTO lake.{table} BY NAME FROM {rows} ORDER BY {', '.join(key)}")
    return count
