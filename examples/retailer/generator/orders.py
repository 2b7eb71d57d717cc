"""The web shop's orders and order lines: placed in a session, often by guests, sometimes gifts, cancelled or
returned later.
"""

import duckdb

from . import rates
from .files import Landing
from .known import NO_PAST, known

KEEP_DAYS = 40  # no order changes state later than this


def create_guests(con: duckdb.DuckDBPyConnection) -> None:
    """Whose order every guest order is, for the truth."""
    con.execute("CREATE TABLE guests (order_id VARCHAR, person BIGINT)")


def place_orders(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Turn the buying `sessions` of the batch into `new_lines` and rows of `orders`."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE new_orders AS
        SELECT *, currency_of(home) AS currency, 1 + waiting(u(sk, 'lines'), 0.9) AS lines,
            DATE '{landing.start}'::TIMESTAMP + to_milliseconds(86400000 * day::BIGINT + second * 1000 +
                (events - 1) * gap) AS placed_at,
            'O' || strftime(DATE '{landing.start}' + day, '%y%m%d') || '-'
                || lpad((row_number() OVER (PARTITION BY day ORDER BY second, sk))::VARCHAR, 5, '0')
                AS order_id,
            u(sk, 'gift') < {rates.GIFT} AS gift
        FROM sessions WHERE buys
    """)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE new_lines AS
        SELECT o.day, o.sk, order_id || '-' || n AS line_id, order_id, n, p.product, p.product_id,
            p.product_name, p.category,
            1 + waiting(u(o.sk * 16 + n, 'quantity'), 0.4) AS quantity,
            price_in(home, "GBP", "EUR", "USD")::DECIMAL(12, 2) AS unit_price,
            (quantity * unit_price)::DECIMAL(12, 2) AS line_total, currency, placed_at
        FROM new_orders o, unnest(range(1, least(lines, 12) + 1)) AS t(n), products p
        WHERE p.product = product_of(o.person, o.sk * 16 + n)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE priced AS
        WITH summed AS (SELECT sk, sum(line_total)::DECIMAL(12, 2) AS goods FROM new_lines GROUP BY sk)
        SELECT o.*, goods, u(sk, 'other e-mail') < .25 AS second_email,
            CASE WHEN u(sk, 'coupon') < .15 THEN pick(['SUMMER10', 'WELCOME10', 'VIP15'],
                u(sk, 'which coupon')) END AS coupon,
            (goods * CASE coupon WHEN 'VIP15' THEN .15 WHEN 'SUMMER10' THEN .10 WHEN 'WELCOME10' THEN .10
                ELSE 0 END)::DECIMAL(12, 2) AS discount,
            CASE WHEN goods >= 50 THEN 0 ELSE 4.95 END::DECIMAL(12, 2) AS shipping,
            CASE WHEN NOT gift THEN person WHEN u(sk, 'to family') < .4 THEN greatest(0, person - 1)
                ELSE h(sk, 'to whom') % (SELECT count(*) FROM people) END AS receiver,
            CASE WHEN u(sk, 'fate') < {rates.CANCELLED} THEN 'cancelled'
                WHEN u(sk, 'fate') < {rates.CANCELLED + rates.RETURNED} THEN 'returned'
                WHEN u(sk, 'fate') < {rates.CANCELLED + rates.RETURNED + rates.PARTIALLY_RETURNED}
                THEN 'partially_returned'
                ELSE 'completed' END AS fate,
            CASE fate WHEN 'completed' THEN NULL WHEN 'cancelled' THEN day + h(sk, 'lag') % 3
                ELSE day + 4 + h(sk, 'lag') % 18 END AS fate_day
        FROM new_orders o JOIN summed USING (sk)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE rendered AS
        SELECT o.day, o.sk, o.person, o.order_id, CASE WHEN o.identified THEN o.account END AS account_id,
            CASE WHEN NOT o.identified THEN g.email END AS guest_email,
            CASE WHEN NOT o.identified THEN g.first_name || ' ' || g.last_name END AS guest_name,
            CASE WHEN NOT o.identified THEN g.mobile END AS guest_phone,
            s.first_name || ' ' || s.last_name AS ship_name, s.street AS ship_street, s.city AS ship_city,
            s.postal_code AS ship_postal_code, s.home AS ship_country, o.currency,
            (o.goods - o.discount + o.shipping)::DECIMAL(12, 2) AS total, o.discount, o.shipping,
            CASE WHEN o.mobile AND u(o.sk, 'app') < .3 THEN 'app' WHEN o.mobile THEN 'mobile_web'
                ELSE 'web' END AS channel,
            o.coupon, o.placed_at, o.fate, o.fate_day::INTEGER AS fate_day
        FROM priced o
        JOIN {known(_as_record("person"), "guest")} g ON g.rec = o.sk
        JOIN {known(_as_record("receiver"), "guest")} s ON s.rec = o.sk
    """)
    con.execute("CREATE TABLE IF NOT EXISTS orders AS SELECT * FROM rendered LIMIT 0")
    con.execute(f"DELETE FROM orders WHERE day < {landing.first - KEEP_DAYS}")
    con.execute("INSERT INTO orders SELECT * FROM rendered")
    con.execute("INSERT INTO guests SELECT order_id, person FROM rendered WHERE account_id IS NULL")


def _as_record(person: str) -> str:
    return f"(SELECT sk AS rec, {person} AS person, day, day AS start_day, second_email, {NO_PAST} FROM priced)"


def write_orders(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """New orders, and older ones again on the day their state changes; lines once."""
    columns = """order_id, account_id, guest_email, guest_name, guest_phone, ship_name, ship_street,
        ship_city, ship_postal_code, ship_country"""
    money = "currency, total, discount, shipping, channel, coupon, placed_at AT TIME ZONE 'UTC' AS ordered_at"
    batch = f"BETWEEN {landing.first} AND {landing.last}"
    rows = con.execute(f"""
        SELECT day, {columns}, CASE WHEN fate_day = day THEN fate ELSE 'completed' END AS status, {money},
            ordered_at + CASE WHEN fate_day = day THEN INTERVAL 20 MINUTE
                ELSE INTERVAL 0 MINUTE END AS updated_at
        FROM orders WHERE day {batch}
        UNION ALL
        SELECT fate_day, {columns}, fate, {money},
            (DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 * fate_day::BIGINT + 28800
                + h(sk, 'fate at') % 36000)) AT TIME ZONE 'UTC'
        FROM orders WHERE fate_day {batch} AND fate_day > day
        ORDER BY day, updated_at, order_id
    """)
    landing.write_parquet(rows, "shop/orders")
    rows = con.execute("""
        SELECT l.day, line_id, order_id, account_id, product_id, product_name, category, quantity, unit_price,
            line_total, l.currency, l.placed_at AT TIME ZONE 'UTC' AS ordered_at
        FROM new_lines AS l JOIN rendered USING (order_id) ORDER BY l.day, order_id, n
    """)
    landing.write_parquet(rows, "shop/order_lines")
