"""Identifier values that look like several people's: which they are, what was done with them, and the check of them.

Dagster is told types, counts and the start of a value's MD5, never a value; ``unmasked`` gives the values to who may
read the lake.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import duckdb

from cdp_assets import charts
from cdp_assets.identity.assertions import VALUE_MACROS
from cdp_assets.identity.in_use import promoted_model
from cdp_assets.identity.loading import number_types
from cdp_assets.identity.normalization import prepare
from cdp_model.identity import IdentitySettings

SHOWN = 20
"""Most values that the metadata lists."""

DONE = {
    "records": "links nothing: on more records than `max_records`",
    "names": "links nothing: seen with more first names than `max_names`",
    "accounts": "links nothing: a device of several accounts",
    None: "links records only with a compatible first name beside it",
}
UNLIKE_ONE_PERSONS = ("records", "names")
"""Worth a warning. That a family shares a device or an e-mail address is nothing unusual."""

PERSONAL = dg.AssetCheckSpec(
    "identifiers_look_personal",
    asset=["identity", "links"],
    description="No identifier value is on more records, or seen with more first names, than `max_records` and "
    "`max_names` of identity.yaml allow; those that are link nothing, and `cdp identity shared` names them",
)


class Shared(NamedTuple):
    """A value of ``records`` records, of ``names`` different first names; ``why`` is a key of DONE."""

    type: str
    value_key: str
    records: int
    names: int
    why: str | None

    @property
    def masked(self) -> str:
        """The value, as Dagster may know it: the start of its key."""
        return f"#{self.value_key[:8]}"


def shared_values(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> list[Shared]:
    """All such values, those that were set aside first, then by records."""
    con.execute(VALUE_MACROS)
    strong = sorted({*settings.strong, *number_types(con, promoted_model(con))})
    rows = con.execute(
        Path(__file__).with_name("shared_values.sql").read_text(encoding="utf-8"),
        {
            "strong": strong,
            "linking": sorted({*strong, *settings.shared_prone}),
            "max_records": settings.max_records,
            "max_names": settings.max_names,
        },
    ).fetchall()
    return [Shared(*row) for row in rows]


def reported(found: Sequence[Shared]) -> tuple[dict[str, Any], dg.AssetCheckResult]:
    """Metadata of `identity/links`, and the result of its check. Nothing in them is personal."""
    rows = [(value.type, value.masked, value.records, value.names, DONE[value.why]) for value in found[:SHOWN]]
    counts: dict[str, int] = {}
    for value in found:
        counts[value.why or "name_needed"] = counts.get(value.why or "name_needed", 0) + 1
    metadata = {
        "shared_values": dg.MetadataValue.json(counts),
        "shared_values_listed": charts.table(("identifier", "value", "records", "first names", "what was done"), rows),
    }
    unlike = [value for value in found if value.why in UNLIKE_ONE_PERSONS]
    return metadata, dg.AssetCheckResult(
        passed=not unlike,
        check_name=PERSONAL.name,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"{value.type} {value.masked} on {value.records} records, {value.names} first names" for value in unlike[:5]
        )
        or None,
        metadata={"values": len(unlike), "see": "cdp identity shared"},
    )


def unmasked(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, found: Iterable[Shared]) -> dict[str, str]:
    """The values themselves, by their keys: normalised, as they were compared. Personal data."""
    prepare(con, settings)
    rows = con.execute(
        """WITH carriers AS (
            SELECT record_key
            FROM (SELECT record_key, unnest(identifiers, recursive := true) FROM lake.identity.evidence)
            WHERE list_contains($keys, value_key)),
        given AS (
            SELECT DISTINCT identifier_type AS type, CASE identifier_type
                WHEN 'email' THEN personal_email(identifier_value) WHEN 'phone' THEN personal_phone(identifier_value)
                ELSE identifier(identifier_value) END AS value
            FROM lake.standardized.identifiers SEMI JOIN carriers USING (record_key))
        SELECT md5(type || ':' || value), value FROM given WHERE list_contains($keys, md5(type || ':' || value))""",
        {"keys": [value.value_key for value in found]},
    ).fetchall()
    return dict(rows)
