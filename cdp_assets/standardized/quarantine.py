"""`standardized/quarantine`: raw rows that could not be used, whole, with every reason; and their way out."""

import datetime as dt

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.metadata import table_metadata
from cdp_assets.standardized.daily import DailyTable, replace_days
from cdp_assets.standardized.events import CONSENTS, EVENTS, daily_metadata
from cdp_assets.standardized.mapped import mappings
from cdp_assets.standardized.reconciliation import daily_books, verdict
from cdp_assets.standardized.rejection import QUARANTINE, ensure_quarantine
from cdp_model.model import Model
from cdp_resources.lake import Lake

KEY = ["standardized", "quarantine"]
DESCRIPTIONS = {
    "source": "The source that sent it",
    "stream": "The stream it came with",
    "output": "What it was meant for: customers, events, consents or exchange_rates",
    "mapping": "Which of the stream's mappings refused it, from 0",
    "payload": "The row as extracted; a line that could not be read as text",
    "reasons": "Everything that is wrong with it",
    "first_seen": "When it was first rejected (UTC)",
    "replayed_at": "When it was accepted after all",
    "_day": "The day of its file",
    "raw_row": "rowid of the raw row",
    "refused_by": "Which state of mapping and tracking plan refused it: another one gets to see it again",
}


def quarantine_asset(model: Model) -> dg.AssetsDefinition:
    """The asset that lets out what is valid now and reports the rest, after all that put something there."""
    filled_by = ["customers", "events", "consents", *(["exchange_rates"] if model.has_dated_rates else [])]

    @dg.asset(
        key=KEY,
        deps=[["standardized", output] for output in filled_by],
        check_specs=[
            dg.AssetCheckSpec(
                "counts_reconcile",
                asset=KEY,
                blocking=True,
                description="Of days made again: raw rows = standardized + duplicates + quarantined, for each stream",
            )
        ],
        kinds={"duckdb"},
        pool="lake",
    )
    def quarantine(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Raw rows that could not be used. One row for each rejected row and what it was meant for.

        Filled by customers, events, consents and exchange rates in their own transactions, so that a row is always
        either in a table or here. After a mapping or the tracking plan was mended, materialize this: the days of events
        and consents with rows that another state of it refused are made again, and what is valid now is there, once,
        with its own time. Customers and exchange rates make all of theirs again by themselves.
        """
        lines, made = [], []
        with lake.transaction("standardized.quarantine") as con:
            ensure_quarantine(con)
            before = _rows(con)
            for target in (EVENTS, CONSENTS):
                mapped, days = mappings(model, target.output), days_to_replay(con, model, target)
                if days:
                    counts = replace_days(con, target, mapped, days)
                    shown = daily_metadata(con, target, mapped, counts)
                    lines += daily_books(con, target.output, mapped, days)
                    made += [(target.output, day, shown) for day in sorted(days)]
            metadata = table_metadata(con, "standardized.quarantine", DESCRIPTIONS, pii={"payload"})
            metadata |= {"reasons": dg.MetadataValue.md(reasons_table(con)), "let_out": before - _rows(con)}
        for output, day, shown in made:  # so that what is downstream of that table is made again
            event = dg.AssetMaterialization(["standardized", output], partition=str(day), metadata=shown)
            context.log_event(event)
        return dg.MaterializeResult(metadata=metadata, check_results=[verdict(lines)])

    return quarantine


def days_to_replay(con: duckdb.DuckDBPyConnection, model: Model, target: DailyTable) -> set[dt.date]:
    """Days with rows that another mapping or plan than today's refused. A line that no reader can read stays."""
    current = [(m.raw_name, m.position, m.fingerprint) for m in mappings(model, target.output)]
    streams, positions, fingerprints = zip(*current, strict=True) if current else ((), (), ())
    columns = {
        "stream": pa.array(streams, pa.string()),
        "mapping": pa.array(positions, pa.int32()),
        "refused_by": pa.array(fingerprints, pa.string()),
    }
    con.register("current_mappings", pa.table(columns))
    rows = con.execute(
        f"""
        SELECT DISTINCT _day FROM {QUARANTINE} ANTI JOIN current_mappings USING (stream, mapping, refused_by)
        WHERE output = ? AND NOT (len(reasons) = 1 AND starts_with(reasons[1], 'unreadable line: '))
        """,
        [target.output],
    ).fetchall()
    con.unregister("current_mappings")
    return {day for (day,) in rows}


def reasons_table(con: duckdb.DuckDBPyConnection) -> str:
    """Rejected rows by stream and reason, as Markdown. Reasons hold no values of the rows."""
    rows = con.execute(f"""
        SELECT stream, output, reason, count(*)
        FROM (SELECT stream, output, unnest(reasons) AS reason FROM {QUARANTINE})
        GROUP BY ALL ORDER BY count(*) DESC, stream, output, reason LIMIT 50
    """).fetchall()
    lines = [f"| {stream} | {output} | {reason} | {count:,} |" for stream, output, reason, count in rows]
    return "\n".join(["| stream | meant for | reason | rows |", "|---|---|---|---:|", *lines]) if lines else "empty"


def _rows(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute(f"SELECT count(*) FROM {QUARANTINE}").fetchone()
    assert row
    return int(row[0])
