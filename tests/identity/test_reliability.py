"""What a model's parameters say about errors. Pure, but for the expressions, which DuckDB evaluates."""

import duckdb
import pytest

from cdp_assets.identity.comparisons import comparisons
from cdp_assets.identity.reliability import is_reliable, near_number, weight_of
from cdp_model.identity import IdentitySettings


def model(*m_over_u: float) -> dict:
    """A model of birth dates, phones and tax numbers: each level's m over u from the list, the last one's repeated."""
    found = comparisons(dict.fromkeys(("date_of_birth", "phone", "phone_kind", "number_tax"), 1.0), IdentitySettings())
    for comparison in found:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level, ratio in zip(levels, [*m_over_u, *[m_over_u[-1]] * len(levels)], strict=False):
            level |= {"m_probability": ratio / 1024, "u_probability": 1 / 1024}
    return {"comparisons": found}


@pytest.mark.parametrize(("least", "reliable"), [(1 / 32, True), (1 / 16, False)])
def test_a_difference_proves_something_where_matches_seldom_differ(least, reliable):
    assert is_reliable(model(64, least), "date_of_birth") is reliable
    assert is_reliable(None, "date_of_birth")
    assert is_reliable(model(64, least), "first_name")


def evaluated(expression: str, left: dict, right: dict):
    columns = ("date_of_birth", "phone", "phone_kind", "number_tax")
    sides = [", ".join(f"{side.get(name)!r} AS {name}" if side.get(name) else f"NULL::VARCHAR AS {name}"
             for name in columns) for side in (left, right)]  # fmt: skip
    return duckdb.sql(f"SELECT {expression} FROM (SELECT {sides[0]}) AS l, (SELECT {sides[1]}) AS r").fetchall()[0][0]


def test_a_number_is_near_as_far_as_the_model_says():
    one, other = {"number_tax": "12345678"}, {"number_tax": "12345687"}
    assert evaluated(near_number(model(64, 64, 1)), one, other) is True
    assert evaluated(near_number(model(64, 1)), one, other) is False
    assert evaluated(near_number(model(64, 64, 1)), one, {}) is False
    assert evaluated(near_number(None), one, one) is False


def test_two_mobile_phones_weigh_more_than_other_phones_and_a_landline_beside_a_mobile_nothing():
    trained = model(64, 1, 0.5, 0.125)
    kinds = {name: {"phone": f"+4900{n}1{n}0{n}", "phone_kind": name} for n, name in enumerate(("mobile", "landline"))}
    other = {"phone": "+49555666777"}
    expression = weight_of(trained, "phone")
    assert evaluated(expression, kinds["mobile"], {**other, "phone_kind": "mobile"}) == -3
    assert evaluated(expression, kinds["landline"], {**other, "phone_kind": "landline"}) == -1
    assert evaluated(expression, kinds["mobile"], other) == -1
    assert evaluated(expression, kinds["mobile"], kinds["landline"]) == 0
    assert evaluated(expression, kinds["mobile"], {}) == 0
    assert evaluated(expression, kinds["mobile"], kinds["mobile"]) == 6
    assert evaluated(weight_of(None, "phone"), kinds["mobile"], other) == 0
