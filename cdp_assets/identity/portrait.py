"""Everything the lake knows of one person, for a person's own screen. Reads only; shows personal data."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table

Row = dict[str, object]


@dataclass(frozen=True)
class Portrait:
    """Rows of each kind; empty where the table does not exist yet."""

    person: Row
    records: Sequence[Row]
    links: Sequence[Row]
    history: Sequence[Row]
    profile: Row
    provenance: dict[str, Row]


RECORDS = """
SELECT customers.record_key, since, first_name, last_name, date_of_birth, email, phone, street, postal_code, city,
    updated_at
FROM lake.identity.record_persons JOIN lake.standardized.customers USING (record_key)
WHERE person_id = ? ORDER BY record_key"""

LINKS = """
SELECT left_key, right_key, rule, round(match_weight, 1) AS weight, veto, model_version
FROM lake.identity.links
SEMI JOIN (FROM lake.identity.record_persons WHERE person_id = $person) AS l ON left_key = l.record_key
SEMI JOIN (FROM lake.identity.record_persons WHERE person_id = $person) AS r ON right_key = r.record_key
ORDER BY match_weight, left_key, right_key"""

HISTORY = """
SELECT occurred_at, kind, person_id, other_person_id, record_key, reason, run_id FROM lake.identity.person_changes
WHERE person_id = $person OR other_person_id = $person ORDER BY occurred_at, kind, record_key"""


def portray(con: duckdb.DuckDBPyConnection, person_id: str) -> Portrait:
    """The person with its records, the links between them (weakest first), its changes, profile and provenance.

    ``provenance``: by attribute (the address as one) the struct that golden records have.
    """
    golden = _first(con, "profiles.golden_records", person_id)
    profile = _first(con, "profiles.profiles", person_id) or golden
    return Portrait(
        _first(con, "identity.persons", person_id),
        _rows(con, RECORDS, [person_id]),
        _rows(con, LINKS, {"person": person_id}),
        _rows(con, HISTORY, {"person": person_id}),
        {name: value for name, value in profile.items() if name not in ("provenance", "disagreeing")},
        _origins(golden.get("provenance")),
    )


def _origins(provenance: object) -> dict[str, Row]:
    """Those of values that are there; none from the table of an earlier release, which had record keys alone."""
    origins = provenance if isinstance(provenance, dict) else {}
    return {name: origin for name, origin in origins.items() if isinstance(origin, dict)}


def _first(con: duckdb.DuckDBPyConnection, table: str, person_id: str) -> Row:
    if not has_table(con, table):
        return {}
    return next(iter(_rows(con, f"FROM lake.{table} WHERE person_id = ?", [person_id])), {})


def _rows(con: duckdb.DuckDBPyConnection, query: str, values: object) -> list[Row]:
    cursor = con.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
