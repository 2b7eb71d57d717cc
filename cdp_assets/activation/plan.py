"""What a sync would do now: numbers, reasons, masked examples, requests and their time. Reads only, sends nothing."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from cdp_assets.activation.comparison import compare
from cdp_assets.activation.desired import PROFILES
from cdp_assets.activation.difference import SENT, WITHOUT_WAITING
from cdp_assets.activation.pending import read_pending
from cdp_assets.activation.stops import storm_of
from cdp_assets.activation.waits import waits_of
from cdp_assets.identity.following import require
from cdp_model.model import Model
from cdp_resources.destinations.base import Destination, DestinationMisconfigured, in_parts
from cdp_resources.rehearsal import Rehearsed, rehearse, seconds_at_least

SAMPLE = 3
"""People shown of each kind of change, masked."""

COUNTED = 10_000
"""Of more rows than this, or than a batch, the requests are estimated from the first."""


@dataclass(frozen=True)
class Requests:
    """How many requests a run would send, and the seconds that the limits of the account make of them at least.

    ``estimated``: from the first rows. ``unknown``: why nobody can tell, such as a secret that is not set.
    """

    number: int = 0
    seconds: int = 0
    estimated: bool = False
    unknown: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a sync would do. ``changes``: rows by change and, of removals, reason. ``examples``: change, masked row.

    ``stops``: what would stop it; ``in_spite``: how many rows a run would remove all the same.
    """

    sync: str
    destination: str
    as_of: dt.date | None
    segment_as_of: dt.date | None
    held: int
    changes: list[tuple[str, str | None, int]]
    examples: list[tuple[str, str]]
    left_out: dict[str, int]
    held_back: int
    stops: list[str]
    in_spite: int
    requests: Requests


def plan(con: duckdb.DuckDBPyConnection, model: Model, name: str, now: dt.datetime) -> Plan:
    """Compare, and rehearse what would be sent. Raises ``SyncStopped`` or ``Behind`` where nobody can tell."""
    require(con, "profiles.profiles")
    sync = model.syncs[name]
    compared = compare(con, model, name, now)
    waits, storm = waits_of(con, model, name, now).why(name), _storm(con, model, name)
    day, held, held_back, in_spite = con.execute(f"""
        SELECT (SELECT max(as_of) FROM {PROFILES}), (SELECT count(*) FROM held WHERE acknowledged OR uncertain),
            count(*) FILTER (held_back), count(*) FILTER ({WITHOUT_WAITING}) FROM difference
    """).fetchone() or (None, 0, 0, 0)
    changes = con.execute(
        f"SELECT change, why, count(*) FROM difference WHERE {SENT} GROUP BY ALL ORDER BY change, count(*) DESC, why"
    ).fetchall()
    return Plan(
        name,
        sync.destination,
        day,
        compared.segment_as_of,
        held,
        changes,
        con.execute(EXAMPLES, [SAMPLE]).fetchall(),
        dict(
            con.execute(
                "SELECT reason, count(*) FROM candidates WHERE member AND reason IS NOT NULL GROUP BY reason"
            ).fetchall()
        ),
        held_back,
        [stop for stop in (waits, storm) if stop],
        in_spite if waits else 0,
        _requests(con, model, name, compared.field_types, day, sum(count for *_, count in changes)),
    )


def rehearse_all(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, now: dt.datetime, record: Callable[[Rehearsed], None]
) -> tuple[int, list[str]]:
    """Give ``record`` every request that a run would send; returns how many rows they have, and what would stop it."""
    require(con, "profiles.profiles")
    compared = compare(con, model, name, now)
    stops = [stop for stop in (waits_of(con, model, name, now).why(name), _storm(con, model, name)) if stop]
    day = con.execute(f"SELECT max(as_of) FROM {PROFILES}").fetchone()
    return _rehearsed(con, model, name, compared.field_types, day[0] if day else None, None, record), stops


def _rehearsed(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    name: str,
    types: dict[str, str],
    day: dt.date | None,
    limit: int | None,
    record: Callable[[Rehearsed], None],
) -> int:
    settings = model.destinations[model.syncs[name].destination]
    assert isinstance(settings, Destination)
    connection = rehearse(settings, name, types, day, record)
    rows = read_pending(con, f"difference WHERE {SENT}", limit).rows
    for batch in in_parts(rows, settings.batch_size):
        connection.send(batch)
    connection.close()
    return len(rows)


def _requests(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, types: dict[str, str], day: dt.date | None, pending: int
) -> Requests:
    settings = model.destinations[model.syncs[name].destination]
    counted: list[str] = []
    try:
        limit = max(COUNTED, settings.batch_size)
        rows = _rehearsed(con, model, name, types, day, limit, lambda request: counted.append(request.method))
    except DestinationMisconfigured as mistake:
        return Requests(unknown=str(mistake))
    number = -(-len(counted) * pending // rows) if rows else 0
    return Requests(number, seconds_at_least(number, getattr(settings, "limits", {})), rows < pending)


def _storm(con: duckdb.DuckDBPyConnection, model: Model, name: str) -> str | None:
    storm = storm_of(con, model, name)
    return storm and f"{storm}. If that is meant: cdp sync approve {name} --reason '…'"


EXAMPLES = f"""
SELECT change, concat_ws(' ', left(person_id, 5) || '…', 'known by ' || left(destination_key, 1) || '…'
    || CASE WHEN contains(destination_key, '@') THEN '@' ELSE '' END, '(' || why || ')')
FROM (SELECT *, row_number() OVER (PARTITION BY change ORDER BY md5(destination_key)) AS nth FROM difference
    WHERE {SENT})
WHERE nth <= ? ORDER BY change, nth
"""
