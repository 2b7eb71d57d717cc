"""The rows of `identity.quality`: what is measured, with truth and without. Needs the lake, no Dagster."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from cdp_assets.identity.accuracy import LINKABLE
from cdp_assets.identity.intervals import SUMS, estimates
from cdp_assets.identity.statements import statement
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings
from cdp_resources.sql import literal

ENOUGH = 50
"""Slices of fewer true people than this say nothing about fairness."""

FAIR = 0.05
"""How much worse than the best, in F1, a country or a name origin may be linked."""


class Measured(NamedTuple):
    """One figure; ``low`` and ``high`` are the ends of its interval where it is an estimate."""

    measure: str
    slice: str
    value: float
    low: float | None = None
    high: float | None = None


def unlabelled(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> list[Measured]:
    """What links and people look like: sizes, weights, bridges, suspicions, records that are alone."""
    con.execute(statement("quality", "unlabelled"), {"review": to_weight(settings.review_threshold)})
    rows = con.execute("SELECT measure, slice, round(value, 5) FROM measured ORDER BY measure, slice").fetchall()
    return [Measured(*row) for row in rows]


def load_truth(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Fill ``truth`` (record_key, person_id, country, origin) with the records whose person anyone could know."""
    con.execute(f"CREATE OR REPLACE TEMP VIEW truth_file AS FROM read_parquet({literal(str(path))})")
    has = {row[0] for row in con.execute("DESCRIBE truth_file").fetchall()}
    extra = [
        f"{name}::VARCHAR AS {name}" if name in has else f"NULL::VARCHAR AS {name}" for name in ("country", "origin")
    ]
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE truth AS
        SELECT record_key, person_id, {", ".join(extra)} FROM truth_file SEMI JOIN ({LINKABLE}) USING (record_key)"""
    )


def against_truth(con: duckdb.DuckDBPyConnection) -> list[Measured]:
    """Accuracy with intervals, overall and by slice, of the people against ``truth``; and the largest gaps."""
    found, people = _estimates(con, statement("quality", "truth"))
    for kind in ("source", "country", "origin"):
        slices = [
            m for m in found if m.measure == "f1" and m.slice.startswith(f"{kind}=") and people[m.slice] >= ENOUGH
        ]
        if len(slices) > 1:
            gap = max(m.value for m in slices) - min(m.value for m in slices)
            found.append(Measured("f1_gap", kind, round(gap, 5)))
    counts = {"over-merged": 0, "under-merged": 0}
    counts |= {mistake: count for mistake, _, _, count in mistakes(con)}
    return found + [Measured(name.replace("-", "_"), "all", count) for name, count in counts.items()]


def against_decisions(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> list[Measured]:
    """How often the evidence alone says what humans decided. Of doubtful pairs, so a floor rather than an average."""
    found, _ = _estimates(con, statement("quality", "decisions"), {"link": to_weight(settings.link_threshold)})
    return [m for m in found if not m.measure.startswith("b_cubed")]


def mistakes(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, list[str], int]]:
    """The worst wrong merges and misses: (mistake, parts, masked record keys, how many people such mistakes have)."""
    rows = con.execute(statement("quality", "mistakes")).fetchall()
    kinds = ("over-merged", "under-merged")
    return [row for kind in kinds for row in [row for row in rows if row[0] == kind][:5]]


def uneven(found: Sequence[Measured]) -> list[str]:
    """Countries and name origins that are linked clearly worse than the best: further than ``FAIR``, beyond chance."""
    problems = []
    for kind in ("country", "origin"):
        gap = next((m.value for m in found if m.measure == "f1_gap" and m.slice == kind), 0.0)
        if gap <= FAIR:
            continue
        slices = [m for m in found if m.measure == "f1" and m.slice.startswith(f"{kind}=")]
        best = max(slices, key=lambda m: m.value)
        worse = [m for m in slices if best.value - m.value > FAIR and (m.high or 0) < (best.low or 0)]
        problems += [f"F1 is {m.value:.3f} where {m.slice}, and {best.value:.3f} where {best.slice}" for m in worse]
    return problems


def _estimates(
    con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, float] | None = None
) -> tuple[list[Measured], dict[str, int]]:
    rows = con.execute(sql, values or {}).fetchnumpy()
    slices = np.asarray(rows["slice"], dtype=str)
    sums = np.stack([np.asarray(rows[name], dtype=np.float64) for name in SUMS], axis=1)
    people = np.asarray(rows["people"], dtype=np.int64)
    found = [
        Measured(measure, str(name), *estimate)
        for name in np.unique(slices)
        for measure, estimate in estimates(sums[slices == name], people[slices == name]).items()
    ]
    return found, {str(name): int(people[slices == name].sum()) for name in np.unique(slices)}
