"""Whether a trained model may be promoted: doubts about its parameters, and what each of them asks for. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

PRIOR_BOUNDS = (1e-12, 0.3)
"""Outside of these the share of pairs that are one person is no estimate but a bound it ran into."""

AGAINST = 2.0
"""Agreement this many times rarer among matches than among strangers is a sick model, not noise around nothing."""

CONSTANT = 0.995
"""Strangers who agree on a field this often make it worthless, and harmless: there is nothing to be learned of it."""

MIN_COMPARISONS = 2
"""With fewer comparisons that say anything a score is one field's opinion."""

TOLERANCE = 0.001
"""Accuracy on labels may fall by this much before it counts as worse."""


class Doubt(NamedTuple):
    """One thing about a model that is not as it should be. A grave one keeps it from being promoted."""

    parameter: str
    finding: str
    grave: bool

    def __str__(self) -> str:
        return f"{self.parameter}: {self.finding}"


def find_doubts(
    comparisons: Sequence[Mapping[str, Any]], prior: float, smallest_m: float, smallest_u: float
) -> list[Doubt]:
    """Doubts about parameters as Splink trained them, before unseen levels are given a value.

    ``smallest_m`` and ``smallest_u`` stand for half an observed pair: what lies below was never seen. That is a
    matter of chance for one level, and of clean data where matches never differ. But a comparison was not learned when
    no match agrees on it, strangers never differ, or most of its levels occur in no pair at all.
    """
    doubts = []
    if not PRIOR_BOUNDS[0] < prior <= PRIOR_BOUNDS[1]:
        doubts.append(Doubt("prior", f"{prior:.3g} is a bound and no estimate: {WAY_OUT['prior']}", True))
    telling = 0
    for comparison in comparisons:
        found = _of_comparison(comparison, smallest_m, smallest_u)
        doubts += found
        telling += not any(doubt.grave or doubt.finding == SAYS_NOTHING for doubt in found)
    if telling < MIN_COMPARISONS:
        doubts.append(Doubt("comparisons", f"only {telling} of {len(comparisons)} say anything", True))
    return doubts


SAYS_NOTHING = "agreement says nothing, so it counts for nothing"
WAY_OUT = {
    "prior": "look for a value that most records share, and add it to `placeholders`",
    "untrained": "leave it out of `comparisons`, or give a `training` rule that does not block on it",
    "against": "leave it out of `comparisons`, or look for placeholder values in it",
}


def _of_comparison(comparison: Mapping[str, Any], smallest_m: float, smallest_u: float) -> list[Doubt]:
    name = comparison["output_column_name"]
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
    ms, us = ([level.get(f"{letter}_probability") for level in levels] for letter in "mu")
    m_seen, u_seen = [_seen(m, smallest_m) for m in ms], [_seen(u, smallest_u) for u in us]
    unknown = sum(not m and not u for m, u in zip(m_seen, u_seen, strict=True))
    m, u = _best_agreement(ms, us)
    if not any(m_seen) or not any(u_seen):
        letters = " and ".join(letter for letter, seen in (("m", m_seen), ("u", u_seen)) if not any(seen))
        return [Doubt(name, f"{letters} never trained: {WAY_OUT['untrained']}", True)]
    if _seen(u, CONSTANT):
        return [Doubt(name, SAYS_NOTHING, False)]
    if not m_seen[0]:
        return [Doubt(name, f"no match agrees on it: {WAY_OUT['against']}", True)]
    if not u_seen[-1]:
        return [Doubt(name, f"strangers never differ in it: {WAY_OUT['against']}", True)]
    if 2 * unknown > len(levels):
        return [Doubt(name, f"{unknown} of {len(levels)} levels were never seen: {WAY_OUT['untrained']}", True)]
    doubts = []
    if _seen(u, 0) and m <= u:
        against = m * AGAINST < u
        finding = f"agreement counts against a match: {WAY_OUT['against']}" if against else SAYS_NOTHING
        doubts.append(Doubt(name, finding, against))
    for level, *seen in zip(levels, m_seen, u_seen, strict=True):
        unseen = " and ".join(letter for letter, known in zip("mu", seen, strict=True) if not known)
        if unseen:
            doubts.append(Doubt(f"{name}: {level['label_for_charts']}", f"{unseen} never seen, half a pair", False))
    return doubts


def _best_agreement(ms: Sequence[Any], us: Sequence[Any]) -> tuple[float, float]:
    """m and u of the closest levels together that tell the most: an initial may agree where full names seldom do."""
    best, m, u = (ms[0] or 0.0, us[0] or 0.0), 0.0, 0.0
    for level_m, level_u in zip(ms[:-1], us[:-1], strict=True):
        m, u = m + (level_m or 0.0), u + (level_u or 0.0)
        if m * best[1] > best[0] * u:
            best = m, u
    return best


def _seen(value: object, smallest: float) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value >= smallest


def is_sound(doubts: Sequence[Doubt]) -> bool:
    """Whether a model with these doubts may be used."""
    return not any(doubt.grave for doubt in doubts)


def doubts_of(diagnostics: Mapping[str, Any]) -> list[Doubt]:
    """Doubts as they were kept in a model's diagnostics; none for models from before they were kept."""
    return [Doubt(*doubt) for doubt in diagnostics.get("doubts", [])]


def objections(
    doubts: Sequence[Doubt],
    *,
    loses_model: bool = False,
    before: Mapping[str, float] | None = None,
    after: Mapping[str, float] | None = None,
) -> list[str]:
    """Everything that speaks against promoting a candidate; empty when it may be.

    ``loses_model``: it would replace a trained model by rules only. ``before`` and ``after``: measures on labels, of
    the promoted version and of the candidate, by name; higher is better.
    """
    found = [str(doubt) for doubt in doubts if doubt.grave]
    if loses_model:
        found.append("there is too little evidence for a model now, and the promoted version has one")
    for name, value in (after or {}).items():
        was = (before or {}).get(name)
        if was is not None and value < was - TOLERANCE:
            found.append(f"{name} on labels falls from {was:.3f} to {value:.3f}")
    return found
