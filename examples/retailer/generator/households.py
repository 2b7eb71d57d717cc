"""Who lives with whom: households, their members' roles, ages, genders and names. NumPy, drawn once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import rates
from .name_pools import Strings, draw_first_names, draw_surnames
from .randomness import stream

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HEAD, PARTNER, CHILD, FLATMATE = 0, 1, 2, 3


@dataclass(frozen=True)
class Members:
    """One entry a person, in household order. `age` is in days on the first day; `head` is an index."""

    household: Ints
    size: Ints
    role: Ints
    head: Ints
    country: Strings
    origin: Strings
    female: Bools
    age: Ints
    first_name: Strings
    last_name: Strings


def build_members(people: int, seed: int) -> Members:
    """Exactly `people` persons in households whose sizes follow `rates.PEOPLE_BY_HOUSEHOLD_SIZE`."""
    rng = stream(seed, "households")
    sizes = np.array(list(rates.PEOPLE_BY_HOUSEHOLD_SIZE))
    share = np.array(list(rates.PEOPLE_BY_HOUSEHOLD_SIZE.values())) / sizes
    drawn = rng.choice(sizes, size=people, p=share / share.sum())
    ends = np.cumsum(drawn)
    drawn = drawn[: np.searchsorted(ends, people) + 1]
    drawn[-1] -= ends[len(drawn) - 1] - people
    households = len(drawn)
    household = np.repeat(np.arange(households), drawn)
    start = np.cumsum(drawn) - drawn
    position, head, size = np.arange(people) - start[household], start[household], drawn[household]

    kind = rng.random(households)[household]
    role = np.where(position == 0, HEAD, np.where(position == 1, PARTNER, CHILD))
    role[(kind < rates.FLATSHARE) & (position > 0)] = FLATMATE
    single_parent = (kind >= rates.FLATSHARE) & (kind < rates.FLATSHARE + rates.SINGLE_PARENT)
    role[single_parent & (position > 0)] = CHILD

    country, origin = _origins(household, households, head, role, rng)
    female, age = _genders_and_ages(role, head, size, kind, rng)
    first = draw_first_names(origin, female, rng)
    last = draw_surnames(origin, rng)
    keeps = np.where(role == PARTNER, rates.PARTNER_SHARES_SURNAME, rates.CHILD_SHARES_SURNAME)
    shares = np.isin(role, (PARTNER, CHILD)) & (rng.random(people) < keeps)
    last[shares] = last[head[shares]]
    _name_sons_and_twins(role, head, female, age, first, last, household, rng)
    return Members(household, size, role, head, country, origin, female, age, first, last)


def _origins(
    household: Ints, households: int, head: Ints, role: Ints, rng: np.random.Generator
) -> tuple[Strings, Strings]:
    """Country and origin of every member; one partner in twelve has another origin than the head."""
    names = list(rates.COUNTRIES)
    country = np.array(names, dtype=object)[rng.choice(len(names), size=households, p=list(rates.COUNTRIES.values()))]
    country = country[household]
    origin = np.empty(len(household), dtype=object)
    for code, shares in rates.ORIGINS.items():
        here = np.flatnonzero(country == code)
        weights = np.array(list(shares.values()))
        drawn = rng.choice(len(weights), size=len(here), p=weights / weights.sum())
        origin[here] = np.array(list(shares), dtype=object)[drawn]
    own = (role == HEAD) | (role == FLATMATE) | ((role == PARTNER) & (rng.random(len(role)) < 1 / 12))
    return country, np.where(own, origin, origin[head])


def _genders_and_ages(
    role: Ints, head: Ints, size: Ints, kind: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[Bools, Ints]:
    count = len(role)
    female = rng.random(count) < 0.51
    opposite = (role == PARTNER) & (rng.random(count) < 0.95)
    female[opposite] = ~female[head[opposite]]
    years = 18 + 62 * rng.beta(1.3, 1.7, count)
    years = np.where(size >= 3, 41 + 22 * rng.random(count), years)
    years = np.where((size > 1) & (kind < rates.FLATSHARE), 19 + 16 * rng.beta(1.2, 2.0, count), years)
    parents = np.flatnonzero((role == HEAD) & (size == 2) & (kind < rates.FLATSHARE + rates.SINGLE_PARENT))
    years[parents] = np.where(kind[parents] < rates.FLATSHARE, years[parents], 40 + 25 * rng.random(len(parents)))
    gap = rng.normal(0, 3.5, count)
    years = np.where(role == PARTNER, np.where(years[head] + gap < 18, years[head], years[head] + gap), years)
    child = years[head] - 20 - 14 * rng.random(count)
    child = np.where((child < 16) | (child > 34), 16 + 12 * rng.random(count), child)
    years = np.where(role == CHILD, child, years)
    return female, (years * 365.25).astype(np.int64)


def _name_sons_and_twins(
    role: Ints,
    head: Ints,
    female: Bools,
    age: Ints,
    first: Strings,
    last: Strings,
    household: Ints,
    rng: np.random.Generator,
) -> None:
    """Rare and hard for linkage: sons named like their father, twins born on one day. Changes the arrays in
    place.
    """
    count = len(role)
    sons = (role == CHILD) & ~female & ~female[head] & (rng.random(count) < rates.SON_NAMED_AFTER_FATHER)
    first[sons], last[sons] = first[head[sons]], last[head[sons]]
    index = np.arange(count)
    sibling = (role == CHILD) & (np.roll(role, 1) == CHILD) & (np.roll(household, 1) == household)
    twins = index[sibling & ~sons & (rng.random(count) < rates.TWIN_OF_SIBLING)]
    age[twins], last[twins] = age[twins - 1], last[twins - 1]
    same = index[sibling & (first == np.roll(first, 1)) & (female == np.roll(female, 1))]
    first[same] = np.where(female[same], "Marlene", "Rupert")
