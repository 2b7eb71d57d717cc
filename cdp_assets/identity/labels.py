"""Decisions that come back from a review: read from a file, and kept as overrides. They are the labels, too."""

import csv
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from cdp_assets.identity.decisions import Contradicted, decide
from cdp_model.overrides import Override, Verdict

SURE = 0.8
"""A pair that a reviewer gave at least this probability is the same; at most one minus this, different."""


@dataclass(frozen=True)
class Label:
    """One decision about a pair. ``line`` is where the file has it."""

    left_key: str
    right_key: str
    decision: Verdict
    reason: str
    line: int


class BadLabels(Exception):
    """A file of decisions that cannot be taken, each problem with its line."""


def read_labels(lines: Iterable[str]) -> list[Label]:
    """Decisions of a CSV: the export of Splink's labelling tool, or columns left_key, right_key, decision (and reason).

    Of the export, rows between the two ends of the scale are undecided, and left out. Raises ``BadLabels``.
    """
    reader = csv.DictReader(lines)
    names = set(reader.fieldnames or ())
    if {"left_key", "right_key", "decision"} <= names:
        left, right = "left_key", "right_key"
    elif {"record_key_l", "record_key_r", "clerical_match_score"} <= names:
        left, right = "record_key_l", "record_key_r"
    else:
        raise BadLabels(
            f"line 1: the columns are {', '.join(sorted(names)) or 'missing'}; needed are left_key, right_key and "
            "decision, or a file that the labelling tool exported"
        )
    labels, problems = [], []
    for row in reader:
        one, other = (row[left] or "").strip(), (row[right] or "").strip()
        decision = _decision(row)
        if decision is None:
            said = row.get("decision") or row.get("clerical_match_score")
            problems.append(f"line {reader.line_num}: the decision is `{said}`; it must be `same` or `different`")
        elif not one or not other or one == other:
            problems.append(f"line {reader.line_num}: a decision is about two records")
        elif decision:
            reason = (row.get("reason") or row.get("clerical_notes") or "").strip()
            labels.append(Label(min(one, other), max(one, other), decision, reason or "review", reader.line_num))
    problems += _contradictions(labels)
    if problems:
        raise BadLabels("\n".join(problems))
    return labels


def keep_labels(con: duckdb.DuckDBPyConnection, labels: list[Label], author: str) -> int:
    """Append decisions to `lake.identity.overrides` in the open transaction; returns how many.

    Raises ``BadLabels`` when a record is unknown or a decision contradicts one in force: nothing is kept then.
    """
    con.register(
        "label_rows", pa.table({n: [getattr(x, n) for x in labels] for n in ("left_key", "right_key", "line")})
    )
    unknown = con.execute(
        """SELECT line, record_key FROM (SELECT line, unnest([left_key, right_key]) AS record_key FROM label_rows)
        ANTI JOIN lake.identity.evidence USING (record_key) ORDER BY line"""
    ).fetchall()
    con.unregister("label_rows")
    if unknown:
        raise BadLabels("\n".join(f"line {line}: there is no record `{key}`" for line, key in unknown))
    now = dt.datetime.now(dt.UTC)
    decisions = [Override(x.left_key, x.right_key, x.decision, author, now, x.reason) for x in labels]
    try:
        decide(con, decisions, "review")
    except Contradicted as error:
        raise BadLabels(str(error)) from error
    return len(labels)


def _decision(row: dict[str, str]) -> Verdict | Literal[""] | None:
    """same or different; empty when the reviewer left it open, None when it cannot be read."""
    if row.get("decision") is not None:
        said = row["decision"].strip().lower()
        return "same" if said == "same" else "different" if said == "different" else None
    try:
        score = float(row["clerical_match_score"])
    except (TypeError, ValueError):
        return None
    return "same" if score >= SURE else "different" if score <= round(1 - SURE, 6) else ""


def _contradictions(labels: list[Label]) -> list[str]:
    first: dict[tuple[str, str], Label] = {}
    problems = []
    for label in labels:
        earlier = first.setdefault((label.left_key, label.right_key), label)
        if earlier.decision != label.decision:
            problems.append(f"line {label.line}: `{label.decision}`, but line {earlier.line} says `{earlier.decision}`")
    return problems
