"""What was known at an earlier time: the snapshot of the lake that a day was first evaluated with, and people as of it.

Today's definitions are asked, so that a segment of today can be looked at for any day that a snapshot is left of.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.segments.evaluation import evaluate
from cdp_assets.segments.tables import FIRST_EVALUATIONS
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake


@dataclass(frozen=True)
class Knowledge:
    """All that was known at a moment: a snapshot of the lake."""

    snapshot: int
    at: dt.datetime


class NotKnownAnyMore(ValueError):
    """There is no snapshot left that tells what was known. The message says until when back there is."""


def known_when_first_evaluated(con: duckdb.DuckDBPyConnection, day: dt.date) -> Knowledge:
    """What the first evaluation of a day read. Raises ``NotKnownAnyMore``."""
    row = None
    if has_table(con, "segments.first_evaluations"):
        row = con.execute(f"SELECT snapshot, evaluated_at FROM {FIRST_EVALUATIONS} WHERE as_of = ?", [day]).fetchone()
    if row is None:
        raise NotKnownAnyMore(
            f"{day} was not evaluated yet, or by a release that did not note when: materialize segments/memberships "
            "for it, or name a moment with --known-at"
        )
    knowledge = Knowledge(*row)
    oldest = _oldest(con)
    if knowledge.snapshot < oldest.snapshot:
        raise NotKnownAnyMore(
            f"{day} was first evaluated on {knowledge.at:%Y-%m-%d %H:%M} (UTC), and snapshots of the lake are left "
            f"since {oldest.at:%Y-%m-%d %H:%M} only: what was known before cannot be asked any more. Name a later "
            "moment with --known-at, and raise `keep_days` of the job maintenance to look further back in future"
        )
    return knowledge


def known_at(con: duckdb.DuckDBPyConnection, moment: dt.datetime) -> Knowledge:
    """The last snapshot of a moment (with a time zone). Raises ``NotKnownAnyMore``."""
    row = con.execute(
        f"SELECT max(snapshot_id) FROM {CATALOG}.snapshots() WHERE snapshot_time <= ?", [moment]
    ).fetchone()
    if row is None or row[0] is None:
        oldest = _oldest(con)
        raise NotKnownAnyMore(
            f"snapshots of the lake are left since {oldest.at:%Y-%m-%d %H:%M} (UTC) only: what was known on "
            f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} cannot be asked any more, and of a past that was loaded later "
            f"nothing was known then.{_way_out(con, oldest, moment.tzinfo)}"
        )
    return Knowledge(row[0], moment)


def _way_out(con: duckdb.DuckDBPyConnection, oldest: Knowledge, clock: dt.tzinfo | None) -> str:
    """The first moment that can be asked for, if there is one: when a day was first evaluated."""
    if not has_table(con, "segments.first_evaluations"):
        return ""
    first = f"SELECT min(evaluated_at) FROM {FIRST_EVALUATIONS} WHERE snapshot >= ?"
    row = con.execute(first, [oldest.snapshot]).fetchone()
    if row is None or row[0] is None:
        return ""
    minute = row[0].astimezone(clock) + dt.timedelta(minutes=1)
    return f" The first moment to ask for is --known-at {minute:%Y-%m-%dT%H:%M}"


@contextmanager
def people_known(lake: Lake, model: Model, day: dt.date, knowledge: Knowledge) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the lake as it was, with ``members`` of a day by what was known then.

    Raises ``NotKnownAnyMore`` where the lake of that time lacks what today's definitions need.
    """
    with lake.as_of(knowledge.snapshot) as con:
        try:
            evaluate(con, model, day)
        except (duckdb.CatalogException, duckdb.BinderException, duckdb.InvalidInputException) as error:
            raise NotKnownAnyMore(
                f"the lake of {knowledge.at:%Y-%m-%d %H:%M} (UTC) lacks a table or a column that today's definitions "
                f"need: {str(error).splitlines()[0]}. Name a later moment with --known-at"
            ) from error
        yield con


@dataclass(frozen=True)
class Known:
    """One person in a segment by what was known then, or by what is known now: who they were, and who they are."""

    was: str | None
    is_now: str | None
    then: bool
    now: bool


def then_and_now(lake: Lake, model: Model, segment: str, day: dt.date, knowledge: Knowledge) -> list[Known]:
    """Everybody who is in a segment on a day by either knowledge, with today's definition of it."""
    with people_known(lake, model, day, knowledge) as con:
        then = con.execute(
            f"""SELECT person_id, list(record_key) AS records, any_value(segment) IS NOT NULL AS member
            FROM {CATALOG}.identity.record_persons
            LEFT JOIN (FROM members WHERE segment = ?) USING (person_id) GROUP BY person_id""",
            [segment],
        ).to_arrow_table()
    with lake.reading() as con:
        evaluate(con, model, day)
        con.register("people_then", then)
        rows = con.execute(
            f"""
            WITH was AS (
                SELECT t.person_id AS was, any_value(t.member) AS then_in,
                    coalesce(any_value(r.person_id) FILTER (r.person_id = t.person_id), min(r.person_id)) AS is_now
                FROM (SELECT person_id, member, unnest(records) AS record_key FROM people_then) AS t
                LEFT JOIN {CATALOG}.identity.record_persons AS r USING (record_key) GROUP BY t.person_id)
            SELECT was, coalesce(is_now, m.person_id), coalesce(then_in, false), m.person_id IS NOT NULL AS now_in
            FROM was FULL JOIN (FROM members WHERE segment = ?) AS m ON is_now = m.person_id
            WHERE then_in OR now_in ORDER BY ALL
            """,
            [segment],
        ).fetchall()
    return [Known(*row) for row in rows]


def _oldest(con: duckdb.DuckDBPyConnection) -> Knowledge:
    row = con.execute(f"SELECT snapshot_id, snapshot_time FROM {CATALOG}.snapshots() ORDER BY snapshot_id").fetchone()
    assert row
    return Knowledge(*row)
