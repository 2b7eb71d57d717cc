"""What differs between the segments of two days, and whose membership went with records to another person. SQL only.

Reads ``compared``: each day (as_of) with the evaluated day before it, and when both were made (made_at,
before_made_at). A membership is of the people that there were when it was made.
"""

import datetime as dt

from cdp_assets.segments.tables import MEMBERSHIPS, TURNED
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

HISTORY = f"{CATALOG}.identity.record_history"

NO_CHANGED_PERSONS = """
CREATE OR REPLACE TEMP TABLE changed_persons (as_of DATE, was VARCHAR, is_now VARCHAR, gone BOOLEAN)"""

CHANGED_PERSONS = f"""
CREATE OR REPLACE TEMP TABLE changed_persons AS
WITH records AS (
    SELECT DISTINCT c.as_of, c.made_at, c.before_made_at, h.record_key
    FROM compared AS c JOIN {HISTORY} AS h
        ON h.since > least(c.made_at, c.before_made_at) AND h.since <= greatest(c.made_at, c.before_made_at)
    WHERE c.before_made_at IS NOT NULL),
pairs AS (
    SELECT r.as_of, any_value(r.made_at) AS made_at,
        arg_max_null(h.person_id, h.since) FILTER (h.since <= r.before_made_at) AS was,
        arg_max_null(h.person_id, h.since) FILTER (h.since <= r.made_at) AS is_now
    FROM records AS r JOIN {HISTORY} AS h USING (record_key) GROUP BY r.as_of, record_key
    HAVING was <> is_now),
-- of the former persons, those that still have a record
left_over AS (
    SELECT p.as_of, arg_max_null(h.person_id, h.since) AS person_id
    FROM (SELECT DISTINCT p.as_of, p.made_at, h.record_key
          FROM pairs AS p JOIN {HISTORY} AS h ON h.person_id = p.was) AS p
    JOIN {HISTORY} AS h ON h.record_key = p.record_key AND h.since <= p.made_at
    GROUP BY p.as_of, p.record_key)
SELECT DISTINCT as_of, was, is_now, (as_of, was) NOT IN (SELECT (as_of, person_id) FROM left_over
    WHERE person_id IS NOT NULL) AS gone
FROM pairs"""
"""Who (``was``) had records, when the day before was made, that are another's (``is_now``) when the day is made.

``gone``: the former person has no record any more. Of the history of records, because that is exact whatever happened
in between, where `identity.person_changes` would have to be followed from person to person.
"""


DIFFERENCE = """
as_of DATE, segment VARCHAR, person_id VARCHAR, other_person_id VARCHAR, change VARCHAR, reason VARCHAR"""


NOTED_DAYS = f"""
SELECT as_of FROM {TURNED} JOIN compared USING (as_of, before)
WHERE person_id IS NULL AND evaluated_at = made_at AND before_evaluated_at = before_made_at"""
"""The days of which the last evaluation noted what differs from the day before, as that was last made."""


def compare_query(day: dt.date, before: dt.date | None, noted: bool = False) -> str:
    """SELECT of the changes of a day against the evaluated day before it, from ``changed_persons`` and the memberships.

    One day at a time: what must be held in memory is two of them, however many are compared. ``noted``: the day is one
    of NOTED_DAYS, so that the memberships of nobody but ``changed_persons`` need to be read.
    """
    on = f"as_of = DATE {literal(str(day))}"
    if not before:
        return f"SELECT as_of, segment, person_id, 'entered' AS change FROM {MEMBERSHIPS} WHERE {on}"
    was_on = f"as_of = DATE {literal(str(before))}"
    differing = f"""
        SELECT segment, person_id, now_in.here IS NOT NULL AS is_now
        FROM (SELECT *, true AS here FROM {MEMBERSHIPS} WHERE {on}) AS now_in
        FULL JOIN (SELECT *, true AS here FROM {MEMBERSHIPS} WHERE {was_on}) AS was_in USING (segment, person_id)
        WHERE now_in.here IS NULL OR was_in.here IS NULL"""
    if noted:
        differing = f"SELECT segment, person_id, is_true AS is_now FROM {TURNED} WHERE {on} AND segment IS NOT NULL"
    return f"""
        WITH differing AS MATERIALIZED ({differing}),
        came AS (SELECT * EXCLUDE (is_now) FROM differing WHERE is_now),
        went AS (SELECT * EXCLUDE (is_now) FROM differing WHERE NOT is_now),
        other AS (FROM changed_persons WHERE {on}),
        now_in AS (
            SELECT segment, person_id FROM {MEMBERSHIPS} SEMI JOIN other ON person_id = other.is_now WHERE {on}),
        was_in AS (
            SELECT segment, person_id FROM {MEMBERSHIPS} SEMI JOIN other ON person_id = other.was WHERE {was_on}),
        came_from AS (
            SELECT came.segment, came.person_id, min(p.was) AS other_person_id
            FROM came JOIN other AS p ON p.is_now = came.person_id
            JOIN was_in ON was_in.segment = came.segment AND was_in.person_id = p.was
            GROUP BY ALL),
        went_to AS (
            SELECT went.segment, went.person_id, gone, min(p.is_now) AS other_person_id
            FROM went JOIN other AS p ON p.was = went.person_id
            JOIN now_in ON now_in.segment = went.segment AND now_in.person_id = p.is_now
            GROUP BY ALL),
        changes AS (
            SELECT segment, person_id, other_person_id,
                CASE WHEN other_person_id IS NULL THEN 'entered' ELSE 'moved' END AS change
            FROM came LEFT JOIN came_from USING (segment, person_id)
            UNION ALL
            SELECT segment, person_id, other_person_id,
                CASE WHEN other_person_id IS NULL THEN 'exited' WHEN gone THEN 'merged' ELSE 'split' END
            FROM went LEFT JOIN went_to USING (segment, person_id))
        SELECT DATE {literal(str(day))} AS as_of, *, NULL::VARCHAR AS reason FROM changes"""
