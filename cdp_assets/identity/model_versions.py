"""The rows of `identity.linkage_models`: what a version of the linkage is, and how it is kept.

A version is everything that decides who is one person: Splink's trained parameters, and our settings for normalising,
linking and resolving.
"""

import datetime as dt
import json
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from cdp_assets.identity.soundness import doubts_of, is_sound
from cdp_assets.identity.training import Trained, model_version, settings_hash
from cdp_assets.metadata import has_table
from cdp_model.identity import IdentitySettings

AT_ONCE = frozenset({"accuracy", "engine", "giant_person", "review_threshold"})
"""Settings that decide what is reported or where it is computed, and not who is one person: they need no promotion."""

COLUMNS = {
    "model_version": "Hash of the rounded parameters and of the settings",
    "settings_hash": "Hash of the identity settings that training depends on, and of Splink's version",
    "splink_version": "Splink's version",
    "settings": "Splink's trained settings (JSON); null: links come from rules alone",
    "trained_at": "When",
    "training_rows": "How many records it was trained on",
    "promoted": "Whether links and persons follow it; exactly one is",
    "diagnostics": "Prior, blocking rules with their pairs, doubts, and what was untrained or repaired (JSON)",
    "identity": "Our settings for normalising, linking and resolving (JSON); null: those of identity.yaml",
    "training_snapshot": "DuckLake snapshot that the evidence was read from",
    "training_hash": "Hash of that evidence: equal data, equal hash",
    "sound": "Whether its parameters may be used; null: not known",
    "charts": "Match weights, and m and u, as Vega-Lite (JSON)",
    "promoted_at": "When it was put in use, the last time",
    "plan_hash": "Plan that it was promoted by; null: the first one, which needs none",
}
TYPES = {
    **dict.fromkeys(COLUMNS, "VARCHAR"),
    **{"trained_at": "TIMESTAMPTZ", "training_rows": "BIGINT", "promoted": "BOOLEAN"},
    **{"training_snapshot": "BIGINT", "sound": "BOOLEAN", "promoted_at": "TIMESTAMPTZ"},
}
ADDED = ("identity", "training_snapshot", "training_hash", "sound", "charts", "promoted_at", "plan_hash")
"""Columns that the tables of earlier releases lack."""


@dataclass(frozen=True)
class Version:
    """One row, without what is large."""

    model_version: str
    settings_hash: str
    splink_version: str
    trained_at: dt.datetime
    training_rows: int
    rules_only: bool
    sound: bool | None
    promoted: bool
    promoted_at: dt.datetime | None
    plan_hash: str | None
    identity: str | None

    def describes(self, settings: IdentitySettings) -> bool:
        """Whether this is the version that ``settings`` ask for, trained by this release and this Splink."""
        if self.settings_hash != settings_hash(settings):
            return False
        try:
            return self.identity is None or parsed(self.identity) == decisive(settings)
        except ValidationError:
            return False


@dataclass(frozen=True)
class Made:
    """A version that was made: its training, the frequencies it scores with, and the data both are from.

    ``name``: what it is called already; one from an earlier release may be called otherwise than its hash.
    """

    trained: Trained
    identity: IdentitySettings
    frequencies: pa.Table
    snapshot: int | None
    data_hash: str | None
    name: str | None = None

    @property
    def version(self) -> str:
        """Hash of all that decides. Rules alone know names by how common they are, so their data is part of it."""
        data = None if self.trained.settings else self.data_hash
        return self.name or model_version(self.trained, decisive(self.identity), data)

    @property
    def sound(self) -> bool:
        return is_sound(doubts_of(self.trained.diagnostics))


def decisive(settings: IdentitySettings) -> IdentitySettings:
    """The same settings without those that take effect at once."""
    return IdentitySettings(**settings.model_dump(exclude=set(AT_ONCE)))


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create both tables, or add the columns that the tables of an earlier release lack."""
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    con.execute(
        f"""CREATE TABLE IF NOT EXISTS lake.identity.linkage_models ({columns});
        CREATE TABLE IF NOT EXISTS lake.identity.model_frequencies (
            model_version VARCHAR, column_name VARCHAR, value_hash VARCHAR, frequency DOUBLE)"""
    )
    present = {row[0] for row in con.execute("DESCRIBE lake.identity.linkage_models").fetchall()}
    for name in ADDED:
        if name not in present:
            con.execute(f"ALTER TABLE lake.identity.linkage_models ADD COLUMN {name} {TYPES[name]}")


def write_version(con: duckdb.DuckDBPyConnection, made: Made) -> str:
    """Write a version that nobody uses yet, in the open transaction; returns its name.

    One that is in use is left as it is: its frequencies belong to the scores that were given with them.
    """
    ensure_tables(con)
    name, trained = made.version, made.trained
    if con.execute("FROM lake.identity.linkage_models WHERE promoted AND model_version = ?", [name]).fetchone():
        return name
    for table in ("linkage_models", "model_frequencies"):
        con.execute(f"DELETE FROM lake.identity.{table} WHERE model_version = ?", [name])
    values = {
        "model_version": name,
        "settings_hash": settings_hash(made.identity),
        "splink_version": installed("splink"),
        "settings": json.dumps(trained.settings, sort_keys=True) if trained.settings else None,
        "trained_at": dt.datetime.now(dt.UTC),
        "training_rows": trained.records,
        "promoted": False,
        "diagnostics": json.dumps(trained.diagnostics, sort_keys=True),
        "identity": decisive(made.identity).model_dump_json(exclude=set(AT_ONCE)),
        "training_snapshot": made.snapshot,
        "training_hash": made.data_hash,
        "sound": made.sound,
        "charts": json.dumps(trained.charts, sort_keys=True),
    }
    con.execute(
        f"""INSERT INTO lake.identity.linkage_models ({", ".join(values)})
        VALUES ({", ".join("$" + column for column in values)})""",
        values,
    )
    con.register("trained_frequencies", made.frequencies)
    con.execute("INSERT INTO lake.identity.model_frequencies SELECT ?, * FROM trained_frequencies", [name])
    con.unregister("trained_frequencies")
    return name


def put_in_use(con: duckdb.DuckDBPyConnection, version: str, plan_hash: str | None = None) -> None:
    """Promote a version, and it alone, in the open transaction."""
    con.execute("UPDATE lake.identity.linkage_models SET promoted = false WHERE promoted")
    con.execute(
        """UPDATE lake.identity.linkage_models SET promoted = true, promoted_at = now(), plan_hash = $plan
        WHERE model_version = $version""",
        {"version": version, "plan": plan_hash},
    )


def adopt_settings(con: duckdb.DuckDBPyConnection, declared: IdentitySettings) -> None:
    """Give a promoted version from before settings were kept the declared ones, which it has followed until now."""
    ensure_tables(con)
    text = decisive(declared).model_dump_json(exclude=set(AT_ONCE))
    con.execute("UPDATE lake.identity.linkage_models SET identity = ? WHERE promoted AND identity IS NULL", [text])


def versions(con: duckdb.DuckDBPyConnection) -> list[Version]:
    """Every version, the latest first."""
    if not has_table(con, "identity.linkage_models"):
        return []
    rows = con.execute(
        f"""SELECT model_version, settings_hash, splink_version, trained_at, training_rows, settings IS NULL, sound,
            promoted, promoted_at, plan_hash, identity
        FROM ({all_rows()}) ORDER BY trained_at DESC, model_version"""
    ).fetchall()
    return [Version(*row) for row in rows]


def kept_version(con: duckdb.DuckDBPyConnection, version: str, identity: IdentitySettings) -> Made:
    """What was trained as ``version``, for other settings that would train the same."""
    row = con.execute(
        f"""SELECT settings, training_rows, diagnostics, charts, training_snapshot, training_hash
        FROM ({all_rows()}) WHERE model_version = ?""",
        [version],
    ).fetchone()
    assert row
    settings, records, diagnostics, charts, snapshot, data_hash = row
    frequencies = con.execute(
        "SELECT * EXCLUDE (model_version) FROM lake.identity.model_frequencies WHERE model_version = ?", [version]
    ).to_arrow_table()
    trained = Trained(load(settings), records, load(diagnostics) or {}, load(charts) or {})
    return Made(trained, identity, frequencies, snapshot, data_hash)


def all_rows() -> str:
    """SELECT of all rows with all columns, also from a table of an earlier release."""
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in TYPES.items())
    return f"(SELECT {columns} WHERE false) UNION ALL BY NAME FROM lake.identity.linkage_models"


def parsed(identity: str) -> IdentitySettings:
    """The settings of a row. Raises ``ValidationError`` for what another release wrote."""
    return IdentitySettings.model_validate_json(identity)


def load(text: str | None) -> Any:
    """A JSON column; None for null."""
    return json.loads(text) if text else None
