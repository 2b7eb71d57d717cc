"""Relatives among the pairs that a model is trained on: how many of those that differ in one field are two people.

Twins agree on last name, birth date and address, a father and a son called alike on both names. Expectation
maximisation takes them for one person whose name or birth date is often wrong, and then nothing tells them apart any
more. An e-mail address or a number of one's own knows better: relatives seldom share it.
"""

from typing import Any

import duckdb

from cdp_assets.identity.blocking import count_pairs
from cdp_assets.identity.comparisons import NUMBER
from cdp_assets.identity.reliability import of_records

ALIKE = {
    "first_name": ("last_name", "date_of_birth"),
    "date_of_birth": ("given", "last_name", "street"),
}
"""What relatives who differ in a comparison have in common."""
MOST_DIFFER = 0.02
"""Where only pairs of one household teach anything: a wrong birth date, or an unknown short form, on one of fifty."""
MIN_DIFFERING, MIN_SAME = 5, 30
"""With fewer pairs a share is a matter of chance."""
MOST_PAIRS = 500_000


def discount_relatives(con: duckdb.DuckDBPyConnection, comparisons: list[dict[str, Any]]) -> dict[str, float]:
    """Take relatives out of how often one person differs, in place. Returns the shares that are one person.

    Works on the scratch table ``training_records``.
    """
    described = [name for name, *_ in con.execute("DESCRIBE training_records").fetchall()]
    own = ["email", *(name for name in described if name.startswith(NUMBER))]
    shares = {}
    for comparison in comparisons:
        name = comparison["output_column_name"]
        if name not in ALIKE:
            continue
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        every = 1 + count_pairs(con, [ALIKE[name]]) // MOST_PAIRS
        row = con.execute(_counts(name, [level["sql_condition"] for level in levels[:-1]], own, every)).fetchone()
        share = one_person(*row) if row else 1.0
        if share < 1:
            shares[name] = round(share, 4)
            believe_at_most(comparison, share * levels[-1]["m_probability"])
    return shares


def one_person(differing: int, differing_agree: int, same: int, same_agree: int) -> float:
    """Share of the differing pairs that are one person: these agree on what is one's own as often as the others do."""
    if differing < MIN_DIFFERING or same_agree < MIN_SAME:
        return 1.0
    return min(1.0, (differing_agree + 0.5) / (differing + 1) * same / same_agree)


def believe_at_most(comparison: dict[str, Any], most: float) -> None:
    """Believe no more than ``most`` of one person's pairs to differ, in place; the other levels take the rest."""
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
    *others, last = [level for level in levels if isinstance(level.get("m_probability"), float)]
    if last is not levels[-1] or not others or last["m_probability"] <= most:
        return
    for level in others:
        level["m_probability"] *= (1 - most) / (1 - last["m_probability"])
    last["m_probability"] = most


def _counts(name: str, near: list[str], own: list[str], every: int) -> str:
    """Pairs that differ in comparison ``name``, those of them that agree on what is one's own, and the same of others.

    Of many pairs, those of every so many-th record.
    """
    column = "given" if name == "first_name" else name
    agreement = f"coalesce({', '.join(f'l.{one} = r.{one}' for one in own)})"
    alike = " AND ".join(f"l.{shared} = r.{shared}" for shared in ALIKE[name])
    return f"""WITH pairs AS (
        SELECT NOT coalesce({" OR ".join(f"({of_records(condition)})" for condition in near)}, false) AS differs,
            {agreement} AS agree
        FROM training_records AS l JOIN training_records AS r ON {alike} AND l.id < r.id AND l.id % {every} = 0
        WHERE l.{column} IS NOT NULL AND r.{column} IS NOT NULL)
    SELECT count(*) FILTER (differs), count(*) FILTER (differs AND agree),
        count(*) FILTER (NOT differs), count(*) FILTER (NOT differs AND agree)
    FROM pairs WHERE agree IS NOT NULL"""
