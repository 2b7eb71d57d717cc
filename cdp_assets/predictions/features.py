"""What propensities are predicted from: which traits may be used, and how their values become a few bins each.

The same bins make the rows that are trained on and the SQL that scores, so that both always agree.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

import duckdb

from cdp_assets.profiles.people import inputs
from cdp_model.model import Model
from cdp_resources.sql import literal, quote

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "UBIGINT", "UINTEGER")
KNOWN_THEN = {"as_of", "first_seen"}
"""Attributes that a past day has as they were then. Others are what is known of the person now: somebody who gave
their birth date with a first order would be known by it to order."""

CUTS = 8
CATEGORIES = 12
LEAST_PEOPLE = 20
"""A category of fewer people is none: it would be noise, and could tell who they are."""


@dataclass(frozen=True)
class Bins:
    """How the values of a trait fall into bins. Bin 0 is null; then up to each of ``edges``, or each of ``values``."""

    name: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        if self.values:
            return ["unknown", *self.values, "other"]
        if not self.edges:
            return ["unknown", "known"]
        return ["unknown", *(f"up to {edge:g}" for edge in self.edges), f"above {self.edges[-1]:g}"]

    def sql(self) -> str:
        """SQL of the number of the bin that a row is in."""
        column = quote(self.name)
        if self.values:
            value = f"{column}::VARCHAR"
            cases = [f"WHEN {value} = {literal(known)} THEN {i}" for i, known in enumerate(self.values, 1)]
        else:
            value = f"nullif({column}::DOUBLE, 'nan'::DOUBLE)"
            cases = [f"WHEN {value} <= {edge!r} THEN {i}" for i, edge in enumerate(self.edges, 1)]
        return f"CASE WHEN {value} IS NULL THEN 0 {' '.join(cases)} ELSE {len(self.labels) - 1} END"

    def as_json(self) -> dict[str, object]:
        """Its own fields, for `predictions.models`."""
        return asdict(self)


def honest_features(model: Model, types: Mapping[str, str]) -> list[str]:
    """The traits whose value for a past day is what it was then, of a type that can be binned. ``types``: by column."""
    return [
        name
        for name in model.traits
        if (types[name].startswith(NUMBERS) or types[name] in ("BOOLEAN", "VARCHAR"))
        and inputs(model, [name]) <= {*model.traits, *KNOWN_THEN}
    ]


def bins_of(con: duckdb.DuckDBPyConnection, table: str, names: Collection[str]) -> list[Bins]:
    """Bins for each trait, by the rows of ``table``; traits that have the same value everywhere are left out."""
    types = {column: kind for column, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall()}
    found = [_categories(con, table, name) if types[name] == "VARCHAR" else _cuts(con, table, name) for name in names]
    return [bins for bins in found if bins]


def _cuts(con: duckdb.DuckDBPyConnection, table: str, name: str) -> Bins | None:
    """Edges at equal shares of the rows, fewer where many rows have the same value."""
    shares = [i / CUTS for i in range(1, CUTS)]
    value = f"nullif({quote(name)}::DOUBLE, 'nan'::DOUBLE)"
    row = con.execute(
        f"SELECT quantile_disc({value}, {shares}), min({value}), max({value}), count({value}), count(*) FROM {table}"
    ).fetchone()
    assert row
    quantiles, low, high, known, rows = row
    if low is None or (low == high and known == rows):
        return None
    edges = {float(edge) for edge in quantiles} - {float(high)}
    return Bins(name, edges=tuple(sorted(edges or {float(low)} - {float(high)})))


def _categories(con: duckdb.DuckDBPyConnection, table: str, name: str) -> Bins | None:
    rows = con.execute(f"""
        SELECT {quote(name)} FROM {table} WHERE {quote(name)} IS NOT NULL GROUP BY ALL
        HAVING count(DISTINCT person_id) >= {LEAST_PEOPLE} ORDER BY count(*) DESC, 1 LIMIT {CATEGORIES}""").fetchall()
    return Bins(name, values=tuple(value for (value,) in rows)) if rows else None
