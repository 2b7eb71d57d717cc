"""Whose an event is: the person of its record, or on a browser or phone of several people, who was using it then.

Pure query building: no Dagster, no connection.
"""

from cdp_model.traits import RECORDED_EVENT_COLUMNS
from cdp_resources.lake import CATALOG

PERSONS = f"{CATALOG}.identity.record_persons"
NOTHING_BUT_A_DEVICE = """coalesce(first_name, last_name, email, phone) IS NULL
    AND coalesce(len(list_filter(map_keys(identifiers), lambda kind: kind <> 'device')), 0) = 0"""
"""Condition over a standardized record."""


def owners_of(persons: str = PERSONS, sharing: str | None = None) -> str:
    """SELECT of each record with its person, and ``visitor``: whether nothing but a device is known of that person.

    Somebody about whom a decision was made is who it says, at any time, and no visitor. ``persons`` names a relation
    with the record_key and the person_id of all records of the people that are wanted; ``sharing`` one of those of
    them on whose devices others were, where that is known: who has theirs alone keeps what is theirs in any case.
    """
    return f"""
        SELECT record_key, person_id, visitors.person_id IS NOT NULL AS visitor
        FROM {persons}
        LEFT JOIN (
            SELECT person_id
            FROM {sharing or persons}
            JOIN {CATALOG}.standardized.customers AS c USING (record_key)
            LEFT JOIN (
                SELECT left_key AS record_key FROM {CATALOG}.identity.overrides_in_force
                UNION SELECT right_key FROM {CATALOG}.identity.overrides_in_force) AS decided USING (record_key)
            GROUP BY person_id
            HAVING bool_and({NOTHING_BUT_A_DEVICE} AND decided.record_key IS NULL)) AS visitors
        USING (person_id)"""


def events_of_records(owners: str | None = None, begins: bool = False) -> str:
    """SELECT of every event of a known record, with its person, and ``visitor``: whether that is a visitor.

    ``owners`` names a relation as ``owners_of`` gives it, with the records that are wanted; with ``begins`` it has a
    column of that name, the moment from which their events are.
    """
    columns = ", ".join(f"e.{name}" for name in RECORDED_EVENT_COLUMNS)
    return f"""
        SELECT owners.person_id, owners.visitor, {columns}
        FROM {CATALOG}.standardized.events AS e JOIN {owners or f"({owners_of()})"} AS owners USING (record_key)
        {"WHERE e.occurred_at >= owners.begins" if begins else ""}"""


def events_of_people(events: str, users: str) -> str:
    """SELECT of the rows of ``events``, a relation as ``events_of_records`` gives it, each with whose it is.

    A visitor's event is of whoever used its device then, if anybody is known to; ``users``: see ``users_in_order``.
    """
    return f"""
        SELECT e.* EXCLUDE (visitor) REPLACE (
            CASE WHEN users IS NULL THEN e.person_id
            ELSE list_filter(users, lambda u: u.until >= occurred_at)[1].person_id END AS person_id)
        FROM {events} AS e LEFT JOIN {users} ON users.device = CASE WHEN e.visitor THEN e.device END"""


def users_in_order(events: str, most: int, identified: str | None = None) -> str:
    """SELECT of each device with the list of its users in order of time: one look for each event finds them."""
    return f"""
        SELECT device, list({{until: until, person_id: person_id}} ORDER BY until) AS users
        FROM ({device_users(events, most, identified)}) GROUP BY device"""


def device_users(events: str, most: int, identified: str | None = None) -> str:
    """SELECT of device, since, until, person_id: who used each device of visitors after ``since`` up to ``until``.

    That is who identified themselves next on it, or the last who did where nobody came after: the times of a device
    leave none out. Only ``events`` count: as of an old day, leave out the later ones. A device of more than ``most``
    people is a public one, and its visitors stay who they are. ``identified``, a SELECT of device, occurred_at,
    record_key and person_id, has what known people did on devices of visitors, so that ``events`` need not be asked.
    """
    identified = (
        identified
        or f"""
        SELECT device, occurred_at, record_key, person_id FROM {events}
        SEMI JOIN (SELECT DISTINCT device FROM {events} WHERE visitor) USING (device) WHERE NOT visitor"""
    )
    return f"""
        WITH identified AS ({identified}),
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
