"""Who of the people that fit a segment is chosen: priority lists, splits, hold-outs and caps. Pure query building.

All chance is a hash of a salt and the person's id: the same person has the same luck on every day and every machine.
"""

from cdp_model.conditions import ahead_of
from cdp_model.model import Model
from cdp_model.traits import Segment
from cdp_resources.sql import literal, quote

MOST_SMALLEST = 1_000_000
"""DuckDB's `min(value, n)` takes fewer than so many."""


def member_of(segment: str) -> str:
    """The quoted name of the column that says who is in a segment."""
    return quote(f"in {segment}")


def claimed_by(segment: str) -> str:
    """The quoted name of the column that says whom a segment keeps from those after it in its priority list."""
    return quote(f"claimed by {segment}")


def place(salt: str) -> str:
    """The quoted name of the column that says where a person stands in a line that is shuffled by ``salt``."""
    return quote(f"place {salt}")


def lines_of(model: Model) -> dict[str, str]:
    """The lines that segments look at, by the names of their columns: from 0 up to, but not including, 1."""
    salts = {
        chance.salt for segment in model.segments.values() for chance in (segment.split, segment.holdout) if chance
    }
    salts |= {_line_of_cap(name, segment) for name, segment in model.segments.items() if segment.cap is not None}
    hashed = "('0x' || left(md5({} || person_id), 8))::UBIGINT / 4294967296"
    return {f"place {salt}": hashed.format(literal(f"{salt}:")) for salt in sorted(salts)}


def selections(model: Model, segment: str) -> list[tuple[str, str]]:
    """Texts and SQL conditions that a person who fits must pass besides, in the order in which they are asked."""
    declared = model.segments[segment]
    found = []
    ahead = ahead_of(model, segment)
    if ahead:
        claimed = " OR ".join(claimed_by(name) for name in ahead)
        found.append((f"priority_list {declared.priority_list}: in none of {', '.join(ahead)}", f"(NOT ({claimed}))"))
    if declared.split:
        line = place(declared.split.salt)
        inside = f"({line} >= {declared.split.from_} AND {line} < {declared.split.to})"
        found.append((f"split: from {declared.split.from_} to {declared.split.to}", inside))
    return found


def not_held_out(model: Model, segment: str) -> str:
    """SQL: the person is not in the segment's hold-out."""
    holdout = model.segments[segment].holdout
    return f"({place(holdout.salt)} >= {holdout.share})" if holdout else "true"


def fitting(model: Model, segment: str, condition: str) -> str:
    """SQL: the person fulfils a segment's condition and may be chosen, but for its hold-out and its cap."""
    return " AND ".join([condition, *(sql for _, sql in selections(model, segment))])


def within_cap(model: Model, segment: str) -> str:
    """SQL: a person who would be a member is among the first of a shuffled line of these."""
    declared = model.segments[segment]
    if declared.cap is None:
        return "true"
    last = last_of(segment)
    return f"({last} IS NULL OR {_in_line(segment, declared)} <= {last})"


def last_of(segment: str) -> str:
    """The quoted name of the column that says where the last person stands whom a cap lets in; null: all may come."""
    return quote(f"last of {segment}")


def last_in_line(model: Model, segment: str, condition: str) -> str:
    """Aggregate over all people: where the last stands whom the cap lets in. To number everybody takes far longer."""
    declared = model.segments[segment]
    assert declared.cap
    would_be = f"{fitting(model, segment, condition)} AND {not_held_out(model, segment)}"
    line = f"CASE WHEN {would_be} THEN {_in_line(segment, declared)} END"
    few = declared.cap < MOST_SMALLEST
    first = f"min({line}, {declared.cap})" if few else f"list_sort(list({line}) FILTER ({would_be}))"
    return f"{first}[{declared.cap}] AS {last_of(segment)}"


def _in_line(name: str, segment: Segment) -> str:
    return f"row({place(_line_of_cap(name, segment))}, person_id)"


def _line_of_cap(name: str, segment: Segment) -> str:
    return next(iter(segment.formerly), name)  # another name is no other luck


def chosen(model: Model, segment: str, condition: str) -> str:
    """SQL of two columns: whom the segment claims, and who is in it.

    People of the hold-out are claimed, so that no campaign of a lower rank reaches those who are to be compared with.
    People beyond the cap are not, and fall to the next segment of the list.
    """
    fits = fitting(model, segment, condition)
    kept = not_held_out(model, segment)
    member = f"({fits} AND {kept})"
    capped = within_cap(model, segment)
    claims = f"({fits} AND (NOT {kept} OR {capped}))"
    return f"{claims} AS {claimed_by(segment)}, ({member} AND {capped}) AS {member_of(segment)}"
