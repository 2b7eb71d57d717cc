"""One run of the graph in a process of its own, measured: seconds by step, peak memory, share of the engines.

Called by `benchmarks.run`, which makes the data and compares the measurements.
"""

import argparse
import cProfile
import json
import pstats
import sys
import time
from typing import Any

import dagster as dg

from benchmarks.memory import peak_gb
from cdp_assets.segments import ON_DEMAND

SEGMENTS_AND_SYNCS = dg.AssetSelection.groups("segments", "activation") - ON_DEMAND
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def materialize(first: str, last: str, instance: dg.DagsterInstance) -> dict[str, float]:
    """Everything for the days first..last, then segments and syncs of the last day; seconds by step."""
    from definitions import defs

    definitions = defs()
    seconds: dict[str, float] = {}
    upstream = sorted(
        (dg.AssetSelection.all() - SEGMENTS_AND_SYNCS - ON_DEMAND).resolve(definitions.resolve_asset_graph())
    )
    downstream = sorted(SEGMENTS_AND_SYNCS.resolve(definitions.resolve_asset_graph()))
    ranges = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    for selection, tags in ((upstream, ranges), (downstream, {"dagster/partition": last})):
        result = definitions.resolve_job_def("daily").execute_in_process(
            instance=instance, tags=tags, asset_selection=list(selection), run_config=QUIET
        )
        for event in result.all_events:
            if event.is_step_success:
                assert event.step_key
                seconds[event.step_key] = event.step_success_data.duration_ms / 1000
    return seconds


def engine_seconds(profile: cProfile.Profile) -> dict[str, float]:
    """Seconds spent inside DuckDB, in Splink's own Python, and by the profiler itself, which times each call."""
    duckdb = splink = calls = 0.0
    for (file, _, function), (_, count, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        calls += count
        if "_duckdb" in function:
            duckdb += own
        elif "/splink/" in file:
            splink += own
    return {"duckdb": duckdb, "splink": splink, "profiler": calls * seconds_per_profiled_call()}


def seconds_per_profiled_call(calls: int = 500_000) -> float:
    """What the profiler adds to a call on this machine, measured on calls that do nothing."""

    def nothing() -> None:
        pass

    def loop() -> None:
        for _ in range(calls):
            nothing()

    began = time.perf_counter()
    loop()
    bare = time.perf_counter() - began
    began = time.perf_counter()
    cProfile.Profile().runcall(loop)
    return max(0.0, time.perf_counter() - began - bare) / calls


def main() -> None:
    """Measure one run; the measurements go to standard output as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first")
    parser.add_argument("last")
    parser.add_argument("--profile", help="keep the profile in this file, for pstats")
    arguments = parser.parse_args()
    profile = cProfile.Profile()
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        seconds = profile.runcall(materialize, arguments.first, arguments.last, instance)
        total = time.perf_counter() - began
    if arguments.profile:
        profile.dump_stats(arguments.profile)
    measured: dict[str, Any] = {
        "total": total,
        "steps": seconds,
        "engines": engine_seconds(profile),
        "cpu": time.process_time(),
        "peak_gb": peak_gb(),
    }
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
