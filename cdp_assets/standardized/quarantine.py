"""`standardized/quarantine`: raw rows that could not be used, whole, with every reason."""

import dagster as dg
import duckdb

from cdp_assets.metadata import table_metadata
from cdp_assets.standardized.mapped import Mapped
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake

QUARANTINE = f"{CATALOG}.standardized.quarantine"

DESCRIPTIONS = {
    "source": "The source that sent it",
    "stream": "The stream it came with",
    "output": "What it was meant for: customers, events, consents or exchange_rates",
    "payload": "The row as extracted; a line that could not be read as text",
    "reasons": "Everything that is wrong with it",
    "first_seen": "When it was first rejected (UTC)",
    "replayed_at": "When it was accepted after all",
    "_day": "The day of its file",
    "raw_row": "rowid of the raw row",
}


def ensure_quarantine(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing."""
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {QUARANTINE} (source VARCHAR, stream VARCHAR, output VARCHAR, mapping INTEGER,
            payload JSON, reasons VARCHAR[], first_seen TIMESTAMP WITH TIME ZONE,
            replayed_at TIMESTAMP WITH TIME ZONE, _day DATE, raw_row BIGINT)
    """)


def reject(con: duckdb.DuckDBPyConnection, mapped: Mapped) -> None:
    """Move the rejected rows of the temporary table ``candidates`` that came by one mapping into quarantine."""
    stream = f"{mapped.source.name}__{mapped.stream_name}"
    con.execute(
        f"""
        INSERT INTO {QUARANTINE}
        SELECT c.source, c.stream, ?, c.mapping,
            CASE WHEN r._error IS NULL THEN to_json(r) ELSE to_json(r._line) END, c.reasons,
            r._extracted_at, NULL, c._day, c.raw_row
        FROM {CATALOG}.{mapped.raw_table} AS r
        JOIN (SELECT * FROM candidates WHERE len(reasons) > 0 AND stream = ? AND mapping = ?) AS c
            ON c.raw_row = r.rowid
        """,
        [mapped.output, stream, mapped.position],
    )


def reasons_table(con: duckdb.DuckDBPyConnection) -> str:
    """Rejected rows by stream and reason, as Markdown. Reasons hold no values of the rows."""
    rows = con.execute(f"""
        SELECT stream, output, reason, count(*)
        FROM (SELECT stream, output, unnest(reasons) AS reason FROM {QUARANTINE})
        GROUP BY ALL ORDER BY count(*) DESC, stream, output, reason LIMIT 50
    """).fetchall()
    lines = [f"| {stream} | {output} | {reason} | {count:,} |" for stream, output, reason, count in rows]
    return "\n".join(["| stream | meant for | reason | rows |", "|---|---|---|---:|", *lines]) if lines else "empty"


def quarantine_asset(model: Model) -> dg.AssetsDefinition:
    """The asset that reports what is in quarantine, after all that put something there."""
    filled_by = ["customers", "events", "consents", *(["exchange_rates"] if model.has_dated_rates else [])]

    @dg.asset(
        key=["standardized", "quarantine"],
        deps=[["standardized", output] for output in filled_by],
        kinds={"duckdb"},
        pool="lake",
    )
    def quarantine(lake: Lake) -> dg.MaterializeResult:
        """Raw rows that could not be used. One row for each rejected row and what it was meant for.

        Filled by customers, events, consents and exchange rates in their own transactions, so that a row is always
        either in a table or here. This asset reports what is in it. After a mapping is mended, materialize the day (or
        customers) again: rows that are valid now leave the quarantine.
        """
        with lake.transaction("standardized.quarantine") as con:
            ensure_quarantine(con)
            metadata = table_metadata(con, "standardized.quarantine", DESCRIPTIONS, pii={"payload"})
            return dg.MaterializeResult(metadata=metadata | {"reasons": dg.MetadataValue.md(reasons_table(con))})

    return quarantine
