"""The population as the DuckDB table `people`: one true person a row, with everything that will happen to
them.
"""

from datetime import date

import duckdb
import pyarrow as pa

from .addresses import create_addresses
from .contact_points import create_emails, create_phones
from .households import build_members
from .lives import plan_lives
from .name_pools import draw_surnames
from .nicknames import NICKNAMES
from .randomness import stream


def create_people(con: duckdb.DuckDBPyConnection, people: int, start: date, seed: int) -> None:
    """Make `people` and `addresses`. Person numbers are 0 to people - 1, in household order."""
    members = build_members(people, seed)
    drawn = pa.table(
        {
            "person": pa.array(range(people), pa.int64()),
            "household": pa.array(members.household),
            "country": pa.array(members.country, pa.string()),
            "origin": pa.array(members.origin, pa.string()),
            "gender": pa.array(members.female).cast(pa.int8()),
            "age": pa.array(members.age.astype("int32")),
            "first_name": pa.array(members.first_name, pa.string()),
            "last_name": pa.array(members.last_name, pa.string()),
            "other_name": pa.array(draw_surnames(members.origin, stream(seed, "other surnames")), pa.string()),
            "family_name": pa.array(members.last_name[members.head], pa.string()),
            **plan_lives(members, seed),
        }
    )
    con.register("drawn", drawn)
    con.register("nickname_rows", pa.table({"full_name": list(NICKNAMES), "short": list(NICKNAMES.values())}))
    create_addresses(con)
    create_emails(con, start)
    create_phones(con)
    con.execute(f"""
        CREATE TABLE people AS
        SELECT d.* EXCLUDE (gender, age, other_name, family_name, maiden, recycled, recycled_from,
            has_landline),
            CASE gender WHEN 1 THEN 'f' ELSE 'm' END AS gender,
            DATE '{start}' - d.age AS birth_date,
            d.other_name AS new_last_name,
            CASE WHEN d.maiden THEN d.other_name END AS old_last_name,
            pick(n.short, u(d.person, 'nickname')) AS nickname,
            e.email, e.email_2, e.email_new, t.mobile, t.landline, a.timezone
        FROM drawn d JOIN emails e USING (person) JOIN phones t USING (person)
        JOIN addresses a ON a.address = d.address
        LEFT JOIN nickname_rows n ON n.full_name = d.first_name
        ORDER BY d.person
    """)
    for table in ("emails", "phones"):
        con.execute(f"DROP TABLE {table}")
    con.execute("ALTER TABLE addresses DROP COLUMN dialling")
    con.execute("ALTER TABLE addresses DROP COLUMN local_low")
    con.execute("ALTER TABLE addresses DROP COLUMN local_high")
    con.unregister("drawn")
    con.unregister("nickname_rows")
