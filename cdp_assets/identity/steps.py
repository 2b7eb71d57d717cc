"""Links and decisions as steps from one record to another, read from the lake."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cdp_assets.identity.comparing import Compared
from cdp_assets.identity.paths import strongest_path
from cdp_assets.identity.scope import grow
from cdp_model.overrides import Override

DECIDED = 1_000.0
"""Strength of a decision on a path: it outranks every link."""


@dataclass(frozen=True)
class Step:
    """One link of a path, or the pair in question. ``rule`` and ``match_weight`` are None where there is no link."""

    left_key: str
    right_key: str
    rule: str | None = None
    match_weight: float | None = None
    veto: str | None = None
    model_version: str | None = None
    decision: Override | None = None
    compared: Compared | None = None


def find_path(con: duckdb.DuckDBPyConnection, decisions: Sequence[Override], left: str, right: str) -> list[Step]:
    """The path of links and decisions from one record to the other that depends on weak links least; empty: none.

    Within one person if both are one; else over all links, so that it shows where people part.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE scope AS SELECT unnest($keys) AS record_key", {"keys": [left, right]})
    row = con.execute(
        "SELECT any_value(person_id) FROM lake.identity.record_persons SEMI JOIN scope USING (record_key) "
        "HAVING count(*) = 2 AND count(DISTINCT person_id) = 1"
    ).fetchone()
    if row:
        con.execute(
            """CREATE OR REPLACE TEMP TABLE scope AS
            SELECT record_key FROM lake.identity.record_persons WHERE person_id = ?""",
            [row[0]],
        )
    else:
        grow(con)
    rows = con.execute(
        """SELECT left_key, right_key, rule, match_weight, veto, model_version FROM lake.identity.links
        SEMI JOIN scope AS l ON left_key = l.record_key SEMI JOIN scope AS r ON right_key = r.record_key
        WHERE veto IS NULL ORDER BY left_key, right_key"""
    ).fetchall()
    reached = {key for (key,) in con.execute("FROM scope").fetchall()}
    steps = [Step(*row) for row in rows]
    steps += [
        Step(*decision.pair, "decided the same", DECIDED, decision=decision)
        for decision in decisions
        if decision.decision == "same" and reached.issuperset(decision.pair)
    ]
    edges = [(step.left_key, step.right_key, step.match_weight or 0.0) for step in steps]
    return [steps[index] for index in strongest_path(edges, left, right) or []]


def find_link(con: duckdb.DuckDBPyConnection, left: str, right: str) -> Step | None:
    """The link between two records, or between two others with exactly their evidence, which stand for them."""
    row = con.execute(
        """WITH alike AS (
            SELECT other.record_key, given.record_key AS standing_for
            FROM lake.identity.evidence AS given JOIN lake.identity.evidence AS other USING (evidence_hash)
            WHERE given.record_key IN ($left, $right))
        SELECT rule, CASE WHEN exact THEN match_weight ELSE splink_weight END, veto, model_version
        FROM (
            SELECT links.*, left_key = $left AND right_key = $right AS exact
            FROM lake.identity.links
            JOIN alike AS l ON left_key = l.record_key
            JOIN alike AS r ON right_key = r.record_key AND l.standing_for <> r.standing_for)
        WHERE exact OR rule IN ('splink', 'compared') ORDER BY exact DESC, left_key, right_key LIMIT 1""",
        {"left": left, "right": right},
    ).fetchone()
    return Step(left, right, *row) if row else None
