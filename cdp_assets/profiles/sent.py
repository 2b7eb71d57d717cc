"""The check that somebody sends the events that traits look at.

`cdp check` says so for events with a declared name. Where a source names its events itself, only its data can tell.
"""

import dagster as dg
import duckdb

from cdp_model.model import Model
from cdp_resources.lake import CATALOG

EVENTS_ARE_SENT = "events_of_traits_are_sent"
SPEC = dg.AssetCheckSpec(
    EVENTS_ARE_SENT, asset=["profiles", "traits"], description="Every event that a trait names was ever sent"
)


def events_are_sent(con: duckdb.DuckDBPyConnection, model: Model) -> dg.AssetCheckResult:
    """Which events that traits name were never sent; a trait over these alone says nothing of anybody."""
    sent = {
        name for (name,) in con.execute(f"SELECT DISTINCT event_name FROM {CATALOG}.standardized.events").fetchall()
    }
    missing: dict[str, list[str]] = {}
    for trait, declared in model.traits.items():
        for name in {*declared.events, declared.since, declared.until} - {None, *sent}:
            missing.setdefault(str(name), []).append(trait)
    said = "; ".join(f"`{name}` ({', '.join(sorted(traits))})" for name, traits in sorted(missing.items()))
    return dg.AssetCheckResult(
        check_name=EVENTS_ARE_SENT,
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"never sent, so far: {said}. Mend the name in traits.yaml, or wait for the first one"
        if missing
        else "every event that a trait names was sent",
        metadata={"events_never_sent": len(missing)},
    )
