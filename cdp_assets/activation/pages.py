"""What the page of a sync shows of a run: numbers and reasons, fields and where they come from. Never a person."""

from typing import Any

import dagster as dg
import duckdb

from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.desired import REASONS, columns_needed
from cdp_assets.activation.latency import latency_of
from cdp_assets.activation.work import Work
from cdp_assets.metadata import PII_TAG
from cdp_model.model import Model
from cdp_model.survivorship import RECORD_ATTRIBUTES
from cdp_model.syncs import Sync

PERSONAL = RECORD_ATTRIBUTES.keys() - {"country"}
SNAPSHOT = "lake_snapshot"


def of_run(model: Model, sync: Sync, delivered: Delivered) -> dict[str, Any]:
    """Numbers and reasons, never a person."""
    work = delivered.first
    assert work
    columns = columns_needed(sync, model)
    kinds = {"key": "VARCHAR"} | work.field_types
    schema = [
        dg.TableColumn(
            column,
            kinds[column],
            description=f"`{sync.key if column == 'key' else sync.fields[column]}`",
            tags=PII_TAG if column == "key" or PERSONAL & set(used) else None,
        )
        for column, used in columns.items()
    ]
    lineage = {
        column: [dg.TableColumnDep(dg.AssetKey(["profiles", "profiles"]), name) for name in used]
        for column, used in columns.items()
    }
    removed = sum(work.removals.values())
    return {
        "added": delivered.sent["add"] + delivered.sent["entered"],
        "updated": delivered.sent["update"],
        "removed": delivered.sent["remove"] + delivered.sent["exited"],
        "acknowledged": delivered.acknowledged,
        "rejected": dg.MetadataValue.json(dict(delivered.rejected.most_common(20))),
        "retry_later": dg.MetadataValue.json(dict(delivered.retry_later.most_common(20))),
        "not_attempted": delivered.not_attempted,
        "held_back_after_rejection": work.held_back,
        "left_out": dg.MetadataValue.md(_left_out(work)),
        "removal_reasons": dg.MetadataValue.json(work.removals),
        "removal_share": removed / work.held if work.held else 0.0,
        "changed_person_only": len(work.handovers),
        "as_of": str(work.as_of),
        "segment_as_of": str(work.segment_as_of or "every profile"),
        "seconds": round(delivered.seconds, 2),
        "rows_per_second": round(delivered.attempted / delivered.seconds, 1) if delivered.seconds else 0.0,
        "dagster/column_schema": dg.TableSchema(schema),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
    }


def of_time(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], context: dg.AssetExecutionContext, delivered: Delivered
) -> dict[str, Any]:
    """Which snapshot was read, and how long rows took of whom something is new since the snapshot of the run before."""
    before = context.instance.get_latest_materialization_event(context.asset_key)
    since = before.asset_materialization.metadata.get(SNAPSHOT) if before and before.asset_materialization else None
    found = latency_of(con, sync, context.run.run_id, int(since.value)) if since and delivered.acknowledged else None
    measured = (
        {
            "latency_rows": found.rows,
            "latency_median_seconds": round(found.median, 1),
            "latency_95th_percentile_seconds": round(found.high, 1),
        }
        if found
        else {}
    )
    return {SNAPSHOT: delivered.snapshot, **measured}


def _left_out(work: Work) -> str:
    rows = [
        f"| {reason} | {work.left_out[reason]:,} | {words} |"
        for reason, words in REASONS.items()
        if reason in work.left_out
    ]
    return "\n".join(["| left out | people | because the person |", "|---|--:|---|", *rows]) if rows else "nobody"
