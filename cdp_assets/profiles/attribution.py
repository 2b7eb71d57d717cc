"""Whose an event is: the person of its record, or on a browser or phone of several people, who was using it then.

Pure query building: no Dagster, no connection.
"""

from cdp_model.traits import RECORDED_EVENT_COLUMNS
from cdp_resources.lake import CATALOG

VISITORS = f"""
    SELECT person_id
    FROM {CATALOG}.identity.record_persons AS rp
    JOIN {CATALOG}.standardized.customers AS c USING (record_key)
    LEFT JOIN (
        SELECT left_key AS record_key FROM {CATALOG}.identity.overrides_in_force
        UNION SELECT right_key FROM {CATALOG}.identity.overrides_in_force) AS decided USING (record_key)
    GROUP BY person_id
    HAVING bool_and(coalesce(first_name, last_name, email, phone) IS NULL AND decided.record_key IS NULL
        AND coalesce(len(list_filter(map_keys(identifiers), lambda kind: kind <> 'device')), 0) = 0)"""
"""People of whom nothing but a device is known. One that somebody decided about is who they said, at any time."""


def events_of_records() -> str:
    """SELECT of every event of a known record, with its person, and ``visitor``: whether that is one of VISITORS."""
    columns = ", ".join(f"e.{name}" for name in RECORDED_EVENT_COLUMNS)
    return f"""
        SELECT rp.person_id, visitors.person_id IS NOT NULL AS visitor, {columns}
        FROM {CATALOG}.standardized.events AS e
        JOIN {CATALOG}.identity.record_persons AS rp USING (record_key)
        LEFT JOIN ({VISITORS}) AS visitors USING (person_id)"""


def events_of_people(events: str, most: int) -> str:
    """SELECT of the rows of ``events``, a relation as ``events_of_records`` gives it, each with whose it is.

    A visitor's event is of whoever used its device then, if anybody is known to.
    """
    return f"""
        WITH users AS ({device_users(events, most)})
        SELECT * EXCLUDE (visitor) FROM {events}
        WHERE (visitor AND device IN (SELECT device FROM users)) IS DISTINCT FROM true
        UNION ALL
        SELECT v.* EXCLUDE (visitor) REPLACE (users.person_id AS person_id)
        FROM (SELECT * FROM {events} WHERE visitor AND device IN (SELECT device FROM users)) AS v
        ASOF JOIN users ON v.device = users.device AND v.occurred_at <= users.until"""


def device_users(events: str, most: int) -> str:
    """SELECT of device, since, until, person_id: who used each device of visitors after ``since`` up to ``until``.

    That is who identified themselves next on it, or the last who did where nobody came after: the times of a device
    leave none out. Only ``events`` count: as of an old day, leave out the later ones. A device of more than ``most``
    people is a public one, and its visitors stay who they are.
    """
    return f"""
        WITH identified AS (
            SELECT device, occurred_at, record_key, person_id FROM {events}
            WHERE NOT visitor AND device IN (SELECT device FROM {events} WHERE visitor)),
        personal AS (
            SELECT device, occurred_at, arg_min(person_id, record_key) AS person_id FROM identified
            SEMI JOIN (SELECT device FROM identified GROUP BY device HAVING count(DISTINCT person_id) <= {most})
                USING (device)
            GROUP BY device, occurred_at),
        turns AS (
            SELECT device, occurred_at, person_id FROM personal
            QUALIFY person_id IS DISTINCT FROM lead(person_id) OVER (PARTITION BY device ORDER BY occurred_at))
        SELECT device, person_id,
            coalesce(lag(occurred_at) OVER turn, '-infinity'::TIMESTAMPTZ) AS since,
            CASE WHEN lead(occurred_at) OVER turn IS NULL THEN 'infinity'::TIMESTAMPTZ ELSE occurred_at END AS until
        FROM turns WINDOW turn AS (PARTITION BY device ORDER BY occurred_at)"""
