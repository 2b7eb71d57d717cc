"""The CRM's export: contacts created or changed on a day, and the testers' contacts nobody cleans up."""

import duckdb

from . import rates
from .dirt import BAD_BYTE, PLACEHOLDER_PHONES
from .files import Landing, csv_line, damaged_utf8
from .known import known
from .records import changed_on, consents, updated_at

HEADER = (
    "contact_id,first_name,last_name,email,phone,mobile,date_of_birth,gender,street,city,region,postal_code,country,"
    "company,newsletter_opt_in,created_at,updated_at,owner,deleted\n"
)
_ISO = "strftime({}, '%Y-%m-%dT%H:%M:%SZ')"
_GENDER = """CASE WHEN u(rec, 'gender') < .25 THEN NULL WHEN u(rec, 'gender') < .27 THEN 'unknown'
    WHEN gender = 'f'
    THEN pick(['f', 'F', 'female', 'w', 'Mrs'], u(rec, 'gender form')) ELSE pick(['m', 'M', 'male', 'm',
    'Mr'],
    u(rec, 'gender form')) END"""
_PHONE = f"""CASE WHEN landline IS NULL OR u(rec, 'landline') < {rates.NO_LANDLINE} THEN NULL
    WHEN u(rec, 'fake landline') < .004 THEN pick({PLACEHOLDER_PHONES}, u(rec, 'which landline'))
    ELSE phone_as(home, landline, u(rec, 'landline style')) END"""
_BIRTH_DATE = f"""CASE WHEN birth_date IS NULL THEN NULL WHEN u(rec, 'bad date') < {rates.INVALID_DATE}
    THEN pick(['31.02.2026', '00.00.0000', '0000-00-00', '1985-13-45'], u(rec, 'which bad date'))
    ELSE birth_date::VARCHAR END"""
_COMPANY = """CASE WHEN u(rec, 'company') < .06 THEN replace(last_name, '"', '')
    || pick([' GmbH', ' & Sons, Ltd', ' Inc.',
    ' "Partners"', ' KG'], u(rec, 'company form')) END"""


def write_contacts(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Needs `crm_records` and its changes."""
    consent = f"""CASE WHEN consent_day IS NULL AND u(rec, 'never asked') < .10 THEN NULL
        WHEN {consents("opted_in")} THEN pick(['true', 'true', '1', 'yes'], u(rec, 'yes form'))
        ELSE pick(['false', 'false', '0', 'no'], u(rec, 'yes form')) END"""
    line = csv_line(
        "id first_name shown_name email phone shown_mobile born gender_form street city region postal_code"
        " country_form company opt_in created updated owner gone"
    )
    rows = con.execute(f"""
        WITH contacts AS (
            SELECT day, rec, id, first_name, street, city, postal_code, email, mobile AS shown_mobile,
                CASE WHEN home = 'DE' AND u(rec, 'region') < .6 THEN NULL ELSE region END AS region,
                CASE WHEN u(rec, 'byte') < {rates.INVALID_UTF8}
                    OR rec = (SELECT min_by(rec, h(rec, 'byte')) FROM crm_records WHERE start_day = 0)
                    THEN last_name[1] || '{BAD_BYTE}' || last_name[3:] ELSE last_name END AS shown_name,
                {_PHONE} AS phone, {_BIRTH_DATE} AS born, {_GENDER} AS gender_form, {_COMPANY} AS company,
                CASE WHEN u(rec, 'no country') < .05 THEN NULL ELSE country_as(home, u(rec, 'country form'))
                    END AS country_form,
                {consent} AS opt_in, {_ISO.format("created_at")} AS created,
                {_ISO.format(updated_at(landing.start))} AS updated,
                pick(['mbauer', 'jsmith', 'import', 'import', 'callcenter', 'web'], u(rec, 'owner')) AS owner,
                CASE WHEN delete_day <= day THEN 'true' ELSE 'false' END AS gone
            FROM {known(changed_on("crm", landing.first, landing.last), "crm")}
            UNION ALL BY NAME {_tests(landing)}
        )
        SELECT day, {line} AS line FROM contacts ORDER BY day, updated, id
    """)
    landing.write_lines(rows, "crm/contacts", "csv", damaged_utf8, HEADER)


def _tests(landing: Landing) -> str:
    """Testers' and placeholder contacts: some in the backlog, now and then a new one. In no truth."""
    name = "pick(['Test', 'Testuser', 'asdf', 'N/A', 'Max', 'John', 'xxx'], u(k, 'tester'))"
    return f"""
        SELECT day, 'C9' || lpad(day::VARCHAR, 3, '0') || lpad(n::VARCHAR, 3, '0') AS id, {name}
            AS first_name,
            pick(['Test', 'Testmann', 'asdf', 'N/A', 'Mustermann', 'Doe', 'xxx'], u(k, 'tester'))
                AS shown_name,
            'test@test.com' AS email, '0000000000' AS shown_mobile, '1900-01-01' AS born, 'false' AS opt_in,
                'import' AS owner,
            'Teststr. 1' AS street, 'Test' AS city, '12345' AS postal_code, 'DE' AS country_form, 'false'
                AS gone,
            strftime(moment, '%Y-%m-%dT%H:%M:%SZ') AS created, created AS updated
        FROM (
            SELECT day, n, day * 1000 + n AS k,
                DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 * day::BIGINT - CASE day WHEN 0
                    THEN 90000 * (n + 1) ELSE -40000 END) AS moment
            FROM test_days, unnest(range(tests)) AS t(n)
        )"""


def create_test_days(con: duckdb.DuckDBPyConnection, people: int) -> None:
    """`test_days` view: how many test records each day of the batch brings to the CRM and to the shop."""
    con.execute(f"""
        CREATE TEMP VIEW test_days AS
        SELECT day, CASE day WHEN 0 THEN greatest(3, {people} * {rates.TEST_RECORDS * 0.65})::INTEGER
            ELSE floor({people} * {rates.TEST_RECORDS * 0.35 / 90} + u(day, 'tests'))::INTEGER END AS tests
        FROM days
    """)
