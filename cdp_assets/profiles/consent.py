"""What people have agreed to: the state of their consents at a moment, from all that their records ever said."""

from cdp_assets.profiles.attribution import PERSONS
from cdp_resources.lake import CATALOG


def consent_states(before: str = "'infinity'::TIMESTAMPTZ", persons: str = PERSONS) -> str:
    """SELECT of person_id, purpose, channel, granted, consent_id: the latest statement of each person.

    ``before`` is an SQL timestamp: later statements don't count yet. Of statements made at the same moment the most
    restrictive wins. People without a statement have no row: silence is not consent. ``persons`` names a relation with
    the record_key and the person_id of all records of the people that are wanted.
    """
    return f"""
        SELECT person_id, purpose, channel, max_by(status, order_of) = 'granted' AS granted,
            max_by(consent_id, order_of) AS consent_id
        FROM (SELECT rp.person_id, c.purpose, c.channel, c.status, c.consent_id,
                row(c.occurred_at, c.status = 'withdrawn', c.consent_id) AS order_of
              FROM {CATALOG}.standardized.consents AS c
              JOIN {persons} AS rp USING (record_key)
              WHERE c.occurred_at < {before})
        GROUP BY person_id, purpose, channel"""
