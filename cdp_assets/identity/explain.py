"""Why two records are one person, or are not: the path of links between them, and what each link rests on.

Everything here reads, on a scratch connection, and writes nothing. What it returns names records and may show personal
data: it is for a person's own screen, never for Dagster's metadata or logs.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from cdp_assets.identity.apart import Cause, why_apart
from cdp_assets.identity.comparing import compare
from cdp_assets.identity.decisions import DECIDED_ANEW, in_force
from cdp_assets.identity.history import history, together_since
from cdp_assets.identity.in_use import promoted_model, settings_in_use
from cdp_assets.identity.lookup import require_records
from cdp_assets.identity.steps import Step, find_link, find_path
from cdp_assets.metadata import has_table
from cdp_model.identity import IdentitySettings
from cdp_resources.sql import quote

VALUES = ("first_name", "last_name", "date_of_birth", "gender", "email", "phone", "street", "postal_code", "city")


@dataclass(frozen=True)
class RawRow:
    """Where the latest version of a record was read."""

    record_key: str
    table: str
    row: int
    file: str | None = None
    extracted_at: dt.datetime | None = None


@dataclass(frozen=True)
class Explanation:
    """``cause`` in a word or two, ``text`` in a sentence; ``path`` leads from the left record to the right one."""

    left_key: str
    right_key: str
    persons: Mapping[str, str]
    cause: Cause
    text: str
    pair: Step
    path: Sequence[Step]
    pending: bool
    since: dt.datetime | None = None
    changes: Sequence[Mapping[str, object]] = ()
    raw_rows: Sequence[RawRow] = ()
    values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def joined(self) -> bool:
        """Whether both records are one person now."""
        return self.persons.get(self.left_key, "") == self.persons.get(self.right_key, None)

    @property
    def weakest(self) -> Step | None:
        """The link of the path that holds least."""
        links = [step for step in self.path if step.match_weight is not None and step.decision is None]
        return min(links, key=lambda step: step.match_weight or 0, default=None)


def explain(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, left: str, right: str) -> Explanation:
    """Why the two records are one person, or why not. Raises ``UnknownRecord``, and ``ValueError`` for one record."""
    left, right = min(left, right), max(left, right)
    if left == right:
        raise ValueError(f"{left} is one record: name two")
    require_records(con, left, right)
    model, settings = promoted_model(con), settings_in_use(con, settings)
    decisions = in_force(con)
    steps = find_path(con, decisions, left, right)
    keys = list(dict.fromkeys([left, right, *(key for step in steps for key in (step.left_key, step.right_key))]))
    persons = _persons(con, keys)
    compared = compare(con, model, keys)
    path = [replace(step, compared=compared.get((step.left_key, step.right_key))) for step in steps]
    pair = replace(find_link(con, left, right) or Step(left, right), compared=compared.get((left, right)))
    found = Explanation(left, right, persons, "linked", "", pair, path, _pending(con, left, right))
    if found.joined:
        cause, text = _why_joined(path)
    else:
        cause, text = why_apart(con, settings, model, pair, path, decisions, persons)
    since, changes = _came_together(con, left, right) if found.joined else (None, [])
    return replace(
        found,
        cause=cause,
        text=text,
        since=since,
        changes=changes,
        raw_rows=_raw_rows(con, keys),
        values=_values(con, keys),
    )


def _why_joined(path: Sequence[Step]) -> tuple[Cause, str]:
    if not path:
        return "linked", "One person, but no link stands between them any more: the next run will look at them again."
    decided = [step.decision for step in path if step.decision]
    if decided and len(path) == len(decided):
        return "decided the same", f"One person because somebody decided so: {', '.join(map(str, decided))}."
    over = f"over {len(path) - 1} other record{'s' if len(path) > 2 else ''}" if len(path) > 1 else "directly"
    also = f", and by a decision: {', '.join(map(str, decided))}" if decided else ""
    return "linked", f"One person: linked {over}{also}."


def _pending(con: duckdb.DuckDBPyConnection, left: str, right: str) -> bool:
    """Whether links or decisions about the records are newer than the persons."""
    row = con.execute(
        f"""SELECT count(*) FROM (
            FROM ({DECIDED_ANEW}) UNION ALL SELECT record_key FROM lake.identity.unresolved_records)
        WHERE record_key IN ($left, $right)""",
        {"left": left, "right": right},
    ).fetchone()
    return bool(row and row[0])


def _came_together(
    con: duckdb.DuckDBPyConnection, left: str, right: str
) -> tuple[dt.datetime | None, list[dict[str, object]]]:
    """Since when they are one person, and the changes of that moment which brought them together."""
    stints = {key: history(con, key) for key in (left, right)}
    since = together_since(stints[left], stints[right])
    persons = {stint.person_id for of_one in stints.values() for stint in of_one if stint.person_id}
    cursor = con.execute(
        """SELECT kind, person_id, other_person_id, occurred_at, run_id, reason FROM lake.identity.person_changes
        WHERE occurred_at = $since AND list_contains($persons, person_id)
          AND (record_key IS NULL OR record_key IN ($left, $right) OR kind IN ('minted', 'split'))
          AND (other_person_id IS NULL OR list_contains($persons, other_person_id)) ORDER BY ALL""",
        {"since": since, "persons": list(persons), "left": left, "right": right},
    )
    names = [column[0] for column in cursor.description or ()]
    return since, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _persons(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, str]:
    query = "SELECT record_key, person_id FROM lake.identity.record_persons WHERE list_contains(?, record_key)"
    return dict(con.execute(query, [list(keys)]).fetchall())


def _values(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, dict[str, object]]:
    query = f"SELECT record_key, {', '.join(VALUES)} FROM lake.identity.evidence WHERE list_contains(?, record_key)"
    rows = con.execute(query, [list(keys)]).fetchall()
    return {key: dict(zip(VALUES, values, strict=True)) for key, *values in rows}


def _raw_rows(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> list[RawRow]:
    described = {name for name, *_ in con.execute("DESCRIBE lake.standardized.customers").fetchall()}
    if not {"_stream", "_raw_row"} <= described:
        return []
    found = []
    query = """SELECT record_key, _stream, _raw_row FROM lake.standardized.customers
        WHERE list_contains(?, record_key) ORDER BY list_position(?, record_key)"""
    for key, stream, row in con.execute(query, [list(keys), list(keys)]).fetchall():
        origin = RawRow(key, f"raw.{stream}", row)
        if has_table(con, f"raw.{quote(stream)}"):
            source = con.execute(
                f"SELECT _source_file, _extracted_at FROM lake.raw.{quote(stream)} WHERE rowid = ?", [row]
            ).fetchone()
            origin = replace(origin, file=source[0], extracted_at=source[1]) if source else origin
        found.append(origin)
    return found
