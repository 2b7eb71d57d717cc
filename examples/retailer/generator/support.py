"""The help desk's tickets: after returns and out of the blue, each seen again when its status changes."""

import duckdb

from . import rates
from .files import Landing, json_array
from .known import NO_PAST, known

KEEP_DAYS = 20
# subject|description; {} is the order
_SUBJECTS = {
    (
        "after",
        "en",
    ): """Return of order {}|I sent back order {} but have not received my refund yet. Please check.
        Refund missing|My return for {} arrived last week. When do I get my money back?""",
    ("after", "de"): """Rücksendung zu {}|Ich habe {} zurückgeschickt, aber noch keine Erstattung erhalten.
        Erstattung fehlt|Meine Retoure zu {} ist angekommen. Wann bekomme ich mein Geld zurück?""",
    ("other", "en"): """Question about delivery|Do you deliver to a parcel locker?
        Cannot log in|The password reset mail never arrives.
        Change my address|I have moved, please update my address.
        Loyalty points|My points from last week are missing.""",
    ("other", "de"): """Frage zur Lieferung|Liefern Sie auch an eine Packstation?
        Anmeldung klappt nicht|Die E-Mail zum Passwort kommt nicht an.
        Adressänderung|Ich bin umgezogen, bitte ändern Sie meine Adresse.
        Treuepunkte|Meine Punkte der letzten Woche fehlen.""",
}


def create_seen(con: duckdb.DuckDBPyConnection) -> None:
    """Requesters the ticket files have named so far."""
    con.execute("CREATE TABLE seen_requesters (requester VARCHAR, person BIGINT)")


def open_tickets(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Open the batch's tickets: some of the orders sent back that day, some of the people of any kind."""
    batch = f"BETWEEN {landing.first} AND {landing.last}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE opened AS
        WITH causes AS (
            SELECT fate_day AS day, sk AS rec, person, order_id FROM orders
            WHERE fate_day {batch} AND fate <> 'completed' AND u(sk, 'complains') <
                {rates.TICKET_AFTER_RETURN}
            UNION ALL
            SELECT d.day, person_day(person, d.day) * 4 + 3, person, NULL FROM people p CROSS JOIN days d
            WHERE p.join_day <= d.day AND u(person_day(person, d.day), 'asks') < {rates.TICKETS_PER_DAY}
        )
        SELECT *, day AS start_day, u(rec, 'other e-mail') < .25 AS second_email, {NO_PAST},
            DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 * day::BIGINT + 25200 + h(rec, 'writes') %
                50000) AS asked_at,
            'T' || lpad(day::VARCHAR, 4, '0') || lpad((row_number() OVER (PARTITION BY day
                ORDER BY h(rec, 'writes') % 50000, rec))
                ::VARCHAR, 5, '0') AS ticket_id
        FROM causes
    """)
    language = "(CASE home WHEN 'DE' THEN 'de' ELSE 'en' END)"
    text = f"""(CASE WHEN order_id IS NOT NULL THEN CASE {language} WHEN 'de' THEN {_pick("after", "de")}
        ELSE {_pick("after", "en")} END
        ELSE CASE {language} WHEN 'de' THEN {_pick("other", "de")} ELSE {_pick("other", "en")} END END)"""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE new_tickets AS
        SELECT rec, person, ticket_id, day::INTEGER AS day, asked_at, timezone, replace({text}, '{{}}',
            coalesce(order_id, '')) AS text,
            ((person * 2 + CASE WHEN second_email THEN 1 ELSE 0 END + 17) * 2654435761 % 4294967296)::VARCHAR
                AS requester,
            nullif(trim(CASE WHEN u(rec, 'unnamed') < .08 THEN '' ELSE first_name || ' '
                || last_name END), '') AS name, email, mobile,
            order_id IS NOT NULL AS about_order, {language} AS language
        FROM {known("opened", "support")}
    """)
    con.execute("CREATE TABLE IF NOT EXISTS tickets AS SELECT * FROM new_tickets LIMIT 0")
    con.execute(f"DELETE FROM tickets WHERE day < {landing.first - KEEP_DAYS}")
    con.execute("INSERT INTO tickets SELECT * FROM new_tickets")
    con.execute("INSERT INTO seen_requesters SELECT DISTINCT requester, person FROM new_tickets")


def _pick(cause: str, language: str) -> str:
    options = ", ".join(f"'{text.strip()}'" for text in _SUBJECTS[cause, language].splitlines())
    return f"pick([{options}], u(rec, 'subject'))"


def write_tickets(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """New tickets, and older ones again when they become pending, solved or closed."""
    offset = """CASE timezone WHEN 'Europe/London' THEN '+01:00' WHEN 'Europe/Berlin' THEN '+02:00'
        WHEN 'America/New_York' THEN '-04:00' WHEN 'America/Chicago' THEN '-05:00' WHEN 'America/Denver'
        THEN '-06:00' ELSE '-07:00' END"""
    local = f"strftime({{}} + to_hours(({offset})[:3]::INTEGER), '%Y-%m-%dT%H:%M:%S') || {offset}"
    rows = con.execute(f"""
        WITH states AS (
            SELECT *, 0 AS step, day AS at_day FROM tickets
            UNION ALL SELECT *, 1, day + 1 + (h(rec, 'answered') % 2)::INTEGER FROM tickets
                WHERE u(rec, 'answer') < .7
            UNION ALL SELECT *, 2, day + 3 + (h(rec, 'solved') % 4)::INTEGER FROM tickets
            UNION ALL SELECT *, 3, day + 8 + (h(rec, 'solved') % 4)::INTEGER FROM tickets
                WHERE u(rec, 'closed') < .6
        ), dated AS (
            SELECT *, CASE step WHEN 0 THEN asked_at ELSE DATE '{landing.start}'::TIMESTAMP
                + to_seconds(86400 * at_day::BIGINT + 30000 + h(rec * 4 + step, 'agent') % 30000) END
                    AS changed_at
            FROM states WHERE at_day BETWEEN {landing.first} AND {landing.last}
        )
        SELECT at_day AS day, to_json(struct_pack(
            ticket_id := ticket_id, requester := struct_pack(id := requester, name := name, email := email,
                phone := mobile),
            subject := split_part(text, '|', 1), description := split_part(text, '|', 2),
            channel := pick(['email', 'email', 'web', 'chat', 'phone'], u(rec, 'channel')),
            priority := pick(['normal', 'normal', 'low', 'high', 'urgent'], u(rec, 'priority')),
            status := (['open', 'pending', 'solved', 'closed'])[step + 1],
            tags := CASE WHEN about_order THEN ['order', 'return', language] ELSE [language] END,
            satisfaction := CASE WHEN step >= 2 AND u(rec, 'rated') < .4
                THEN pick(['good', 'good', 'bad'], u(rec, 'rating')) END,
            created_at := {local.format("asked_at")}, updated_at := {local.format("changed_at")}
        ))::VARCHAR || ',' || chr(10) AS line
        FROM dated ORDER BY at_day, changed_at, ticket_id
    """)
    landing.write_lines(rows, "support/tickets", "json", json_array)
