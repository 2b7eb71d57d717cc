"""Which names an origin has and how often: skewed draws of first names and surnames, many composed."""

from functools import cache

import numpy as np
import numpy.typing as npt

from . import names_western as w
from . import names_worldwide as o

Strings = npt.NDArray[np.object_]

_FIRST: dict[str, tuple[str, str]] = {
    "english": (w.ENGLISH_FEMALE, w.ENGLISH_MALE),
    "german": (w.GERMAN_FEMALE, w.GERMAN_MALE),
    "hispanic": (w.HISPANIC_FEMALE, w.HISPANIC_MALE),
    "italian": (w.ITALIAN_FEMALE, w.ITALIAN_MALE),
    "polish": (o.POLISH_FEMALE, o.POLISH_MALE),
    "turkish": (o.TURKISH_FEMALE, o.TURKISH_MALE),
    "russian": (o.RUSSIAN_FEMALE, o.RUSSIAN_MALE),
    "indian": (o.INDIAN_FEMALE, o.INDIAN_MALE),
    "arabic": (o.ARABIC_FEMALE, o.ARABIC_MALE),
    "chinese": (o.CHINESE_FEMALE, o.CHINESE_MALE),
    "nigerian": (o.NIGERIAN_FEMALE, o.NIGERIAN_MALE),
}
_Parts = tuple[str, str]
_LAST: dict[str, tuple[str, _Parts | None]] = {
    "english": (w.ENGLISH_SURNAMES, w.ENGLISH_PARTS),
    "german": (w.GERMAN_SURNAMES, w.GERMAN_PARTS),
    "hispanic": (w.HISPANIC_SURNAMES, None),
    "italian": (w.ITALIAN_SURNAMES, None),
    "polish": (o.POLISH_SURNAMES, o.POLISH_PARTS),
    "turkish": (o.TURKISH_SURNAMES, o.TURKISH_PARTS),
    "russian": ("", o.RUSSIAN_PARTS),
    "indian": (o.INDIAN_SURNAMES, o.INDIAN_PARTS),
    "arabic": (o.ARABIC_SURNAMES, o.ARABIC_PARTS),
    "chinese": (o.CHINESE_SURNAMES, None),
    "nigerian": (o.NIGERIAN_SURNAMES, o.NIGERIAN_PARTS),
}
_COMPOSED_SHARE = 0.40  # of the bearers, where an origin has both listed and composed surnames
_DOUBLE_BARRELLED = {"english": 0.015, "german": 0.02, "hispanic": 0.25}


def _ranked(count: int, offset: float, exponent: float) -> npt.NDArray[np.float64]:
    """Zipf–Mandelbrot weights by rank, summing to one."""
    weight = 1.0 / (np.arange(count) + offset) ** exponent
    return weight / weight.sum()


def _joined(start: str, end: str) -> str:
    return start + (end if start[-1].isalpha() else end.capitalize())


@cache
def surnames(origin: str) -> tuple[Strings, npt.NDArray[np.float64]]:
    """The surnames of an origin and their shares of its people."""
    listed, parts = _LAST[origin]
    known = [name.replace("_", " ") for name in listed.split()]
    if parts is None:
        return np.array(known, dtype=object), _ranked(len(known), 6, 0.9)
    composed = [
        _joined(start.replace("_", " "), end)
        for end in parts[1].split()
        for start in parts[0].split()
        if not start.lower().endswith(end[0])
    ]
    composed = [name for name in dict.fromkeys(composed) if name not in known]
    composed.sort(key=lambda name: (len(name) * 7919 + sum(map(ord, name)) * 104729) % 100003)
    tail = _ranked(len(composed), 60, 0.8)
    if not known:
        return np.array(composed, dtype=object), tail
    weights = np.concatenate([_ranked(len(known), 6, 0.9) * (1 - _COMPOSED_SHARE), tail * _COMPOSED_SHARE])
    return np.array(known + composed, dtype=object), weights


def draw_first_names(origin: Strings, female: npt.NDArray[np.bool_], rng: np.random.Generator) -> Strings:
    """One first name a person, by origin and gender."""
    chance, names = rng.random(len(origin)), np.empty(len(origin), dtype=object)
    for name, pools in _FIRST.items():
        for is_female, text in zip((True, False), pools, strict=True):
            pool = text.split()
            here = np.flatnonzero((origin == name) & (female == is_female))
            ranks = np.searchsorted(np.cumsum(_ranked(len(pool), 5, 0.85)), chance[here])
            names[here] = np.array(pool, dtype=object)[np.minimum(ranks, len(pool) - 1)]
    return names


def draw_surnames(origin: Strings, rng: np.random.Generator) -> Strings:
    """One surname a person, by origin; some carry two."""
    chance, names = rng.random((3, len(origin))), np.empty(len(origin), dtype=object)
    for name in _LAST:
        pool, weights = surnames(name)
        ladder = np.cumsum(weights)
        here = np.flatnonzero(origin == name)
        names[here] = pool[np.minimum(np.searchsorted(ladder, chance[0][here]), len(pool) - 1)]
        both = here[chance[1][here] < _DOUBLE_BARRELLED.get(name, 0.0)]
        second = pool[np.minimum(np.searchsorted(ladder, chance[2][both]), len(pool) - 1)]
        names[both] = names[both] + (" " if name == "hispanic" else "-") + second
    return names
