"""Where people are: their segments and conditions as bits of a few numbers, and what is different on another day.

Pure query building.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from cdp_assets.segments.bits import bit, mask, packed, word_of
from cdp_assets.segments.conditions import (
    conditions_of,
    people_and_conditions,
    true_of,
    truth,
    with_needed,
    with_segments,
)
from cdp_assets.segments.selection import lines_of, member_of
from cdp_model.behaviour import In, NotIn
from cdp_model.model import Model
from cdp_resources.sql import literal, quote


class Names(NamedTuple):
    """Segments, and conditions by their names: what a relation of ``placed_query`` says of people."""

    segments: Collection[str]
    conditions: Collection[str]


def placed_query(
    model: Model,
    as_of: dt.date,
    wanted: Names,
    behaviour: str = "behaviour",
    people: str | None = None,
    also: Sequence[str] = (),
    known: Names | None = None,
    attributes: Sequence[str] = (),
) -> str:
    """SELECT of person_id, and in words of bits whether they are in ``wanted`` segments, and which conditions are true.

    Each in the order of the names, segments first. ``people``: a relation of person_id; only these, of what they did in
    ``behaviour``. That is right where no segment depends on who else there is. ``also``: quoted columns of
    ``behaviour``, as they are. ``attributes``: columns of golden records, likewise. ``known``: what ``behaviour``,
    which is the outcome of such a query and has all attributes that are asked for, says already.
    """
    named = conditions_of(model, model.segments)
    needed = with_needed(model, wanted.segments)
    asks = {*conditions_of(needed, needed.segments), *wanted.conditions}
    alone = sorted(name for name in asks if not isinstance(named[name], In | NotIn))
    kept = {name: len(known.segments) + i for i, name in enumerate(sorted(known.conditions))} if known else {}
    anew = [name for name in alone if name not in kept]
    words = sorted({word_of(kept[name]) for name in alone if name in kept})
    has = ["person_id", *attributes] if known else None
    found = people_and_conditions(model, as_of, behaviour, people, anew, words, has)
    columns = ["person_id", *map(quote, [*attributes, *lines_of(needed)]), *map(true_of, anew)]
    columns += [f"{bit(kept[name])} AS {true_of(name)}" for name in alone if name in kept]
    found = with_segments(needed, as_of, f"SELECT {', '.join(columns)} FROM ({found})")
    bits = [*map(member_of, sorted(wanted.segments)), *(truth(named[name]) for name in sorted(wanted.conditions))]
    carried = [quote(name) for name in attributes if not known]
    found = f"SELECT {', '.join(['person_id', *carried, *packed(bits)])} FROM ({found})"
    if also:
        kept_too = f"SELECT {', '.join(['person_id', *also])} FROM {behaviour}"
        found = f"SELECT * FROM ({found}) LEFT JOIN ({kept_too}) USING (person_id)"
    return f"{found} ORDER BY person_id"


def members_query(segments: Collection[str], as_of: dt.date, placed: str) -> str:
    """SELECT of as_of, segment, person_id for ``segments`` of a relation of ``placed_query``.

    All segments in one pass: what many people have in common then stands together, which a file keeps in little room.
    """
    words: dict[str, list[str]] = defaultdict(list)
    for place, name in enumerate(sorted(segments)):
        words[word_of(place)].append(f"({literal(name)}, {mask(place)})")
    return " UNION ALL ".join(
        f"""SELECT DATE {literal(str(as_of))} AS as_of, segment, person_id
        FROM {placed}, (VALUES {", ".join(listed)}) AS of_word (segment, mask) WHERE {word} & mask <> 0"""
        for word, listed in words.items()
    )


def differing_query(said: Names, before: str, after: str) -> str:
    """The rows of ``after``, a query that says the same as the relation ``before``, that are not in that."""
    words = sorted({word_of(place) for place in range(len(said.segments) + len(said.conditions))})
    differs = " OR ".join(f"after.{word} IS DISTINCT FROM before.{word}" for word in words) or "false"
    return f"SELECT after.* FROM ({after}) AS after LEFT JOIN {before} AS before USING (person_id) WHERE {differs}"


def turned_query(said: Names, before: str, after: str) -> str:
    """SELECT of person_id, segment, condition, is_true: what is different ``after``.

    Conditions of people who are there both times, and whether somebody is in a segment: who is not there is in none.
    Both are relations of ``placed_query`` that say the same.
    """
    listed = [f"{literal(name)}, NULL" for name in sorted(said.segments)]
    listed += [f"NULL, {literal(name)}" for name in sorted(said.conditions)]
    words: dict[str, list[str]] = defaultdict(list)
    for place, row in enumerate(listed):
        words[word_of(place)].append(f"({row}, {mask(place)})")
    return " UNION ALL ".join(
        f"""
        SELECT person_id, segment, condition, is_now & mask <> 0 AS is_true FROM (
            SELECT person_id, coalesce(after.{word}, 0) AS is_now, coalesce(before.{word}, 0) AS was,
                after.{word} IS NULL OR before.{word} IS NULL AS is_once
            FROM {after} AS after FULL JOIN {before} AS before USING (person_id) WHERE is_now <> was)
        JOIN (VALUES {", ".join(rows)}) AS of_word (segment, condition, mask)
            ON xor(is_now, was) & mask <> 0 AND NOT (is_once AND segment IS NULL)"""
        for word, rows in words.items()
    )
