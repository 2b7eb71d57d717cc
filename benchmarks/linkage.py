"""How right linkage is on labelled sets, with one set of defaults: `python -m benchmarks.linkage [set …]`.

Beside each set stands what plain Splink makes of it: the same model, connected components at .95, no rules and no
judgement. Prints a table in Markdown. Sets are declared in populations.py.
"""

import argparse
import json
import tempfile
import time
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.populations import CUSTOMERS, POPULATIONS, Absent
from cdp_assets.identity.accuracy import household_merges, measure
from cdp_assets.identity.components import components
from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake

LINKABLE = """
    SELECT record_key FROM lake.standardized.customers WHERE first_name IS NOT NULL OR last_name IS NOT NULL
    UNION
    SELECT record_key FROM carried
    SEMI JOIN (FROM carried SELECT value GROUP BY value HAVING count(DISTINCT record_key) > 1) USING (value)"""
"""As `accuracy_against_truth` counts: records with a name, or with an identifier that another record has."""

CARRIED = """
CREATE OR REPLACE TEMP TABLE carried AS
SELECT record_key, 'email:' || lower(email) AS value FROM lake.standardized.customers WHERE email IS NOT NULL
UNION ALL SELECT record_key, 'phone:' || phone FROM lake.standardized.customers WHERE phone IS NOT NULL
UNION ALL SELECT record_key, entry.key || unnest(entry.value) FROM (
    SELECT record_key, unnest(map_entries(identifiers)) AS entry FROM lake.standardized.customers)"""

COLUMNS = ("precision", "recall", "f1", "b_cubed_f1", "household", "largest")


def load(lake: Lake, name: str) -> pa.Table:
    """Fill `lake.standardized.customers` with a set; returns its truth: record_key, person_id, household_id."""
    with lake.transaction("benchmark") as con:
        con.execute(CUSTOMERS)
        con.execute(f"CREATE OR REPLACE TEMP TABLE population AS {POPULATIONS[name](con)}")
        have = {row[0] for row in con.execute("DESCRIBE population").fetchall()}
        con.execute(
            f"""INSERT INTO lake.standardized.customers BY NAME
            SELECT * EXCLUDE ({", ".join(have & {"person_id", "household_id", "source"})}),
                   split_part(record_key, ':', 1) AS source FROM population"""
        )
        household = "household_id" if "household_id" in have else "NULL"
        return con.execute(
            f"""SELECT record_key, person_id::VARCHAR AS person_id, {household}::VARCHAR AS household_id
            FROM population WHERE person_id IS NOT NULL"""
        ).to_arrow_table()


def run(lake: Lake, settings: IdentitySettings) -> None:
    """The whole identity stage."""
    update_evidence(lake, settings)
    train_if_needed(lake, settings)
    update_links(lake, settings)
    update_persons(lake, settings, "benchmark")


def measured(con: duckdb.DuckDBPyConnection, truth: pa.Table) -> dict[str, Any]:
    """Figures of a resolved lake: ours, ours on all records, and plain Splink's."""
    con.register("all_truth", truth)
    con.execute(CARRIED)
    con.execute(f"CREATE OR REPLACE TEMP TABLE truth AS FROM all_truth SEMI JOIN ({LINKABLE}) USING (record_key)")
    _plain_splink(con)
    row = con.execute("SELECT diagnostics FROM lake.identity.linkage_models WHERE promoted").fetchone()
    diagnostics = json.loads(row[0]) if row else {}
    return {
        "records": truth.num_rows,
        "ours": _figures(con, "truth", "lake.identity.record_persons"),
        "all": _figures(con, "all_truth", "lake.identity.record_persons"),
        "plain": None if "too_thin" in diagnostics else _figures(con, "truth", "plain"),
        "diagnostics": diagnostics,
    }


def _figures(con: duckdb.DuckDBPyConnection, truth: str, predicted: str) -> dict[str, float]:
    row = con.execute(
        f"""SELECT max(n) FROM (
            SELECT count(*) AS n FROM {predicted} SEMI JOIN {truth} USING (record_key) GROUP BY person_id)"""
    ).fetchone()
    return {
        **measure(con, truth, predicted),
        "household": household_merges(con, truth, predicted),
        "largest": row[0] if row else 0,
    }


def _plain_splink(con: duckdb.DuckDBPyConnection) -> None:
    """Temporary table ``plain`` (record_key, person_id): connected components of Splink's pairs from .95 on."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT record_key, row_number() OVER (ORDER BY record_key) - 1 AS id FROM lake.identity.evidence"""
    )
    pairs = con.execute(
        """SELECT l.id AS l, r.id AS r FROM lake.identity.links
        JOIN numbered AS l ON left_key = l.record_key JOIN numbered AS r ON right_key = r.record_key
        WHERE splink_weight >= log2(0.95 / 0.05)"""
    ).fetchnumpy()
    n = con.execute("SELECT count(*) FROM numbered").fetchall()[0][0]
    labels = components(n, np.asarray(pairs["l"], dtype=np.int64), np.asarray(pairs["r"], dtype=np.int64))
    con.register("plain_labels", pa.table({"id": np.arange(n), "person_id": labels}))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE plain AS SELECT record_key, person_id FROM numbered JOIN plain_labels USING (id)"
    )


def main() -> None:
    """Measure the sets that are named, or all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="set", help=", ".join(POPULATIONS))
    parser.add_argument("--cuts", nargs="*", type=float, default=[], help="also resolve with these values of `cut`")
    arguments = parser.parse_args()
    print(f"| set | records | method | {' | '.join(COLUMNS)} | s |".replace("_", " "))
    print("|---|--:|---|" + "--:|" * (len(COLUMNS) + 1))
    for name in arguments.sets or POPULATIONS:
        with tempfile.TemporaryDirectory() as scratch:
            lake = Lake(catalog=f"sqlite:{scratch}/catalog.sqlite", data_path=f"{scratch}/data")
            try:
                truth = load(lake, name)
            except Absent as reason:
                print(f"| {name} | | skipped: {reason} |" + " |" * (len(COLUMNS) + 1))
                continue
            began = time.perf_counter()
            run(lake, IdentitySettings())
            seconds = time.perf_counter() - began
            with lake.get_connection(read_only=True) as con:
                found = measured(con, truth)
            methods = {"this": found["ours"]}
            if found["all"] != found["ours"]:
                methods["this, all records"] = found["all"]
            for cut in arguments.cuts:
                update_persons(lake, IdentitySettings(cut=cut), "benchmark")
                with lake.get_connection(read_only=True) as con:
                    methods[f"this, cut {cut:g}"] = measured(con, truth)["ours"]
            methods["plain Splink"] = found["plain"]
        for method, figures in methods.items():
            cells = [_cell(figures[column]) for column in COLUMNS] if figures else ["none: too thin"] + [""] * 5
            print(f"| {name} | {found['records']:,} | {method} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def _cell(value: float) -> str:
    return f"{value:.4f}" if isinstance(value, float) and value <= 1 else f"{value:g}"


if __name__ == "__main__":
    main()
