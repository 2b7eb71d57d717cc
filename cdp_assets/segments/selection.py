"""Who of the people that fit a segment is chosen: priority lists, splits, hold-outs and caps. Pure query building.

All chance is a hash of a salt and the person's id: the same person has the same luck on every day and every machine.
"""

from cdp_model.conditions import ahead_of
from cdp_model.model import Model
from cdp_resources.lake import literal, quote


def member_of(segment: str) -> str:
    """The quoted name of the column that says who is in a segment."""
    return quote(f"in {segment}")


def claimed_by(segment: str) -> str:
    """The quoted name of the column that says whom a segment keeps from those after it in its priority list."""
    return quote(f"claimed by {segment}")


def place(salt: str) -> str:
    """SQL for where a person stands in a line that is shuffled by ``salt``: from 0 up to, but not including, 1."""
    return f"(('0x' || left(md5({literal(salt + ':')} || person_id), 8))::UBIGINT / 4294967296)"


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


def within_cap(model: Model, segment: str, fits: str) -> str:
    """SQL over all people: of those for whom ``fits`` is true, the person is among the first of a shuffled line."""
    declared = model.segments[segment]
    if declared.cap is None:
        return "true"
    salt = next(iter(declared.formerly), segment)  # another name is no other luck
    return f"(row_number() OVER (PARTITION BY {fits} ORDER BY {place(salt)}, person_id) <= {declared.cap})"


def chosen(model: Model, segment: str, condition: str) -> str:
    """SQL of two columns: whom the segment claims, and who is in it.

    People of the hold-out are claimed, so that no campaign of a lower rank reaches those who are to be compared with.
    People beyond the cap are not, and fall to the next segment of the list.
    """
    fits = " AND ".join([condition, *(sql for _, sql in selections(model, segment))])
    kept = not_held_out(model, segment)
    member = f"({fits} AND {kept})"
    capped = within_cap(model, segment, member)
    claims = f"({fits} AND (NOT {kept} OR {capped}))"
    return f"{claims} AS {claimed_by(segment)}, ({member} AND {capped}) AS {member_of(segment)}"
