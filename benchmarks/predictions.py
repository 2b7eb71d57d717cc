"""How good predictions are on real customers: `python -m benchmarks.predictions`. Prints tables in Markdown.

Each set is tested as the assets test it: on the last days alone, after training on those before. Needs CDP_REAL_DATA;
Complete Journey also needs `pip install pyreadr`. Sets whose data is missing are named and left out.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np

from benchmarks.populations import Absent, _real_data
from cdp_assets.predictions.bg_nbd import BgNbd
from cdp_assets.predictions.measures import auc
from cdp_assets.predictions.training import train
from cdp_assets.predictions.versions import Trained
from cdp_model.model import CompanySettings, Model
from cdp_model.predictions import NextProductPrediction, Prediction, PropensityPrediction, ValuePrediction
from cdp_model.traits import PERSON_COLUMNS, RECORDED_EVENT_COLUMNS, Trait

BOUGHT, REDEEMED, SENT = "Product Purchased", "Coupon Redeemed", "Campaign Sent"
COUNTS = {"bought": BOUGHT, "redeemed": REDEEMED, "campaigns": SENT}
TRAITS = {
    **{n: Trait(description=n, aggregate="count", events=[e]) for n, e in COUNTS.items()},
    **{f"{n}_90d": Trait(description=n, aggregate="count", events=[e], window="90 days") for n, e in COUNTS.items()},
    **{f"{n}_last": Trait(description=n, aggregate="days_since_last", events=[e]) for n, e in COUNTS.items()},
    "days_bought": Trait(description="d", aggregate="days_active", events=[BOUGHT]),
    "days_bought_30d": Trait(description="d", aggregate="days_active", events=[BOUGHT], window="30 days"),
    "days_bought_90d": Trait(description="d", aggregate="days_active", events=[BOUGHT], window="90 days"),
    "spend": Trait(description="s", aggregate="sum", of="revenue", events=[BOUGHT], default=0),
    "spend_90d": Trait(description="s", aggregate="sum", of="revenue", events=[BOUGHT], window="90 days", default=0),
    "products": Trait(description="p", aggregate="count_distinct", of="product_id", events=[BOUGHT]),
    "mean_value": Trait(description="m", aggregate="mean", of="revenue", events=[BOUGHT]),
    "tenure": Trait(description="t", aggregate="days_since_first", events=[BOUGHT]),
}
MODEL = Model(
    company=CompanySettings(name="benchmark", owner="team:data", start_date=dt.date(1997, 1, 1)),
    sources={},
    traits=TRAITS,
)


def value() -> ValuePrediction:
    """Purchases and revenue."""
    return ValuePrediction(kind="value", description="Value", events=[BOUGHT])


def propensity(event: str, days: int, happens: bool = True) -> PropensityPrediction:
    """An event, or its absence, within some days."""
    return PropensityPrediction(
        kind="propensity", description=event, events=[event], within=f"{days} days", happens=happens
    )


def next_product(item: str = "product_id") -> NextProductPrediction:
    """Five recommendations."""
    return NextProductPrediction(kind="next_product", description="Next", events=[BOUGHT], item=item)


def cdnow(con: duckdb.DuckDBPyConnection) -> None:
    """23,570 customers of CDNOW who first bought in the first quarter of 1997, until June 1998."""
    con.execute(f"""
        INSERT INTO events SELECT columns[1], '{BOUGHT}', strptime(columns[2], '%Y%m%d'), columns[4]::DOUBLE, NULL, NULL
        FROM (SELECT regexp_split_to_array(trim(line), '\\s+') AS columns
              FROM read_csv({_real_data("cdnow/CDNOW_master.txt")}, columns = {{line: VARCHAR}}, delim = '|'))""")


def uci(con: duckdb.DuckDBPyConnection) -> None:
    """4,383 customers of a British gift retailer, December 2009 to December 2010."""
    con.execute(f"""
        INSERT INTO events SELECT "Customer ID"::BIGINT, '{BOUGHT}', InvoiceDate, Quantity * Price, StockCode, NULL
        FROM {_real_data("uci_online_retail/online_retail_II_2009-2010.parquet")}
        WHERE "Customer ID" IS NOT NULL AND Invoice NOT LIKE 'C%' AND Quantity > 0""")


def complete_journey(con: duckdb.DuckDBPyConnection) -> None:
    """Households of a US grocer in 2017: one purchased line in twenty, all campaigns and redeemed coupons."""
    try:
        import pyreadr  # type: ignore[import-not-found]
    except ImportError:
        raise Absent("pip install pyreadr") from None
    tables = ("transactions_sample", "products", "campaigns", "campaign_descriptions", "coupon_redemptions")
    for name in tables:
        file = _real_data(f"completejourney/{name}.rda").strip("'")
        con.register(name, next(iter(pyreadr.read_r(file).values())).astype(object))
    con.execute(f"""
        INSERT INTO events SELECT household_id, '{BOUGHT}', transaction_timestamp, sales_value, product_id,
            json_object('type', product_type, 'category', product_category)
        FROM transactions_sample LEFT JOIN products USING (product_id);
        INSERT INTO events SELECT household_id, '{REDEEMED}', redemption_date, NULL, NULL, NULL FROM coupon_redemptions;
        INSERT INTO events SELECT household_id, '{SENT}', start_date, NULL, NULL, NULL
        FROM campaigns JOIN campaign_descriptions USING (campaign_id)""")


SETS: dict[str, tuple[Callable[[duckdb.DuckDBPyConnection], None], dict[str, Prediction]]] = {
    "CDNOW": (cdnow, {"value": value(), "churn, 60 days": propensity(BOUGHT, 60, happens=False)}),
    "UCI Online Retail II": (
        uci,
        {
            "value": value(),
            "churn, 60 days": propensity(BOUGHT, 60, happens=False),
            "purchase in 14 days": propensity(BOUGHT, 14),
            "next product": next_product(),
        },
    ),
    "Complete Journey": (
        complete_journey,
        {
            "value": value(),
            "churn, 30 days": propensity(BOUGHT, 30, happens=False),
            "coupon in 60 days": propensity(REDEEMED, 60),
            "next product type": next_product("properties->>'type'"),
            "next product category": next_product("properties->>'category'"),
        },
    ),
}


@contextmanager
def company(load: Callable[[duckdb.DuckDBPyConnection], None]) -> Iterator[tuple[duckdb.DuckDBPyConnection, dt.date]]:
    """A lake in memory with the events of a set, each customer a person of one record, and its last day."""
    with duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; ATTACH ':memory:' AS lake")
        con.execute("""CREATE SCHEMA lake.standardized; CREATE SCHEMA lake.identity; CREATE SCHEMA lake.profiles;
            CREATE TABLE events (person VARCHAR, name VARCHAR, moment TIMESTAMP, amount DOUBLE, product VARCHAR,
                properties JSON)""")
        load(con)
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in RECORDED_EVENT_COLUMNS.items())
        people = ", ".join(f"NULL::{kind} AS {name}" for name, kind in PERSON_COLUMNS.items() if name != "as_of")
        con.execute(f"""
            CREATE TABLE lake.standardized.events AS SELECT {columns} LIMIT 0;
            INSERT INTO lake.standardized.events BY NAME
            SELECT row_number() OVER () AS event_id, 'set' AS source, name AS event_name, person AS record_key,
                moment AT TIME ZONE 'UTC' AS occurred_at, amount AS revenue, product AS product_id, properties
            FROM events;
            CREATE TABLE lake.identity.record_persons AS
            SELECT DISTINCT person AS record_key, person AS person_id FROM events;
            CREATE TABLE lake.standardized.consents (consent_id VARCHAR, record_key VARCHAR, purpose VARCHAR,
                channel VARCHAR, status VARCHAR, occurred_at TIMESTAMPTZ);
            CREATE TABLE lake.profiles.golden_records AS
            SELECT * REPLACE (person AS person_id, first AT TIME ZONE 'UTC' AS first_seen)
            FROM (SELECT {people}, person, first FROM (SELECT person, min(moment) AS first FROM events GROUP BY person))
        """)
        row = con.execute("SELECT max(moment)::DATE FROM events").fetchone()
        assert row
        yield con, row[0]


def line(prediction: Prediction, trained: Trained) -> list[str]:
    """People tested, model, plain rule, gain and verdict."""
    m = trained.metrics
    verdict = "published" if trained.published else "not published"
    if not m:
        return ["", "", "", "", trained.reason]
    if isinstance(prediction, ValuePrediction):
        shares = [m[f"{what}_expected_per_actual"] for what in ("purchases", "revenue")]
        total = "{:.2f} × the purchases, {:.2f} × the revenue".format(*shares)
        saved = [m[f"purchases_gain{end}"] for end in ("", "_low", "_high")]
        gains = "{:.0%} of the squared error saved ({:.0%} to {:.0%})".format(*saved)
        return [f"{m['people']:,}", total, "the same rate as before", gains, verdict]
    if isinstance(prediction, PropensityPrediction):
        model = f"AUC {m['auc']:.3f}, top tenth {m['deciles'][0]['lift']:.1f} ×"
        gain = f"AUC {m['auc_gain']:+.3f} ({m['auc_gain_low']:+.3f} to {m['auc_gain_high']:+.3f})"
        return [f"{m['people']:,}", model, f"recency: AUC {m['auc_of_recency']:.3f}", gain, verdict]
    gain = f"({m['hit_rate_gain_low']:+.1%} to {m['hit_rate_gain_high']:+.1%})"
    plain = f"most popular: {m['hit_rate_of_popularity']:.1%}"
    return [f"{m['people']:,}", f"a hit in five for {m['hit_rate']:.1%}", plain, gain, verdict]


def boosted(con: duckdb.DuckDBPyConnection) -> float:
    """AUC of gradient-boosted trees on the rows that the last propensity was trained and tested on."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = con.execute("SELECT * EXCLUDE (person_id, recency) FROM rows ORDER BY as_of, person_id").df()
    test = frame["as_of"] == frame["as_of"].max()
    features = frame.drop(columns=["as_of", "happened"]).astype(float)
    features = features.loc[:, features[~test].nunique() > 1]
    trees = HistGradientBoostingClassifier(learning_rate=0.05, max_leaf_nodes=8, l2_regularization=1, random_state=0)
    trees.fit(features[~test], frame["happened"][~test].to_numpy())
    return auc(frame["happened"][test].to_numpy(), trees.predict_proba(features[test])[:, 1])


def scale(people: int = 1_000_000) -> str:
    """Seconds to fit BG/NBD on simulated customers and to say what each will buy."""
    random = np.random.default_rng(1)
    t = random.integers(30, 365, people).astype(float)
    x = random.poisson(random.gamma(0.5, 6, people)).astype(float)
    t_x = np.where(x > 0, np.floor(t * random.beta(np.maximum(x, 0.1), 1)), 0.0)
    began = time.perf_counter()
    groups, customers = np.unique(np.c_[x, t_x, t], axis=0, return_counts=True)
    model = BgNbd.fit(*groups.T, customers=customers.astype(float))
    fitted = time.perf_counter()
    model.expected_purchases(90, *groups.T)
    scored = time.perf_counter()
    seconds = f"fit {fitted - began:.1f} s, score {scored - fitted:.1f} s"
    return f"{people:,} customers, {len(groups):,} different histories: {seconds}"


def main() -> None:
    """All sets, in order."""
    print("| set | prediction | people | model | plain rule | gain (95 %) | verdict | trees | s |")
    print("|---|---|--:|---|---|---|---|---|--:|")
    for name, (load, predictions) in SETS.items():
        try:
            with company(load) as (con, last):
                for label, prediction in predictions.items():
                    began = time.perf_counter()
                    trained = train(con, MODEL, label, prediction, last)
                    seconds = time.perf_counter() - began
                    trees = f"AUC {boosted(con):.3f}" if prediction.kind == "propensity" and trained.metrics else ""
                    cells: list[Any] = [name, label, *line(prediction, trained), trees, f"{seconds:.1f}"]
                    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        except Absent as reason:
            print(f"| {name} | {reason} | | | | | | | |")
    print("\n" + scale())


if __name__ == "__main__":
    main()
