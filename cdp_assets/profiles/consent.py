"""What people have agreed to: the state of their consents at a moment, from all that their records ever said."""

from cdp_assets.profiles.attribution import PERSONS
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal


def consent_states(
    before: str = "'infinity'::TIMESTAMPTZ", persons: str = PERSONS, topic: tuple[str, str] | None = None
) -> str:
    """SELECT of person_id, purpose, channel, granted, consent_id, said_at: the latest statement of each person.

    ``before`` is an SQL timestamp: later statements don't count yet. Of statements made at the same moment the most
    restrictive wins. People without a statement have no row: silence is not consent. ``persons`` names a relation with
    the record_key and the person_id of all records of the people that are wanted. With a ``topic``, a purpose and a
    channel, there are only statements about it, and no columns for the two.
    """
    about, only = ("", f"AND {about_topic(topic)}") if topic else ("purpose, channel,", "")
    # Numbers put statements in order; to compare the statements themselves takes twice the time.
    moment = "(epoch_us(occurred_at) * 2 + (status <> 'granted')::INT)"
    return f"""
        SELECT rp.person_id, {about} max({moment}) % 2 = 0 AS granted, max(occurred_at) AS said_at,
            arg_max(consent_id, {moment}::HUGEINT * {1 << 62} + (hash(consent_id) >> 2)) AS consent_id
        FROM {CATALOG}.standardized.consents AS c
        JOIN {persons} AS rp USING (record_key)
        WHERE c.occurred_at < {before} {only}
        GROUP BY ALL"""


def is_granted(topic: tuple[str, str]) -> str:
    """Aggregate over statements: whether the latest about a topic grants it, as ``consent_states`` has it; or null.

    Two latest moments take a third of the time of one latest statement.
    """
    granted, withdrawn = (
        f"max(occurred_at) FILTER ({about_topic(topic)} AND status {sign} 'granted')" for sign in ("=", "<>")
    )
    later = f"coalesce({granted} > {withdrawn}, {withdrawn} IS NULL)"
    return f"CASE WHEN coalesce({granted}, {withdrawn}) IS NOT NULL THEN {later} END"


def about_topic(topic: tuple[str, str]) -> str:
    """SQL: a statement is about this purpose and channel."""
    return f"purpose = {literal(topic[0])} AND channel = {literal(topic[1])}"
