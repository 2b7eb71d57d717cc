"""Visits to the web shop on the days of a batch: who, on which device, how long, logged in or not, buying or
not.
"""

import duckdb

from . import rates

BOTS = 3


def create_seen(con: duckdb.DuckDBPyConnection) -> None:
    """What the web files have shown so far; the truth lists no device or user that no file names."""
    con.execute("CREATE TABLE seen_devices (device BIGINT, person BIGINT)")
    con.execute("CREATE TABLE seen_users (account VARCHAR, person BIGINT)")
    con.execute("CREATE MACRO anonymous_id(device) AS uuid_of(device, 'anonymous')")


def create_sessions(con: duckdb.DuckDBPyConnection, people: int) -> None:
    """`sessions` of the batch in `days`. A session's key `sk` holds person and day; a crawler's is negative.

    `device` numbers one anonymous id: a device, or what it is called until its cookies are cleared.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE sessions AS
        WITH active AS (
            SELECT p.*, d.day, person_day(person, d.day) AS pd,
                least(6, floor(web_rate * pick([.95, .9, .9, .95, 1.0, 1.15, 1.2], (d.weekday - .5) / 7.0)
                    * CASE WHEN d.day < churn_day THEN 1.0 ELSE {rates.CHURNED_ACTIVITY} END
                    + u(person_day(person, d.day), 'visits')))::INTEGER AS visits
            FROM people p CROSS JOIN days d WHERE p.join_day <= d.day AND visits > 0
        ), visited AS (
            SELECT *, pd * 8 + s AS sk FROM active, unnest(range(visits)) AS t(s)
        ), equipped AS (
            SELECT *, CASE WHEN u(sk, 'device') < .65 THEN 0 ELSE h(sk, 'which device') % devices END AS slot,
                u(sk, 'buys') < buying * CASE WHEN u(person, 'in shop') < {rates.IN_SHOP} THEN 1.4
                    ELSE .45 END AS buys, u(sk, 'carts') < {rates.SESSION_CARTS} AS carts,
                CASE WHEN slot = 0 AND shared_device THEN -household - 1000
                    ELSE person * 4 + slot END AS machine
            FROM visited
        )
        SELECT sk, e.person, e.household, e.day, e.country AS home, e.timezone, tracked, a.id AS account,
            a.rec AS account_rec,
            machine, machine * 64 + CASE WHEN u(machine, 'resets') < {rates.COOKIE_RESET}
                THEN (e.day + h(machine, 'reset') % 30)::BIGINT // 30 % 60 ELSE 0 END AS device,
            slot = 1 OR (slot = 0 AND u(machine, 'mobile') < .6) AS mobile, buys, carts OR buys AS carts,
            least(60, 2 + waiting(u(sk, 'length'), 4.6) + CASE WHEN buys THEN 4 WHEN carts THEN 2
                ELSE 0 END) AS events,
            -- evenings, local time, as seconds of the UTC day
            least(82000, (CASE WHEN u(sk, 'evening') < .45 THEN 17.5 + 5 * u(sk, 'hour')
                ELSE 7 + 8 * (u(sk, 'hour') + u(sk, 'hour 2')) END
                + CASE home WHEN 'GB' THEN 23 WHEN 'DE' THEN 22 ELSE 30 END) % 24 * 3600)::BIGINT AS second,
            8000 + h(sk, 'gap') % 42000 AS gap,
            a.id IS NOT NULL AND u(sk, 'logs in') < CASE WHEN buys THEN .85 ELSE .35 END AS identified,
            CASE WHEN u(sk, 'remembered') < .4 THEN 1 ELSE 2 END AS login_at,
            CASE WHEN u(machine, 'clock') < {rates.WRONG_CLOCK}
                THEN CASE WHEN u(machine, 'fast') < .5 THEN 1 ELSE -1 END * (1 + h(machine, 'by') % 12) *
                3600000 ELSE 0 END AS skew
        FROM equipped e
        LEFT JOIN shop_records a ON a.person = e.person AND a.copy = 0 AND a.start_day <= e.day
    """)
    con.execute(f"""
        INSERT INTO sessions BY NAME
        SELECT -(day * {BOTS} + bot + 1) AS sk, day, 'US' AS home, 'UTC' AS timezone, true AS tracked, -bot -
            1 AS device,
            -bot - 1 AS machine, false AS mobile, false AS buys, false AS carts,
            greatest(40, {people} * {0.4 * rates.BOT_TRAFFIC / BOTS})::INTEGER AS events, 60 AS second,
            86000000 // events AS gap, false AS identified, 99 AS login_at, 0 AS skew
        FROM days, unnest(range({BOTS})) AS t(bot)
    """)
    con.execute("INSERT INTO seen_devices SELECT DISTINCT device, person FROM sessions WHERE tracked AND sk >= 0")
    con.execute("INSERT INTO seen_users SELECT DISTINCT account, person FROM sessions WHERE tracked AND identified")
