"""What happens to people and how active they are: joining, moving, marrying, leaving, buying. NumPy, drawn
once.

Days count from the first day of the window. Nothing here knows how many days will be generated: a person's
plan for a day is the same however far the window reaches.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import rates
from .households import CHILD, PARTNER, Members
from .randomness import stream

NEVER = 30_000  # a day that no window reaches
ADDRESS_NEW, ADDRESS_OWN, ADDRESS_OLD = 10_000_000, 20_000_000, 30_000_000  # offsets of the address numbers


def _wait(rng: np.random.Generator, per_day: float, count: int) -> npt.NDArray[np.int32]:
    """First day on which a thing with that hazard happens, from day 1."""
    return np.minimum(1 + rng.exponential(1 / per_day, count), NEVER).astype(np.int32)


def plan_lives(members: Members, seed: int) -> dict[str, pa.Array]:
    """Columns of `people` about time: days of events, address numbers, memberships and rates."""
    rng = stream(seed, "lives")
    count, household = len(members.household), members.household
    existing = rng.random(count) < rates.EXISTING_CUSTOMERS
    join = np.where(existing, 0, np.minimum(1 + rng.exponential(rates.JOIN_MEAN_DAYS, count), NEVER)).astype(np.int32)
    churn = np.minimum(join + _wait(rng, rates.CHURN_PER_DAY, count), NEVER)

    move = _wait(rng, rates.MOVE_PER_DAY, count)
    together = (rng.random(count) < rates.WHOLE_HOUSEHOLD_MOVES)[members.head] | (members.size == 1)
    move = np.where(together, move[members.head], move)
    address_new = np.where(together, ADDRESS_NEW + household, ADDRESS_OWN + np.arange(count))
    moved_before = rng.random(count) < rates.MOVED_BEFORE
    address_old = np.where(moved_before, ADDRESS_OLD + np.arange(count), household)

    may_rename = members.female & (members.age < 50 * 365) & (members.role != CHILD)
    rename = np.where(may_rename, _wait(rng, rates.RENAME_PER_DAY, count), NEVER)
    maiden = members.female & (members.role == PARTNER) & (rng.random(count) < rates.MAIDEN_NAME)

    several = members.size > 1
    family_email = (rng.random(count) < rates.SHARED_FAMILY_EMAIL)[members.head] & several
    position = np.arange(count) - members.head
    family_email &= (position < 2) | (rng.random(count) < 0.5)
    shared_device = (rng.random(count) < rates.SHARED_DEVICE)[members.head] & several
    return {
        "join_day": pa.array(join),
        "churn_day": pa.array(churn.astype(np.int32)),
        "move_day": pa.array(move.astype(np.int32)),
        "rename_day": pa.array(rename.astype(np.int32)),
        "email_day": pa.array(_wait(rng, rates.NEW_EMAIL_PER_DAY, count)),
        "address": pa.array(household),
        "address_new": pa.array(address_new),
        "address_old": pa.array(address_old),
        "maiden": pa.array(maiden),
        "family_email": pa.array(family_email),
        "shared_device": pa.array(shared_device),
        "has_landline": pa.array((rng.random(count) < rates.LANDLINE)[members.head]),
        "recycled": pa.array(rng.random(count) < rates.RECYCLED_MOBILE),
        "recycled_from": pa.array(rng.integers(0, count, count)),
        "second_email": pa.array(rng.random(count) < rates.SECOND_EMAIL),
        "devices": pa.array((1 + rng.binomial(2, 0.22, count)).astype(np.int32)),
        "web_rate": pa.array(_skewed(rng, rates.SESSIONS_PER_DAY, count)),
        "store_rate": pa.array(_skewed(rng, rates.STORE_VISITS_PER_DAY, count)),
        "keenness": pa.array(rng.beta(1.2, 2.4, count)),  # e-mail engagement
        "buying": pa.array(rates.SESSION_BUYS * rng.gamma(1.5, 1 / 1.5, count)),
        "tracked": pa.array(rng.random(count) >= rates.TRACKING_BLOCKED),
    }


def _skewed(rng: np.random.Generator, mean: float, count: int) -> npt.NDArray[np.float64]:
    """Gamma rates a day, cut at three a day."""
    return np.minimum(rng.gamma(rates.SESSION_SHAPE, mean / rates.SESSION_SHAPE, count), 3.0)
