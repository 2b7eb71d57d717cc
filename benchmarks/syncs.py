"""`python -m benchmarks.syncs`: what it costs to know what changed, and how fast rows reach a destination.

Each part is measured in a process of its own; the report is Markdown on standard output.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Measured = dict[str, Any]
WAITS = (0, 5, 20, 100)
"""Milliseconds that the server takes for a request. Vendors take tens to hundreds."""

NAMES = {"loop": "bare loop", "sending": "sending", "run": "the whole run, with what is to be sent"}


def main() -> None:
    """Make two lakes, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000, help="of whom 1 %% have changed")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are sent, 500 a request")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("CDP_HOME")) as folder:
        held, empty = Path(folder) / "held", Path(folder) / "empty"
        part("make", held, arguments.members)
        part("hold", held, arguments.members)
        difference = part("difference", held, arguments.members)
        part("make", empty, arguments.rows)
        rounds = {wait: part("send", empty, arguments.rows, wait) for wait in WAITS}
    print(f"\n## {arguments.members:,} members, 1 % changed\n")
    print("| part | s | CPU s | peak GB |\n|---|--:|--:|--:|")
    print("| the difference | {seconds:.1f} | {cpu:.1f} | {peak_gb:.1f} |".format(**difference))
    print(f"\n## {arguments.rows:,} rows, 500 a request\n")
    print("| the server takes | | s | rows a second | CPU s |\n|---|---|--:|--:|--:|")
    for wait, one in rounds.items():
        for name, what in NAMES.items():
            seconds, cpu = one[name]
            print(f"| {wait} ms | {what} | {seconds:.2f} | {arguments.rows / seconds:,.0f} | {cpu:.2f} |")
    shares = (f"{one['loop'][0] / one['sending'][0]:.0%} where it takes {wait} ms" for wait, one in rounds.items())
    print(f"\nSending reaches of the loop's rows a second: {', '.join(shares)}. ", end="")
    print(
        f"{os.cpu_count()} cores, load {difference['load']:.1f} to {max(one['load'] for one in rounds.values()):.1f}."
    )


def part(name: str, folder: Path, people: int, wait: int = 0) -> Measured:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.syncs_parts", name, str(folder), str(people), str(wait)]
    found: Measured = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
