"""How right linkage is, where the truth is known: the measures, and the check that reports them."""

import os
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.identity.components import components
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

Measures = dict[str, float]

COUNTS = """
WITH records AS (
    SELECT t.record_key, t.{truth} AS truth, p.{predicted} AS predicted
    FROM {truth_table} AS t JOIN {predicted_table} AS p ON t.record_key = p.record_key
),
cells AS (SELECT truth, predicted, count(*) AS n FROM records GROUP BY truth, predicted),
truths AS (SELECT truth, sum(n) AS n FROM cells GROUP BY truth),
predictions AS (SELECT predicted, sum(n) AS n FROM cells GROUP BY predicted)
SELECT
    (SELECT sum(n * (n - 1) / 2) FROM cells),
    (SELECT sum(n * (n - 1) / 2) FROM predictions),
    (SELECT sum(n * (n - 1) / 2) FROM truths),
    (SELECT sum(c.n * c.n / p.n) FROM cells AS c JOIN predictions AS p USING (predicted)),
    (SELECT sum(c.n * c.n / t.n) FROM cells AS c JOIN truths AS t USING (truth)),
    (SELECT sum(n) FROM cells)
"""


def measure(
    con: duckdb.DuckDBPyConnection, truth_table: str, predicted_table: str, predicted: str = "person_id"
) -> Measures:
    """Pairwise and B-cubed precision, recall and F1 of ``predicted_table`` against ``truth_table``.

    Both have a ``record_key``; the truth's ``person_id`` groups the records. Only records in both count. B-cubed:
    Bagga and Baldwin, 1998. Without any pair a precision or recall is 1: nothing was joined wrongly, or missed.
    """
    sql = COUNTS.format(
        truth="person_id", predicted=predicted, truth_table=truth_table, predicted_table=predicted_table
    )
    row = con.execute(sql).fetchone() or (0,) * 6
    both, joined, true, b_precision, b_recall, records = (float(value or 0) for value in row)
    measures = {"precision": _share(both, joined), "recall": _share(both, true)}
    measures["f1"] = _f1(measures["precision"], measures["recall"])
    measures["b_cubed_precision"] = _share(b_precision, records)
    measures["b_cubed_recall"] = _share(b_recall, records)
    measures["b_cubed_f1"] = _f1(measures["b_cubed_precision"], measures["b_cubed_recall"])
    return {name: round(value, 5) for name, value in measures.items()}


def household_merges(con: duckdb.DuckDBPyConnection, truth_table: str, predicted_table: str) -> float:
    """True people who share a predicted person with someone else of their household, of each 1,000."""
    row = con.execute(
        f"""WITH people AS (
            SELECT DISTINCT t.person_id AS truth, t.household_id, p.person_id AS predicted
            FROM {truth_table} AS t JOIN {predicted_table} AS p ON t.record_key = p.record_key)
        SELECT 1000.0 * count(DISTINCT a.truth) FILTER (b.truth IS NOT NULL) / greatest(count(DISTINCT a.truth), 1)
        FROM people AS a LEFT JOIN people AS b
        ON a.predicted = b.predicted AND a.household_id = b.household_id AND a.truth <> b.truth"""
    ).fetchone()
    return round(float(row[0] or 0), 3) if row else 0.0


def connected_components_baseline(con: duckdb.DuckDBPyConnection, threshold: float, table: str) -> None:
    """Temporary ``table`` (record_key, person_id): what plain connected components of links would have made."""
    keys = con.execute("SELECT record_key FROM lake.identity.record_persons ORDER BY record_key").to_arrow_table()
    con.register("keys", keys)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE baseline_nodes AS SELECT record_key, row_number() OVER () - 1 AS id FROM keys"
    )
    con.unregister("keys")
    found = con.execute(
        """SELECT l.id AS l, r.id AS r FROM lake.identity.links
        JOIN baseline_nodes AS l ON left_key = l.record_key JOIN baseline_nodes AS r ON right_key = r.record_key
        WHERE match_probability >= ?""",
        [threshold],
    ).fetchnumpy()
    labels = components(keys.num_rows, np.asarray(found["l"], dtype=np.int64), np.asarray(found["r"], dtype=np.int64))
    con.register("labels", pa.table({"id": np.arange(keys.num_rows), "person_id": labels}))
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT record_key, person_id FROM baseline_nodes JOIN labels USING (id)"""
    )
    con.unregister("labels")


LINKABLE = """
    SELECT record_key FROM lake.standardized.customers WHERE first_name IS NOT NULL OR last_name IS NOT NULL
    UNION
    SELECT record_key FROM lake.standardized.identifiers
    SEMI JOIN (
        SELECT identifier_type, identifier_value FROM lake.standardized.identifiers
        GROUP BY ALL HAVING count(DISTINCT record_key) > 1) USING (identifier_type, identifier_value)"""
"""Records about which the data says anything that could join them to another."""


def truth_file() -> Path | None:
    """`records.parquet` in the folder that CDP_TRUTH names, whether it is there or not; None where it names none."""
    folder = os.environ.get("CDP_TRUTH")
    return Path(folder) / "records.parquet" if folder else None


@dg.asset_check(asset=["identity", "record_persons"], additional_deps=[["identity", "persons"], ["identity", "links"]])
def accuracy_against_truth(lake: Lake, company: Company) -> dg.AssetCheckResult:
    """Linkage is as right as `accuracy` of identity.yaml asks, where CDP_TRUTH names a folder with records.parquet.

    Its columns are record_key, person_id and household_id: what generated data knows about itself. Records that have
    neither a name nor an identifier in common with another record, such as a browser that never logged in, are nobody's
    that anyone could know: they count in `all_records` only.
    """
    path = truth_file()
    if path is None:
        return dg.AssetCheckResult(passed=True, metadata={"reason": "no truth is known: CDP_TRUTH is not set"})
    if not path.exists():
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"reason": "CDP_TRUTH is set, but has no records.parquet", "path": str(path)},
        )
    floor = company.model.identity.accuracy
    with lake.get_connection(read_only=True) as con:
        con.execute(f"CREATE TEMP TABLE whole_truth AS FROM read_parquet({literal(str(path))})")
        con.execute(f"CREATE TEMP TABLE truth AS FROM whole_truth SEMI JOIN ({LINKABLE}) USING (record_key)")
        everything = measure(con, "whole_truth", "lake.identity.record_persons")
        measures = measure(con, "truth", "lake.identity.record_persons")
        households = household_merges(con, "truth", "lake.identity.record_persons")
        connected_components_baseline(con, 0.95, "baseline")
        baseline = measure(con, "truth", "baseline")
        baseline["household_merges"] = household_merges(con, "truth", "baseline")
    passed = (
        measures["precision"] >= floor.precision
        and measures["recall"] >= floor.recall
        and households <= floor.household_merges
    )
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **measures,
            "household_merges_per_1000": households,
            "all_records": dg.MetadataValue.json(everything),
            "connected_components_at_95": dg.MetadataValue.json(baseline),
            "floor": dg.MetadataValue.json(floor.model_dump()),
        },
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
