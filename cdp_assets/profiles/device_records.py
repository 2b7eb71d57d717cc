"""`profiles.device_records`: which records had an event on which device, so that nobody has to read all events.

Kept with `profiles.trait_values`, and brought up to date by segments as well. A pair stays while it tells whose values
may change, and goes with its last event.
"""

import duckdb

from cdp_assets.changes import changed_rows, count_of, last_made, note, to_make
from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG

MADE = "profiles.device_records"
DEVICES = f"{CATALOG}.{MADE}"
SHARED = f"{CATALOG}.profiles.shared_devices"
"""Those of the pairs whose device has more than one record: few, so that they are quickly looked through."""
EVENTS = ("standardized.events",)
_KNOWN = "device IS NOT NULL AND record_key IS NOT NULL"


def make_devices(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables from all events in the open transaction."""
    con.execute(f"""
        CREATE OR REPLACE TABLE {DEVICES} AS
        SELECT DISTINCT device, record_key FROM {CATALOG}.standardized.events WHERE {_KNOWN};
        CREATE OR REPLACE TABLE {SHARED} AS
        FROM {DEVICES} SEMI JOIN (SELECT device FROM {DEVICES} GROUP BY device HAVING count(*) > 1) USING (device)""")
    note(con, MADE, to_make(con, "", EVENTS))


def keep_devices(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the tables up to the events of now, in the open transaction. No pair goes."""
    now = to_make(con, "", EVENTS)
    was = last_made(con, MADE, now) if has_devices(con) else None
    if not was:
        make_devices(con)
    elif was.snapshot < now.snapshot:
        changed = changed_rows("standardized.events", was, now, "device, record_key")
        con.execute(f"CREATE OR REPLACE TEMP TABLE changed_events AS {changed}")
        add_devices(con, "changed_events")
        note(con, MADE, now)


def add_devices(con: duckdb.DuckDBPyConnection, events: str) -> None:
    """Add what is new in ``events``, a relation with device, record_key and ``added``: the rows that changed."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE near AS FROM {DEVICES} SEMI JOIN {events} USING (device);
        CREATE OR REPLACE TEMP TABLE new_pairs AS
        FROM ({_pairs(events, ">")}) ANTI JOIN near USING (device, record_key);
        INSERT INTO {DEVICES} FROM new_pairs;
        INSERT INTO {SHARED}
        FROM (FROM near UNION ALL FROM new_pairs)
        SEMI JOIN (SELECT device FROM (FROM near UNION ALL FROM new_pairs) GROUP BY device HAVING count(*) > 1)
            USING (device)
        ANTI JOIN {SHARED} USING (device, record_key)""")


def forget_devices(con: duckdb.DuckDBPyConnection, events: str) -> None:
    """Delete the pairs that have no event any more; ``events``: as for ``add_devices``."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE gone AS {_pairs(events, '<')}")
    if count_of(con, "gone"):
        con.execute(
            f"DELETE FROM gone USING {CATALOG}.standardized.events AS e "
            "WHERE gone.device = e.device AND gone.record_key = e.record_key"
        )
        for table in (DEVICES, SHARED):
            con.execute(f"DELETE FROM {table} WHERE (device, record_key) IN (SELECT (device, record_key) FROM gone)")


def _pairs(events: str, which: str) -> str:
    """SELECT of the pairs that have more (>) or fewer (<) events than before: a row written again is neither."""
    return f"""
        SELECT device, record_key FROM {events} WHERE {_KNOWN}
        GROUP BY ALL HAVING count_if(added) {which} count_if(NOT added)"""


def has_devices(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the tables were ever made."""
    return all(has_table(con, table.removeprefix(f"{CATALOG}.")) for table in (DEVICES, SHARED))


def known_on_shared(owners: str) -> str:
    """SELECT of device, record_key, person_id: known people on devices that visitors shared.

    ``owners``: a relation as of ``owners_of``.
    """
    return f"""
        SELECT device, record_key, person_id FROM {SHARED} JOIN {owners} USING (record_key)
        SEMI JOIN (
            SELECT device FROM {SHARED} JOIN {owners} USING (record_key)
            GROUP BY device HAVING bool_or(visitor) AND NOT bool_and(visitor)) USING (device)
        WHERE NOT visitor"""


def find_shared(con: duckdb.DuckDBPyConnection, persons: str) -> None:
    """Fill ``shared`` (device, record_key, person_id): the devices on which records of several people were.

    ``persons``: a relation with the record_key and the person_id of all records of shared devices. A record that is
    nobody's any more stands for somebody else: what was done with it was once taken into account.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE shared AS
        SELECT device, record_key, person_id FROM {SHARED} LEFT JOIN {persons} USING (record_key);
        DELETE FROM shared WHERE device IN (
            SELECT device FROM shared GROUP BY device HAVING count(DISTINCT coalesce(person_id, record_key)) = 1)""")


def company_of(people: str, records: str = "") -> str:
    """SELECT of person_id: everybody on a device of ``shared`` with one of these people, or of these records.

    ``people`` names a relation of person_id, ``records`` one of record_key.
    """
    devices = f"SELECT device FROM shared SEMI JOIN {people} USING (person_id)"
    if records:
        devices += f" UNION ALL SELECT device FROM shared SEMI JOIN {records} USING (record_key)"
    return f"SELECT person_id FROM shared SEMI JOIN ({devices}) USING (device) WHERE person_id IS NOT NULL"
