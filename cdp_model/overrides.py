"""Human decisions about pairs of records: what `overrides.csv` of a company holds, and which decisions contradict."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from cdp_model import handwritten
from cdp_model.documents import Problem
from cdp_model.handwritten import Mistake

FILE = "overrides.csv"
COLUMNS = ("left_key", "right_key", "decision", "author", "decided_at", "reason")
Verdict = Literal["same", "different"]


@dataclass(frozen=True)
class Override:
    """One decision about two records, ``left_key`` before ``right_key``; ``line`` is where it stands in the file."""

    left_key: str
    right_key: str
    decision: Verdict
    author: str
    decided_at: dt.datetime
    reason: str = ""
    line: int = 0

    @property
    def pair(self) -> tuple[str, str]:
        """What it is about."""
        return self.left_key, self.right_key

    def __str__(self) -> str:
        sign = "=" if self.decision == "same" else "≠"
        return f"{self.left_key} {sign} {self.right_key} ({self.author}, {self.decided_at:%Y-%m-%d})"


def override(left: str, right: str, decision: Verdict, author: str, at: dt.datetime, reason: str = "") -> Override:
    """A decision with its records in the order in which links have theirs. Raises ``ValueError`` for one record."""
    if left == right:
        raise ValueError(f"{left} is one record: a decision is about two")
    return Override(min(left, right), max(left, right), decision, author, at, reason)


def read_overrides(folder: Path) -> tuple[list[Override], list[Problem]]:
    """The decisions in the company's `overrides.csv`, and all its mistakes. A missing file has no decisions."""
    text, problems = handwritten.read(folder / FILE)
    return parse_overrides(text, dt.datetime.now(dt.UTC)) if text is not None else ([], problems)


def parse_overrides(text: str, now: dt.datetime) -> tuple[list[Override], list[Problem]]:
    """The decisions of a file's text, and its mistakes. No decision may be dated after ``now``."""
    decisions, problems = handwritten.parse(text, FILE, COLUMNS, lambda row, line: _override(row, line, now))
    return decisions, [*problems, *_decided_twice(decisions)]


def _override(row: dict[str, str], line: int, now: dt.datetime) -> Override:
    handwritten.require(row, COLUMNS)
    if row["decision"] not in get_args(Verdict):
        raise Mistake("decision", f"{row['decision']!r} is no decision: write same or different")
    if row["left_key"] == row["right_key"]:
        raise Mistake("right_key", "is the same record as left_key: a decision is about two")
    at, verdict = handwritten.past_moment(row, "decided_at", now), cast(Verdict, row["decision"])
    decided = override(row["left_key"], row["right_key"], verdict, row["author"], at, row.get("reason", ""))
    return replace(decided, line=line)


def _decided_twice(decisions: Iterable[Override]) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Override] = {}
    for decision in decisions:
        earlier = first.setdefault((*decision.pair, decision.decided_at), decision)
        if earlier.decision != decision.decision:
            yield Problem(FILE, decision.line, "decision", f"line {earlier.line} says the opposite, at the same time")


@dataclass(frozen=True)
class Contradiction:
    """A decision that cannot stand, and the standing ones that together say the opposite."""

    refused: Override
    others: tuple[Override, ...]

    def __str__(self) -> str:
        """The whole chain, from one of the records decided different to the other."""
        (apart,) = (decision for decision in (*self.others, self.refused) if decision.decision == "different")
        groups = _Groups()
        for decision in (*self.others, self.refused):
            groups.add(decision)
        at, steps = apart.left_key, []
        for decision in groups.path(apart.left_key, apart.right_key):
            steps.append(f"{at} = {_other(decision, at)} ({decision.author}, {decision.decided_at:%Y-%m-%d})")
            at = _other(decision, at)
        return f"{', '.join(steps)}; {apart}"


def contradictions(new: Sequence[Override], standing: Sequence[Override] = ()) -> list[Contradiction]:
    """Which of the ``new`` decisions cannot hold beside those ``standing`` and earlier ones.

    Records decided the same, directly or through others, must not be decided different. The newest decision about a
    pair replaces those before it; of a contradiction the later decision is refused.
    """
    newest = {decision.pair: decision for decision in sorted([*standing, *new], key=lambda d: d.decided_at)}
    found, groups = [], _Groups()
    for decision in [*standing, *sorted(new, key=lambda d: d.decided_at)]:
        if newest[decision.pair] is decision:
            against = groups.against(decision)
            if against:
                found.append(Contradiction(decision, against))
            else:
                groups.add(decision)
    return found


class _Groups:
    """Records that were decided the same, in groups, and the decisions that keep groups apart."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}
        self.same: dict[str, list[Override]] = defaultdict(list)
        self.apart: dict[str, list[Override]] = defaultdict(list)

    def add(self, decision: Override) -> None:
        kept = self.same if decision.decision == "same" else self.apart
        for key in decision.pair:
            kept[key].append(decision)
        if decision.decision == "same":
            smaller, larger = sorted((self.group(key) for key in decision.pair), key=len)
            larger |= smaller
            self.members.update(dict.fromkeys(smaller, larger))

    def group(self, key: str) -> set[str]:
        return self.members.setdefault(key, {key})

    def against(self, decision: Override) -> tuple[Override, ...]:
        """Standing decisions that together say the opposite."""
        left, right = decision.pair
        if decision.decision == "different":
            return self.path(left, right) if right in self.group(left) else ()
        smaller, larger = sorted((self.group(left), self.group(right)), key=len)
        for parted in () if right in self.group(left) else (d for key in smaller for d in self.apart[key]):
            if parted.left_key in larger or parted.right_key in larger:
                here, there = sorted(parted.pair, key=lambda key: key not in self.group(left))
                return (*self.path(left, here), *self.path(right, there), parted)
        return ()

    def path(self, start: str, end: str) -> tuple[Override, ...]:
        """The shortest chain of decisions from one record of a group to another."""
        reached: dict[str, Override | None] = {start: None}
        queue = [start]
        for key in queue:
            for decision in self.same[key]:
                other = _other(decision, key)
                if other not in reached:
                    reached[other] = decision
                    queue.append(other)
        found, key = [], end
        while (last := reached[key]) is not None:
            found.append(last)
            key = _other(last, key)
        return tuple(reversed(found))


def _other(decision: Override, key: str) -> str:
    return decision.right_key if key == decision.left_key else decision.left_key
