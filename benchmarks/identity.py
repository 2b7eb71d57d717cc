"""`python -m benchmarks.identity`: what the identity stage costs beside a bare Splink script, and how it grows.

For each number of records: the whole stage on an empty lake, a bare Splink script on the same comparable records, and
1 % more records. Each is measured in a process of its own; the report is Markdown on standard output.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.identity_records import make_records

Measured = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000])
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("--home", type=Path, default=Path(".cdp/bench-identity"))
    arguments = parser.parse_args()
    runs: dict[int, dict[str, Measured]] = {}
    for records in arguments.records:
        folder: Path = (arguments.home / str(records)).absolute()
        shutil.rmtree(folder / "lake", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        more = records + max(records // 100, 1)
        if not (folder / "records.parquet").exists():
            make_records(folder / "records.parquet", more)
        full = measured("stage", folder, records, arguments.engine)
        runs[records] = {"full": full} | {part: measured(part, folder) for part in ("bare", "sampled")}
        runs[records]["more"] = measured("stage", folder, more, arguments.engine)
        report(records, runs[records])
    growth(runs)


def measured(part: str, folder: Path, records: int = 0, engine: str = "duckdb") -> Measured:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.identity_parts", part, str(folder)]
    done = subprocess.run([*command, "--records", str(records), "--engine", engine], stdout=subprocess.PIPE, check=True)
    found: Measured = json.loads(done.stdout)
    return found


def total(run: Measured, what: str) -> float:
    """Seconds or CPU seconds of all steps; the peak of `peak_gb`."""
    values = [step[what] for step in run["steps"].values()]
    return max(values) if what == "peak_gb" else sum(values)


def report(records: int, runs: dict[str, Measured]) -> None:
    """Print what was measured for one number of records."""
    full, bare, sampled, more = runs["full"], runs["bare"], runs["sampled"], runs["more"]
    print(f"\n## {records:,} records\n\n| step | s | CPU s | peak GB | 1 % more, s | CPU s |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, step in full["steps"].items():
        again = more["steps"][name]
        print(
            f"| {name} | {step['seconds']:.1f} | {step['cpu']:.1f} | {step['peak_gb']:.1f} "
            f"| {again['seconds']:.1f} | {again['cpu']:.1f} |"
        )
    for label, run in (("bare Splink", bare), ("bare Splink, trained on as few pairs", sampled)):
        for name, step in run["steps"].items():
            print(f"| {label}: {name} | {step['seconds']:.1f} | {step['cpu']:.1f} | {step['peak_gb']:.1f} | | |")
    print("\n| figure | wall | CPU |\n|---|--:|--:|")
    for label, one, other in (
        ("stage / bare Splink", full, bare),
        ("stage / bare Splink, trained on as few pairs", full, sampled),
        ("1 % more / full stage", more, full),
    ):
        ratios = [total(one, what) / total(other, what) for what in ("seconds", "cpu")]
        print(f"| {label} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    loads = ", ".join(f"{name} {run['load']:.1f}" for name, run in runs.items())
    print(
        f"\nPeak memory: stage {total(full, 'peak_gb'):.1f} GB, bare Splink {total(bare, 'peak_gb'):.1f} GB. ", end=""
    )
    print(f"{os.cpu_count()} cores; load before each part: {loads}. Found: {json.dumps(full['found'])}", flush=True)


def growth(runs: dict[int, dict[str, Measured]]) -> None:
    """Print how the stage grew from each number of records to the next, as a multiple of linear growth."""
    sizes = sorted(runs)
    for small, large in itertools.pairwise(sizes):
        for what, label in (("seconds", "wall"), ("cpu", "CPU")):
            ratio = total(runs[large]["full"], what) / total(runs[small]["full"], what) / (large / small)
            print(f"\nGrowth {small:,} → {large:,} records, {label}: {ratio:.2f} × linear.")


if __name__ == "__main__":
    main()
