"""Mistakes of `identity.yaml` that only the sources, or another of its keys, show."""

import pytest

from cdp_model import ModelError
from tests.small_company import SmallCompany


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("strong: [acount_id]", "strong.0: no source has identifier `acount_id`; did you mean `account_id`?"),
        ("exclusive: [account_id, passport]", "exclusive.1: no source has identifier `passport`"),
        ("candidate_threshold: 0.9", "candidate_threshold: `candidate_threshold` is above `link_threshold`"),
        ("link_threshold: 0.01", "link_threshold: `candidate_threshold` is above `link_threshold`"),
    ],
)
def test_a_mistake_in_identity_yaml_is_found(company: SmallCompany, declared: str, problem: str) -> None:
    company.declare("identity.yaml", declared)
    with pytest.raises(ModelError) as found:
        _ = company.model
    assert f"identity.yaml:1: {problem}" in str(found.value)


@pytest.mark.parametrize("declared", ["", "strong: [account_id]", "shared_prone: [email, device]", "seed: 7"])
def test_what_sources_give_and_defaults_that_they_do_not_are_no_mistake(company: SmallCompany, declared: str) -> None:
    company.declare("identity.yaml", declared)
    assert company.model
