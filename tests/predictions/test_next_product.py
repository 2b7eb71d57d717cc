"""What follows what, held against plain counting and scipy; what is recommended, and when it is withheld."""

import duckdb
import numpy as np
import pytest
from conftest import FIRST, day, model
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control

from cdp_assets.predictions.affinities import make_affinities
from cdp_assets.predictions.next_product import (
    load_acquired,
    load_pairs,
    p_values,
    q_values,
    recommended,
    train_next_product,
)
from cdp_assets.predictions.versions import TooLittle, Version
from cdp_model.predictions import NextProductPrediction

NEXT = NextProductPrediction(kind="next_product", description="Next", events=["Order"], within="30 days", count=3)
COMPANY = model({})


def add_purchases(con: duckdb.DuckDBPyConnection, rows: list[tuple[str, str, int]]) -> None:
    """Purchases as (person, product, day)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    con.execute(
        f"""INSERT INTO lake.standardized.events
            (event_id, source, event_name, record_key, occurred_at, product_id, _day)
        SELECT gen_random_uuid(), 'shop', 'Order', 'crm:' || person, day::TIMESTAMPTZ, product, day
        FROM (SELECT unnest(?::VARCHAR[]) AS person, unnest(?::VARCHAR[]) AS product,
            DATE '{FIRST}' + unnest(?::INTEGER[]) AS day)""",
        columns,
    )
    con.execute("""INSERT INTO lake.identity.record_persons
        SELECT DISTINCT record_key, substr(record_key, 5), now() FROM lake.standardized.events
        WHERE record_key NOT IN (SELECT record_key FROM lake.identity.record_persons)""")


def tastes(people: int, days: int, of_taste: float, seed: int = 1) -> list[tuple[str, str, int]]:
    """Purchases of people of four tastes with fifteen products each; the rest is bought by chance."""
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for when in np.sort(random.integers(0, days, 6)):
            taste = person % 4 if random.uniform() < of_taste else random.integers(4)
            rows.append((f"p{person}", f"product {taste}.{random.integers(15)}", int(when)))
    return rows


def test_pairs_are_counted_by_people_in_the_order_of_their_first_purchases(con: duckdb.DuckDBPyConnection) -> None:
    rows = [(f"p{i}", "tea", 0) for i in range(12)] + [(f"p{i}", "milk", 5) for i in range(10)]
    rows += [("p0", "tea", 8), ("p11", "milk", 31), ("p12", "milk", 0), ("p12", "tea", 50)]
    add_purchases(con, rows)
    load_acquired(con, COMPANY, NEXT, day(60))
    load_pairs(con, day(60), 30)
    found = con.execute("SELECT item, next_item, together, buyers FROM pairs ORDER BY ALL").fetchall()
    assert found == [("tea", "milk", 10, 12)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(40, 200), st.floats(0.5, 30)), min_size=1, max_size=20))
def test_p_and_q_values_are_those_of_scipy(pairs: list[tuple[int, int, float]]) -> None:
    together, chances, expected = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    p = p_values(together, chances, expected)
    tested = together >= 5
    assert np.isnan(p[~tested]).all()
    for value, n, k, mean in zip(p[tested], chances[tested], together[tested], expected[tested], strict=True):
        assert value == pytest.approx(binomtest(int(k), int(n), mean / n, "greater").pvalue)
    padded = np.concatenate([p[tested], np.ones(50)])
    assert q_values(p, len(padded))[tested] == pytest.approx(false_discovery_control(padded)[: tested.sum()])
    assert np.isnan(q_values(p, len(padded))[~tested]).all()


def test_what_belongs_together_is_found_and_chance_is_not(con: duckdb.DuckDBPyConnection) -> None:
    add_purchases(con, tastes(1_500, 120, of_taste=0.9))
    trained = train_next_product(con, COMPANY, NEXT, day(119))
    assert trained.published, trained.reason
    assert trained.metrics["hit_rate"] > trained.metrics["hit_rate_of_popularity"]
    make_affinities(con, COMPANY, NEXT, Version("next", "v1", "s", trained))
    same, other = con.execute("""
        SELECT count(*) FILTER (item[:9] = next_item[:9]), count(*) FILTER (item[:9] <> next_item[:9])
        FROM lake.predictions.affinities WHERE significant""").fetchone() or (0, 0)
    assert same > 200
    assert other <= 0.05 * (same + other)
    confidences = con.execute("SELECT min(confidence), max(confidence) FROM lake.predictions.affinities").fetchone()
    assert confidences
    assert 0 < confidences[0] <= confidences[1] <= 1


def test_purchases_by_chance_make_no_pair_and_no_recommendation(con: duckdb.DuckDBPyConnection) -> None:
    add_purchases(con, tastes(800, 120, of_taste=0))
    trained = train_next_product(con, COMPANY, NEXT, day(119))
    assert not trained.published
    assert trained.reason.startswith("not better than popularity")
    make_affinities(con, COMPANY, NEXT, Version("next", "v1", "s", trained))
    found = con.execute("SELECT count(*) FILTER (significant), count(*) FROM lake.predictions.affinities").fetchone()
    assert found
    assert found[0] <= 3 < found[1]


def test_nobody_is_recommended_what_they_have_and_everybody_gets_the_declared_number(
    con: duckdb.DuckDBPyConnection,
) -> None:
    add_purchases(con, [*tastes(400, 60, of_taste=0.9), ("newcomer", "unheard of", 59)])
    load_acquired(con, COMPANY, NEXT, day(59))
    load_pairs(con, day(59), 30)
    con.execute(f"CREATE TABLE best AS {recommended('pairs', 'acquired', 3)}")
    ranks = con.execute("SELECT DISTINCT list(rank ORDER BY rank) FROM best GROUP BY person_id").fetchall()
    assert ranks == [([1, 2, 3],)]
    assert con.execute("SELECT count(*) FROM best SEMI JOIN acquired USING (person_id, item)").fetchone() == (0,)
    of_newcomer = con.execute("SELECT DISTINCT because FROM best WHERE person_id = 'newcomer'").fetchall()
    assert of_newcomer == [(None,)]
    because = con.execute("SELECT count(*) FROM best SEMI JOIN acquired AS a ON a.item = because").fetchone()
    assert because
    assert because[0] > 500


def test_the_same_purchases_have_the_same_recommendations(con: duckdb.DuckDBPyConnection) -> None:
    add_purchases(con, tastes(300, 60, of_taste=0.7))
    load_acquired(con, COMPANY, NEXT, day(59))
    load_pairs(con, day(59), 30)
    once, again = (con.execute(f"{recommended('pairs', 'acquired', 5)} ORDER BY ALL").fetchall() for _ in range(2))
    assert once == again


def test_pairs_of_a_version_are_made_once_and_replace_those_before(con: duckdb.DuckDBPyConnection) -> None:
    add_purchases(con, tastes(500, 100, of_taste=0.9))
    trained = train_next_product(con, COMPANY, NEXT, day(99))
    for version in ("v1", "v2", "v2"):
        make_affinities(con, COMPANY, NEXT, Version("next", version, "s", trained))
    assert con.execute("SELECT DISTINCT model_version FROM lake.predictions.affinities").fetchall() == [("v2",)]


def test_too_little_data_is_said_to_be(con: duckdb.DuckDBPyConnection) -> None:
    add_purchases(con, tastes(50, 100, of_taste=0.9))
    with pytest.raises(TooLittle, match="purchases of 71 days; 90 are needed for a window of 30"):
        train_next_product(con, COMPANY, NEXT, day(70))
    with pytest.raises(TooLittle, match=r"people bought something new after .*; 100 are needed"):
        train_next_product(con, COMPANY, NEXT, day(99))
