"""What a data team is told about destinations: unknown kinds and keys, and syncs that ask for what a kind cannot do."""

import pytest

from cdp_model import ModelError
from tests.small_company import SmallCompany

SYNC = """
s:
  description: S
  destination: there
  consent: null
  legal_basis: contract
  key: email
  mode: {0}
  fields: {{ {1}: first_name }}
"""


def told(company: SmallCompany, destination: str, mode: str = "mirror", field: str = "name") -> list[str]:
    """The mistakes of a company with one destination and one sync."""
    company.declare("destinations.yaml", f"there: {destination}")
    company.declare("syncs/a.yaml", SYNC.format(mode, field))
    try:
        _ = company.model
    except ModelError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_an_unknown_kind_is_named_with_the_likely_one(company: SmallCompany) -> None:
    (problem,) = told(company, "{type: hubspott}")
    assert problem.startswith("destinations.yaml:1: there: unknown type `hubspott`; there are braze, customerio, ")
    assert problem.endswith("; did you mean `hubspot`?")


def test_a_mistyped_option_is_refused_with_the_name_that_is_meant(company: SmallCompany) -> None:
    assert told(company, "{type: hubspot, token_env: TOKEN, batchsize: 50}") == [
        "destinations.yaml:1: there.batchsize: unknown key `batchsize`; did you mean `batch_size`?"
    ]


def test_a_secret_in_place_of_its_variable_is_refused_without_repeating_it(company: SmallCompany) -> None:
    (problem,) = told(company, "{type: hubspot, token_env: pat-eu1-12345}")
    assert "the name of an environment variable" in problem
    assert "12345" not in problem


def test_more_rows_than_a_vendor_takes_are_refused(company: SmallCompany) -> None:
    (problem,) = told(company, "{type: hubspot, token_env: TOKEN, batch_size: 101}")
    assert "less than or equal to 100" in problem


def test_a_mode_that_the_destination_cannot_do_is_refused(company: SmallCompany) -> None:
    declared = "{type: http, url: http://x, upsert: {body: $fields}}"
    assert told(company, declared) == [
        "syncs/a.yaml:8: s.mode: destination `there` (http) cannot do `mirror`, only `upsert`"
    ]
    assert told(company, declared, mode="upsert") == []
    (problem,) = told(company, "{type: hubspot, token_env: TOKEN}", mode="append_events")
    assert problem.endswith("cannot do `append_events`, only `mirror` or `upsert` or `full_refresh`")
    assert told(company, "{type: file, folder: /nowhere}", mode="append_events") == []
    klaviyo = "{type: klaviyo, key_env: KEY, list_id: L1}"
    assert told(company, klaviyo, mode="append_events") == []


@pytest.mark.parametrize("kind", ["meta_audience", "google_audience"])
def test_a_field_that_the_destination_does_not_take_is_refused(company: SmallCompany, kind: str) -> None:
    declared = {
        "meta_audience": "{type: meta_audience, token_env: TOKEN, audience_id: '1'}",
        "google_audience": "{type: google_audience, account_id: '1', audience_id: '2', "
        "ad_user_data: granted, ad_personalization: granted}",
    }[kind]
    (problem,) = told(company, declared, field="frist_name")
    assert problem.startswith(f"syncs/a.yaml:9: s.fields.frist_name: destination `there` ({kind}) takes no field")
    assert problem.endswith("did you mean `first_name`?")
    assert told(company, declared, field="first_name") == []
