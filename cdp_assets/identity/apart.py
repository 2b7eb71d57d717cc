"""Why two records are not one person: the first reason, in the order in which the stage decides."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal

import duckdb

from cdp_assets.identity.in_use import Model
from cdp_assets.identity.steps import Step
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings
from cdp_model.overrides import Override, contradictions, override

Cause = Literal[
    "linked",
    "decided the same",
    "decided different",
    "vetoed",
    "too little known",
    "never blocked",
    "below the candidate threshold",
    "below the link threshold",
    "too far apart on the whole",
    "points at several people",
    "not resolved yet",
]
VETOES = {
    "exclusive identifier": "they have different values of an identifier of which a person has one (`exclusive`)",
    "first name": "their first names differ, and neither a strong identifier nor the birth date excuses that",
    "generation": "they are namesakes a generation apart (`generation_years`, or jr and sr), with other contact data",
    "namesakes": "they are namesakes of one home, and e-mail, phone, middle name or birth date say that they are two",
    "birth date": "their birth dates differ by more than typing errors explain",
    "no first name": "a first name is missing, and last name and address alone do not tell who of a household it is",
}


def why_apart(
    con: duckdb.DuckDBPyConnection,
    settings: IdentitySettings,
    model: Model,
    pair: Step,
    path: Sequence[Step],
    decisions: Sequence[Override],
    persons: Mapping[str, str],
) -> tuple[Cause, str]:
    """Cause, and a sentence with the figures it rests on. ``path`` may lead from one to the other through people."""
    decided = _decided_different(pair, decisions)
    if decided:
        return "decided different", f"Two people because somebody decided so: {', '.join(map(str, decided))}."
    if pair.veto:
        return "vetoed", f"Two people whatever their weight: {VETOES.get(pair.veto, pair.veto)}."
    threshold, candidate = to_weight(settings.link_threshold), to_weight(settings.candidate_threshold)
    if not {pair.left_key, pair.right_key} <= persons.keys():
        return "not resolved yet", "One of the records has no person yet: the next run will give it one."
    nameless = _nameless_pointers(con, pair)
    if nameless:
        return nameless
    reachable = bool(path) and min(step.match_weight or 0 for step in path) >= threshold
    if reachable:
        return _groups_apart(con, settings, persons[pair.left_key], persons[pair.right_key])
    if pair.match_weight is not None:
        return (
            "below the link threshold",
            f"Two people: their match weight of {pair.match_weight:.1f} is below {threshold:.1f}, which "
            f"`link_threshold` ({settings.link_threshold}) asks for.",
        )
    return _never_linked(model, pair, candidate, settings)


def _decided_different(pair: Step, decisions: Sequence[Override]) -> tuple[Override, ...]:
    """The decisions that keep the pair apart: one about it, or a chain of them."""
    direct = [d for d in decisions if d.pair == (pair.left_key, pair.right_key) and d.decision == "different"]
    if direct:
        return tuple(direct)
    now = dt.datetime.now(dt.UTC)
    found = contradictions([override(pair.left_key, pair.right_key, "same", "", now)], decisions)
    return found[0].others if found else ()


def _nameless_pointers(con: duckdb.DuckDBPyConnection, pair: Step) -> tuple[Cause, str] | None:
    """For a record without a name or enough evidence: how many people its identifiers point at."""
    rows = con.execute(
        """WITH nameless AS (
            SELECT record_key FROM lake.identity.evidence
            WHERE record_key IN ($left, $right) AND NOT (named OR scorable))
        SELECT nameless.record_key, count(DISTINCT other.person_id) FILTER (evidence.named OR evidence.scorable)
        FROM nameless
        LEFT JOIN lake.identity.links ON nameless.record_key IN (left_key, right_key) AND veto IS NULL
        LEFT JOIN lake.identity.record_persons AS other
            ON other.record_key = CASE WHEN left_key = nameless.record_key THEN right_key ELSE left_key END
        LEFT JOIN lake.identity.evidence ON evidence.record_key = other.record_key
        GROUP BY nameless.record_key ORDER BY 2 DESC""",
        {"left": pair.left_key, "right": pair.right_key},
    ).fetchall()
    if not rows:
        return None
    key, people = rows[0]
    if people > 1:
        return (
            "points at several people",
            f"Two people: {key} has no name, and its identifiers point at {people} people, so it joins none.",
        )
    if pair.rule is None:
        return "too little known", f"Two people: {key} has no name, and no usable identifier that both records have."
    return None


def _groups_apart(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, left: str, right: str
) -> tuple[Cause, str]:
    """Records that links join, in groups that average linkage, or a veto between other records, keeps apart."""
    row = con.execute(
        """SELECT count(*), avg(match_weight) FILTER (veto IS NULL), count(veto),
            arg_min(veto, left_key || right_key), arg_min(left_key || ' and ' || right_key, left_key || right_key)
                FILTER (veto IS NOT NULL)
        FROM lake.identity.links
        JOIN lake.identity.record_persons AS l ON left_key = l.record_key
        JOIN lake.identity.record_persons AS r ON right_key = r.record_key
        WHERE (l.person_id = $left AND r.person_id = $right) OR (l.person_id = $right AND r.person_id = $left)""",
        {"left": left, "right": right},
    ).fetchone() or (0, None, 0, None, None)
    pairs, mean, vetoed, veto, example = row
    if vetoed:
        return "vetoed", (
            f"Two people: links lead from one to the other, but {vetoed} of {pairs} compared pairs between the two "
            f"people must not be one. Of {example}: {VETOES.get(veto, veto)}."
        )
    if mean is None:
        return "too far apart on the whole", "Two people: links lead from one to the other only through a third person."
    return "too far apart on the whole", (
        f"Two people: links lead from one to the other, but over all {pairs} compared pairs between the two people the "
        f"mean match weight is {mean:.1f} (`cut` is {settings.cut:.1f}; records with equal evidence count once, pairs "
        "that were never compared count as just below it)."
    )


def _never_linked(model: Model, pair: Step, candidate: float, settings: IdentitySettings) -> tuple[Cause, str]:
    if pair.compared is None:
        why = "no model could be trained" if model.settings is None else "there is too little to compare"
        return "too little known", f"Two people: no rule connects them, and {why}."
    weight, agreed = pair.compared.weight, [name for name, agrees in pair.compared.blocking.items() if agrees]
    if weight >= candidate and agreed:
        return (
            "not resolved yet",
            f"Two people, but they would be linked now, with {weight:.1f}: materialize identity/links.",
        )
    if weight >= candidate:
        rules = "; ".join(pair.compared.blocking)
        return "never blocked", (
            f"Two people: nobody compared them, though their match weight would be {weight:.1f}. A pair is compared "
            f"when it agrees on all fields of one of the model's blocking rules: {rules}."
        )
    compared = f"they agree on {agreed[0]} and so were compared" if agreed else "no blocking rule brought them together"
    return "below the candidate threshold", (
        f"Two people: no rule connects them, {compared}, and their match weight of {weight:.1f} is below "
        f"{candidate:.1f}, from which on a pair is kept (`candidate_threshold`: {settings.candidate_threshold})."
    )
