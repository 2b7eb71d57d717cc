"""Every address people ever have, as the table `addresses`; all of it follows from the address number."""

import duckdb
import pyarrow as pa

from .lives import NEVER
from .places import CITIES, STREETS

_FLAT_GB, _FLAT_US, _LETTER_DE, _STAYS_IN_TOWN = 0.12, 0.15, 0.10, 0.80
_UNIT = "substr('ABDEFGHJLNPQRSTUWXYZ', 1 + (ht(road, 'unit {}') % 20)::INTEGER, 1)"


def create_addresses(con: duckdb.DuckDBPyConnection) -> None:
    """Needs the relation `drawn` of people; makes `addresses`: address, street, city, region, timezone."""
    _create_cities(con)
    con.execute(f"""
        CREATE TABLE addresses AS
        WITH wanted AS (
            SELECT address, household, country FROM drawn
            UNION SELECT address_new, household, country FROM drawn WHERE move_day < {NEVER}
            UNION SELECT address_old, household, country FROM drawn
        ), housed AS (
            SELECT address, country, 1 + floor(u(address, 'number') ** 1.8 * 140)::INTEGER AS number,
                u(CASE WHEN u(address, 'stays') < {_STAYS_IN_TOWN} THEN household
                    ELSE address END, 'city') AS draw,
                pick(streets, u(address, 'street')) AS road
            FROM wanted JOIN streets USING (country)
        ), placed AS (
            -- a street lies in one postcode
            SELECT h.*, c.city, c.region, c.timezone, c.dialling, c.local_low, c.local_high, c.prefix,
                c.low + ht(road, c.city) % (c.high - c.low + 1) AS area
            FROM housed h JOIN cities c ON c.country = h.country AND draw >= c.from_share
                AND draw < c.to_share
        )
        SELECT address, city, region, timezone, dialling, local_low, local_high,
            CASE country
                WHEN 'DE' THEN road || ' ' || number || CASE WHEN u(address, 'letter') < {_LETTER_DE}
                THEN 'a' ELSE '' END
                WHEN 'GB' THEN CASE WHEN u(address, 'flat') < {_FLAT_GB}
                    THEN 'Flat ' || (1 + h(address, 'flat no') % 12) || ', ' ELSE '' END || number || ' '
                    || road
                ELSE (number * 12 + 100) || ' ' || road || CASE WHEN u(address, 'flat') < {_FLAT_US}
                    THEN ', Apt ' || (1 + h(address, 'flat no') % 40) ELSE '' END
            END AS street,
            CASE country WHEN 'GB'
                THEN prefix || area || ' ' || (1 + ht(road, 'sector') % 9) || {_UNIT.format("a")}
                || {_UNIT.format("b")}
                ELSE lpad(area::VARCHAR, 5, '0')
            END AS postal_code
        FROM placed ORDER BY address
    """)


def _create_cities(con: duckdb.DuckDBPyConnection) -> None:
    """`cities` with each one's slice [from_share, to_share) of its country, and `streets` by country."""
    rows: list[dict[str, object]] = []
    for country in STREETS:
        cities = [c for c in CITIES if c.country == country]
        total, reached = sum(c.weight for c in cities), 0.0
        for city in cities:
            share = reached + city.weight
            upper = share / total if city is not cities[-1] else 1.0
            rows.append(city._asdict() | {"from_share": reached / total, "to_share": upper})
            reached = share
    con.register("city_rows", pa.Table.from_pylist(rows))
    con.execute("CREATE TABLE cities AS SELECT * FROM city_rows")
    con.unregister("city_rows")
    con.register("street_rows", pa.table({"country": list(STREETS), "streets": list(STREETS.values())}))
    con.execute("CREATE TABLE streets AS SELECT * FROM street_rows")
    con.unregister("street_rows")
