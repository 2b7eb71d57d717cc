"""When a version is due, and that a version is found again as it was kept."""

import datetime as dt

import duckdb
import pytest
from conftest import TRAITS, day, model

from cdp_assets.predictions.versions import Trained, Version, keep, newest, settings_hash, training_due
from cdp_model.predictions import PropensityPrediction
from cdp_model.traits import Trait

ORDERS = PropensityPrediction(kind="propensity", description="Orders", events=["Order"])


def version(through: dt.date, published: bool = True, settings: str = "s") -> Version:
    return Version("orders", "v", settings, Trained(day(0), through, published, "because"))


@pytest.mark.parametrize(
    ("known", "asked", "reason"),
    [
        (None, False, "there is none yet"),
        (version(day(39)), False, None),
        (version(day(11)), False, None),
        (version(day(10)), False, "the version is 30 days old"),
        (version(day(39), settings="other"), False, "what is declared has changed"),
        (version(day(39)), True, "asked for"),
        (version(day(34), published=False), False, None),
        (version(day(33), published=False), False, "the version of 7 days ago was not published"),
    ],
)
def test_a_version_is_due(known: Version | None, asked: bool, reason: str | None) -> None:
    assert training_due(known, "s", day(40), 30, asked) == reason


def test_a_trait_that_changed_its_meaning_makes_other_settings_and_a_description_does_not() -> None:
    before = settings_hash(model({}), ORDERS)
    changed = TRAITS | {"orders": Trait(description="Orders", aggregate="count", events=["Order"], window="9 days")}
    told_otherwise = TRAITS | {"orders": Trait(description="All orders", aggregate="count", events=["Order"])}
    assert settings_hash(model({}, changed), ORDERS) != before
    assert settings_hash(model({}, told_otherwise), ORDERS) == before
    assert settings_hash(model({}), ORDERS.model_copy(update={"owner": "team:x", "retrain": "9 days"})) == before


def test_the_newest_version_that_knew_nothing_of_later_days_is_in_force(con: duckdb.DuckDBPyConnection) -> None:
    made = [Trained(day(0), day(n), n < 30, f"day {n}", {"intercept": n}, {"auc": 0.5}) for n in (10, 20, 30)]
    kept = [keep(con, "orders", ORDERS, "s", trained) for trained in made]
    assert newest(con, day(9)) == {}
    assert newest(con, day(10)) == {"orders": kept[0]}
    assert newest(con, day(29)) == {"orders": kept[1]}
    assert newest(con, day(99)) == {"orders": kept[2]}


def test_the_same_version_is_kept_once(con: duckdb.DuckDBPyConnection) -> None:
    trained = Trained(day(0), day(9), True, "good", {"intercept": 1.0})
    assert keep(con, "orders", ORDERS, "s", trained) == keep(con, "orders", ORDERS, "s", trained)
    assert con.execute("SELECT count(*) FROM lake.predictions.models").fetchone() == (1,)
