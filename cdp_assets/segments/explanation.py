"""Why a person is in a segment or not: each condition, whether it is true on a day, and the values that it looks at."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.profiles.traits import latest_day
from cdp_assets.segments import activity
from cdp_assets.segments.behaviour import column_of
from cdp_assets.segments.conditions import condition, looked_at_of, people_and_conditions, with_segments
from cdp_assets.segments.inputs import behaviour_query, of_everybody
from cdp_assets.segments.memberships import latest_evaluation
from cdp_assets.segments.selection import member_of, not_held_out, selections
from cdp_model.behaviour import Did, DidNot, First, Last
from cdp_model.columns import person_columns
from cdp_model.expressions import columns_of, did_you_mean
from cdp_model.model import Model
from cdp_model.traits import Group
from cdp_resources.sql import quote


@dataclass(frozen=True)
class Line:
    """One condition, or a group of them (its key: all, any or none), as deep as it stands in the declaration."""

    depth: int
    text: str
    true: bool
    values: dict[str, Any]


@dataclass(frozen=True)
class Explanation:
    """Whether a person is in a segment by what is known now, and each line of its declaration."""

    day: dt.date
    member: bool
    lines: list[Line]


def why(con: duckdb.DuckDBPyConnection, model: Model, segment: str, person_id: str, day: dt.date) -> Explanation:
    """Look at one person through one segment. Raises ``ValueError`` where either is not there on the day."""
    declared = model.segments.get(segment)
    if declared is None:
        raise ValueError(f"there is no segment `{segment}`{did_you_mean(segment, model.segments)}")
    columns = person_columns(model)
    parts = list(_parts(declared))
    truths = [_condition(kind, part) for _, kind, part in parts]
    more = selections(model, segment)
    if declared.holdout:
        more.append((f"not in the holdout of {declared.holdout.share}", not_held_out(model, segment)))
    truths += [sql for _, sql in more]
    looked_at = [_looked_at(part, columns) for _, _, part in parts]
    used = sorted({column for named in looked_at for column in named.values()})
    needed = looked_at_of(model)
    activity.know_people(con)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT number AS person_id FROM numbers WHERE person_id = ?", [person_id]
    )
    activity.load(con, needed, day, "asked", of_everybody(needed, [segment], [segment]))
    activity.attribute(con, needed, day)
    con.execute(f"CREATE OR REPLACE TEMP TABLE behaviour AS {behaviour_query(needed, day)}")
    row = con.execute(
        f"""SELECT {member_of(segment)}, [{", ".join(truths)}], {", ".join(["NULL", *map(quote, used)])}
        FROM ({with_segments(model, day, people_and_conditions(model, day))}) WHERE person_id = ?""",
        [person_id],
    ).fetchone()
    if row is None:
        raise ValueError(f"{person_id} was not known on {day}")
    member, true, _, *found = row
    values = dict(zip(used, found, strict=True))
    lines = []
    for (depth, kind, part), truth, named in zip(parts, true[: len(parts)], looked_at, strict=True):
        text = kind if isinstance(part, list) else str(part)
        lines.append(Line(depth, text, truth, {name: values[column] for name, column in named.items()}))
    lines += [Line(0, text, truth, {}) for (text, _), truth in zip(more, true[len(parts) :], strict=True)]
    if declared.cap and all(line.true for line in lines if line.depth == 0):
        lines.append(Line(0, f"cap: among the first {declared.cap}", member, {}))
    return Explanation(day, member, lines)


def day_to_show(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date | None) -> dt.date:
    """``day``, else the latest that segments were evaluated for, else the latest with events.

    Raises ``ValueError`` where the tables are not there that people are read from.
    """
    needed = ["profiles.golden_records", *(["predictions.scores"] if model.predictions else [])]
    needed += ["standardized.exchange_rates"] if model.has_dated_rates else []
    for table in needed:
        if not has_table(con, table):
            raise ValueError(f"there is no {table} yet: materialize the group {table.split('.')[0]} first")
    return day or latest_evaluation(con) or latest_day(con, model)


def _parts(group: Group, depth: int = 0) -> Iterator[tuple[int, str, Any]]:
    """Depth, kind, and a condition or the list of conditions under one key, as they are declared."""
    for kind in ("all", "any", "none"):
        inside = getattr(group, kind)
        if inside:
            yield depth, kind, inside
        for part in inside:
            if isinstance(part, Group):
                yield from _parts(part, depth + 1)
            else:
                yield depth + 1, kind, part


def _condition(kind: str, part: Any) -> str:
    """SQL of a condition itself, or of all that stands under one key."""
    if isinstance(part, list):
        return condition(Group.model_validate({kind: part}))
    return condition(Group(all=[part]))


def _looked_at(part: Any, columns: list[str]) -> dict[str, str]:
    """The columns of people that a condition looks at, by the names to show."""
    if isinstance(part, Did | DidNot):
        return {"times": column_of(part)}
    if isinstance(part, First | Last):
        return {"day": column_of(part)}
    return {column: column for column in columns_of(part, columns)} if isinstance(part, str) else {}
