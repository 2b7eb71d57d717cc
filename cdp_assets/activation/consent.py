"""Proof of consent: deliveries that relied on a statement which did not allow them."""

import duckdb

from cdp_assets.profiles.consent import about_topic, consent_states
from cdp_model.syncs import Sync
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal


def deliveries_without_consent(con: duckdb.DuckDBPyConnection, name: str, sync: Sync) -> int:
    """Rows now at the destination that were sent without consent.

    Either the statement relied on did not grant it, or was made after the delivery. Or, with the identities and late
    statements known now, the person had withdrawn when the row was sent, and has not granted it again.
    """
    if sync.consent is None:
        return 0
    asked = (sync.consent.purpose, sync.consent.channel)
    topic = about_topic(asked)
    row = con.execute(f"""
        WITH held AS (
            SELECT person_id, consent_id, acked_at FROM {CATALOG}.activation.deliveries
            WHERE sync = {literal(name)} AND destination = {literal(sync.destination)} AND status = 'acknowledged'),
        statements AS (
            SELECT rp.person_id, c.* FROM {CATALOG}.standardized.consents AS c
            JOIN {CATALOG}.identity.record_persons AS rp USING (record_key) WHERE {topic}),
        then_said AS (
            SELECT held.person_id, held.acked_at,
                arg_max(status, row(occurred_at, status = 'withdrawn')) = 'granted' AS granted
            FROM held JOIN statements AS s ON s.person_id = held.person_id AND s.occurred_at <= held.acked_at
            GROUP BY held.person_id, held.acked_at),
        now_said AS (SELECT person_id, granted FROM ({consent_states(topic=asked)}))
        SELECT count(*) FROM held
        LEFT JOIN {CATALOG}.standardized.consents AS relied ON relied.consent_id = held.consent_id AND {topic}
        LEFT JOIN then_said ON then_said.person_id = held.person_id AND then_said.acked_at = held.acked_at
        LEFT JOIN now_said ON now_said.person_id = held.person_id
        WHERE relied.status IS DISTINCT FROM 'granted' OR relied.occurred_at > held.acked_at
            OR (NOT coalesce(then_said.granted, false) AND NOT coalesce(now_said.granted, false))
    """).fetchone()
    return int(row[0]) if row else 0
