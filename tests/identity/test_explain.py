"""Why two records are one person, or are not: every answer, on people that the stage really made."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from identity_population import population, quick_lake, run_stage, standardize, table

from cdp_assets.identity import apart
from cdp_assets.identity.apart import why_apart
from cdp_assets.identity.comparing import Compared
from cdp_assets.identity.decisions import decide
from cdp_assets.identity.explain import Explanation, explain
from cdp_assets.identity.in_use import Model
from cdp_assets.identity.lookup import UnknownRecord, find_persons
from cdp_assets.identity.record_persons import update_persons
from cdp_assets.identity.steps import Step
from cdp_assets.identity.strengths import weakest_people
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings
from cdp_model.overrides import Verdict, override
from cdp_resources.lake import Lake

SETTINGS = IdentitySettings()
ANNA = {"first_name": "Anna", "last_name": "Wetter", "email": "anna@wetter.example"}
EXTRA = [
    {"key": "crm:a", **ANNA, "date_of_birth": "1980-05-05", "ids": [("account_id", "A")]},
    {"key": "shop:a", **ANNA, "date_of_birth": "1980-05-05", "ids": [("account_id", "A"), ("loyalty_id", "L")]},
    {"key": "web:a", "ids": [("loyalty_id", "L")]},
    {
        "key": "crm:b",
        "first_name": "Kurt",
        "last_name": "Wetter",
        "email": "anna@wetter.example",
        "ids": [("account_id", "B")],
    },
    {"key": "web:b", "ids": [("account_id", "A"), ("account_id", "B")]},
    {"key": "web:c", "ids": [("device", "alone")]},
    {"key": "crm:q", "first_name": "Xenia", "last_name": "Quast", "email": "x@quast.example", "city": "Kiel"},
    {
        "key": "shop:q",
        "first_name": "Xenia",
        "last_name": "Quast",
        "email": "x@quast.example",
        "phone": "+4915112345999",
        "ids": [("loyalty_id", "Q")],
    },
    {"key": "pos:q", "first_name": "Yvonne", "last_name": "Quast", "city": "Ulm", "ids": [("loyalty_id", "Q")]},
]
OTHER = """SELECT record_key FROM lake.identity.record_persons
WHERE record_key LIKE 'pos:%' AND record_key <> 'pos:q' ORDER BY record_key LIMIT 2"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with quick_lake(tmp_path_factory.mktemp("explained")) as opened:
        standardize(opened, [*population(), *EXTRA])
        run_stage(opened, SETTINGS)
        yield opened


def why(lake: Lake, left: str, right: str) -> Explanation:
    with lake.reading() as con:
        return explain(con, SETTINGS, left, right)


def command(lake: Lake, left: str, right: str, verdict: Verdict) -> None:
    lake.write(lambda con: decide(con, [override(left, right, verdict, "ann", dt.datetime.now(dt.UTC))], "command"))
    update_persons(lake, SETTINGS, "decided")


def test_a_link_shows_its_rule_and_what_each_comparison_added(lake: Lake) -> None:
    found = why(lake, "shop:a", "crm:a")
    assert found.joined
    assert found.cause == "linked"
    (step,) = found.path
    assert (step.left_key, step.right_key, step.rule) == ("crm:a", "shop:a", "strong:account_id")
    assert step.compared
    assert step.compared.prior + sum(part.weight for part in step.compared.parts) == pytest.approx(
        step.compared.weight, abs=1e-3
    )
    assert {(part.comparison, part.level) for part in step.compared.parts} >= {("email", "Same e-mail")}
    assert step.compared.chart["data"]["values"]
    assert [(change["kind"], change["run_id"]) for change in found.changes] == [("minted", "run")]
    assert found.values["crm:a"]["last_name"] == "wetter"


def test_what_is_scored_on_the_spot_is_what_the_run_scored(lake: Lake) -> None:
    rows = table(
        lake, "SELECT left_key, right_key, splink_weight FROM lake.identity.links WHERE rule = 'splink' LIMIT 3"
    )
    assert len(rows) == 3
    for left, right, weight in rows:
        compared = why(lake, left, right).pair.compared
        assert compared
        assert compared.weight == pytest.approx(weight, abs=1e-5)
        assert any(compared.blocking.values())
        assert "first and last name exchanged" in compared.blocking
        assert not any("l." in fields for fields in compared.blocking)


def test_a_path_leads_over_other_records_and_names_the_weakest_link(lake: Lake) -> None:
    found = why(lake, "web:a", "crm:a")
    assert found.joined
    assert [(step.left_key, step.right_key) for step in found.path] == [("crm:a", "shop:a"), ("shop:a", "web:a")]
    assert "over 1 other record" in found.text
    assert found.weakest in found.path


def test_a_veto_is_named(lake: Lake) -> None:
    ((left, right),) = table(
        lake, "SELECT left_key, right_key FROM lake.identity.links WHERE veto = 'first name' LIMIT 1"
    )
    found = why(lake, left, right)
    assert (found.joined, found.cause) == (False, "vetoed")
    assert "first names differ" in found.text


def test_strangers_are_below_the_candidate_threshold_with_the_figure(lake: Lake) -> None:
    (left,), (right,) = table(lake, OTHER)
    found = why(lake, left, right)
    assert (found.joined, found.cause) == (False, "below the candidate threshold")
    assert found.pair.compared
    assert f"{found.pair.compared.weight:.1f} is below -4.2" in found.text


def test_a_weak_link_is_below_the_link_threshold(lake: Lake) -> None:
    rows = table(
        lake,
        f"""SELECT left_key, right_key, match_weight FROM lake.identity.links WHERE veto IS NULL AND rule = 'splink'
        AND match_weight < {to_weight(SETTINGS.link_threshold)} ORDER BY ALL""",
    )
    causes = {why(lake, left, right).cause for left, right, _ in rows[:6]}
    assert "below the link threshold" in causes


def test_a_browser_of_two_people_joins_neither(lake: Lake) -> None:
    found = why(lake, "web:b", "crm:a")
    assert (found.joined, found.cause) == (False, "points at several people")
    assert "point at 2 people" in found.text


def test_a_record_without_anything_to_compare_says_so(lake: Lake) -> None:
    found = why(lake, "web:c", "crm:a")
    assert (found.joined, found.cause) == (False, "too little known")


def test_a_decision_is_the_reason_and_waits_until_it_is_resolved(lake: Lake) -> None:
    (left,), (right,) = table(lake, OTHER)
    lake.write(lambda con: decide(con, [override(left, right, "same", "ann", dt.datetime.now(dt.UTC))], "command"))
    found = why(lake, left, right)
    assert (found.joined, found.pending) == (False, True)
    update_persons(lake, SETTINGS, "decided")
    found = why(lake, left, right)
    assert (found.joined, found.pending, found.cause) == (True, False, "decided the same")
    assert f"{left} = {right} (ann," in found.text
    assert [(change["kind"], change["run_id"]) for change in found.changes] == [("merged", "decided")]
    command(lake, left, right, "different")
    found = why(lake, left, right)
    assert (found.joined, found.cause) == (False, "decided different")
    assert f"{left} ≠ {right} (ann," in found.text


def test_a_decision_about_others_is_named_when_it_is_the_reason(lake: Lake) -> None:
    command(lake, "crm:a", "crm:b", "different")
    command(lake, "crm:b", "web:c", "same")
    found = why(lake, "crm:a", "web:c")
    assert (found.joined, found.cause) == (False, "decided different")
    assert "crm:a ≠ crm:b" in found.text
    assert "crm:b = web:c" in found.text


def test_an_unknown_record_is_answered_with_near_names(lake: Lake) -> None:
    with pytest.raises(UnknownRecord, match=r"there is no record shp:a; did you mean .*shop:a"):
        why(lake, "crm:a", "shp:a")
    with pytest.raises(ValueError, match="one record"):
        why(lake, "crm:a", "crm:a")


def test_the_weakest_people_are_told_without_their_records(lake: Lake) -> None:
    with lake.reading() as con:
        header, _, *rows = weakest_people(con).splitlines()
    assert "weakest link" in header
    assert len(rows) == 5
    weights = [float(row.split("|")[3]) for row in rows]
    assert weights == sorted(weights)
    assert not any(key in row for row in rows for key in ("crm:", "shop:", "pos:"))


def compared(weight: float, *agreed: str) -> Compared:
    return Compared(weight, -8, (), {name: name in agreed for name in ("email", "given and city")}, {})


@pytest.mark.parametrize(
    ("pair", "cause", "words"),
    [
        (Step("a:1", "a:2", compared=compared(5)), "never blocked", "blocking rules: email; given and city"),
        (Step("a:1", "a:2", compared=compared(5, "email")), "not resolved yet", "materialize identity/links"),
        (Step("a:1", "a:2", compared=compared(-9, "email")), "below the candidate threshold", "agree on email"),
        (Step("a:1", "a:2", compared=compared(-9)), "below the candidate threshold", "no blocking rule brought"),
        (Step("a:1", "a:2"), "too little known", "no model could be trained"),
        (Step("a:1", "a:2", "splink", 0.5), "below the link threshold", "0.5 is below 2.0"),
    ],
)
def test_a_pair_without_a_link_is_told_what_it_lacked(lake: Lake, pair: Step, cause: str, words: str) -> None:
    with lake.reading() as con:
        found = why_apart(con, SETTINGS, Model("none", None), pair, [], [], {"a:1": "p1", "a:2": "p2"})
    assert found[0] == cause
    assert words in found[1]


def test_a_person_is_found_by_id_record_or_any_identifier(lake: Lake) -> None:
    ((person,),) = table(lake, "SELECT person_id FROM lake.identity.record_persons WHERE record_key = 'shop:a'")
    with lake.reading() as con:
        for value, found_by in ((person, "person_id"), ("shop:a", "record key"), ("L", "loyalty_id")):
            (match,) = find_persons(con, value)
            assert match.person_id == person
            assert match.found_by.startswith(found_by)
        assert len(find_persons(con, " Anna@Wetter.example")) == 2
        assert find_persons(con, "nobody@nowhere.example") == []


def test_records_that_links_join_are_told_which_other_pair_parts_their_people(lake: Lake) -> None:
    found = next(e for e in (why(lake, "crm:q", "shop:q"), why(lake, "pos:q", "shop:q")) if not e.joined)
    assert found.pair.veto is None
    assert found.cause == "vetoed"
    assert "1 of 2 compared pairs" in found.text
    assert "Of crm:q and pos:q: their first names differ" in found.text


def test_people_whose_records_together_say_no_are_told_the_mean(lake: Lake) -> None:
    ((left, right, left_person, right_person),) = table(
        lake,
        """SELECT min(left_key), min(right_key), l.person_id, r.person_id FROM lake.identity.links
        JOIN lake.identity.record_persons AS l ON left_key = l.record_key
        JOIN lake.identity.record_persons AS r ON right_key = r.record_key
        WHERE l.person_id <> r.person_id AND left_key NOT LIKE 'web:%' AND right_key NOT LIKE 'web:%'
        GROUP BY ALL HAVING count(veto) = 0 ORDER BY ALL LIMIT 1""",
    )
    path = [Step(left, right, "splink", 9.0)]
    with lake.reading() as con:
        for other, words in ((right_person, "the mean match weight is"), ("p0", "only through a third person")):
            persons = {left: left_person, right: other}
            found = why_apart(con, SETTINGS, Model("none", None), Step(left, right), path, [], persons)
            assert found[0] == "too far apart on the whole"
            assert words in found[1]


def test_every_veto_is_explained_in_a_sentence() -> None:
    text = Path(apart.__file__).with_name("vetoes.sql").read_text(encoding="utf-8")
    vetoes = set(re.findall(r"(?:THEN|ELSE) '([a-z ]+)'", text)) | set(re.findall(r"'([a-z ]+)' AS veto", text))
    assert vetoes == set(apart.VETOES)
