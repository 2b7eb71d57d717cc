"""Evidence from the lake in the scratch table ``records``, which Splink compares: all of it, or what a run needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from cdp_assets.identity.comparisons import MIN_COMPLETENESS, NUMBER
from cdp_assets.identity.in_use import Model
from cdp_resources.sql import literal, quote


def prepare_records(con: duckdb.DuckDBPyConnection, model: Model | None) -> None:
    """Make the scratch table ``records``, empty, and the views that ``load_records`` fills it from.

    First names are as established as they were for the model; without one, as they are.
    """
    con.execute("CREATE OR REPLACE TABLE established_names (value_hash VARCHAR)")
    if model:
        con.execute(
            """INSERT INTO established_names SELECT value_hash FROM lake.identity.model_frequencies
            WHERE model_version = ? AND column_name = 'established'""",
            [model.version],
        )
    columns = "".join(f",\n    numbers[{literal(kind)}] AS {quote(NUMBER + kind)}" for kind in number_types(con, model))
    con.execute(Path(__file__).with_name("records.sql").read_text(encoding="utf-8").replace("    -- numbers", columns))


def load_all_records(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` with every record, in the order of keys: training samples by it."""
    _load(con, "SELECT record_key FROM lake.identity.evidence", "ORDER BY id")


def load_records(con: duckdb.DuckDBPyConnection, keys: str, values: dict[str, Any] | None = None) -> None:
    """Fill ``records`` with those of a query (one column, record_key)."""
    _load(con, f"SELECT DISTINCT record_key FROM ({keys})", values=values)


def _load(con: duckdb.DuckDBPyConnection, keys: str, order: str = "", values: dict[str, Any] | None = None) -> None:
    """``id`` follows the order of keys, so that a pair has its keys the same way round in every run."""
    con.execute(
        f"""CREATE OR REPLACE TABLE record_ids AS
        SELECT record_key, row_number() OVER (ORDER BY record_key) AS id FROM ({keys})""",
        values,
    )
    con.execute(f"INSERT INTO records FROM numbered('record_ids') {order}")


def load_these_records(con: duckdb.DuckDBPyConnection, model: Model | None, keys: Sequence[str]) -> None:
    """Fill ``records`` with those of ``keys`` alone."""
    prepare_records(con, model)
    load_records(con, "SELECT unnest($keys) AS record_key", {"keys": list(keys)})


def number_types(con: duckdb.DuckDBPyConnection, model: Model | None) -> list[str]:
    """Identifier types that a model compares; without one, those that enough records have one of."""
    if model:
        compared = model.settings["comparisons"] if model.settings else []
        names = [comparison["output_column_name"] for comparison in compared]
        return sorted(name.removeprefix(NUMBER) for name in names if name.startswith(NUMBER))
    found = con.execute(
        """WITH listed AS (SELECT unnest(map_keys(numbers)) AS type FROM lake.identity.evidence WHERE scorable)
        SELECT type FROM listed GROUP BY type
        HAVING count(*) >= ? * (SELECT count(*) FROM lake.identity.evidence WHERE scorable) ORDER BY type""",
        [MIN_COMPLETENESS],
    ).fetchall()
    return [kind for (kind,) in found]
