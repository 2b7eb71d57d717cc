"""All people at a glance, as charts: sources, completeness, growth, distribution of traits.

Counts only: no bar of a histogram stands for fewer than ``LEAST`` people, and its edges are round numbers, so that
nobody's value can be read from it.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import duckdb

from cdp_assets.charts import bars
from cdp_model.model import Model
from cdp_model.predictions import predicted_columns
from cdp_model.survivorship import RECORD_ATTRIBUTES
from cdp_resources.lake import CATALOG
from cdp_resources.sql import quote

LEAST = 5
BINS = 10
MOST_TRAITS = 12
"""Traits that are shown: the first that are numbers, in the order in which they are declared."""
PERIODS = 24
WEEKLY_UP_TO_DAYS = 120
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL")
PROFILES = f"{CATALOG}.profiles.profiles"


class Bin(NamedTuple):
    """People whose value is from ``low`` up to, and without, ``high``."""

    low: float
    high: float
    people: int


def overview(con: duckdb.DuckDBPyConnection, model: Model) -> list[str]:
    """The charts, as SVG. Those without anything to show are left out."""
    charts = [_sources(con), _completeness(con), _growth(con), *_traits(con, model)]
    return [chart for chart in charts if chart]


def round_width(span: float) -> float:
    """1, 2 or 5 times a power of ten, so that about ``BINS`` of them cover ``span``; 1 when there is no span."""
    if span <= 0:
        return 1.0
    raw = span / BINS
    unit = 10.0 ** math.floor(math.log10(raw))
    return next(unit * step for step in (1, 2, 5, 10) if unit * step >= raw * (1 - 1e-9))


def without_small(bins: Sequence[Bin]) -> list[Bin]:
    """Bins in order, joined with their neighbours until each has at least ``LEAST`` people; none when all are fewer."""
    found: list[Bin] = []
    for each in bins:
        if found and found[-1].people < LEAST:
            found[-1] = Bin(found[-1].low, each.high, found[-1].people + each.people)
        else:
            found.append(each)
    if len(found) > 1 and found[-1].people < LEAST:
        last = found.pop()
        found[-1] = Bin(found[-1].low, last.high, found[-1].people + last.people)
    return [each for each in found if each.people >= LEAST]


def _sources(con: duckdb.DuckDBPyConnection) -> str:
    query = f"SELECT len(sources), count(*) FROM {PROFILES} WHERE sources IS NOT NULL GROUP BY 1 ORDER BY 1"
    bins = without_small([Bin(n, n + 1, people) for n, people in con.execute(query).fetchall()])
    labels = [f"{b.low:g}" if b.high == b.low + 1 else f"{b.low:g} to {b.high - 1:g}" for b in bins]
    return _chart("People by number of sources", [(label, b.people) for label, b in zip(labels, bins, strict=True)])


def _completeness(con: duckdb.DuckDBPyConnection) -> str:
    counts = ", ".join(f"count({name})" for name in RECORD_ATTRIBUTES)
    row = con.execute(f"SELECT count(*), {counts} FROM {PROFILES}").fetchone() or (0,)
    total, *filled = row
    if not total:
        return ""
    shares = [(name, round(100 * n / total, 1)) for name, n in zip(RECORD_ATTRIBUTES, filled, strict=True)]
    return bars(f"How many of {total:,} people have it", shares, " %")


def _growth(con: duckdb.DuckDBPyConnection) -> str:
    span = f"SELECT date_diff('day', min(first_seen), max(first_seen)) > {WEEKLY_UP_TO_DAYS} FROM {PROFILES}"
    row = con.execute(span).fetchone()
    unit, form = ("month", "%Y-%m") if row and row[0] else ("week", "%Y-%m-%d")
    rows = con.execute(
        f"""SELECT strftime(period, '{form}'), people FROM (
            SELECT date_trunc('{unit}', first_seen) AS period, sum(count(*)) OVER (ORDER BY period)::BIGINT AS people
            FROM {PROFILES} WHERE first_seen IS NOT NULL GROUP BY period
            ORDER BY period DESC LIMIT {PERIODS})
        ORDER BY period"""
    ).fetchall()
    return _chart(f"People known by the end of each {unit}", rows)


def _traits(con: duckdb.DuckDBPyConnection, model: Model) -> Iterator[str]:
    kinds = {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {PROFILES}").fetchall()}
    declared = [*model.traits, *predicted_columns(model.predictions)]
    numbers = [name for name in declared if kinds.get(name, "").startswith(NUMBERS) and "[" not in kinds[name]]
    for name in numbers[:MOST_TRAITS]:
        bins = _histogram(con, name, whole="INT" in kinds[name])
        last = len(bins) - 1
        labels = [
            f"under {_number(b.high)}" if i == 0 < last else f"from {_number(b.low)}" if i == last else _range(b)
            for i, b in enumerate(bins)
        ]
        yield _chart(f"{name}: people by value", [(label, b.people) for label, b in zip(labels, bins, strict=True)])


def _histogram(con: duckdb.DuckDBPyConnection, name: str, whole: bool) -> list[Bin]:
    """Bins of equal width; the first and the last hold what lies beyond them too."""
    value = f"{quote(name)}::DOUBLE"
    known = f"{value} IS NOT NULL AND isfinite({value})"
    row = con.execute(f"SELECT quantile_disc({value}, [0.01, 0.99]) FROM {PROFILES} WHERE {known}").fetchone()
    if not row or not row[0]:
        return []
    low, high = row[0]
    width = max(round_width(high - low), 1 if whole else 0)
    first, last = math.floor(low / width), math.floor(high / width)
    counted = con.execute(
        f"""SELECT greatest(least(floor({value} / $width), $last), $first) AS place, count(*)
        FROM {PROFILES} WHERE {known} GROUP BY place""",
        {"width": width, "first": first, "last": last},
    ).fetchall()
    people = {int(place): count for place, count in counted}
    return without_small([Bin(n * width, (n + 1) * width, people.get(n, 0)) for n in range(first, last + 1)])


def _chart(title: str, values: Sequence[tuple[str, float]]) -> str:
    return bars(title, values) if values else ""


def _range(b: Bin) -> str:
    return f"{_number(b.low)} to under {_number(b.high)}"


def _number(value: float) -> str:
    return f"{value:,.6g}"
