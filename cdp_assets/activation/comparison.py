"""What a sync ought to hold against what was acknowledged: laid out as temporary tables of one reading connection.

Whoever asks what a sync would do, a run or a plan, begins here.
"""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import duckdb

from cdp_assets.activation.approvals import ensure_approvals
from cdp_assets.activation.attempts import ensure_attempts, held_query
from cdp_assets.activation.deliveries import ensure_deliveries
from cdp_assets.activation.desired import PROFILES, candidates_query, columns_needed, field_types_query, required_weight
from cdp_assets.activation.difference import difference_query
from cdp_assets.activation.rejections import ensure_rejections
from cdp_assets.metadata import has_table
from cdp_model.model import Model
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

BOOKS: dict[str, Callable[[duckdb.DuckDBPyConnection, str, str], None]] = {
    "deliveries": ensure_deliveries,
    "rejections": ensure_rejections,
    "attempts": ensure_attempts,
    "approvals": ensure_approvals,
}
"""The tables that syncs write, with what makes an empty one."""

WRITTEN = tuple(f"activation.{book}" for book in BOOKS)
READ = (
    *("profiles.profiles", "segments.evaluations", "segments.memberships", "standardized.consents"),
    *("identity.record_persons", "identity.persons", "privacy.suppressions"),
)


class SyncStopped(Exception):
    """Why a sync must not send anything; the message names the way out."""


@dataclass(frozen=True)
class Compared:
    """Beside the tables ``candidates``, ``held`` and ``difference``: the SQL type of each field, and which day it is.

    ``segment_as_of`` is the segment's latest evaluated day, None where every profile is sent.
    """

    field_types: dict[str, str]
    segment_as_of: dt.date | None


def compare(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, now: dt.datetime, since: dt.datetime | None = None
) -> Compared:
    """Make the temporary tables `candidates` (desired), `held` (acknowledged) and `difference` (what is to be done).

    `full_refresh` sends again what was acknowledged before ``since``, by default ``now``. Raises ``SyncStopped`` where
    an input is missing: it is never taken for an empty one. What the destination holds is nothing before the first run.
    """
    sync = model.syncs[name]
    tables = {table for table in (*READ, *WRITTEN) if has_table(con, table)}
    segment_as_of = _check_inputs(con, model, name, tables)
    lay_out_books(con, name, sync.destination, tables)
    types = {row[0]: row[1] for row in con.execute(field_types_query(sync, model)).fetchall()}
    candidates = candidates_query(sync, model, types, "privacy.suppressions" in tables)
    con.execute(f"CREATE TEMP TABLE candidates AS {candidates}")
    con.execute(f"CREATE TEMP TABLE held AS {held_query()}")
    con.execute(f"CREATE TEMP TABLE difference AS {difference_query(name, sync, since or now)}", {"now": now})
    return Compared(types, segment_as_of)


def lay_out_books(con: duckdb.DuckDBPyConnection, name: str, destination: str, tables: Collection[str]) -> None:
    """Make `my_deliveries`, `my_rejections` and so on: what is on record of one sync, which may be nothing."""
    for book, ensure in BOOKS.items():
        if f"activation.{book}" in tables:
            con.execute(f"""
                CREATE TEMP VIEW my_{book} AS FROM {CATALOG}.activation.{book}
                WHERE sync = {literal(name)} AND destination = {literal(destination)}""")
        else:
            ensure(con, f"my_{book}", "TEMP TABLE")


def _check_inputs(con: duckdb.DuckDBPyConnection, model: Model, name: str, tables: Collection[str]) -> dt.date | None:
    """Refuse to take a missing table for an empty one; returns the segment's latest evaluated day."""
    sync = model.syncs[name]
    wanted = ["profiles.profiles"]
    if sync.consent:
        wanted += ["standardized.consents", "identity.record_persons"]
    if required_weight(sync, model) is not None:
        wanted += ["identity.persons"]
    if sync.segment:
        wanted += ["segments.evaluations", "segments.memberships"]
    missing = [table for table in wanted if table not in tables]
    if missing:
        assets = ", ".join(table.replace(".", "/") for table in missing)
        raise SyncStopped(f"sync `{name}` needs {', '.join(missing)}, which do not exist yet: materialize {assets}")
    present = {row[0] for row in con.execute(f"DESCRIBE {PROFILES}").fetchall()}
    unknown = sorted({column for used in columns_needed(sync, model).values() for column in used} - present)
    if unknown:
        raise SyncStopped(
            f"profiles.profiles has no column {', '.join(unknown)} yet, which sync `{name}` uses: "
            "materialize profiles/profiles with what it is made from"
        )
    if sync.segment is None:
        return None
    latest = _one(con, f"SELECT max(as_of) FROM {CATALOG}.segments.evaluations WHERE segment = {literal(sync.segment)}")
    if latest is None:
        raise SyncStopped(
            f"segment `{sync.segment}` of sync `{name}` was never evaluated: materialize segments/memberships"
        )
    assert isinstance(latest, dt.date)
    return latest


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = con.execute(query).fetchone()
    return row[0] if row else None
