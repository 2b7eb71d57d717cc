"""A model is judged before it is used: what was never learned, or learned against reason, keeps it from use."""

import pytest

from cdp_assets.identity.soundness import Doubt, doubts_of, find_doubts, is_sound, objections

HALF_A_PAIR = 0.005


def compared(name, *levels):
    """A comparison as Splink saves it: (m, u) of each level; None where it was not observed."""
    found = [{"label_for_charts": "Unknown", "is_null_level": True}]
    for number, values in enumerate(levels):
        level = {"label_for_charts": f"level {number}"}
        level |= {
            f"{letter}_probability": value for letter, value in zip("mu", values, strict=True) if value is not None
        }
        found.append(level)
    return {"output_column_name": name, "comparison_levels": found}


NAME = compared("name", (0.8, 0.02), (0.1, 0.03), (0.1, 0.95))
PHONE = compared("phone", (0.6, 0.01), (0.4, 0.99))


def doubts(*comparisons, prior=0.001):
    return find_doubts(comparisons, prior, HALF_A_PAIR, 1e-6)


def test_a_model_that_learned_everything_leaves_no_doubt():
    assert doubts(NAME, PHONE) == []


@pytest.mark.parametrize(
    ("levels", "finding"),
    [
        ([(None, 0.01), (None, 0.99)], "m never trained"),
        ([(0.9, None), (0.1, None)], "u never trained"),
        ([(None, None), (None, None)], "m and u never trained"),
        ([(1e-9, 0.01), (0.9, 0.09), (0.1, 0.9)], "no match agrees on it"),
        ([(0.9, 0.5), (0.09, 0.5), (0.01, None)], "strangers never differ in it"),
        ([(0.9, 0.1), *[(None, None)] * 3, (0.1, 0.9)], "3 of 5 levels were never seen"),
        ([(0.1, 0.5), (0.9, 0.5)], "agreement counts against a match"),
    ],
)
def test_a_comparison_that_was_not_learned_makes_a_model_unsound(levels, finding):
    found = doubts(NAME, PHONE, compared("city", *levels))
    assert [doubt.parameter for doubt in found if doubt.grave] == ["city"]
    assert any(doubt.finding.startswith(finding) for doubt in found)
    assert not is_sound(found)


def test_single_levels_that_no_pair_shows_and_clean_data_are_no_reason_to_refuse():
    birth = compared("birth", (1.0, 0.001), (None, 0.01), (None, 0.02), (None, 0.969))
    found = doubts(NAME, PHONE, birth)
    assert [doubt.parameter for doubt in found] == ["birth: level 1", "birth: level 2", "birth: level 3"]
    assert is_sound(found)


def test_an_initial_may_agree_where_full_names_seldom_do():
    assert is_sound(doubts(NAME, PHONE, compared("middle", (0.01, 0.03), (0.9, 0.04), (0.09, 0.93))))


@pytest.mark.parametrize("levels", [[(1.0, 1.0), (None, None)], [(0.24, 0.25), (0.76, 0.75)]])
def test_a_comparison_that_says_nothing_is_left_out_of_account(levels):
    city = compared("city", *levels)
    assert is_sound(doubts(NAME, PHONE, city))
    assert "says nothing" in str(doubts(NAME, PHONE, city)[0])
    assert not is_sound(doubts(NAME, city))


@pytest.mark.parametrize("prior", [0, 1e-13, 0.31, float("nan")])
def test_a_prior_at_a_bound_makes_a_model_unsound(prior):
    (found,) = doubts(NAME, PHONE, prior=prior)
    assert found.parameter == "prior"
    assert "placeholders" in found.finding
    assert not is_sound([found])


def test_doubts_come_back_from_the_diagnostics_they_are_kept_in():
    found = doubts(NAME, compared("city", (None, 0.1), (None, 0.9)))
    assert doubts_of({"doubts": [list(doubt) for doubt in found]}) == found
    assert doubts_of({}) == []


def test_a_candidate_is_refused_for_grave_doubts_lost_models_and_worse_accuracy_alone():
    before, after = {"f1": 0.95, "decisions": 0.9}, {"f1": 0.9495, "decisions": 0.95, "new": 0.1}
    assert objections([Doubt("phone", "one level", False)], before=before, after=after) == []
    assert objections([Doubt("phone", "never trained", True)]) == ["phone: never trained"]
    assert "too little evidence" in objections([], loses_model=True)[0]
    assert objections([], before=before, after={"f1": 0.9}) == ["f1 on labels falls from 0.950 to 0.900"]
