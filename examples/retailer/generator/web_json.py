"""How a web event is spelled: the JSON of the Segment specification, built from parts that repeat.

What depends only on the step (its kind, product and country) is spelled once in `steps`; what depends on the
session once in `session_parts`; an event's line puts them together with its own id and times.
"""

import duckdb

from .catalogue import CATEGORIES, PRODUCTS_PER_CATEGORY

# kinds of steps: (event name of a track call, path, properties)
_PRODUCT = """'{"product_id":"' || product_id || '","name":"' || product_name || '","category":"' || category
    || '","price":' || price || ',"currency":"' || currency || '"'"""
_KINDS = {
    0: (None, "'/c/' || lower(category)", "'{\"category\":\"' || category || '\"'"),
    1: (None, "'/p/' || lower(product_id)", _PRODUCT),
    2: ("Product Viewed", "'/p/' || lower(product_id)", _PRODUCT),
    3: ("Product List Viewed", "'/c/' || lower(category)", "'{\"category\":\"' || category || '\"'"),
    4: ("Products Searched", "'/search'", "'{\"query\":\"' || lower(product_name) || '\"'"),
    5: ("Product Added", "'/cart'", _PRODUCT + " || ',\"quantity\":1'"),
    6: (
        "Checkout Started",
        "'/checkout'",
        "'{\"value\":' || price || ',\"currency\":\"' || currency || '\"'",
    ),
    7: ("Order Completed", "'/checkout/done'", "'{\"currency\":\"' || currency || '\"'"),
    8: ("identify", "'/account'", '\'{"section":"account"\''),
    9: (None, "'/'", '\'{"section":"home"\''),
}
_PRODUCTS = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
HOME = "CASE home WHEN 'GB' THEN 0 WHEN 'DE' THEN 1 ELSE 2 END"
STEP = f"(kind * {_PRODUCTS} + product) * 3 + home_no"  # the key of `steps`


def create_steps(con: duckdb.DuckDBPyConnection) -> None:
    """`steps`: the three texts of a step; `opening` of its type and event, `properties`, `page` without the
    referrer.
    """
    kinds = " UNION ALL ".join(
        f"""SELECT {kind} AS kind, product, home_no, price, site || {path} AS url, {path} AS path,
            {properties} AS properties,
            '{_opening(kind, name)}' AS opening FROM offered"""
        for kind, (name, path, properties) in _KINDS.items()
    )
    con.execute(f"""
        CREATE TABLE steps AS
        WITH offered AS (
            SELECT p.*, {HOME} AS home_no, price_in(home, "GBP", "EUR", "USD")::DECIMAL(12, 2)::VARCHAR
                AS price,
                currency_of(home) AS currency,
                'https://shop.example/' || CASE home WHEN 'GB' THEN 'uk' WHEN 'DE' THEN 'de'
                    ELSE 'us' END AS site
            FROM products p, (VALUES ('GB'), ('DE'), ('US')) AS t(home)
        )
        SELECT {STEP} AS step, opening, ',"properties":' || properties || ',"url":"' || url
            || '"' AS properties,
            ',"page":{{"url":"' || url || '","path":"' || path || '","referrer":"' AS page
        FROM ({kinds})
    """)


def _opening(kind: int, name: str | None) -> str:
    if name is None:
        return '"type":"page"'
    return '"type":"identify"' if kind == 8 else f'"type":"track","event":"{name}"'


_AGENTS_MOBILE = """[
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 Chrome/137.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (Linux; Android 14; SM-S921B) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36']"""
_AGENTS_DESKTOP = """[
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0']"""
_AGENTS_BOT = """['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)', 'python-requests/2.32.3']"""
_CAMPAIGNS = """['"source":"google","medium":"cpc","name":"brand"',
    '"source":"newsletter","medium":"email","name":"weekly"',
    '"source":"facebook","medium":"paid_social","name":"summer"',
    '"source":"idealo","medium":"comparison","name":"feed"']"""
_REFERRERS = "['https://www.google.com/', '', 'https://duckduckgo.com/', 'https://www.instagram.com/', '']"
_IP = """concat(80 + h(household, 'ip a') % 100, '.', h(household, 'ip b') % 256, '.',
    h(household, 'ip c') % 256, '.',
    1 + h(CASE WHEN s.mobile THEN machine ELSE household END, 'ip d') % 254)"""


def session_parts(accounts: str) -> str:
    """A query, one row a tracked session; `accounts` has the identified ones' accounts (sk, email, names)."""
    return f"""
        SELECT s.sk, concat('"', anonymous_id(s.device), '"') AS anonymous,
            CASE WHEN s.identified THEN concat('"', s.account, '"') ELSE 'null' END AS user_id,
            CASE WHEN s.identified THEN concat(',"traits":', to_json(struct_pack(
                email := a.email, "firstName" := a.first_name, "lastName" := a.last_name))) END AS traits,
            concat(',"context":{{"ip":"', CASE WHEN s.sk < 0 THEN '66.249.66.' || (-s.device) ELSE {_IP} END,
                '","userAgent":"',
                CASE WHEN s.sk < 0 THEN ({_AGENTS_BOT})[(-s.device)::INTEGER]
                WHEN s.mobile THEN pick({_AGENTS_MOBILE}, u(machine, 'agent'))
                ELSE pick({_AGENTS_DESKTOP}, u(machine, 'agent')) END,
                '","locale":"', CASE s.home WHEN 'GB' THEN 'en-GB' WHEN 'DE' THEN 'de-DE' ELSE 'en-US' END,
                '","timezone":"', s.timezone,
                '","device":{{"type":"', CASE WHEN s.mobile THEN 'mobile' ELSE 'desktop' END, '"}}',
                CASE WHEN s.sk >= 0 AND u(s.sk, 'campaign') < .25
                    THEN concat(',"campaign":{{', pick({_CAMPAIGNS}, u(s.sk, 'which campaign')), '}}') END)
                    AS context,
            pick({_REFERRERS}, u(s.sk, 'referrer')) AS referrer
        FROM sessions s LEFT JOIN (SELECT sk, email, first_name, last_name FROM {accounts}) a ON a.sk = s.sk
        WHERE s.tracked"""


def _time(milliseconds: str) -> str:
    return f"strftime(make_timestamp(({milliseconds}) * 1000), '%Y-%m-%dT%H:%M:%S.%gZ')"


_ORIGINAL = f"""CASE broken WHEN 0 THEN {_time("happened + skew")}
    WHEN 3 THEN pick(['not-a-date', '0000-00-00T00:00:00.000Z', '2026-13-45T99:99:99Z'], u(ek, 'bad time'))
    WHEN 4 THEN '2031' || substr({_time("happened + skew")}, 5) ELSE {_time("happened + skew")} END"""
# an event's JSON from web_events, session_parts (s), steps (t) and the order it completes (o)
_JSON = f"""concat('{{"messageId":"ajs-', hex16(ek, 'message'), '",', t.opening,
    ',"anonymousId":', CASE broken WHEN 2 THEN 'null' ELSE s.anonymous END,
    ',"userId":', CASE WHEN known THEN s.user_id ELSE 'null' END, CASE kind WHEN 8 THEN s.traits END,
    t.properties, CASE kind WHEN 7 THEN concat(',"order_id":"', o.order_id, '","value":', o.total) END, '}}',
    s.context, t.page, CASE k WHEN 1 THEN s.referrer ELSE 'https://shop.example/' END,
        '"}}}},"originalTimestamp":"', {_ORIGINAL},
    '","sentAt":"', {_time("sent_at + skew")}, '","receivedAt":"', {_time("received")}, '"}}', chr(10))"""


def event_lines(condition: str) -> str:
    """A query of the batch's events that meet a condition on `file_day`: day, received, ek, copy, line;
    broken ones cut.
    """
    return f"""
        SELECT day, received, ek, copy,
            CASE broken WHEN 1 THEN left(line, 150 + (h(ek, 'cut') % 200)::INTEGER) || chr(10)
                ELSE line END AS line
        FROM (
            SELECT file_day AS day, received, ek, copy, broken, {_JSON} AS line
            FROM web_events e JOIN session_parts s ON s.sk = e.sk JOIN steps t ON t.step = e.step
            LEFT JOIN (SELECT sk, order_id, total FROM orders) o ON o.sk = e.sk AND e.kind = 7
            WHERE {condition}
        )"""
