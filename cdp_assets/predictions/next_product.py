"""What follows what: which products people come to after others, and from that, what to recommend to each person.

Everything is about first purchases: what a person has already is never recommended. Query building, and the test on
later purchases; the tables it works on are temporary.
"""

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import scipy

from cdp_assets.predictions.measures import Array, mean_gain
from cdp_assets.predictions.versions import TooLittle, Trained
from cdp_assets.profiles.people import events_query
from cdp_model.expressions import computed
from cdp_model.model import Model
from cdp_model.predictions import NextProductPrediction
from cdp_model.traits import EVENT_COLUMNS
from cdp_resources.sql import literal

LEAST_BUYERS = 10
MOST_ITEMS = 2_000
MOST_OF_ONE = 200
"""Items of a person that count, the latest: a till, or a buyer for others, would pair everything with everything."""

SHRINKAGE = 20
"""Buyers whose worth popularity has: a product that few have bought says little of its own."""

FOLLOWERS = 50
"""Products that are looked at after each, the likeliest."""

LEAST_TOGETHER = 5
"""Pairs of fewer people are not tested against chance."""

LEAST_TESTED = 100


def load_acquired(
    con: duckdb.DuckDBPyConnection, model: Model, prediction: NextProductPrediction, until: dt.date
) -> None:
    """Temporary table ``acquired``: person_id, item, day: each person's first purchase of each item up to a day."""
    names = ", ".join(literal(event) for event in prediction.events)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE acquired AS
        SELECT person_id, {computed(prediction.item, EVENT_COLUMNS)}::VARCHAR AS item, min(day) AS day
        FROM ({events_query(model, until)}) WHERE event_name IN ({names}) AND item IS NOT NULL GROUP BY 1, 2
        QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY min(day) DESC, item) <= {MOST_OF_ONE}""")


def load_pairs(con: duckdb.DuckDBPyConnection, through: dt.date, within: int) -> None:
    """Temporary table ``pairs``, from what ``acquired`` has up to a day, and ``bought``: what of that is looked at.

    ``pairs``: item, next_item, together (people), buyers (of the first, whose window is over), chances (products that
    they came to), expected (people, if all came to everything alike).
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE bought AS
        SELECT *, day <= DATE '{through}' - {within} AS is_over FROM acquired
        WHERE day <= DATE '{through}' AND item IN (
            SELECT item FROM acquired WHERE day <= DATE '{through}' GROUP BY item HAVING count(*) >= {LEAST_BUYERS}
            ORDER BY count(*) DESC, item LIMIT {MOST_ITEMS});
        CREATE OR REPLACE TEMP TABLE pairs AS
        WITH followed AS (
            SELECT a.item, b.item AS next_item, count(*) AS together FROM bought AS a JOIN bought AS b USING (person_id)
            WHERE a.item <> b.item AND a.is_over AND b.day BETWEEN a.day AND a.day + {within} GROUP BY ALL)
        SELECT *, sum(together) OVER (PARTITION BY item) AS chances,
            chances * sum(together) OVER (PARTITION BY next_item) / sum(together) OVER () AS expected
        FROM followed JOIN (SELECT item, count(*) AS buyers FROM bought WHERE is_over GROUP BY item) USING (item)""")


def recommended(pairs: str, owned: str, count: int) -> str:
    """SELECT of person_id, rank, item, score, because: up to ``count`` items for everybody in ``owned``.

    The score of an item sums, over what a person has, the share of its buyers who came to the item next, shrunk
    towards the item's share among everybody. ``because``: what speaks for it most; null where only popularity does.
    """
    return f"""
        WITH items AS (
            SELECT item, coalesce(any_value(buyers), 0) AS buyers,
                coalesce(sum(came), 0) / sum(coalesce(any_value(buyers), 0)) OVER () AS share
            FROM (SELECT item, buyers, NULL AS came FROM {pairs}
                UNION ALL SELECT next_item, NULL, together FROM {pairs}) GROUP BY item),
        likeliest AS (
            SELECT item, next_item, together / (buyers + {SHRINKAGE}) AS weight FROM {pairs}
            QUALIFY row_number() OVER (PARTITION BY item ORDER BY weight DESC, next_item) <= {FOLLOWERS}),
        people AS (
            SELECT person_id, sum({SHRINKAGE} / (coalesce(buyers, 0) + {SHRINKAGE})) AS room
            FROM {owned} LEFT JOIN items USING (item) GROUP BY person_id),
        spoken_for AS (
            SELECT person_id, next_item AS item, sum(weight) AS weight, arg_max(item, (weight, item)) AS because
            FROM {owned} JOIN likeliest USING (item) GROUP BY ALL),
        popular AS (SELECT item FROM items ORDER BY share DESC, item LIMIT {FOLLOWERS}),
        candidates AS (
            SELECT person_id, item, weight, because FROM spoken_for
            UNION ALL SELECT person_id, item, 0, NULL FROM people, popular),
        scored AS (
            SELECT person_id, item, round(sum(weight) + any_value(room) * any_value(share), 9) AS score,
                any_value(because) AS because
            FROM candidates JOIN people USING (person_id) JOIN items USING (item)
            ANTI JOIN {owned} USING (person_id, item) GROUP BY person_id, item)
        SELECT person_id, row_number() OVER (PARTITION BY person_id ORDER BY score DESC, item) AS rank, item,
            score, because FROM scored
        QUALIFY rank <= {count}"""


def train_next_product(
    con: duckdb.DuckDBPyConnection, model: Model, prediction: NextProductPrediction, as_of: dt.date
) -> Trained:
    """Recommendations made before the last window, tested on what people came to in it. Raises ``TooLittle``."""
    load_acquired(con, model, prediction, as_of)
    row = con.execute("SELECT min(day) FROM acquired").fetchone()
    first = row[0] if row and row[0] else as_of
    days, within = (as_of - first).days + 1, prediction.within_days
    if days < 3 * within:
        raise TooLittle(f"purchases of {days} days; {3 * within} are needed for a window of {within}")
    cut = as_of - dt.timedelta(days=within)
    metrics = _tested(con, cut, prediction)
    better = metrics["hit_rate_gain_low"] > 0
    compared = (
        f"{metrics['hit_rate']:.1%} of people bought one of {prediction.count} recommended, "
        f"{metrics['hit_rate_of_popularity']:.1%} one of the most popular"
    )
    reason = f"{'better' if better else 'not better'} than popularity on the days after {cut}: {compared}"
    parameters = {"shrinkage": SHRINKAGE, "followers": FOLLOWERS} if better else {}
    return Trained(first, as_of, better, reason, parameters, metrics)


def p_values(together: Array, chances: Array, expected: Array) -> Array:
    """That chance alone brings so many people together: one-sided binomial test.

    Of ``chances`` products that buyers of the first came to, each is the second with the share that it has among all
    that anybody came to. So people who buy a lot make no pair of everything. NaN where there are too few to test.
    """
    share = np.minimum(expected / np.maximum(chances, 1), 1)
    return np.where(
        together >= LEAST_TOGETHER,
        scipy.special.bdtrc(together - 1, np.asarray(chances, dtype=np.int64), share),
        np.nan,
    )


def q_values(p: Array, tests: int) -> Array:
    """Benjamini and Hochberg (1995): the share of false finds among all pairs with this p-value or less.

    ``tests``: all pairs that could have been found, also those that nobody bought together.
    """
    order = np.argsort(p)  # NaN stands last
    ranked = p[order] * tests / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.fmin.accumulate(ranked[::-1])[::-1], 1)
    return np.where(np.isnan(p), np.nan, adjusted)


def _tested(con: duckdb.DuckDBPyConnection, cut: dt.date, prediction: NextProductPrediction) -> dict[str, Any]:
    """The share of people who came to one of their recommendations, and to one of the most popular products."""
    load_pairs(con, cut, prediction.within_days)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE owned AS SELECT person_id, item FROM acquired WHERE day <= DATE '{cut}';
        CREATE OR REPLACE TEMP TABLE later AS
        SELECT person_id, item FROM acquired SEMI JOIN bought USING (item)
        WHERE day > DATE '{cut}' AND person_id IN (SELECT person_id FROM owned)""")
    row = con.execute(
        "SELECT count(DISTINCT person_id), (SELECT count(DISTINCT item) FROM bought) FROM later"
    ).fetchone()
    people, items = row or (0, 0)
    if people < LEAST_TESTED:
        raise TooLittle(f"{people} people bought something new after {cut}; {LEAST_TESTED} are needed")
    con.execute("CREATE OR REPLACE TEMP TABLE tested AS SELECT * FROM owned SEMI JOIN later USING (person_id)")
    popular = f"""
        SELECT person_id, item FROM (SELECT DISTINCT person_id FROM tested) CROSS JOIN (
            SELECT item, count(*) AS people FROM bought GROUP BY item
            ORDER BY people DESC, item LIMIT {prediction.count + MOST_OF_ONE})
        ANTI JOIN tested USING (person_id, item)
        QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY people DESC, item) <= {prediction.count}"""
    hits = con.execute(f"""
        WITH hit AS (SELECT DISTINCT person_id FROM ({recommended("pairs", "tested", prediction.count)})
                SEMI JOIN later USING (person_id, item)),
            plain_hit AS (SELECT DISTINCT person_id FROM ({popular}) SEMI JOIN later USING (person_id, item))
        SELECT (person_id IN (FROM hit))::DOUBLE AS hit, (person_id IN (FROM plain_hit))::DOUBLE AS plain
        FROM (SELECT DISTINCT person_id FROM tested) ORDER BY person_id""").fetchnumpy()
    gain = mean_gain(np.asarray(hits["hit"]), np.asarray(hits["plain"]))
    rate, plain = float(np.mean(hits["hit"])), float(np.mean(hits["plain"]))
    return {
        "tested_from": str(cut + dt.timedelta(days=1)),
        "test_days": prediction.within_days,
        "people": int(people),
        "items": int(items),
        "hit_rate": rate,
        "hit_rate_of_popularity": plain,
        "hit_rate_gain_low": gain.low,
        "hit_rate_gain_high": gain.high,
        "hit_rates": [["recommended", rate], ["most popular", plain]],
    }
