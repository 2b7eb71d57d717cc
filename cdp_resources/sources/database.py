"""Rows of a table in a SQL database. dlt's `sql_table` reflects, selects and fetches."""

from collections.abc import Iterator
from typing import Any

from cdp_model.pulls import Database, Table
from cdp_resources.environment import expand
from cdp_resources.sources.api import secret
from cdp_resources.sources.cursor import Cursor
from cdp_resources.sources.failures import PullFailed

Row = dict[str, Any]


def rows_of_table(database: Database, table: Table, cursor: Cursor) -> Iterator[Row]:
    """A table's rows as the driver gave them, oldest first. Raises ``PullFailed``."""
    import sqlalchemy as sa
    from dlt.sources.sql_database import sql_table

    schema, _, name = table.name.rpartition(".")
    engine = _engine(database)
    try:
        columns = {column["name"]: column for column in sa.inspect(engine).get_columns(name, schema or None)}
        cursor_column = table.incremental.column if table.incremental else None
        _check_columns(columns, [*(table.columns or []), *([cursor_column] if cursor_column else [])], table)
        if cursor_column and table.columns and cursor_column not in table.columns:
            raise PullFailed(f"the cursor `{cursor_column}` is not among the `columns` that are read")
        kind = columns[cursor_column]["type"] if cursor_column else None
        yield from sql_table(
            engine,
            name,
            schema or None,
            included_columns=table.columns,
            chunk_size=table.chunk_size,
            reflection_level="minimal",
            query_adapter_callback=lambda query, reflected: _since(query, reflected, cursor_column, kind, cursor),
        )
    except sa.exc.NoSuchTableError as error:
        raise PullFailed(f"there is no table or view {table.name} that the user may read") from error
    except Exception as error:
        raise _failure(error) from None  # its text may have values of rows in it
    finally:
        engine.dispose()


def _since(query: Any, reflected: Any, column: str | None, kind: Any, cursor: Cursor) -> Any:
    """The query from the cursor on, in its order: what changes while it is read comes again with the next pull."""
    if column is None:
        return query
    if cursor.asked_from is not None:
        since = _as_column(cursor.asked_from, kind)
        query = query.where((reflected.c[column] >= since) | reflected.c[column].is_(None))
    return query.order_by(reflected.c[column].asc())


def _as_column(value: Any, kind: Any) -> Any:
    """A kept value as what the column compares with."""
    import datetime as dt

    import sqlalchemy as sa

    if isinstance(kind, sa.DateTime) and isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    if isinstance(kind, sa.Date) and isinstance(value, str):
        return dt.date.fromisoformat(value)
    return value


def _engine(database: Database) -> Any:
    import sqlalchemy as sa

    try:
        url = sa.make_url(expand(database.url))
        if database.password_env:
            url = url.set(password=secret(database.password_env))
        return sa.create_engine(url)
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        raise PullFailed(f"there is no driver for `database.url` ({error}): install its Python package") from error
    except sa.exc.ArgumentError as error:
        raise PullFailed("`database.url` is not the address of a database") from error


def _check_columns(columns: dict[str, Any], wanted: list[str], table: Table) -> None:
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise PullFailed(f"{table.name} has no column `{missing[0]}`; it has: {', '.join(columns)}")


def _failure(error: Exception) -> Exception:
    """The error that a user can act on; one of ours as it is."""
    import sqlalchemy as sa

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PullFailed | sa.exc.DBAPIError):
        cause = cause.__cause__
    if isinstance(cause, PullFailed):
        return cause
    if isinstance(cause, sa.exc.DBAPIError):
        said = str(cause.orig).strip().splitlines()[0] if cause.orig else type(cause).__name__
        lost = "the database went away: " if cause.connection_invalidated else ""
        return PullFailed(f"{lost}{said}; pull again once it answers")
    return error
