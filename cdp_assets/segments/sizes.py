"""The checks of `segments/memberships`: what the sizes of a day say of the segments."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
import duckdb

from cdp_assets.segments.guards import Guard
from cdp_assets.segments.tables import EVALUATIONS
from cdp_model.conditions import built_on
from cdp_model.model import Model

KEY = ["segments", "memberships"]
SIZE_CHECKS = (
    dg.AssetCheckSpec(
        "sizes_are_as_expected",
        asset=KEY,
        description="On the latest day made, each segment's size is in its declared `expected_size`",
    ),
    dg.AssetCheckSpec(
        "segments_are_not_empty",
        asset=KEY,
        description="On the latest day made, each segment has somebody in it, unless its `expected_size` begins with 0",
    ),
    dg.AssetCheckSpec(
        "sizes_do_not_jump",
        asset=KEY,
        description="No segment has suddenly become `max_jump` times larger or smaller than in its last 28 days. "
        "The syncs of one that has are stopped until somebody looks: `cdp segment approve`",
    ),
)


def sizes_of(con: duckdb.DuckDBPyConnection, day: dt.date) -> dict[str, int]:
    """Members of each segment on an evaluated day."""
    return dict(con.execute(f"SELECT segment, members FROM {EVALUATIONS} WHERE as_of = ?", [day]).fetchall())


def size_results(
    model: Model, sizes: dict[str, int], waiting: Sequence[Guard], day: dt.date
) -> list[dg.AssetCheckResult]:
    """The results of ``SIZE_CHECKS`` for a day. Not blocking: a jump concerns one segment, and not the others."""
    sizes = {name: size for name, size in sizes.items() if not model.segments[name].expired(day)}
    found = (outside(model, sizes), empty(model, sizes), [told(model, guard) for guard in waiting])
    severities = (dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR)
    return [
        dg.AssetCheckResult(
            check_name=spec.name,
            passed=not problems,
            severity=severity,
            description="; ".join(problems) or None,
            metadata={"as_of": str(day), "segments": len(problems)},
        )
        for spec, problems, severity in zip(SIZE_CHECKS, found, severities, strict=True)
    ]


def jumps_check(model: Model, waiting: Sequence[Guard]) -> dg.AssetCheckEvaluation:
    """The state of ``sizes_do_not_jump`` after somebody has looked, outside of any run."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(KEY),
        check_name=SIZE_CHECKS[-1].name,
        passed=not waiting,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(told(model, guard) for guard in waiting) or None,
        metadata={},
    )


def outside(model: Model, sizes: dict[str, int]) -> list[str]:
    """The segments whose size is not what was declared, in words."""
    found = []
    for name, size in sizes.items():
        expected = model.segments[name].expected_size
        if expected and not expected[0] <= size <= expected[1]:
            found.append(f"{name} has {size:,} people, expected {expected[0]:,} to {expected[1]:,}")
    return found


def empty(model: Model, sizes: dict[str, int]) -> list[str]:
    """The segments without anybody, but those that may have nobody."""
    may_be = {name for name, s in model.segments.items() if s.expected_size and s.expected_size[0] == 0}
    return [f"nobody is in {name}" for name, size in sorted(sizes.items()) if size == 0 and name not in may_be]


def syncs_of(model: Model, segment: str) -> list[str]:
    """The syncs that send a segment, or one that is built on it."""
    return sorted(name for name, s in model.syncs.items() if s.segment and segment in built_on(model, s.segment))


def told(model: Model, guard: Guard) -> str:
    """A jump, which syncs wait because of it, and the way out."""
    waiting = syncs_of(model, guard.segment)
    held = f"its syncs wait ({', '.join(waiting)})" if waiting else "no sync sends it"
    return f"{guard}: {held}. If it is right: cdp segment approve {guard.segment} --reason '…'"
