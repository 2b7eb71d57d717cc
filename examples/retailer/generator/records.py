"""The plan of the three systems that keep customer records: which record is created when and on which days it
changes.

One table a system, `crm_records`, `shop_records` and `pos_records`, and its `..._changes` (rec, day). All of
it follows from the population, so it is the same however many days are generated.
"""

from datetime import date

import duckdb

from . import rates

_SYSTEMS = {
    # system: (number, share of people, share of duplicates, id of the n-th record)
    "crm": (0, rates.IN_CRM, rates.CRM_DUPLICATE, "'C' || lpad(n::VARCHAR, 7, '0')"),
    "shop": (1, rates.IN_SHOP, rates.SHOP_DUPLICATE, "(100000 + n)::VARCHAR"),
    "pos": (2, rates.IN_POS, rates.POS_DUPLICATE, "'29' || lpad((n * 7919 % 99999989)::VARCHAR, 8, '0')"),
}
BACKLOG_DAYS = 1800  # the oldest records


def create_records(con: duckdb.DuckDBPyConnection, start: date) -> None:
    """Plan the records of all three systems. Day 0 holds everything created before the window."""
    for system, (number, share, duplicates, record_id) in _SYSTEMS.items():
        con.execute(f"""
            CREATE TABLE {system}_records AS
            WITH chosen AS (
                SELECT person, join_day, move_day, rename_day, email_day, copy, person * 16 + {number * 2} +
                    copy AS rec
                FROM people CROSS JOIN (SELECT unnest([0, 1]) AS copy)
                WHERE u(person, 'in {system}') < {share} AND (copy = 0 OR u(person, 'twice in {system}') <
                    {duplicates})
            ), begun AS (
                SELECT *, CASE
                    WHEN copy = 1 AND u(rec, 'later') < .3 THEN join_day + 1 + waiting(u(rec, 'later by'), 40)
                    WHEN join_day = 0 AND u(rec, 'later') < {rates.ENROLLED_LATER}
                    THEN 1 + waiting(u(rec, 'later by'), 60)
                    WHEN join_day > 0 AND u(rec, 'later') < .3 THEN join_day + waiting(u(rec, 'later by'), 15)
                    ELSE join_day END AS start_day
                FROM chosen
            ), dated AS (
                SELECT *, CASE WHEN start_day = 0
                    THEN DATE '{start}'::TIMESTAMP - to_seconds(1 + floor(86400 * {BACKLOG_DAYS} *
                    u(rec, 'age') ** 1.5)::BIGINT)
                    ELSE DATE '{start}'::TIMESTAMP + to_seconds(86400 * start_day::BIGINT + 25200 +
                    h(rec, 'clock') % 50000)
                    END AS created_at
                FROM begun
            ), numbered AS (
                SELECT *, row_number() OVER (ORDER BY created_at, rec) AS n FROM dated
            )
            SELECT rec, person, copy, start_day, created_at, {record_id} AS id,
                start_day = 0 AND u(rec, 'stale') < {rates.STALE_RECORD} AS stale,
                u(rec, 'second e-mail') < CASE copy WHEN 0 THEN .2 ELSE .6 END AS second_email,
                u(rec, 'opted in') < .5 AS opted_in,
                {_heard("move_day", "move", 20)} AS move_seen,
                {_heard("rename_day", "rename", 30)} AS rename_seen,
                {_heard("email_day", "new e-mail", 10)} AS email_seen,
                CASE WHEN u(rec, 'fixed') < .08 THEN start_day + 1 + waiting(u(rec, 'fixed on'), 60) END
                    AS fix_day,
                CASE WHEN u(rec, 'consents') < .40 THEN start_day + 1 + waiting(u(rec, 'consents on'), 150)
                    END AS consent_day,
                CASE WHEN u(rec, 'consents') < .10 THEN consent_day + 1 + waiting(u(rec, 'reconsiders'), 30)
                    END AS consent_day_2,
                CASE WHEN u(rec, 'deleted') < .03 THEN start_day + 1 + waiting(u(rec, 'deleted on'), 150) END
                    AS delete_day,
                CASE WHEN u(rec, 'touched') < .10 THEN start_day + 1 + waiting(u(rec, 'touched on'), 90) END
                    AS touch_day
            FROM numbered ORDER BY rec
        """)
        con.execute(f"""
            CREATE TABLE {system}_changes AS
            SELECT DISTINCT rec, day FROM (
                SELECT rec, start_day, unnest([start_day, move_seen, rename_seen, email_seen, fix_day,
                    consent_day, consent_day_2, delete_day, touch_day]) AS day
                FROM {system}_records
            )
            WHERE day >= start_day ORDER BY day, rec
        """)
        con.execute(f"DELETE FROM {system}_changes WHERE day > {32000}")


def _heard(event: str, salt: str, mean: int) -> str:
    """SQL: the day this record learns of an event of its person's life; null if it never does or began
    knowing it.
    """
    return f"""CASE WHEN {event} < 30000 AND {event} > start_day AND u(rec, 'hears of {salt}') <
        {rates.RECORD_LEARNS}
        THEN {event} + waiting(u(rec, 'hears of {salt} on'), {mean}) END"""


def changed_on(system: str, first: int, last: int) -> str:
    """A subquery: the records of `system` created or changed on the days first to last, once a day, with
    `day`.
    """
    return f"""(SELECT r.*, c.day FROM {system}_changes c JOIN {system}_records r USING (rec)
        WHERE c.day BETWEEN {first} AND {last})"""


def consents(salt: str) -> str:
    """SQL: whether the record's consent is given on `day`: given or not at first, changed up to twice."""
    flips = "(coalesce(day >= consent_day, false)::INTEGER + coalesce(day >= consent_day_2, false)::INTEGER)"
    return f"(({salt})::INTEGER + {flips}) % 2 = 1"


def updated_at(start: date) -> str:
    """SQL: when the state of `day` was written; for the backlog some time between creation and the window."""
    return f"""CASE WHEN day > start_day
        THEN DATE '{start}'::TIMESTAMP + to_seconds(86400 * day::BIGINT + 21600 + h(person_day(rec, day),
        'saved') % 60000)
        WHEN day = 0 THEN created_at + (DATE '{start}'::TIMESTAMP - created_at) * u(rec, 'saved')
        ELSE created_at END"""
