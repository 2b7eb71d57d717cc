"""Segments that nobody can be in, or that everybody is in: warned of with file and line, and never wrongly."""

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.segments.conditions import asked, condition, name_of, true_of
from cdp_model.load import check_meaning
from cdp_model.logic import Not
from cdp_model.model import Model
from cdp_model.traits import Group, Segment, Trait
from cdp_model.vacuous import Formulas, _possible, vacuous
from tests.profiles.conftest import model as company_with
from tests.small_company import SmallCompany

TRAITS = {
    "x": Trait(description="x", sql="1"),
    "y": Trait(description="y", sql="1"),
    "orders": Trait(description="o", aggregate="count", events=["Order"]),
    "orders_7d": Trait(description="o", aggregate="count", events=["Order"], window="7 days"),
}
DID = {"events": ["Order"], "window": "30 days"}
GERMANS = {"description": "g", "all": ["country = 'DE'"]}
HALF = {"description": "h", "all": ["person_id is not null"], "split": {"from": 0, "to": 0.5, "salt": "s"}}


def warned(**segments: Any) -> list[tuple[Any, ...]]:
    """Segment, path and message of each warning."""
    declared = {n: Segment.model_validate({"description": n, **s}) for n, s in segments.items()}
    return [(name, path, message) for _, name, path, message in vacuous(company_with(TRAITS, declared))]


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        ({"all": ["x >= 30", "country = 'DE'", "x < 20"]}, ("all", 2)),
        ({"all": ["x is null", "x > 1"]}, ("all", 1)),
        ({"all": ["country in ('DE') and country = 'GB'"]}, ("all", 0)),
        ({"all": ["country = null"]}, ("all", 0)),
        ({"all": ["x between 5 and 4"]}, ("all", 0)),
        ({"all": ["date_of_birth > date '2000-01-02'", "date_of_birth < date '2000-01-01'"]}, ("all", 1)),
        ({"all": ["x > 1"], "none": [{"any": ["x > 0", "y = 1"]}]}, ("none", 0)),
        ({"all": ["orders < 0"]}, ("all", 0)),
        ({"all": ["orders_7d > 2", "orders < 2"]}, ("all", 1)),
        ({"all": ["orders_7d > 0", {"did_not": DID}]}, ("all", 1)),
        ({"all": [{"did": {**DID, "at_least": 3}}, {"did": {"events": ["Order"], "at_most": 2}}]}, ("all", 1)),
        ({"all": [{"in": "germans"}], "none": [{"in": "germans"}]}, ("none", 0)),
        ({"all": [{"in": "germans"}, "country <> 'DE'"]}, ("all", 1)),
        ({"all": [{"in": "half"}], "split": {"from": 0.5, "to": 1, "salt": "s"}}, ("split",)),
        ({"all": [{"in": "half"}], "holdout": {"share": 0.6, "salt": "s"}}, ("holdout",)),
        ({"all": ["x > 1", {"any": [{"all": ["y > 5", "y < 4"]}, "x > 2"]}]}, ("all", 1, "any", 0, "all", 1)),
        ({"none": ["false"]}, ("none", 0)),
        ({"all": ["orders >= 0"]}, ("all", 0)),
        ({"any": ["orders > 0", "orders = 0"]}, ()),
        ({"any": ["x > 1", {"none": ["x > 1"]}]}, ()),
        ({"any": ["x >= 18", "x < 18"]}, ()),
        ({"all": [{"did": {**DID, "until": "2020-01-01"}}]}, ("all", 0, "did", "until")),
    ],
)
def test_what_cannot_be_meant_is_warned_of_where_it_stands(declared: dict[str, Any], path: tuple[Any, ...]) -> None:
    found = warned(germans=GERMANS, half=HALF, s=declared)
    assert [(name, where) for name, where, _ in found] == [("s", path)]


@pytest.mark.parametrize(
    "declared",
    [
        {"all": ["person_id is not null"]},
        {"all": ["x is not null"]},
        {"all": ["x > 1", "y < 1", "x > y"]},
        {"all": ["country > 'A'", "country < 'B'"]},
        {"all": ["first_seen > date '2020-01-01'", "first_seen < date '2020-01-02'"]},
        {"all": ["x > 9007199254740992", "x < 9007199254740994"]},
        {"all": ["x < 1e300"]},
        {"all": ["orders > 1", "orders_7d < 1"]},
        {"all": ["email like '%a'", "not email like '%b'"]},
        {"all": ["upper(country) = 'DE'", "country = 'de'"]},
        {"all": [{"in": "germans"}], "none": [{"in": "half"}]},
        {"all": ["country = 5", "country = 'DE'"]},
        {"any": ["country = 'DE'", "country = 'GB'"], "none": ["x = 1"]},
    ],
)
def test_what_may_be_meant_is_not(declared: dict[str, Any]) -> None:
    assert warned(germans=GERMANS, half=HALF, s=declared) == []


def test_a_segment_whose_people_all_belong_to_one_before_it_in_the_list_is_named() -> None:
    first = {"all": ["country = 'DE'"], "priority_list": "l", "rank": 1}
    second = {"all": ["country = 'DE'", "x > 1"], "priority_list": "l", "rank": 2}
    ((name, path, message),) = warned(first=first, second=second)
    assert (name, path) == ("second", ("rank",))
    assert "not in first, which comes first" in message
    assert warned(first={**first, "cap": 5}, second=second) == []
    assert warned(first={**first, "split": {"from": 0, "to": 0.5, "salt": "s"}}, second=second) == []


def test_only_the_conditions_that_contradict_each_other_are_named() -> None:
    ((_, _, message),) = warned(s={"all": ["country = 'DE'", "x >= 30", "y = 1", "x < 20"]})
    assert message == "nobody can be in it: `x >= 30` and `x < 20` cannot hold together"


def test_a_warning_has_file_and_line_and_is_no_mistake(company: SmallCompany) -> None:
    company.declare("segments/a.yaml", "a:\n  description: a\n  all:\n    - country = 'DE'\n    - country = 'GB'\n")
    assert company.model.segments
    (problem,) = check_meaning(company.folder)
    assert str(problem).startswith("segments/a.yaml:5: a.all.1: nobody can be in it")


comparisons = st.builds(
    "{} {} {}".format, st.sampled_from("xy"), st.sampled_from(["<", "<=", "=", "<>", ">", ">="]), st.integers(0, 2)
)
leaves = comparisons | st.sampled_from(["x is null", "y is not null", "x between 1 and 2", "not (x in (0, 2))"])
groups = st.recursive(
    leaves,
    lambda below: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(below, min_size=1, max_size=3), min_size=1
    ),
    max_leaves=8,
)
GRID = "unnest([null, -1, 0, 0.5, 1, 1.5, 2, 3])"


@given(groups)
@settings(max_examples=150, deadline=None)
def test_impossible_and_always_true_are_so_for_duckdb_as_well(declared: Any) -> None:
    group = Group.model_validate(declared if isinstance(declared, dict) else {"all": [declared]})
    formulas = Formulas(_bare())
    formula = formulas.of(group)
    with duckdb.connect() as con:
        people = f"(SELECT {GRID} AS x), (SELECT {GRID} AS y)"
        asks = [f"{asked(part, ['x', 'y'])} AS {true_of(name_of(part))}" for part in {*_leaves(group)}]
        rows = f"SELECT {condition(group)} AS is_in FROM (SELECT {', '.join(asks)} FROM {people})"
        row = con.execute(f"SELECT bool_or(is_in), bool_and(is_in) FROM ({rows})").fetchone()
    assert (_possible(formulas, formula), not _possible(formulas, Not(formula))) == row


def _bare() -> Model:
    return company_with({name: TRAITS[name] for name in "xy"})


def _leaves(group: Group) -> list[str]:
    """The conditions of nested groups."""
    found = []
    for part in [*group.all, *group.any, *group.none]:
        found += _leaves(part) if isinstance(part, Group) else [part]
    return found
