"""Whether a new resolution differs so much from the last that someone should look before it is used.

Where no truth is known, a broken extract, a shared identifier that passed for a personal one, or settings gone wrong
show as many people merged or split at once. The decision is pure; what it decides on is read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

FLOOR = 100
"""Fewer people or bridges than this stop no run, however small the lake is."""

JUMP = 2.0
"""What may at most come of the largest person and of the number of bridges in one run, as a multiple."""

BITS = 3.0
"""How far the match weights that hold people together may move in one run: odds eight times as high or as low."""


class Drift(Exception):
    """A resolution that was not written, and why."""


@dataclass(frozen=True)
class Standing:
    """A resolution in figures. ``people`` have several records each; ``largest`` is the records of the largest one."""

    records: int
    people: int
    largest: int
    bridges: int


@dataclass(frozen=True)
class Extent:
    """A resolution in what tells how it grew."""

    records: int
    bridges: int


@dataclass(frozen=True)
class Upheaval:
    """What a run does to people who had several records; records that are new to it count nowhere.

    ``merged`` people would be one with another of them, ``split`` ones no longer one, ``changed`` ones either or both;
    ``largest`` is how many records that were there before would be one person. ``typical`` and ``weak`` are match
    weights, before and after, of the people who stay: the median of what holds their records together on the whole, and
    the weakest link that one person in twenty goes below.
    """

    merged: int
    split: int
    changed: int
    largest: int
    typical: tuple[float, float] = (0.0, 0.0)
    weak: tuple[float, float] = (0.0, 0.0)


def objections(before: Standing, after: Extent, upheaval: Upheaval, max_change: float, giant: int) -> list[str]:
    """What speaks against the resolution ``after``; empty when nothing does.

    New records alone raise none: only what happens to known records counts, and bridges may grow as records do.
    """
    found = []
    if upheaval.changed > max(FLOOR, max_change * before.people):
        found.append(
            f"{upheaval.merged:,} people would be merged and {upheaval.split:,} split, of {before.people:,} with "
            f"several records: {upheaval.changed / max(before.people, 1):.0%}, and max_change allows {max_change:.0%}"
        )
    if upheaval.largest > max(giant, JUMP * before.largest):
        found.append(
            f"{upheaval.largest:,} known records would be one person; the largest had {before.largest:,} until now"
        )
    growth = max(1.0, after.records / max(before.records, 1))
    known = before.people >= FLOOR and growth < JUMP
    if known and after.bridges > max(before.bridges + FLOOR, JUMP * growth * before.bridges):
        found.append(
            f"{after.bridges:,} links alone would hold people together, {before.bridges:,} did until now: "
            "something joins people who have little in common"
        )
    for what, (was, now) in (("the median", upheaval.typical), ("the weakest in twenty", upheaval.weak)):
        if known and abs(now - was) > BITS:
            found.append(
                f"the match weights that hold people together would go from {was:.1f} to {now:.1f} ({what}): records "
                "say more or less about people than until now"
            )
    return found


STEADY = {
    ("unlinked_share", "named"): 0.1,
    ("match_weight", "quantile=0.5"): BITS,
    ("match_weight", "quantile=0.05"): BITS,
}
"""By how much these measures of `identity.quality` may move from run to run: a share, and bits of match weight.

Visitors who never said who they are stand alone, and some days bring many of them: only records with a name count.
"""


def unsteady(before: Mapping[tuple[str, str], float], after: Mapping[tuple[str, str], float]) -> list[str]:
    """Measures, by name and slice, that moved further than usual since the last run, or doubled."""
    if before.get(("people", "all"), 0) < FLOOR:
        return []
    found = []
    for key, step in STEADY.items():
        if key in before and key in after and abs(after[key] - before[key]) > step:
            found.append(f"{key[0]} ({key[1]}) went from {before[key]:.3f} to {after[key]:.3f}")
    growth = max(1.0, after.get(("people", "all"), 0) / before["people", "all"])
    for key in (("bridges", "all"), ("over_merge_suspects", "all"), ("under_merge_suspects", "all")):
        was, now = before.get(key, 0), after.get(key, 0)
        if now > max(was + FLOOR, JUMP * growth * was):
            found.append(f"{key[0]} went from {was:,.0f} to {now:,.0f}")
    return found


def has_doubled(before: Mapping[tuple[str, str], float], after: Mapping[tuple[str, str], float]) -> bool:
    """Whether there are so many new people that measures of before say little about how they should be now."""
    return after.get(("people", "all"), 0) >= JUMP * before.get(("people", "all"), 0)


def standing(con: duckdb.DuckDBPyConnection) -> Standing:
    """How things stand in the open transaction; all zero before the first resolution."""
    row = con.execute(
        """WITH sizes AS (SELECT count(*) AS n FROM lake.identity.record_persons GROUP BY person_id)
        SELECT coalesce(sum(n), 0), count(*) FILTER (n > 1), coalesce(max(n), 0),
               (SELECT coalesce(sum(bridges), 0) FROM lake.identity.strengths)
        FROM sizes"""
    ).fetchone() or (0, 0, 0, 0)
    return Standing(*(int(value) for value in row))


def extent(con: duckdb.DuckDBPyConnection) -> Extent:
    """How large the resolution of the open transaction is."""
    row = con.execute(
        """SELECT (SELECT count(*) FROM lake.identity.record_persons),
               (SELECT coalesce(sum(bridges), 0) FROM lake.identity.strengths)"""
    ).fetchone() or (0, 0)
    return Extent(*(int(value) for value in row))


PERSONS_BEFORE = """
CREATE OR REPLACE TEMP TABLE persons_before AS
FROM lake.identity.record_persons SEMI JOIN scope USING (record_key)"""
REMEMBER = f"""{PERSONS_BEFORE};
CREATE OR REPLACE TEMP TABLE strengths_before AS FROM lake.identity.strengths"""


def upheaval(con: duckdb.DuckDBPyConnection) -> Upheaval:
    """Compare the persons of ``scope`` (``members``) with what they were at ``REMEMBER``, in the open transaction."""
    row = con.execute(
        """WITH known AS (
            SELECT b.person_id AS former, p.person_id AS present,
                   count(*) OVER (PARTITION BY b.person_id) > 1 AS several
            FROM persons_before AS b JOIN members AS p USING (record_key)
        ),
        joined AS (
            SELECT DISTINCT former FROM known
            SEMI JOIN (SELECT present FROM known WHERE several GROUP BY present HAVING count(DISTINCT former) > 1)
                USING (present)
            WHERE several),
        parted AS (SELECT former FROM known WHERE several GROUP BY former HAVING count(DISTINCT present) > 1),
        sizes AS (SELECT count(*) AS n FROM known GROUP BY present)
        SELECT (SELECT count(*) FROM joined), (SELECT count(*) FROM parted),
               (SELECT count(*) FROM (FROM joined UNION FROM parted)), (SELECT coalesce(max(n), 0) FROM sizes)"""
    ).fetchone() or (0, 0, 0, 0)
    weights = (
        con.execute(
            """SELECT median(b.cohesion), median(a.cohesion),
            quantile_cont(b.weakest_link, 0.05), quantile_cont(a.weakest_link, 0.05)
        FROM strengths_before AS b JOIN lake.identity.strengths AS a USING (person_id)"""
        ).fetchone()
        or (None,) * 4
    )
    typical, then, weak, now = (value or 0.0 for value in weights)
    merged, split, changed, largest = (int(value) for value in row)
    return Upheaval(merged, split, changed, largest, (typical, then), (weak, now))
