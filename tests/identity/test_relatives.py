"""Twins, and namesakes of one home, do not teach the model that names and birth dates are often wrong."""

import pytest
from identity_population import population, standardize

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.relatives import believe_at_most, one_person
from cdp_assets.identity.reliability import is_reliable
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings()


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ((99, 0, 400, 300), 0.007),  # twins: hardly any has the other's address
        ((99, 75, 400, 300), 1.0),  # misheard names: as many as of those with one name
        ((3, 0, 400, 300), 1.0),  # too few to say
        ((99, 0, 400, 10), 1.0),  # addresses say nothing
    ],
)
def test_pairs_that_share_less_of_their_own_are_relatives(counts, share):
    assert one_person(*counts) == pytest.approx(share, abs=0.001)


def test_what_differs_is_believed_less_and_the_rest_more():
    levels = [{"m_probability": 0.3}, {"m_probability": 0.2}, {"m_probability": 0.5}]
    believe_at_most({"comparison_levels": [{"is_null_level": True}, *levels]}, 0.02)
    assert [round(level["m_probability"], 3) for level in levels] == [0.588, 0.392, 0.02]


def test_twins_do_not_make_a_different_first_name_an_error(lake):
    records = [{**record, "street": f"Gartenweg {record['key'].split(':')[1]}"} for record in population(people=150)]
    twins = [
        {
            **record,
            "key": f"twin{record['key']}",
            "first_name": "clothilde" if number % 2 else "zacharias",
            "email": f"twin{number}@web.example",
        }
        for record in records
        if (number := int(record["key"].split(":")[1])) % 6 == 0
    ]
    standardize(lake, records + twins)
    update_evidence(lake, SETTINGS)
    model, _ = train_if_needed(lake, SETTINGS)
    assert model
    assert is_reliable(model.settings, "first_name")
    assert model.diagnostics["relatives_discounted"]["first_name"] < 0.1
