"""What `benchmarks.identity` measures, each in a process of its own: the stage on a lake, and a bare Splink script.

Measurements go to standard output as JSON: seconds and CPU seconds by step, peak memory, load of the machine before.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas  # noqa: F401  (as the next two: what DuckDB and SciPy load at first use is loaded, as Splink is, before)
import scipy.cluster.hierarchy
import scipy.sparse.csgraph  # noqa: F401
from splink import DuckDBAPI, Linker

from benchmarks.memory import peak_gb
from cdp_assets.identity.estimation import EM_PAIRS, U_PAIRS
from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.in_use import promoted_model
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_assets.identity.loading import load_all_records, prepare_records
from cdp_assets.identity.persons import update as update_persons_table
from cdp_assets.identity.record_persons import update_persons
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

Steps = dict[str, dict[str, float]]


@contextmanager
def step(steps: Steps, name: str) -> Iterator[None]:
    """Add what the block takes to ``steps``."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    steps[name] = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_gb": peak_gb(),
    }


def load(lake: Lake, records: Path, limit: int) -> None:
    """Add what is missing of the first ``limit`` records to the standardized customers. Not measured: earlier."""
    first = f"(FROM read_parquet({literal(str(records))}, file_row_number = true) WHERE file_row_number < {limit})"
    with lake.transaction() as con:
        con.execute(
            f"""CREATE TABLE IF NOT EXISTS lake.standardized.customers AS
            SELECT * EXCLUDE (file_row_number) FROM {first} LIMIT 0;
            INSERT INTO lake.standardized.customers
            SELECT * EXCLUDE (file_row_number) FROM {first} ANTI JOIN lake.standardized.customers USING (record_key)"""
        )


def stage(lake: Lake, settings: IdentitySettings) -> Steps:
    """The whole identity stage, as its assets run it."""
    steps: Steps = {}
    with step(steps, "evidence"):
        update_evidence(lake, settings)
    with step(steps, "linkage_models"):
        train_if_needed(lake, settings)
    with step(steps, "links"):
        update_links(lake, settings)
    with step(steps, "record_persons"):
        update_persons(lake, settings, "benchmark")
    with step(steps, "persons"):
        update_persons_table(lake)
    return steps


def export(lake: Lake, folder: Path) -> None:
    """What the bare script needs: the comparable records, and the model without its parameters. Not measured."""
    with lake.get_connection(read_only=True) as con:
        prepare_records(con, promoted_model(con))
        load_all_records(con)
        con.execute(
            f"""COPY (SELECT * EXCLUDE (identifiers) FROM records WHERE scorable ORDER BY id)
            TO {literal(str(folder / "comparable.parquet"))} (FORMAT parquet)"""
        )
        row = con.execute("SELECT settings, diagnostics FROM lake.identity.linkage_models WHERE promoted").fetchone()
    if row is None or row[0] is None:
        raise SystemExit("there is no model to compare with: the records are too few")
    (folder / "model.json").write_text(json.dumps({"settings": json.loads(row[0]), "diagnostics": json.loads(row[1])}))


DOCUMENTED_U_PAIRS = 1e7
"""What Splink's documentation calls often adequate for trying out a model; for the final one it advises more."""


def bare(folder: Path, settings: IdentitySettings, sampled: bool) -> Steps:
    """Splink alone, as its tutorial goes: train, predict, cluster. Same comparisons, blocking and training rules.

    Trained on all pairs of each training rule, as Splink does unless told otherwise; when ``sampled``, on as few pairs
    as the stage trains on.
    """
    model = json.loads((folder / "model.json").read_text())
    declared = model["settings"]
    for comparison in declared["comparisons"]:
        for level in comparison["comparison_levels"]:
            level.pop("m_probability", None)
            level.pop("u_probability", None)
    steps: Steps = {}
    con = duckdb.connect()
    with step(steps, "train"):
        con.execute(f"CREATE TABLE comparable AS FROM read_parquet({literal(str(folder / 'comparable.parquet'))})")
        linker = Linker(DuckDBAPI(con).register("comparable"), declared, log_level=None, validate_settings=False)
        linker.training.estimate_u_using_random_sampling(
            max_pairs=U_PAIRS if sampled else DOCUMENTED_U_PAIRS,
            seed=settings.seed,
            min_count_per_level=None,
            num_chunks=1,
        )
        for rule in model["diagnostics"]["training_rules"]:
            linker.training.estimate_parameters_using_expectation_maximisation(
                " AND ".join(f"l.{column} = r.{column}" for column in rule["rule"]),
                max_pairs=EM_PAIRS if sampled else None,
                estimate_without_term_frequencies=True,
            )
    with step(steps, "predict"):
        found = linker.inference.predict(threshold_match_weight=to_weight(settings.candidate_threshold))
    with step(steps, "cluster"):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(found, threshold_match_probability=0.95)
    with step(steps, "write"):
        found.to_parquet(str(folder / "bare_pairs.parquet"), overwrite=True)
        clusters.to_parquet(str(folder / "bare_clusters.parquet"), overwrite=True)
    return steps


def counts(lake: Lake) -> dict[str, Any]:
    """What the stage found, to see that it did its work."""
    with lake.reading() as con:
        records = con.execute("SELECT count(*), count(DISTINCT person_id) FROM lake.identity.record_persons").fetchone()
        pairs = con.execute("SELECT rule, count(*) FROM lake.identity.links GROUP BY rule ORDER BY rule").fetchall()
    return {"records": records[0] if records else 0, "people": records[1] if records else 0, "links": dict(pairs)}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["stage", "bare", "sampled"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--engine", default="duckdb")
    arguments = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    folder: Path = arguments.folder
    settings = IdentitySettings(engine=arguments.engine)
    before = os.getloadavg()[0]
    found: dict[str, Any] = {}
    if arguments.part != "stage":
        steps = bare(folder, settings, arguments.part == "sampled")
    else:
        lake = Lake(
            catalog=f"sqlite:{folder / 'lake' / 'catalog.sqlite'}",
            data_path=str(folder / "lake" / "data"),
            memory_limit=os.environ.get("CDP_MEMORY_LIMIT", ""),
        )
        load(lake, folder / "records.parquet", arguments.records)
        steps = stage(lake, settings)
        found = counts(lake)
        export(lake, folder)
    json.dump({"steps": steps, "load": before, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
