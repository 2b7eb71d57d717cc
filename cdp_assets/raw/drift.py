"""How files differ from what is declared and from those before them: columns that come, go, or change their kind.

Decisions are pure; one query looks at a sample of values.
"""

from collections.abc import Collection, Mapping

import duckdb

from cdp_model.expressions import did_you_mean
from cdp_model.sources import Stream
from cdp_resources.lake import CATALOG
from cdp_resources.sources.files import LandedFile
from cdp_resources.sql import quote

SAMPLE = 1000
FEWEST = 10
"""Values that are too few to say of what kind a column is."""
KINDS = {
    "numbers": "TRY_CAST(value AS DOUBLE) IS NOT NULL",
    "times": "TRY_CAST(value AS TIMESTAMP WITH TIME ZONE) IS NOT NULL",
    "JSON": "left(value, 1) IN ('{', '[')",
}
Shares = Mapping[str, Mapping[str, float]]
"""Column → kind → share of its values that are of that kind."""


class UndeclaredColumns(Exception):
    """Files of a source with a frozen schema have columns that are not declared."""

    def __init__(self, name: str, columns: list[str], stream: Stream) -> None:
        named = ", ".join(f"`{column}`" for column in columns)
        super().__init__(
            f"{name}: columns that are not declared: {named}{did_you_mean(columns[0], stream.columns)}. Nothing was "
            "loaded, because of the source's `schema: freeze`: declare them or say `schema: evolve`, then materialize "
            "again"
        )


def missing_columns(files: list[LandedFile], columns: list[str], stream: Stream) -> list[str]:
    """A warning for each declared column that files lack, with the nearest column that they do have."""
    have = {column.lower() for column in columns}
    return [
        f"{files[0].name}{f' and {len(files) - 1} more' if len(files) > 1 else ''}: column `{column}` is missing"
        f"{did_you_mean(column, sorted(set(columns) - set(stream.columns)))}"
        for column in stream.columns
        if columns and column.lower() not in have
    ]


def undeclared_columns(columns: list[str], stream: Stream) -> list[str]:
    """The columns of a file that the stream does not declare, in their order."""
    declared = {column.lower() for column in stream.columns}
    return [column for column in columns if column.lower() not in declared]


def retyped_columns(before: Shares, now: Shares) -> list[str]:
    """A warning for each column whose values were nearly all of a kind, and mostly are no longer."""
    return [
        f"column `{column}` held {kind} before, and {1 - now[column][kind]:.0%} of its values are none now: rows that "
        "need them go to quarantine"
        for column in before
        for kind, share in before[column].items()
        if column in now and share >= 0.95 and now[column][kind] < 0.5
    ]


def shares_of_kinds(
    con: duckdb.DuckDBPyConnection, table: str, columns: Collection[str], extracts: Collection[str]
) -> dict[str, dict[str, float]]:
    """What the values of a raw table's columns are, in a sample of some extracts; columns with few are left out."""
    if not extracts or not columns:
        return {}
    names = ", ".join(map(quote, columns))
    shares = ", ".join(f"avg(({sql})::INT)" for sql in KINDS.values())
    rows = con.execute(
        f"""
        SELECT name, {shares}
        FROM (UNPIVOT (SELECT {names} FROM {CATALOG}.{table} WHERE list_contains(?, _extract_id) AND _error IS NULL
                       LIMIT {SAMPLE})
              ON {names} INTO NAME name VALUE value)
        GROUP BY name HAVING count(*) >= {FEWEST} ORDER BY name
        """,
        [list(extracts)],
    ).fetchall()
    return {name: dict(zip(KINDS, shares, strict=True)) for name, *shares in rows}
