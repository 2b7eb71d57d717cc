"""Why somebody entered or exited a segment: which of its declared conditions turned between the two days.

What turned is noted when a day is evaluated. Where it was not, or the day before was made anew since, both days are
evaluated again with what is known now. The text is the declared one, so that no value of a person stands in it.
"""

from typing import Any

import duckdb

from cdp_assets.profiles.clock import end_of
from cdp_assets.segments.conditions import name_of
from cdp_assets.segments.evaluation import evaluate_each
from cdp_assets.segments.tables import EVALUATIONS, TURNED
from cdp_model.conditions import conditions, wanted
from cdp_model.model import Model
from cdp_resources.lake import CATALOG

NEW = "the segment was evaluated for the first time"
UNDECLARED = "the segment is no longer declared"
EXPIRED = "the segment has expired"
FIRST_SEEN = "the person was first seen"
GONE = "the person is no longer known"
CHOSEN_ANEW = "the priority list or the cap chose anew"
KNOWN_DIFFERENTLY = "no condition turned by what is known now: late data, other identities, or another definition"


def explain(con: duckdb.DuckDBPyConnection, model: Model) -> dict[str, Any]:
    """Make what REASONS asks, from ``differences`` and from ``compared``, which has the day before of each day.

    Returns the values that REASONS is executed with.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE declared "
        "(segment VARCHAR, number INTEGER, condition VARCHAR, said VARCHAR, wanted BOOLEAN, expires DATE)"
    )
    rows = [
        (name, i, name_of(part), str(part), wanted(path), segment.expires)
        for name, segment in model.segments.items()
        for i, (path, part) in enumerate(conditions(segment), start=1)
    ]
    if rows:
        con.executemany("INSERT INTO declared VALUES (?, ?, ?, ?, ?, ?)", rows)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE unexplained AS
        SELECT as_of, before, segment, person_id, change FROM differences JOIN compared USING (as_of)
        WHERE change IN ('entered', 'exited') AND before IS NOT NULL
            AND segment IN (SELECT segment FROM declared)""")
    _find_turned(con, model)
    con.execute("CREATE OR REPLACE TEMP TABLE ends (day DATE, moment TIMESTAMPTZ)")
    days = con.execute("SELECT DISTINCT unnest([before, as_of]) AS day FROM unexplained").fetchall()
    for (day,) in days:
        con.execute(f"INSERT INTO ends SELECT ?, {end_of(day, model.company.timezone)}", [day])
    selective = [name for name, segment in model.segments.items() if segment.priority_list or segment.cap]
    return {"selective": selective, **SAID}


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
WITH reasons AS (
    SELECT u.as_of, u.segment, u.person_id,
        string_agg(said || ' became ' || is_true, '; ' ORDER BY number) AS reason
    FROM unexplained AS u JOIN declared USING (segment) JOIN turns USING (as_of, person_id, condition)
    WHERE (is_true = wanted) = (change = 'entered')
    GROUP BY ALL),
days AS (
    SELECT as_of, before, this.moment AS day_ends, former.moment AS before_ends
    FROM compared LEFT JOIN ends AS this ON this.day = as_of LEFT JOIN ends AS former ON former.day = before),
segments AS (
    SELECT as_of, segment, count(declared.segment) = 0 AS undeclared, as_of > min(expires) AS has_expired,
        count(e.segment) = 0 AS new, list_contains($selective::VARCHAR[], segment) AS selective
    FROM (SELECT DISTINCT as_of, segment FROM differences) JOIN days USING (as_of)
    LEFT JOIN declared USING (segment)
    LEFT JOIN (SELECT as_of AS before, segment FROM {EVALUATIONS}) AS e USING (before, segment)
    GROUP BY as_of, segment)
SELECT d.* REPLACE (CASE WHEN d.change IN ('entered', 'exited') THEN coalesce(reasons.reason, CASE
        WHEN undeclared THEN $undeclared
        WHEN d.change = 'exited' AND has_expired THEN $has_expired
        WHEN d.change = 'entered' AND new THEN $new
        WHEN g.person_id IS NULL OR g.first_seen >= day_ends THEN $gone
        WHEN g.first_seen >= before_ends THEN $first_seen
        WHEN selective THEN $chosen_anew
        ELSE $known_differently END) END AS reason)
FROM differences AS d JOIN days USING (as_of) JOIN segments USING (as_of, segment)
LEFT JOIN reasons USING (as_of, segment, person_id)
LEFT JOIN {CATALOG}.profiles.golden_records AS g ON g.person_id =
    CASE WHEN reasons.reason IS NULL AND d.change IN ('entered', 'exited') AND NOT (d.change = 'entered' AND new)
    THEN d.person_id END
"""
"""SELECT of ``differences`` with the ``reason`` of who entered or exited.

When somebody was first seen is looked up for nobody else: the entries of a first day are as many as the memberships.
"""


def _find_turned(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Make ``turns`` (as_of, person_id, condition, is_true): noted when the day was evaluated, else found out now."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE noted AS
        SELECT as_of FROM {TURNED} AS t JOIN compared USING (as_of, before)
        WHERE t.person_id IS NULL AND evaluated_at = made_at AND before_made_at <= made_at;
        CREATE OR REPLACE TEMP TABLE turns AS
        SELECT as_of, person_id, condition, is_true FROM {TURNED}
        SEMI JOIN noted USING (as_of) SEMI JOIN unexplained USING (as_of, person_id) WHERE condition IS NOT NULL""")
    pairs = con.execute("SELECT DISTINCT as_of, before FROM unexplained ANTI JOIN noted USING (as_of)").fetchall()
    days = {day for day, _ in pairs}
    for day in evaluate_each(con, model, sorted({*days, *(before for _, before in pairs)})) if days else ():
        if day in days:
            con.execute(
                """INSERT INTO turns SELECT ?, person_id, condition, is_true FROM turned
                SEMI JOIN unexplained USING (person_id) WHERE condition IS NOT NULL""",
                [day],
            )
