"""`python -m benchmarks.traits`: what the traits cost beside one bare scan and group, and what one more day costs.

People and events are made straight into a lake; the traits are the sixty of the retailer. Each part is measured in a
process of its own, and what was kept up to date is compared with what is made from nothing. The report is Markdown.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Measured = dict[str, Any]
STEPS = {
    "bare": "a bare scan and group of the same columns",
    "traits": "traits",
    "read": "reading all of them",
    "golden_records": "golden records",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365, help="days with events; one person in a hundred is active")
    parser.add_argument("--home", type=Path, default=Path(".cdp/bench-traits"))
    arguments = parser.parse_args()
    shutil.rmtree(arguments.home, ignore_errors=True)

    def measured(part: str) -> Measured:
        size = ["--people", str(arguments.people), "--days", str(arguments.days)]
        command = [sys.executable, "-m", "benchmarks.traits_parts", part, str(arguments.home.absolute()), *size]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found: Measured = json.loads(done.stdout)
        return found

    measured("make")
    full = {part: measured(part) for part in ("bare", "golden_records", "traits", "read")}
    measured("add")
    day = {part: measured(part) for part in ("golden_records", "traits", "read")}
    report(arguments, full, day, measured("again")["found"])


def report(
    arguments: argparse.Namespace, full: dict[str, Measured], day: dict[str, Measured], again: dict[str, int]
) -> None:
    """Print what was measured."""
    print(f"\n## {arguments.people:,} people, {full['bare']['found']['events']:,} events\n")
    print("| step | s | CPU s | peak GB | one more day, s | CPU s |\n|---|--:|--:|--:|--:|--:|")
    for part, name in STEPS.items():
        one, more = full[part], day.get(part)
        later = f"{more['seconds']:.1f} | {more['cpu']:.1f}" if more else " | "
        print(f"| {name} | {one['seconds']:.1f} | {one['cpu']:.1f} | {one['peak_gb']:.1f} | {later} |")
    found = day["traits"]["found"]
    print("\n| figure | value |\n|---|--:|")
    for what, unit in (("cpu", "CPU seconds"), ("peak_gb", "peak memory")):
        print(f"| traits / bare scan and group, {unit} | {full['traits'][what] / full['bare'][what]:.1f} |")
    print(f"| one more day of traits / all of them, CPU seconds | {day['traits']['cpu'] / full['traits']['cpu']:.2f} |")
    print(f"| people recomputed on that day | {found['recomputed']:,} of {found['people']:,} |")
    print(f"| values that differ from those made from nothing | {again['different']} |")


if __name__ == "__main__":
    main()
