"""Finding people and records by whatever somebody has in hand: a person_id, a record key, an identifier's value."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table

NEAR = 0.85
"""Jaro-Winkler similarity from which a key is offered as the one that may have been meant."""


class UnknownRecord(Exception):
    """A record key that no standardized record has; the text offers near ones."""

    def __init__(self, key: str, near: Sequence[str]) -> None:
        meant = f"; did you mean {' or '.join(near)}?" if near else ": keys are `source:id`, such as crm:4711"
        super().__init__(f"there is no record {key}{meant}")


@dataclass(frozen=True)
class Match:
    """A person that was found, and by what."""

    person_id: str
    found_by: str
    current: bool = True


def require_records(con: duckdb.DuckDBPyConnection, *keys: str) -> None:
    """Raise ``UnknownRecord`` for the first of ``keys`` that no record has."""
    known = has_table(con, "standardized.customers")
    for key in keys:
        query = "SELECT 1 FROM lake.standardized.customers WHERE record_key = ?"
        if not known or con.execute(query, [key]).fetchone() is None:
            raise UnknownRecord(key, near_keys(con, key) if known else [])


def near_keys(con: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    """Up to three record keys that look most like ``key``."""
    rows = con.execute(
        """SELECT record_key FROM lake.standardized.customers
        WHERE jaro_winkler_similarity(lower(record_key), lower($key)) >= $near
        ORDER BY damerau_levenshtein(lower(record_key), lower($key)), record_key LIMIT 3""",
        {"key": key, "near": NEAR},
    ).fetchall()
    return [row[0] for row in rows]


def find_persons(con: duckdb.DuckDBPyConnection, identifier: str, limit: int = 20) -> list[Match]:
    """The persons that ``identifier`` may mean, at most ``limit``: by id, by record, else by an identifier's value.

    A person that is no more gives the persons its records belong to now. Case and spaces around do not matter for
    values; spaces, dashes and brackets do not for phone numbers.
    """
    for query, found_by, current in (PERSON, RECORD, RETIRED, VALUE):
        rows = con.execute(query, {"value": identifier.strip(), "limit": limit}).fetchall()
        if rows:
            return [
                Match(person, found_by if kind is None else f"{kind} of {key}", current) for person, kind, key in rows
            ]
    return []


PERSON = (
    "SELECT DISTINCT person_id, NULL, NULL FROM lake.identity.record_persons WHERE person_id = $value LIMIT $limit",
    "person_id",
    True,
)
RECORD = (
    "SELECT person_id, NULL, NULL FROM lake.identity.record_persons WHERE record_key = $value LIMIT $limit",
    "record key",
    True,
)
RETIRED = (
    """SELECT DISTINCT now.person_id, NULL, NULL FROM lake.identity.record_history AS former
    JOIN lake.identity.record_persons AS now USING (record_key)
    WHERE former.person_id = $value ORDER BY ALL LIMIT $limit""",
    "former person_id of its records",
    False,
)
VALUE = (
    """WITH wanted AS (SELECT lower($value) AS text, regexp_replace($value, '[^0-9+]', '', 'g') AS digits),
    found AS (
        SELECT record_key, identifier_type FROM lake.standardized.identifiers, wanted
        WHERE lower(identifier_value) = text
           OR identifier_type = 'phone' AND length(digits) >= 5 AND identifier_value = digits
        -- as the platform writes it for matching, and shows it in explanations
        UNION ALL SELECT record_key, 'email' FROM lake.identity.evidence, wanted WHERE email = text
        UNION ALL SELECT record_key, 'phone' FROM lake.identity.evidence, wanted
        WHERE length(digits) >= 5 AND phone = digits)
    SELECT person_id, min(identifier_type), min(record_key)
    FROM found JOIN lake.identity.record_persons USING (record_key)
    GROUP BY person_id ORDER BY person_id LIMIT $limit""",
    "identifier",
    True,
)
