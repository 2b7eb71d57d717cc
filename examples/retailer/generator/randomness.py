"""Chance without a stream: every draw is a hash of (seed, key, salt), so no draw depends on how many were
made before.

That is what makes a day's files independent of how many days are generated. The SQL macros serve everything
that happens; `stream` serves the population, drawn once from its own seed whatever the number of days.
"""

import duckdb
import numpy as np

BATCH = 65536  # days a person-day key leaves room for

_MACROS = """
CREATE MACRO h(k, salt) AS (hash(hash(k::BIGINT, {seed}::BIGINT, salt)) >> 1)::BIGINT;
CREATE MACRO ht(t, salt) AS (hash(hash(t::VARCHAR, {seed}::BIGINT, salt)) >> 1)::BIGINT;
CREATE MACRO u(k, salt) AS (h(k, salt) >> 10)::DOUBLE / 9007199254740992.0;
CREATE MACRO pick(options, x) AS options[1 + floor(x * len(options))::INTEGER];
CREATE MACRO person_day(person, day) AS person::BIGINT * {batch} + day;
CREATE MACRO waiting(x, mean) AS floor(-ln(1 - x) * mean)::INTEGER;
CREATE MACRO hex16(k, salt) AS lpad(lower(hex(h(k, salt))), 16, '0');
CREATE MACRO uuid_of(k, salt) AS substr(hex16(k, salt || '1'), 1, 8) || '-' || substr(hex16(k, salt
    || '1'), 9, 4) || '-4'
    || substr(hex16(k, salt || '1'), 14, 3) || '-a' || substr(hex16(k, salt || '2'), 2, 3) || '-'
    || substr(hex16(k, salt || '2'), 5, 12);
"""


def create_macros(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    """h and ht: 63-bit hashes of a number, of a text; u: uniform in [0, 1); pick: one of a list; waiting:
    whole days until an event of that mean.
    """
    con.execute(_MACROS.format(seed=seed, batch=BATCH))


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for one purpose of the population's plan."""
    return np.random.default_rng([seed, *purpose.encode()])
