"""The web shop's event stream as Segment delivers it: late, twice, with wrong clocks, crawled by bots,
sometimes broken.
"""

import duckdb

from . import rates
from .files import Landing, gzipped
from .known import known
from .web_json import HOME, STEP, create_steps, event_lines, session_parts

LATE_DAYS = 3


def create_web(con: duckdb.DuckDBPyConnection) -> None:
    """The steps' texts, and the lines whose file is of a day after their batch."""
    create_steps(con)
    con.execute("CREATE TABLE web_pending (day BIGINT, received BIGINT, ek BIGINT, copy INTEGER, line VARCHAR)")


def render_events(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Turn the tracked `sessions` of the batch into `web_events` and `session_parts`.

    `kind` of an event: 0 page, 1 product page, 2 Product Viewed, 3 Product List Viewed, 4 Products Searched,
    5 Product Added, 6 Checkout Started, 7 Order Completed, 8 identify, 9 start page. Times are milliseconds
    since 1970.
    """
    epoch = f"epoch_ms(DATE '{landing.start}')"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE web_events AS
        WITH stepped AS (
            SELECT sk, day, skew, k, k >= login_at AS known, {HOME} AS home_no, CASE WHEN sk < 0
                THEN sk * 1000000 - k ELSE sk * 64 + k END AS ek, u(ek, 'kind') AS draw,
                CASE WHEN buys AND k = events THEN 7
                    WHEN identified AND k = login_at THEN 8
                    WHEN k = 1 THEN 9
                    WHEN buys AND k = events - 1 THEN 6
                    WHEN carts AND NOT buys AND k = events AND draw < .5 THEN 6
                    WHEN carts AND k BETWEEN events - 2 AND events - 1 THEN 5
                    WHEN draw < .12 THEN 0 WHEN draw < .38 THEN 1 WHEN draw < .80 THEN 2
                    WHEN draw < .92 THEN 3
                    ELSE 4 END AS kind,
                product_of(CASE WHEN sk < 0 THEN ek ELSE person END, ek) AS product, {STEP} AS step,
                {epoch} + 86400000 * day::BIGINT + second * 1000 + (k - 1) * gap + CASE WHEN sk < 0 THEN 0
                    ELSE h(ek, 'jitter') % 7000 END AS happened
            FROM sessions, unnest(range(1, events + 1)) AS t(k) WHERE tracked
        ), sent AS (
            -- what makes a visitor known (the first events, the order) is never late or broken
            SELECT * EXCLUDE (draw), k > 2 AND kind NOT IN (7, 8) AND sk >= 0
                AND u(ek, 'late') < {rates.LATE_EVENT} AS late,
                CASE WHEN k <= 2 OR kind IN (7, 8) OR sk < 0 OR draw2 >= {_broken(4)} THEN 0
                    WHEN draw2 < {_broken(1)} THEN 1
                    WHEN draw2 < {_broken(2)} THEN 2 WHEN draw2 < {_broken(3)} THEN 3 ELSE 4 END AS broken,
                CASE WHEN late THEN {epoch} + 86400000 * (day + 1 + h(ek, 'days late') % {LATE_DAYS})::BIGINT
                    + h(ek, 'reconnects') % 80000000 ELSE happened + h(ek, 'batch') % 4000 END AS sent_at,
                sent_at + 40 + h(ek, 'network') % 900 AS received
            FROM (SELECT *, u(ek, 'broken') AS draw2 FROM stepped)
        ), copies AS (
            SELECT *, 0 AS copy FROM sent
            UNION ALL BY NAME
            SELECT * REPLACE (
                CASE WHEN u(ek, 'again next day') < .5 THEN received + 200 + h(ek, 'again') % 1500
                ELSE received - (received - {epoch}) % 86400000 + 86400000 + h(ek, 'again') % 80000000 END
                AS received), 1 AS copy
            FROM sent WHERE sk >= 0 AND u(ek, 'twice') < {rates.DUPLICATE_EVENT}
        )
        SELECT * EXCLUDE (draw2), ((received - {epoch}) // 86400000)::BIGINT AS file_day FROM copies
    """)
    identified = "SELECT account_rec AS rec, sk, day FROM sessions WHERE identified"
    accounts = known(f"(SELECT * FROM shop_records JOIN ({identified}) USING (rec))", "shop")
    con.execute(f"CREATE OR REPLACE TEMP TABLE session_parts AS {session_parts(accounts)}")


def _broken(kinds: int) -> float:
    parts = (rates.MALFORMED_LINE, rates.NULL_ANONYMOUS_ID, rates.INVALID_TIMESTAMP, rates.FUTURE_EVENT)
    return sum(parts[:kinds])


def write_events(con: duckdb.DuckDBPyConnection, landing: Landing, write: bool) -> None:
    """Write the batch's files and keep the lines of later days; without `write` only keep them."""
    if write:
        rows = con.execute(f"""
            SELECT day, line FROM (
                {event_lines(f"file_day <= {landing.last}")}
                UNION ALL SELECT * FROM web_pending WHERE day BETWEEN {landing.first} AND {landing.last}
            ) ORDER BY day, received, ek, copy
        """)
        landing.write_lines(rows, "web/events", "ndjson.gz", gzipped)
    con.execute(f"DELETE FROM web_pending WHERE day <= {landing.last}")
    con.execute(f"INSERT INTO web_pending {event_lines(f'file_day > {landing.last}')}")
