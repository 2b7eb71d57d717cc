"""The answer key: which record is whose, and who the people really are. Only keys that the files show are in
it.
"""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq


def write_truth(con: duckdb.DuckDBPyConnection, folder: Path, days: int, start: date) -> int:
    """Write `records.parquet` and `people.parquet` for the days before `days`; return the number of records.

    Devices used by two people, e-mail addresses a family shares, staff cards, testers and crawlers have no
    person.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = con.execute(f"""
        WITH keys AS (
            SELECT 'crm:' || id AS record_key, person FROM crm_records WHERE start_day < {days}
            UNION ALL SELECT 'shop:' || id, person FROM shop_records WHERE start_day < {days}
            UNION ALL SELECT 'pos:' || id, person FROM pos_records WHERE start_day < {days}
            UNION ALL SELECT 'shop:guest-' || order_id, person FROM guests
            UNION ALL SELECT DISTINCT 'web:u:' || account, person FROM seen_users
            UNION ALL SELECT 'web:a:' || anonymous_id(device), person FROM (
                SELECT device, min(person) AS person FROM seen_devices GROUP BY device HAVING count(DISTINCT
                    person) = 1
            )
            UNION ALL SELECT 'email:' || id, person FROM subscribers
                WHERE NOT shared AND sub IN (SELECT sub FROM seen_subscribers)
            UNION ALL SELECT DISTINCT 'support:' || requester, person FROM seen_requesters
        )
        SELECT record_key, {_PERSON_ID.format("person")} AS person_id, {_HOUSEHOLD_ID} AS household_id,
            country, origin
        FROM keys JOIN people USING (person) ORDER BY record_key
    """).to_arrow_table()
    pq.write_table(records, folder / "records.parquet", compression="zstd")
    last = days - 1
    people = con.execute(f"""
        SELECT {_PERSON_ID.format("person")} AS person_id, {_HOUSEHOLD_ID} AS household_id, p.country,
            origin, gender, first_name,
            CASE WHEN rename_day <= {last} THEN new_last_name ELSE last_name END AS last_name,
            CASE WHEN rename_day <= {last} THEN last_name ELSE old_last_name END AS previous_last_name,
            nickname, birth_date, CASE WHEN email_day <= {last} THEN email_new
                ELSE email END AS email, email_2 AS second_email,
            CASE WHEN email_day <= {last} THEN email END AS previous_email, family_email, shared_device,
                mobile, landline,
            a.street, a.city, a.region, a.postal_code, CASE WHEN move_day <= {last}
                THEN DATE '{start}' + move_day END AS moved_on,
            DATE '{start}' + join_day AS joined_on
        FROM people p JOIN addresses a ON a.address = CASE WHEN move_day <= {last} THEN address_new
            ELSE p.address END
        WHERE join_day < {days} ORDER BY person
    """).to_arrow_table()
    pq.write_table(people, folder / "people.parquet", compression="zstd")
    return int(records.num_rows)


_PERSON_ID = "'P' || lpad({}::VARCHAR, 7, '0')"
_HOUSEHOLD_ID = "'H' || lpad(household::VARCHAR, 7, '0')"
