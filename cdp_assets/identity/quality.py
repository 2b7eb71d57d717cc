"""`identity.quality`: how good the linkage is, measured in every run: with truth where it is known, and without."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets import charts
from cdp_assets.identity import alarms
from cdp_assets.identity.accuracy import truth_file
from cdp_assets.identity.drift import has_doubled, unsteady
from cdp_assets.identity.following import require_resolved
from cdp_assets.identity.in_use import read_settings
from cdp_assets.identity.measures import (
    Measured,
    against_decisions,
    against_truth,
    load_truth,
    mistakes,
    uneven,
    unlabelled,
)
from cdp_assets.metadata import table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

KEY = ["identity", "quality"]
COLUMNS = {
    "run_id": "Dagster run that measured",
    "measured_at": "When",
    "measure": "What: people, unlinked_share, match_weight, bridges, precision, recall, f1, f1_gap, …",
    "slice": "Of which records: all, source=…, country=…, origin=…; of which quantile or size; or of which pairs: "
    "decisions are those that humans made",
    "value": "The figure",
    "low": "Lower end of its 95 % interval, by resampling people; null where nothing is estimated",
    "high": "Upper end",
}
LINEAGE = {"value": [("identity/record_persons", "person_id"), ("identity/links", "match_weight")]}
TABLE = """
CREATE TABLE IF NOT EXISTS lake.identity.quality (
    run_id VARCHAR, measured_at TIMESTAMPTZ, measure VARCHAR, slice VARCHAR, value DOUBLE, low DOUBLE, high DOUBLE)"""
STEADY = dg.AssetCheckSpec(
    "measures_are_steady",
    asset=KEY,
    description="Unlinked records, match weights, bridges and suspicions are about what they were last time, or before "
    "a jump that nobody has looked at. Syncs wait for whoever looks: `cdp sync approve`",
)
EVEN = dg.AssetCheckSpec(
    "accuracy_is_even",
    asset=KEY,
    description="Where the truth is known: no country or name origin is linked clearly worse than another",
)


@dg.asset(
    key=KEY,
    deps=[["standardized", "customers"], ["identity", "links"], ["identity", "record_persons"]],
    check_specs=[STEADY, EVEN],
    pool="lake",
    kinds={"duckdb"},
)
def quality(context: dg.AssetExecutionContext, lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per run, measure and slice: sizes, weights, bridges and suspicions, and accuracy where labels exist.

    From `identity.links`, `identity.record_persons` and `identity.overrides`; and, where CDP_TRUTH names a folder,
    from its records.parquet (record_key, person_id, and if known country and origin). Appended to, so that drift shows.
    """
    truth = truth_file()
    settings = read_settings(lake, company.model.identity)
    with lake.reading() as con:
        require_resolved(con)
        found, examples = measure_quality(con, settings, truth if truth and truth.exists() else None)
    with lake.transaction("identity.quality") as con:
        con.execute(TABLE)
        jumps = judge(con, {(m.measure, m.slice): m.value for m in found}, context.run.run_id)
        keep(con, found, context.run.run_id)
        metadata = table_metadata(con, "identity.quality", COLUMNS, (), LINEAGE)
    return dg.MaterializeResult(
        metadata={**metadata, **_shown(found, examples)},
        check_results=[_warning(STEADY, jumps), _warning(EVEN, uneven(found))],
    )


def measure_quality(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, truth: Path | None
) -> tuple[list[Measured], list[tuple[str, int, list[str], int]]]:
    """All measures, and the worst mistakes where the truth is known."""
    require_resolved(con)
    found, examples = unlabelled(con, settings) + against_decisions(con, settings), []
    if truth:
        load_truth(con, truth)
        found += against_truth(con)
        examples = mistakes(con)
    return found, examples


def judge(con: duckdb.DuckDBPyConnection, found: Mapping[tuple[str, str], float], run_id: str) -> list[str]:
    """Which measures moved, in words; raises the alarm about it, or ends it, in the open transaction.

    No alarm where another version was promoted since: whoever did so saw what it changes.
    """
    raised = [alarm.raised_at for alarm in alarms.standing(con) if alarm.kind == alarms.UNSTEADY]
    before = last_measures(con, run_id, *raised)
    jumps = unsteady(before, found)
    if not jumps:
        alarms.end(con, alarms.UNSTEADY)
    elif raised or not (has_doubled(before, found) or con.execute(PROMOTED_SINCE, [run_id]).fetchone()):
        alarms.raise_alarm(con, alarms.UNSTEADY, "; ".join(jumps), run_id)
    return jumps


PROMOTED_SINCE = """
FROM lake.identity.linkage_models WHERE promoted
AND promoted_at > (SELECT max(measured_at) FROM lake.identity.quality WHERE run_id <> ?) LIMIT 1"""


def last_measures(
    con: duckdb.DuckDBPyConnection, run_id: str, before: dt.datetime | None = None
) -> dict[tuple[str, str], float]:
    """What the latest other run measured, by measure and slice; empty before the second run.

    Of the runs ``before`` an alarm where one stands: nothing is steady because it stays as it has become.
    """
    rows = con.execute(
        """SELECT measure, slice, value FROM lake.identity.quality WHERE run_id = (
            SELECT arg_max(run_id, measured_at) FROM lake.identity.quality
            WHERE run_id <> ? AND measured_at < coalesce(?, 'infinity'::TIMESTAMPTZ))""",
        [run_id, before],
    ).fetchall()
    return {(measure, slice_): value for measure, slice_, value in rows}


def keep(con: duckdb.DuckDBPyConnection, found: Sequence[Measured], run_id: str) -> None:
    """Replace the rows of this run in the open transaction."""
    con.register("measured_rows", pa.Table.from_pylist([m._asdict() for m in found], schema=SCHEMA))
    con.execute("DELETE FROM lake.identity.quality WHERE run_id = ?", [run_id])
    con.execute(
        """INSERT INTO lake.identity.quality BY NAME
        SELECT $run_id AS run_id, now() AS measured_at, * FROM measured_rows""",
        {"run_id": run_id},
    )
    con.unregister("measured_rows")


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("measure", "slice")),
        *((name, pa.float64()) for name in ("value", "low", "high")),
    ]
)


def _shown(found: Sequence[Measured], examples: list[tuple[str, int, list[str], int]]) -> dict[str, Any]:
    """Tables and charts for the UI; nothing in them is personal."""
    sizes = [(m.slice, m.value) for m in found if m.measure == "people_by_records"]
    order = {name: n for n, name in enumerate(["1", "2", "3", "4", "5", "6-10", "11-20", "21 or more"])}
    drawn = [charts.bars("People by number of records", sorted(sizes, key=lambda row: order[row[0]]))]
    accuracy = [m for m in found if m.low is not None and m.high is not None]
    f1 = [(m.slice, m.value, m.low or 0.0, m.high or 0.0) for m in accuracy if m.measure == "f1"]
    if f1:
        drawn.append(charts.intervals("Pairwise F1, with 95 % intervals", f1))
    shown: dict[str, Any] = {
        m.measure: m.value for m in found if m.slice == "all" and m.low is None and m.measure != "records"
    }
    shown["charts"] = charts.pictures(drawn)
    shown["match_weights"] = charts.table(
        ("quantile", "match weight"), [(m.slice[9:], m.value) for m in found if m.measure == "match_weight"]
    )
    if accuracy:
        shown["accuracy"] = _accuracy(accuracy)
    if examples:
        shown["mistakes"] = charts.table(
            ("mistake", "parts", "records (source and start of the key's MD5)"),
            [(kind, parts, ", ".join(keys[:8])) for kind, parts, keys, _ in examples],
        )
    return shown


def _accuracy(found: Sequence[Measured]) -> dg.MarkdownMetadataValue:
    cells: dict[str, dict[str, str]] = {}
    for m in found:
        cells.setdefault(m.slice, {})[m.measure] = f"{m.value:.4f} ({m.low:.4f} to {m.high:.4f})"
    names = ("precision", "recall", "f1", "b_cubed_precision", "b_cubed_recall", "b_cubed_f1")
    rows = [(name, *(row.get(measure, "") for measure in names)) for name, row in cells.items()]
    return charts.table(("slice", *names), rows)


def _warning(spec: dg.AssetCheckSpec, problems: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not problems,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or None,
    )
