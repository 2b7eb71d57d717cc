"""`python -m benchmarks.segments`: what a day of segments costs beside one scan, after another day, and many at once.

Each part is measured in a process of its own; the report is Markdown on standard output.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Measured = dict[str, Any]


def main() -> None:
    """Make a lake where there is none of that size, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90, help="How many days the range has; 0 leaves it out")
    parser.add_argument("--home", type=Path, default=Path(".cdp/bench-segments"))
    arguments = parser.parse_args()
    folder: Path = (arguments.home / f"{arguments.people}-{arguments.events}").absolute()
    sizes = ["--people", str(arguments.people), "--events", str(arguments.events), "--days", str(arguments.days)]
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        measured("make", folder, sizes)
        (folder / "made").touch()
    parts = ["scan", "group", "first", "second", "next", "full", *(["range"] if arguments.days else [])]
    report(arguments, {part: measured(part, folder, sizes) for part in parts})


def measured(part: str, folder: Path, sizes: list[str]) -> Measured:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.segments_parts", part, str(folder), *sizes]
    found: Measured = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print(f"{part}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


NAMES = {
    "scan": "one scan of the same columns",
    "group": "the same, grouped by person",
    "first": "the first day of all",
    "next": "a day after others, 1 % of people active",
    "full": "the same day from nothing",
}


def report(arguments: argparse.Namespace, parts: dict[str, Measured]) -> None:
    """Print what was measured, and how the parts compare."""
    names = NAMES | {"range": f"{arguments.days} days in one run"}
    print(f"\n## {arguments.people:,} people, {arguments.events:,} events, 100 segments\n")
    print("| part | s | CPU s | memberships, CPU s | changes, CPU s | peak GB |\n|---|--:|--:|--:|--:|--:|")
    for part, name in names.items():
        if part in parts:
            one = parts[part]
            each = [f"{one['found'][step]:.1f}" if one["found"] else "" for step in ("memberships", "changes")]
            print(f"| {name} | {one['seconds']:.1f} | {one['cpu']:.1f} | {' | '.join(each)} | {one['peak_gb']:.1f} |")
    print("\n| figure | CPU |\n|---|--:|")
    for below in ("scan", "group"):
        figure = parts["first"]["found"]["memberships"] / parts[below]["cpu"]
        print(f"| memberships of {names['first']} / {names[below]} | {figure:.1f} |")
    ratios = [("next", "full"), ("next", "first"), *([("range", "first")] if "range" in parts else [])]
    for above, below in ratios:
        print(f"| {names[above]} / {names[below]} | {parts[above]['cpu'] / parts[below]['cpu']:.2f} |")
    found = parts["next"]["found"]
    print(
        f"\n{found['rows of memberships']:,} memberships and {found['rows of changes']:,} changes of the day. ", end=""
    )
    loads = ", ".join(f"{name} {one['load']:.1f}" for name, one in parts.items())
    print(f"{os.cpu_count()} cores; load before each part: {loads}.")


if __name__ == "__main__":
    main()
