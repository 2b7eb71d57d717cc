"""Whose an event is: the person of its record, or on a browser or phone of several people, who was using it then.

Pure query building: no Dagster, no connection.
"""

from cdp_resources.lake import CATALOG

NOTHING_BUT_A_DEVICE = """coalesce(first_name, last_name, email, phone) IS NULL
    AND coalesce(len(list_filter(map_keys(identifiers), lambda kind: kind <> 'device')), 0) = 0"""
"""Condition over a standardized record."""


def owners(people: str | None = None) -> str:
    """SELECT of each record with its person, and ``visitor``: whether nothing but a device is known of that person.

    Somebody about whom a decision was made is who it says, at any time, and no visitor. ``people`` names a relation of
    person_id with those that are wanted; by default all are.
    """
    wanted = f"SEMI JOIN {people} USING (person_id)" if people else ""
    return f"""
        SELECT record_key, person_id, visitors.person_id IS NOT NULL AS visitor
        FROM {CATALOG}.identity.record_persons {wanted}
        LEFT JOIN (
            SELECT person_id
            FROM {CATALOG}.identity.record_persons AS rp {wanted}
            JOIN {CATALOG}.standardized.customers AS c USING (record_key)
            LEFT JOIN (
                SELECT left_key AS record_key FROM {CATALOG}.identity.overrides_in_force
                UNION SELECT right_key FROM {CATALOG}.identity.overrides_in_force) AS decided USING (record_key)
            GROUP BY person_id
            HAVING bool_and({NOTHING_BUT_A_DEVICE} AND decided.record_key IS NULL)) AS visitors
        USING (person_id)"""


def events_of_records(owners: str) -> str:
    """SELECT of every event of the records of a relation as ``owners`` gives it, with person and ``visitor``."""
    return f"""
        SELECT owners.person_id, owners.visitor, e.*
        FROM {CATALOG}.standardized.events AS e JOIN {owners} AS owners USING (record_key)"""


def device_users(events: str, most: int) -> str:
    """SELECT of each device that visitors used, with a list of who else used it, ``until`` when, in order of time.

    ``events`` are a relation as ``events_of_records`` gives it. Only these count: as of an old day, leave out the later
    ones. A device of more than ``most`` people is a public one, and has no row.
    """
    return f"""
        WITH identified AS (
            SELECT device, occurred_at, record_key, person_id FROM {events}
            SEMI JOIN (SELECT DISTINCT device FROM {events} WHERE visitor) USING (device) WHERE NOT visitor),
        personal AS (
            SELECT device, occurred_at, arg_min(person_id, record_key) AS person_id FROM identified
            SEMI JOIN (SELECT device FROM identified GROUP BY device HAVING count(DISTINCT person_id) <= {most})
                USING (device)
            GROUP BY device, occurred_at)
        SELECT device, list({{until: until, person_id: person_id}} ORDER BY until) AS users FROM (
            SELECT device, occurred_at AS until, person_id FROM personal
            QUALIFY person_id IS DISTINCT FROM lead(person_id) OVER (PARTITION BY device ORDER BY occurred_at)
            UNION ALL
            SELECT device, 'infinity'::TIMESTAMPTZ, arg_max(person_id, occurred_at) FROM personal GROUP BY device)
        GROUP BY device"""


def events_of_people(events: str, users: str) -> str:
    """SELECT of the rows of ``events``, each with whose it is; ``users``: a relation as ``device_users`` gives it.

    A visitor's event is of the person who identified themselves next on its ``device``, or of the last who did where
    nobody came after. On a device without users visitors stay who they are.
    """
    return f"""
        SELECT e.* EXCLUDE (visitor) REPLACE (
            CASE WHEN users IS NULL THEN e.person_id
            ELSE list_filter(users, lambda u: u.until >= occurred_at)[1].person_id END AS person_id)
        FROM {events} AS e LEFT JOIN {users} ON users.device = CASE WHEN e.visitor THEN e.device END"""
