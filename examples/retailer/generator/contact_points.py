"""The e-mail addresses and phone numbers of people: personal ones unique, family e-mails and landlines shared
at home.

A phone is kept as `area-local` digits without the trunk zero; `dirt.py` writes it the way each system would.
"""

from datetime import date

import duckdb
import pyarrow as pa

from .lives import NEVER

_DOMAINS = {
    "GB": """gmail.com*8 outlook.com*3 hotmail.co.uk*4 yahoo.co.uk*3 icloud.com*3 btinternet.com*2 live.co.uk
        sky.com
    talktalk.net virginmedia.com googlemail.com""",
    "DE": """gmail.com*6 gmx.de*6 web.de*6 t-online.de*3 outlook.de*2 icloud.com*2 yahoo.de freenet.de
        posteo.de gmx.net
    googlemail.com arcor.de""",
    "US": """gmail.com*12 yahoo.com*4 icloud.com*3 outlook.com*2 hotmail.com*2 aol.com*2 comcast.net
        verizon.net att.net
    proton.me""",
}
_MOBILE_AREAS = {
    "GB": "7400 7415 7427 7500 7512 7538 7702 7711 7725 7740 7763 7780 7801 7812 7835 7850 7871 7890 7903",
    "DE": "1511 1512 1515 1516 1517 1573 1575 1577 1578 1590 160 170 171 172 173 174 175 177 178 179",
}
# local part of a personal address: (share of people, SQL over first, last, nick, yy, yyyy, digits)
_LOCAL_PARTS = [
    (0.30, "first || '.' || last"),
    (0.12, "first || last"),
    (0.12, "first[1] || '.' || last"),
    (0.10, "first || '.' || last || yy"),
    (0.08, "last || '.' || first"),
    (0.08, "first || yyyy"),
    (0.08, "first[1] || last || digits"),
    (1.00, "nick || '.' || last || digits"),
]
_FAMILY = {"GB": "'the' || last || 's'", "DE": "'familie.' || last", "US": "last || 'family'"}


def _chosen(options: list[tuple[float, str]], draw: str) -> str:
    """A CASE that picks each option with its share of the uniform `draw`."""
    reached, branches = 0.0, []
    for share, expression in options:
        reached += share
        branches.append(f"WHEN {draw} < {reached:.3f} THEN {expression}")
    return f"CASE {' '.join(branches)} END"


def _domains() -> pa.Table:
    pools = {
        country: [d for word in text.split() for d in [word.split("*")[0]] * int((word + "*1").split("*")[1])]
        for country, text in _DOMAINS.items()
    }
    return pa.table({"country": list(pools), "domains": list(pools.values())})


def create_emails(con: duckdb.DuckDBPyConnection, start: date) -> None:
    """`emails`: person, email, email_2 (beside the first, mostly null), email_new (after `email_day`)."""
    con.register("domain_rows", _domains())
    family = "CASE country " + " ".join(f"WHEN '{c}' THEN {local}" for c, local in _FAMILY.items()) + " END"
    surname = "CASE WHEN family_email AND kind = 0 THEN family_name ELSE last_name END"
    ascii_name = "regexp_replace(ascii_of({}), '[^a-z]', '', 'g')"
    con.execute(f"""
        CREATE TABLE emails AS
        WITH wanted AS (
            SELECT *, unnest([0, 1, 2]) AS kind FROM drawn
        ), spelled AS (
            SELECT person, household, country, kind, family_email AND kind = 0 AS family, person * 4 + kind
                AS k,
                {ascii_name.format("first_name")} AS first,
                    {ascii_name.format(surname)} AS last,
                {ascii_name.format("coalesce(pick(short, u(person, 'nickname')), first_name)")} AS nick,
                year(DATE '{start}' - age)::VARCHAR AS yyyy, substr(yyyy, 3) AS yy
            FROM wanted LEFT JOIN nickname_rows ON full_name = first_name
            WHERE kind = 0 OR (kind = 1 AND second_email) OR (kind = 2 AND email_day < {NEVER})
        ), proposed AS (
            SELECT s.*, (h(k, 'digits') % 99)::VARCHAR AS digits,
                CASE WHEN family THEN {family} || household ELSE {_chosen(_LOCAL_PARTS, "u(k, 'local')")} END
                    AS local,
                pick(domains, u(CASE WHEN family THEN household ELSE k END, 'domain')) AS domain
            FROM spelled s JOIN domain_rows d USING (country)
        ), numbered AS (
            SELECT *, row_number() OVER (PARTITION BY local, domain ORDER BY person, kind) AS n FROM proposed
        )
        SELECT person, max(address) FILTER (kind = 0) AS email, max(address) FILTER (kind = 1) AS email_2,
            max(address) FILTER (kind = 2) AS email_new
        FROM (
            SELECT *, local || CASE WHEN n > 1 AND NOT family THEN '.' || k ELSE '' END || '@'
                || domain AS address
            FROM numbered
        )
        GROUP BY person
    """)
    con.unregister("domain_rows")


def create_phones(con: duckdb.DuckDBPyConnection) -> None:
    """`phones`: person, mobile (unique but for recycled numbers), landline (the household's, null for many)."""
    areas = {country: text.split() for country, text in _MOBILE_AREAS.items()}
    con.register("area_rows", pa.table({"country": list(areas), "areas": list(areas.values())}))
    # multiplication by a number coprime to the range visits every local number once: unique, and not in order
    con.execute("""
        CREATE TABLE phones AS
        WITH numbered AS (
            SELECT d.person, d.country, d.recycled, d.recycled_from,
                CASE country
                    WHEN 'GB' THEN pick(areas, u(person, 'area')) || '-'
                    || lpad(((person * 700001 + 271) % 1000000)::VARCHAR, 6, '0')
                    WHEN 'DE' THEN pick(areas, u(person, 'area')) || '-'
                        || lpad(((person * 7654321 + 31337) % 10000000)::VARCHAR, 7, '0')
                    ELSE dialling || '-' || us_local((person * 2654437 + 77) % 3950000 * 2)
                END AS mobile,
                CASE WHEN has_landline THEN dialling || '-' || CASE country
                    WHEN 'US' THEN us_local((household * 1654431 + 99) % 3950000 * 2 + 1)
                    ELSE (local_low + (household * 7654321 + 4711) % (local_high - local_low))::VARCHAR
                END END AS landline
            FROM drawn d JOIN addresses a ON a.address = d.address LEFT JOIN area_rows USING (country)
        )
        SELECT n.person, CASE WHEN n.recycled AND other.country = n.country THEN other.mobile
            ELSE n.mobile END AS mobile, n.landline
        FROM numbered n JOIN numbered other ON other.person = CASE WHEN n.recycled THEN n.recycled_from
            ELSE n.person END
    """)
    con.unregister("area_rows")
