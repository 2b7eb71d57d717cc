"""How many pairs blocking rules give, and so which of them can be afforded."""

from collections.abc import Sequence
from typing import Any

import duckdb

from cdp_assets.identity.rules import EXCHANGED, candidate_rules, rule_sql
from cdp_model.identity import IdentitySettings

PAIRS_PER_RECORD = 60
"""A blocking rule chosen automatically may give this many pairs per record; small data can afford wide rules."""
TOTAL_PAIRS_PER_RECORD = 12
BUDGET = 2_000_000
"""All rules together may give this many for each record, and BUDGET in any case.

So scoring grows with the records and not with their square.
"""


def affordable_rules(
    con: duckdb.DuckDBPyConnection, names: list[str], settings: IdentitySettings, records: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Blocking rules to use, and those that would give too many pairs. Declared rules are all used.

    The cheapest come first, while all together stay within the pairs per record: else the pairs of rules such as a
    last name and a city would grow with the square of the records.
    """
    limit, budget = settings.max_pairs_per_rule, max(TOTAL_PAIRS_PER_RECORD * records, BUDGET)
    if settings.blocking is None:
        limit = min(limit, max(PAIRS_PER_RECORD * records, 200_000) if records < 20_000 else 30 * records)
    rules: list[dict[str, Any]] = [
        {"rule": list(rule), "pairs": count_pairs(con, [rule])} for rule in candidate_rules(names, settings)
    ]
    if settings.blocking:
        return rules, []
    affordable, spent = set(), 0
    for number, rule in sorted(enumerate(rules), key=lambda numbered: numbered[1]["pairs"]):
        # exchanged names may come any day; other rules without a pair are about values that nobody has
        possible = rule["pairs"] > 0 or rule_sql(rule["rule"]) == EXCHANGED
        if possible and rule["pairs"] <= min(limit, budget - spent):
            affordable.add(number)
            spent += rule["pairs"]
    kept = [rule for number, rule in enumerate(rules) if number in affordable]
    return kept, [rule for number, rule in enumerate(rules) if number not in affordable]


def count_pairs(con: duckdb.DuckDBPyConnection, rules: list[tuple[str, ...]]) -> int:
    """Pairs that agree on all columns of a rule, summed over the rules: counted from block sizes, never joined."""
    return sum(count(con, EXCHANGED_PAIRS if rule_sql(rule) == EXCHANGED else _pairs_of(rule)) for rule in rules)


def _pairs_of(columns: Sequence[str]) -> str:
    present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    return f"""SELECT coalesce(sum(n * (n - 1) / 2), 0)::BIGINT FROM (
        SELECT count(*) AS n FROM training_records WHERE {present} GROUP BY {", ".join(columns)})"""


EXCHANGED_PAIRS = f"""
WITH names AS (SELECT swap_first, swap_last, count(*) AS n FROM training_records GROUP BY swap_first, swap_last)
SELECT coalesce(sum(l.n * r.n) / 2, 0)::BIGINT FROM names AS l JOIN names AS r ON {EXCHANGED}"""


def count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that a query gives."""
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
