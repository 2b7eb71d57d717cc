"""Decisions in a file: what is taken, what is left open, and what is refused with its line."""

import pytest
from identity_population import table

from cdp_assets.identity.labels import BadLabels, keep_labels, read_labels

EXPORT = """record_key_l,record_key_r,match_probability,match_weight,clerical_match_score,clerical_notes
shop:1,crm:1,0.7,1.2,1,the same street
shop:1,crm:2,0.7,1.2,0,
shop:1,crm:3,0.7,1.2,0.5,cannot tell
"""


def read(text):
    return read_labels(text.splitlines(keepends=True))


def test_an_export_of_the_labelling_tool_is_decisions_but_for_what_was_left_open():
    found = [(label.left_key, label.right_key, label.decision, label.reason) for label in read(EXPORT)]
    assert found == [("crm:1", "shop:1", "same", "the same street"), ("crm:2", "shop:1", "different", "review")]


def test_columns_of_ones_own_are_decisions_too():
    (label,) = read("decision,right_key,left_key,reason\nSame , shop:1,crm:1,asked her\n")
    assert (label.left_key, label.right_key, label.decision, label.reason) == ("crm:1", "shop:1", "same", "asked her")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the columns are missing"),
        ("a,b\n1,2\n", "line 1: the columns are a, b; needed are left_key"),
        ("left_key,right_key,decision\ncrm:1,crm:2,maybe\n", "line 2: the decision is `maybe`"),
        ("left_key,right_key,decision\ncrm:1,crm:1,same\n", "line 2: a decision is about two records"),
        (
            "left_key,right_key,decision\ncrm:1,crm:2,same\ncrm:2,crm:1,different\n",
            "line 3: `different`, but line 2 says `same`",
        ),
        (EXPORT.replace(",1,the", ",much,the"), "line 2: the decision is `much`"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_line(text, told):
    with pytest.raises(BadLabels, match="line") as refused:
        read(text)
    assert told in str(refused.value)


def test_a_decision_about_an_unknown_record_is_refused_and_nothing_is_kept(lake, resolve_people):
    resolve_people([{"key": "crm:1", "first_name": "Anna"}, {"key": "crm:2", "first_name": "Bernd"}])
    good = read("left_key,right_key,decision\ncrm:1,crm:2,different\n")
    bad = read("left_key,right_key,decision\ncrm:1,crm:2,different\ncrm:1,crm:9,same\n")
    with pytest.raises(BadLabels, match="line 3: there is no record `crm:9`"), lake.transaction() as con:
        keep_labels(con, bad, "jo")
    assert table(lake, "SELECT * FROM lake.identity.overrides") == []
    with lake.transaction() as con:
        assert keep_labels(con, good, "jo") == 1
    kept = "SELECT left_key, right_key, decision, author, reason FROM lake.identity.overrides"
    assert table(lake, kept) == [("crm:1", "crm:2", "different", "jo", "review")]
