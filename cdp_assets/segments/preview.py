"""What a segment would be: its size, its overlap with others, and what changes against the definition in force.

Reads the lake and writes nothing there. Both definitions are evaluated with what is known now.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.consent import consent_states
from cdp_assets.segments.evaluation import evaluate
from cdp_model.model import Model
from cdp_model.traits import Segment
from cdp_resources.lake import CATALOG

SAMPLE = 5
"""People shown, masked."""


@dataclass(frozen=True)
class Preview:
    """One segment as it would be on a day. ``entering`` and ``leaving`` are None for a new name."""

    segment: str
    people: int
    of: int
    entering: int | None
    leaving: int | None
    contactable: dict[tuple[str, str], int]
    overlaps: dict[str, tuple[int, int]]
    sample: list[str]


def preview(
    con: duckdb.DuckDBPyConnection, model: Model, declared: Mapping[str, Segment], day: dt.date
) -> list[Preview]:
    """How each of ``declared``, which replace segments of the model that have their names, would be on ``day``.

    ``contactable`` counts members by purpose and channel whose latest statement grants it; ``overlaps`` has the people
    in both, and in the other segment, for each other segment that shares somebody.
    """
    changed = model.model_copy(update={"segments": {**model.segments, **declared}})
    for table, of in (("in_force", model), ("planned", changed)):
        evaluate(con, of, day)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM members")
    con.execute(f"CREATE OR REPLACE TEMP TABLE granted AS {consent_states(end_of(day, model.company.timezone))}")
    return [_one(con, name, name in model.segments) for name in declared]


def _one(con: duckdb.DuckDBPyConnection, name: str, exists: bool) -> Preview:
    sizes = con.execute(SIZES, {"name": name}).fetchone()
    assert sizes
    people, of, entering, leaving = sizes
    return Preview(
        name,
        people,
        of,
        entering if exists else None,
        leaving if exists else None,
        {(purpose, channel): n for purpose, channel, n in con.execute(CONTACTABLE, {"name": name}).fetchall()},
        {other: (both, size) for other, both, size in con.execute(OVERLAPS, {"name": name}).fetchall()},
        [masked for (masked,) in con.execute(MASKED, {"name": name, "limit": SAMPLE}).fetchall()],
    )


SIZES = f"""
WITH now AS (SELECT person_id FROM planned WHERE segment = $name),
before AS (SELECT person_id FROM in_force WHERE segment = $name)
SELECT (SELECT count(*) FROM now), (SELECT count(*) FROM {CATALOG}.profiles.golden_records),
    (SELECT count(*) FROM now ANTI JOIN before USING (person_id)),
    (SELECT count(*) FROM before ANTI JOIN now USING (person_id))
"""
CONTACTABLE = """
SELECT purpose, channel, count(mine.person_id) FILTER (granted) FROM granted
LEFT JOIN (SELECT person_id FROM planned WHERE segment = $name) AS mine USING (person_id) GROUP BY ALL ORDER BY ALL
"""
OVERLAPS = """
SELECT segment, count(mine.person_id) AS shared, count(*) FROM planned
LEFT JOIN (SELECT person_id FROM planned WHERE segment = $name) AS mine USING (person_id)
WHERE segment <> $name GROUP BY segment HAVING shared > 0 ORDER BY shared DESC, segment
"""
MASKED = f"""
SELECT concat_ws(' ', left(person_id, 5) || '…', upper(left(first_name, 1)) || '.', upper(left(last_name, 1)) || '.',
    year(date_of_birth), left(email, 1) || '…@', left(postal_code, 2) || '…')
FROM planned JOIN {CATALOG}.profiles.golden_records USING (person_id)
WHERE segment = $name ORDER BY md5(person_id) LIMIT $limit
"""
