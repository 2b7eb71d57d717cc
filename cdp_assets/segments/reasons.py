"""Why somebody entered or exited a segment: which of its declared conditions turned between the two days.

Conditions are evaluated anew for both days, with what is known now, and only for days on which people came or went. The
text is the declared one, so that no value of a person stands in it.
"""

import datetime as dt

import duckdb

from cdp_assets.profiles import predicted
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import looked_at_of, truths_query
from cdp_assets.segments.inputs import behaviour_query, of_everybody
from cdp_assets.segments.tables import EVALUATIONS
from cdp_model.conditions import conditions, wanted
from cdp_model.model import Model

NEW = "the segment was evaluated for the first time"
UNDECLARED = "the segment is no longer declared"
EXPIRED = "the segment has expired"
FIRST_SEEN = "the person was first seen"
GONE = "the person is no longer known"
CHOSEN_ANEW = "the priority list or the cap chose anew"
KNOWN_DIFFERENTLY = "no condition turned by what is known now: late data, other identities, or another definition"


def explain(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Set ``reason`` of who entered or exited in ``differences``, where ``compared`` has the day before of each day."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE declared "
        "(segment VARCHAR, number INTEGER, said VARCHAR, wanted BOOLEAN, expires DATE)"
    )
    rows = [
        (name, i, str(part), wanted(path), segment.expires)
        for name, segment in model.segments.items()
        for i, (path, part) in enumerate(conditions(segment), start=1)
    ]
    if rows:
        con.executemany("INSERT INTO declared VALUES (?, ?, ?, ?, ?)", rows)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE unexplained AS
        SELECT as_of, before, segment, person_id, change FROM differences JOIN compared USING (as_of)
        WHERE change IN ('entered', 'exited') AND before IS NOT NULL
            AND segment IN (SELECT segment FROM declared)""")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE truths (as_of DATE, segment VARCHAR, person_id VARCHAR, truths BOOLEAN[])"
    )
    if model.predictions:
        predicted.ensure_tables(con)
    wanted_days = con.execute("SELECT DISTINCT unnest([before, as_of]) AS day FROM unexplained ORDER BY day").fetchall()
    days = [day for (day,) in wanted_days]
    if days:
        _evaluate(con, model, days)
    selective = [name for name, segment in model.segments.items() if segment.priority_list or segment.cap]
    con.execute(REASONS, {"selective": selective, **SAID})


SAID = {
    "new": NEW,
    "undeclared": UNDECLARED,
    "has_expired": EXPIRED,
    "first_seen": FIRST_SEEN,
    "gone": GONE,
    "chosen_anew": CHOSEN_ANEW,
    "known_differently": KNOWN_DIFFERENTLY,
}

REASONS = f"""
WITH turned AS (
    SELECT u.as_of, u.segment, u.person_id,
        string_agg(said || CASE WHEN now.truths[number] THEN ' became true' ELSE ' became false' END, '; '
            ORDER BY number) AS reason
    FROM unexplained AS u JOIN declared USING (segment)
    JOIN truths AS now ON now.as_of = u.as_of AND now.segment = u.segment AND now.person_id = u.person_id
    JOIN truths AS was ON was.as_of = u.before AND was.segment = u.segment AND was.person_id = u.person_id
    WHERE now.truths[number] <> was.truths[number] AND (now.truths[number] = wanted) = (change = 'entered')
    GROUP BY ALL),
explained AS (
    SELECT d.as_of, d.segment, d.person_id, coalesce(turned.reason, CASE
        WHEN d.segment NOT IN (SELECT segment FROM declared) THEN $undeclared
        WHEN d.change = 'exited' AND d.as_of > (SELECT min(expires) FROM declared AS e WHERE e.segment = d.segment)
            THEN $has_expired
        WHEN d.change = 'entered' AND yesterday.segment IS NULL THEN $new
        WHEN now.person_id IS NULL THEN $gone
        WHEN was.person_id IS NULL THEN $first_seen
        WHEN d.segment IN (SELECT unnest($selective::VARCHAR[])) THEN $chosen_anew
        ELSE $known_differently END) AS reason
    FROM differences AS d JOIN compared USING (as_of)
    LEFT JOIN turned USING (as_of, segment, person_id)
    LEFT JOIN truths AS now ON now.as_of = d.as_of AND now.segment = d.segment AND now.person_id = d.person_id
    LEFT JOIN truths AS was ON was.as_of = before AND was.segment = d.segment AND was.person_id = d.person_id
    LEFT JOIN {EVALUATIONS} AS yesterday ON yesterday.as_of = before AND yesterday.segment = d.segment
    WHERE d.change IN ('entered', 'exited'))
UPDATE differences AS d SET reason = e.reason FROM explained AS e
WHERE d.as_of = e.as_of AND d.segment = e.segment AND d.person_id = e.person_id
"""


def _evaluate(con: duckdb.DuckDBPyConnection, model: Model, days: list[dt.date]) -> None:
    """Fill ``truths``, of those who entered or exited on one of ``days``."""
    rows = con.execute("SELECT DISTINCT segment FROM unexplained ORDER BY segment").fetchall()
    segments = [name for (name,) in rows]
    needed = looked_at_of(model)
    con.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT DISTINCT person_id FROM unexplained")
    activity.load(con, needed, max(days), "asked", of_everybody(needed, segments))
    for day in days:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE asked AS "
            "SELECT DISTINCT segment, person_id FROM unexplained WHERE $day IN (before, as_of)",
            {"day": day},
        )
        activity.attribute(con, needed, day)
        con.execute(f"CREATE OR REPLACE TEMP TABLE behaviour AS {behaviour_query(needed, day)}")
        con.execute(f"INSERT INTO truths BY NAME {truths_query(model, day, segments, 'asked')}")
