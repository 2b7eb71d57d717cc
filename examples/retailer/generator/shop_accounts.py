"""The web shop's customer accounts, created or changed on a day."""

import duckdb

from .files import Landing
from .known import known
from .records import changed_on, consents, updated_at

_SMS = "u(rec, 'sms') < .2"
_ADDRESS = """struct_pack(street := street, city := city, region := region, postal_code := postal_code,
    country := CASE WHEN street IS NULL THEN NULL ELSE home END)"""


def write_accounts(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Needs the shop's records and changes, and `pos_records`: half the card holders entered its number."""
    rows = con.execute(f"""
        SELECT day, id AS account_id, email, first_name, last_name, mobile AS phone, birth_date,
            {_ADDRESS} AS address,
            {consents("opted_in")} AS marketing_email,
            mobile IS NOT NULL AND {consents(_SMS)} AS marketing_sms,
            CASE WHEN card_day <= day AND u(rec, 'entered card') < .5 THEN card END AS loyalty_card_id,
            created_at,
            {updated_at(landing.start)} AS updated_at
        FROM {known(changed_on("shop", landing.first, landing.last), "shop")} a
        LEFT JOIN (
            SELECT person AS holder, start_day AS card_day, id AS card FROM pos_records WHERE copy = 0
        ) c ON c.holder = a.person
        UNION ALL BY NAME
        SELECT day, '9' || lpad(day::VARCHAR, 4, '0') || lpad(n::VARCHAR, 4, '0') AS account_id,
            pick(['test@test.com', 'qa@shop.test', 'asdf@asdf.de'], u(k, 'shop test')) AS email,
            'Test' AS first_name, pick(['Test', 'QA', 'asdf'], u(k, 'shop test')) AS last_name, '0000000000'
                AS phone,
            DATE '1970-01-01' AS birth_date, false AS marketing_email, false AS marketing_sms,
            DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 * day::BIGINT - CASE day WHEN 0
                THEN 80000 * (n + 1) ELSE -30000 END)
                AS created_at, created_at AS updated_at
        FROM (SELECT day, n, day * 1000 + n AS k FROM test_days, unnest(range(tests)) AS t(n))
        ORDER BY day, updated_at, account_id
    """)
    landing.write_parquet(rows, "shop/accounts")
