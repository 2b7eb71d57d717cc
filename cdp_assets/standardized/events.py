"""`standardized/events` and `standardized/consents`: what happened and what was agreed to, by day of extract."""

from typing import Any

import dagster as dg
import duckdb

from cdp_assets.metadata import Lineage, table_metadata
from cdp_assets.partitions import daily, days_of
from cdp_assets.standardized.candidates import consent_candidates, event_candidates
from cdp_assets.standardized.daily import Counts, DailyTable, update_days
from cdp_assets.standardized.mapped import Mapped, mappings
from cdp_assets.standardized.reconciliation import daily_books, verdict
from cdp_assets.standardized.violations import note_violations
from cdp_model.model import Model
from cdp_model.traits import RECORDED_EVENT_COLUMNS
from cdp_resources.lake import Lake

ORIGIN = {
    "_day": "Partition: the day of the extract that brought it",
    "_stream": "The raw table it came from",
    "_mapping": "Which of the stream's mappings made it, from 0",
    "_raw_row": "rowid of its row in the raw table of `_stream`",
}
EVENT_DESCRIPTIONS = ORIGIN | {
    "event_id": "Id of the event, unique within its source",
    "source": "The source that saw it",
    "event_name": "What happened",
    "record_key": "Customer record that did it (`source:id`); null when nobody known did",
    "device": "Id of the browser or phone it was done on",
    "occurred_at": "When it happened (UTC), corrected for a wrong device clock",
    "received_at": "When it was received (UTC)",
    "revenue": "Money in `currency`",
    "currency": "ISO 4217",
    "order_id": "Order that it belongs to",
    "product_id": "Product that it is about",
    "quantity": "How many",
    "properties": "Everything else as JSON",
}
CONSENT_COLUMNS = {
    "consent_id": "VARCHAR",
    "record_key": "VARCHAR",
    "purpose": "VARCHAR",
    "channel": "VARCHAR",
    "status": "VARCHAR",
    "basis": "VARCHAR",
    "occurred_at": "TIMESTAMP WITH TIME ZONE",
    "source": "VARCHAR",
}
CONSENT_DESCRIPTIONS = ORIGIN | {
    "consent_id": "Hash of what was said, by whom and when: the same statement twice counts once",
    "record_key": "Customer record that said it (`source:id`)",
    "purpose": "What for",
    "channel": "Through what",
    "status": "granted or withdrawn",
    "basis": "Legal basis",
    "occurred_at": "When it was said (UTC)",
    "source": "The source that heard it",
}


EVENTS = DailyTable("events", RECORDED_EVENT_COLUMNS, event_candidates, "event_id", noted=note_violations)
CONSENTS = DailyTable("consents", CONSENT_COLUMNS, consent_candidates, "consent_id", {"consent_id": "c.key"})


def event_assets(model: Model) -> list[dg.AssetsDefinition]:
    """The assets of events and consents, downstream of the streams that declare them."""
    events = _daily_asset(
        model,
        EVENTS,
        "Everything customers did: one row for each event.\n\nFrom every stream with an `events` mapping. Copies with "
        "the same id within a source count once, the earliest day stays. Partitioned by the day of the extract, so "
        "late events are in a later partition than `occurred_at`.",
    )
    consents = _daily_asset(
        model,
        CONSENTS,
        "Statements of consent: one row for each time a customer granted or withdrew one.\n\nFrom every stream with a "
        "`consents` mapping. The same statement told twice counts once.",
    )
    return [events, consents]


def _daily_asset(model: Model, target: DailyTable, description: str) -> dg.AssetsDefinition:
    mapped = mappings(model, target.output)

    @dg.asset(
        key=["standardized", target.output],
        description=description,
        deps=[dg.AssetKey(table.split(".")) for table in sorted({m.raw_table for m in mapped})],
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                "counts_reconcile",
                asset=["standardized", target.output],
                blocking=True,
                description="Of the days made: raw rows = standardized + duplicates + quarantined, for each stream",
            )
        ],
        pool="lake",
        kinds={"duckdb"},
    )
    def statements(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        days = days_of(context)
        with lake.transaction(f"standardized.{target.output} {min(days)}..{max(days)}") as con:
            counts = update_days(con, target, mapped, days)
            books = daily_books(con, target.output, mapped, days)
            metadata = daily_metadata(con, target, mapped, counts)
        return dg.MaterializeResult(metadata=metadata, check_results=[verdict(books)])

    return statements


def daily_metadata(
    con: duckdb.DuckDBPyConnection, target: DailyTable, mapped: list[Mapped], counts: Counts
) -> dict[str, Any]:
    """What the page of events or consents shows after some of their days were made."""
    descriptions = EVENT_DESCRIPTIONS if target is EVENTS else CONSENT_DESCRIPTIONS
    pii = {"record_key", "device", "properties"}
    table = table_metadata(con, f"standardized.{target.output}", descriptions, pii, _lineage(mapped))
    return table | {
        "rows_of_these_days": counts.standardized,
        "duplicates": counts.duplicates,
        "quarantined": counts.quarantined,
    }


def _lineage(mapped: list[Mapped]) -> Lineage:
    lineage: dict[str, list[tuple[str, str]]] = {}
    names = {"id": "event_id", "name_from": "event_name", "record": "record_key", "granted": "status"}
    for m in mapped:
        for field, origin in m.lineage():
            lineage.setdefault(names.get(field, field), []).append(origin)
    return lineage
