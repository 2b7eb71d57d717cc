"""`python -m examples.retailer.generator`: the command line over `generate`."""

import argparse
from datetime import date
from pathlib import Path

from .run import generate


def main() -> None:
    """Parse the arguments, generate, print what was written."""
    parser = argparse.ArgumentParser(prog="python -m examples.retailer.generator", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that receives landing/ and truth/")
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--start", type=date.fromisoformat, default=date(2026, 6, 1))
    parser.add_argument("--days", type=int, default=90, help="days of the window; the truth covers all of them")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--from-day", type=int, default=0, help="write only the days from this one on")
    args = parser.parse_args()
    summary = generate(args.out, args.people, args.start, args.days, args.seed, args.from_day, progress=True)
    for stream, rows in sorted(summary.rows.items()):
        print(f"{stream:20} {rows:12,}")
    print(f"{'truth records':20} {summary.truth_records:12,}   in {summary.seconds:.1f} s")


if __name__ == "__main__":
    main()
