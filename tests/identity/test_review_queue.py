"""Which pairs are worth a look, in which order, and the page they are looked at on."""

import json
import re

import pytest
from identity_population import people, population, run_stage, standardize, table

from cdp_assets.identity.labels import keep_labels, read_labels
from cdp_assets.identity.review_queue import update_review_queue, write_page
from cdp_model.identity import IdentitySettings

SETTINGS = IdentitySettings()
LINKS = [
    # left, right, weight, rule, veto
    ("crm:1", "shop:1", 1.5, "splink", None),
    ("crm:1", "shop:2", 1.9, "splink", None),
    ("crm:2", "shop:3", 30.0, "phone+name", "first name"),
    ("crm:2", "shop:4", 15.0, "phone+name", "first name"),
    ("crm:3", "shop:5", 2.5, "splink", None),
    ("crm:4", "shop:6", -1.0, "splink", None),
    ("crm:5", "news:1", 6.0, "email", None),
]
PERSONS = {"shop:1": "p of crm:9", "crm:9": "p of crm:9", "shop:5": "p of crm:3", "crm:3": "p of crm:3"}
QUEUE = "SELECT left_key, right_key, reason, records_affected FROM lake.identity.review_queue ORDER BY priority DESC"


@pytest.fixture
def hand_made(lake):
    """Links and persons as a run could have left them."""
    keys = {key for link in LINKS for key in link[:2]} | set(PERSONS)
    standardize(lake, [{"key": key, "first_name": "Anna"} for key in keys])
    run_stage(lake, SETTINGS)
    with lake.transaction() as con:
        con.execute("DELETE FROM lake.identity.links; DELETE FROM lake.identity.record_persons")
        con.executemany(
            """INSERT INTO lake.identity.links BY NAME SELECT $1 AS left_key, $2 AS right_key, $3 AS match_weight,
            $4 AS rule, $5 AS veto, CASE WHEN $4 <> 'email' THEN $3 END AS splink_weight""",
            LINKS,
        )
        con.executemany(
            "INSERT INTO lake.identity.record_persons VALUES (?, ?, now())",
            [(key, PERSONS.get(key, f"p of {key}")) for key in keys],
        )
        con.execute("INSERT INTO lake.identity.strengths VALUES ('p of crm:3', 2.5, 2.5, 0)")
    return lake


def test_the_least_sure_pairs_that_matter_most_come_first(hand_made):
    update_review_queue(hand_made, SETTINGS)
    assert table(hand_made, QUEUE) == [
        ("crm:1", "shop:1", "apart: just below the threshold", 3),
        ("crm:1", "shop:2", "apart: just below the threshold", 2),
        ("crm:3", "shop:5", "together: by this link at its weakest", 2),
        ("crm:2", "shop:4", "apart: first name speaks against it", 2),
    ]
    update_review_queue(hand_made, IdentitySettings(review_pairs=1))
    assert len(table(hand_made, QUEUE)) == 1


def test_what_was_decided_is_not_asked_again(hand_made):
    decided = "left_key,right_key,decision\nshop:5,crm:3,same\nshop:1,crm:1,different\ncrm:9,shop:2,different\n"
    with hand_made.transaction() as con:
        keep_labels(con, read_labels(decided.splitlines()), "jo")
    update_review_queue(hand_made, SETTINGS)
    assert [row[:2] for row in table(hand_made, QUEUE)] == [("crm:1", "shop:2"), ("crm:2", "shop:4")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_page_shows_one_record_beside_what_is_asked_about_it_and_its_export_decides(lake, tmp_path):
    standardize(lake, population(60))
    strict = IdentitySettings(link_threshold=0.9999, review_threshold=0.1)
    run_stage(lake, strict)
    update_review_queue(lake, strict)
    with lake.get_connection(read_only=True) as con:
        key = write_page(con, tmp_path / "review.html", 1)
        with pytest.raises(LookupError, match="no record 9999"):
            write_page(con, tmp_path / "none.html", 9999)
    asked = table(
        lake,
        f"""SELECT left_key, right_key FROM lake.identity.review_queue
        WHERE '{key}' IN (left_key, right_key) ORDER BY ALL""",
    )
    text = (tmp_path / "review.html").read_text(encoding="utf-8")
    shown = json.loads(re.search(r"pairwise_comparison_data_from_splink = (\[.*\])", text).group(1))
    pairs = {tuple(sorted((row["record_key_l"], row["record_key_r"]))) for row in shown} - {(key, key)}
    assert sorted(pairs) == asked

    (left, right) = asked[0]
    export = f"record_key_l,record_key_r,clerical_match_score,clerical_notes\n{left},{right},1,\n"
    with lake.transaction() as con:
        keep_labels(con, read_labels(export.splitlines()), "jo")
    run_stage(lake, strict)
    assert any({left, right} <= person for person in people(lake))
