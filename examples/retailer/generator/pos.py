"""The tills: receipts line by line, and the loyalty cards. Latin-1, semicolons, decimal commas, local time,
German dates.
"""

import duckdb

from . import rates
from .files import Landing, csv_line, latin1
from .known import known
from .records import changed_on, consents, updated_at

RECEIPT_HEADER = (
    "receipt_no;store_id;store_country;store_timezone;till;card_no;sold_at;article_no;article;category;qty;"
    "amount;currency;type\n"
)
CARD_HEADER = (
    "card_no;holder_name;birth_date;street;city;postal_code;country;email;phone;consent_email;issued_on;changed_on\n"
)
STORES_PER_COUNTRY = 10
STAFF_CARDS = {"GB": "2900000001", "DE": "2900000002", "US": "2900000003"}
_US_ZONES = "['America/New_York', 'America/Chicago', 'America/Denver', 'America/Los_Angeles', 'America/New_York']"
_GERMAN_DATE = "strftime({}, '%d.%m.%Y')"


def write_receipts(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Store visits of the batch; the operator sometimes uses the store's card for a customer without one."""
    staff = " ".join(f"WHEN '{country}' THEN '{card}'" for country, card in STAFF_CARDS.items())
    line = csv_line(
        "receipt_no store_id country timezone till card_no sold article_no product_name category qty amount"
        " currency type",
        ";",
    )
    rows = con.execute(f"""
        WITH visits AS (
            SELECT p.person, p.country, p.household, d.day, person_day(person, d.day) AS k
            FROM people p CROSS JOIN days d
            WHERE p.join_day <= d.day AND u(person_day(person, d.day), 'goes shopping') < least(.9, store_rate
                * pick([.8, .8, .9, .95, 1.2, 1.6, .75], (d.weekday - .5) / 7.0)
                * CASE WHEN u(person, 'in pos') < {rates.IN_POS} THEN 1.5 ELSE .8 END
                * CASE WHEN d.day < churn_day THEN 1.0 ELSE {rates.CHURNED_ACTIVITY} END)
        ), placed AS (
            SELECT v.*, h(CASE WHEN u(k, 'home store') < .8 THEN household
                ELSE k END, 'store') % {STORES_PER_COUNTRY} + 1 AS store,
                country || lpad(store::VARCHAR, 2, '0') AS store_id, 1 + h(k, 'till') % 4 AS till,
                CASE country WHEN 'GB' THEN 'Europe/London' WHEN 'DE' THEN 'Europe/Berlin'
                    ELSE ({_US_ZONES})[(store % 5)::INTEGER + 1] END AS timezone,
                CASE WHEN u(k, 'card') < {rates.CARD_SHOWN} THEN CASE WHEN u(k, 'second card') < .4
                    THEN coalesce(second.id, first.id) ELSE first.id END END AS own_card,
                coalesce(own_card, CASE WHEN u(k, 'staff') < {rates.STAFF_CARD}
                    THEN CASE country {staff} END END) AS card_no,
                540 + floor(640 * (u(k, 'time') + u(k, 'time 2')) / 2)::INTEGER AS minute,
                u(k, 'return') < {rates.RETURN_VISIT} AS returns
            FROM visits v
            LEFT JOIN pos_records first ON first.person = v.person AND first.copy = 0
                AND first.start_day <= v.day
            LEFT JOIN pos_records second ON second.person = v.person AND second.copy = 1
                AND second.start_day <= v.day
        ), numbered AS (
            SELECT *, store_id || '-' || strftime(DATE '{landing.start}' + day, '%y%m%d') || '-'
                || lpad((row_number() OVER (PARTITION BY day, store_id ORDER BY minute, k))::VARCHAR, 4, '0')
                AS receipt_no,
                strftime(DATE '{landing.start}'::TIMESTAMP + to_minutes(1440 * day::BIGINT + minute),
                    '%d.%m.%Y %H:%M') AS sold
            FROM placed
        ), bought AS (
            SELECT *, CASE WHEN returns THEN -1 ELSE 1 + waiting(u(k * 16 + n, 'quantity'), .35) END AS qty,
                product_of(person, k * 16 + n) AS product, currency_of(country) AS currency
            FROM numbered, unnest(range(CASE WHEN returns THEN 1 ELSE 1 + least(9, waiting(u(k, 'basket'),
                1.2)) END)) AS t(n)
        )
        SELECT day, {line} AS line FROM (
            SELECT *, replace(printf('%.2f', qty * price_in(country, "GBP", "EUR", "USD")), '.', ',')
                    AS amount,
                CASE WHEN returns THEN 'RETURN' ELSE 'SALE' END AS type
            FROM bought JOIN products USING (product)
        ) ORDER BY day, receipt_no, n
    """)
    landing.write_lines(rows, "pos/receipts", "csv", latin1, RECEIPT_HEADER)


def write_cards(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Cards issued or changed. The staff cards stand in the backlog with the stores as their holders."""
    holder = """CASE WHEN home = 'DE' THEN last_name || ', ' || first_name
        ELSE first_name || ' ' || last_name END"""
    consent = f"CASE WHEN {consents('opted_in')} THEN CASE home WHEN 'DE' THEN 'J' ELSE 'Y' END ELSE 'N' END"
    born = f"""CASE WHEN birth_date IS NULL THEN NULL WHEN u(rec, 'bad date') < {rates.INVALID_DATE}
        THEN pick(['31.02.2026', '00.00.0000'], u(rec, 'which bad date'))
        ELSE {_GERMAN_DATE.format("birth_date")} END"""
    line = csv_line("id holder born street city postal_code country email phone consent issued changed", ";")
    staff = ", ".join(f"('{card}', '{country}')" for country, card in STAFF_CARDS.items())
    rows = con.execute(f"""
        WITH cards AS (
            SELECT day, id, {holder} AS holder, {born} AS born, street, city, postal_code, home AS country,
                email,
                CASE WHEN mobile IS NULL AND landline IS NOT NULL AND u(rec, 'landline') < .5
                    THEN phone_as(home, landline, .4)
                    ELSE mobile END AS phone,
                {consent} AS consent, {_GERMAN_DATE.format("created_at")} AS issued,
                {_GERMAN_DATE.format(updated_at(landing.start))} AS changed
            FROM {known(changed_on("pos", landing.first, landing.last), "pos")}
            UNION ALL BY NAME
            SELECT 0 AS day, card AS id, CASE country WHEN 'DE' THEN 'Mitarbeiterkarte'
                ELSE 'STAFF CARD' END AS holder, country,
                'N' AS consent, '01.01.2020' AS issued, '01.01.2020' AS changed
            FROM (VALUES {staff}) AS t(card, country) WHERE {landing.first} = 0
        )
        SELECT day, {line} AS line FROM cards ORDER BY day, id
    """)
    landing.write_lines(rows, "pos/cards", "csv", latin1, CARD_HEADER)
