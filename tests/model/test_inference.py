"""Drafts of mappings: what columns probably mean, by their names."""

from cdp_model.inference import inferred_mapping, is_personal


def test_names_are_known_whatever_their_case_and_punctuation() -> None:
    row = {"Customer ID": "1", "First-Name": "Ann", "E_Mail": "ann@example.com", "colour": "red"}
    assert inferred_mapping([row]) == {"id": '"Customer ID"', "first_name": '"First-Name"', "email": "E_Mail"}


def test_values_inside_of_json_are_found() -> None:
    rows = [{"id": "1", "properties": '{"firstname": "Ann", "zip": null}'}]
    assert inferred_mapping(rows) == {
        "id": "id",
        "first_name": "properties->>'firstname'",
        "postal_code": "properties->>'zip'",
    }


def test_a_column_of_its_own_comes_before_one_inside_of_another() -> None:
    rows = [{"contact": '{"email": "b@example.com", "id": 7}', "id": "1", "email": "a@example.com"}]
    assert inferred_mapping(rows) == {"id": "id", "email": "email"}


def test_what_is_no_json_and_what_is_no_name_gives_nothing() -> None:
    assert inferred_mapping([{"note": "{not json", "x": ""}]) == {}
    assert inferred_mapping([]) == {}


def test_columns_that_are_personal_are_told() -> None:
    assert is_personal("Email_Address")
    assert not is_personal("currency")
