"""The newsletter tool's activity log: sends, deliveries, opens, clicks, bounces and unsubscribes of e-mail
addresses.
"""

import duckdb

from . import rates
from .files import Landing, csv_line

HEADER = "event_id,subscriber_id,email_address,activity,campaign_id,campaign_name,url,occurred_at\n"
REACH = 0.30  # of a country's subscribers get one campaign
_WEEKDAYS = "CASE country WHEN 'GB' THEN [2, 5] WHEN 'DE' THEN [3, 7] ELSE [1, 4] END"


def create_subscribers(con: duckdb.DuckDBPyConnection) -> None:
    """`subscribers`: one e-mail address with the days it subscribes and unsubscribes; `shared` if a family
    reads it.
    """
    con.execute(f"""
        CREATE TABLE subscribers AS
        WITH addresses AS (
            SELECT person, country, email, join_day, keenness, family_email AS shared FROM people
            WHERE u(person, 'subscribes') < {rates.SUBSCRIBED}
            UNION ALL
            SELECT person, country, email_2, join_day, keenness, false FROM people
            WHERE email_2 IS NOT NULL AND u(person, 'subscribes again') < .25
            UNION ALL
            SELECT person, country, email_new, greatest(join_day, email_day) + 3, keenness, false FROM people
            WHERE email_new IS NOT NULL AND email_day < 20000 AND u(person, 'subscribes') <
                {rates.SUBSCRIBED * 0.6}
        ), once AS (
            SELECT email, min(person) AS person, any_value(country) AS country, min(join_day) AS join_day,
                max(keenness) AS keenness, bool_or(shared) AS shared
            FROM addresses GROUP BY email
        )
        SELECT *, row_number() OVER (ORDER BY join_day, person, email) AS sub, 'S'
            || lpad((sub * 3 + 10000)::VARCHAR, 8, '0') AS id,
            join_day + CASE WHEN u(sub, 'later') < .2 THEN waiting(u(sub, 'later by'), 30)
                ELSE 0 END AS start_day,
            start_day + 1 + waiting(u(sub, 'leaves'), 260) AS unsubscribe_day, u(sub, 'bounces') < .02
                AS bounces
        FROM once ORDER BY sub
    """)
    con.execute("CREATE TABLE seen_subscribers (sub BIGINT)")


def plan_sends(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """`sends` that can cause activity in the batch: campaigns of its days and the three days before."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE sends AS
        SELECT sub, id, email, country, keenness, bounces, d.day AS send_day, person_day(sub, d.day) AS k
        FROM subscribers s CROSS JOIN (
            SELECT day, isodow(DATE '{landing.start}' + day::INTEGER) AS weekday
            FROM unnest(range({landing.first} - 3, {landing.last} + 1)) AS t(day) WHERE day >= 0
        ) d
        WHERE s.start_day <= d.day AND d.day < s.unsubscribe_day AND list_contains({_WEEKDAYS}, d.weekday)
            AND u(person_day(sub, d.day), 'segment') < {REACH}
    """)
    con.execute(f"INSERT INTO seen_subscribers SELECT DISTINCT sub FROM sends WHERE send_day >= {landing.first}")


def write_activity(con: duckdb.DuckDBPyConnection, landing: Landing) -> None:
    """Every activity in the file of the day it occurred; opens and clicks may come days after the send."""
    line = csv_line("event_id id email activity campaign_id campaign_name url stamp")
    rows = con.execute(f"""
        WITH opened AS (
            SELECT *, DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 * send_day::BIGINT + 25200 +
                h(k, 'queue') % 9000) AS sent_at,
                bounces OR u(k, 'soft bounce') < .004 AS bounced,
                NOT bounced AND u(k, 'opens') < .06 + .6 * keenness AS opens,
                opens AND u(k, 'clicks') < .05 + .3 * keenness AS clicks,
                sent_at + to_seconds(30 + least(200000, waiting(u(k, 'opens after'), 22000))) AS opened_at
            FROM sends
        ), activities AS (
            SELECT *, 'sent' AS activity, sent_at AS occurred FROM opened
            UNION ALL SELECT *, CASE WHEN bounced THEN 'bounce' ELSE 'delivered' END, sent_at + to_seconds(2
                + h(k, 'smtp') % 20) FROM opened
            UNION ALL SELECT *, 'open', opened_at FROM opened WHERE opens
            UNION ALL SELECT *, 'open', opened_at + to_seconds(900 + h(k, 'reread') % 30000) FROM opened
                WHERE opens AND u(k, 'opens again') < .15
            UNION ALL SELECT *, 'click', opened_at + to_seconds(5 + h(k, 'reads') % 120) FROM opened
                WHERE clicks
        ), described AS (
            SELECT id, email, activity, occurred, 'K' || strftime(DATE '{landing.start}' + send_day::INTEGER,
                '%y%m%d') || country AS campaign_id,
                pick(['Weekly offers', 'New in', 'Last chance', 'Inspiration'], u(send_day, 'campaign'))
                    || ' ' || country AS campaign_name,
                CASE activity WHEN 'click' THEN 'https://shop.example/c/' || (SELECT lower(category)
                    FROM products
                    WHERE product = (h(k, 'link') % 10)::INTEGER * 20) END AS url
            FROM activities
            UNION ALL
            SELECT id, email, 'unsubscribe', DATE '{landing.start}'::TIMESTAMP + to_seconds(86400 *
                unsubscribe_day::BIGINT + h(sub, 'leaves at') % 86000),
                NULL, NULL, 'https://shop.example/unsubscribe'
            FROM subscribers WHERE unsubscribe_day BETWEEN {landing.first} AND {landing.last}
                AND sub IN (SELECT sub FROM seen_subscribers)
        ), dated AS (
            SELECT *, date_diff('day', DATE '{landing.start}', occurred::DATE) AS day, strftime(occurred,
                '%Y-%m-%d %H:%M:%S') AS stamp,
                'E' || lower(hex(ht(id || activity || stamp, 'event'))) AS event_id
            FROM described
        )
        SELECT day, {line} AS line FROM dated WHERE day BETWEEN {landing.first} AND {landing.last}
            ORDER BY day, stamp, event_id
    """)
    landing.write_lines(rows, "email/activity", "csv", header=HEADER)
