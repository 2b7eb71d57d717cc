"""No text of a segment becomes SQL: what looks like a statement is a name, a salt or a value, or it is refused."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.evaluation import evaluate
from cdp_assets.segments.explanation import why
from cdp_assets.segments.guards import approve, judge, standing
from cdp_assets.segments.memberships import evaluate_days
from cdp_assets.segments.placed import Names, placed_query
from cdp_assets.segments.preview import preview
from cdp_model import ModelError
from cdp_model.model import Model
from cdp_model.traits import Segment
from cdp_resources.lake import Lake
from tests.profiles.conftest import add_events, add_person, make_tables, model
from tests.small_company import SmallCompany

DAY = dt.date(2026, 3, 1)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOSTILE = [
    "'",
    "''",
    "' OR true --",
    "x') OR true --",
    "'; DROP TABLE lake.segments.memberships; --",
    '"; DROP TABLE lake.segments.memberships; --',
    "') UNION SELECT as_of, 's', 'p1' FROM lake.segments.evaluations --",
    "\\'; ATTACH '/tmp/x' AS y; --",
    "$$ || (SELECT current_setting('memory_limit')) || $$",
    "/* x */ -- {person_id} %s ? $1 :name",
    "; SELECT read_text('/etc/passwd')",
    "line\nbreak\ttab\u2028\u200b\U0001f642",
]
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two people without any event."""
    folder = tmp_path_factory.mktemp("injection")
    with Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data")).transaction() as con:
        make_tables(con)
        add_person(con, "p1", country="DE")
        add_person(con, "p2", country="GB")
        yield con


def company(**declared: Any) -> Model:
    return model(segments={"s": Segment.model_validate({"description": "s", **declared})})


def members(con: duckdb.DuckDBPyConnection, declared: dict[str, Any]) -> dict[str, set[str]]:
    """Evaluate for real, with changes, guards, explanation and preview, and look at who is in which segment."""
    made = model(segments={n: Segment.model_validate({"description": "s", **s}) for n, s in declared.items()})
    evaluate_days(con, made, [DAY])
    compare_days(con, [DAY], made)
    judge(con, made, [DAY])
    why(con, made, next(iter(declared)), "p1", DAY)
    preview(con, made, dict([next(iter(made.segments.items()))]), DAY)
    rows = con.execute("SELECT segment, person_id FROM lake.segments.memberships").fetchall()
    return {name: {person for segment, person in rows if segment == name} for name in declared}


def test_hostile_names_of_events_are_names_of_events(con: duckdb.DuckDBPyConnection) -> None:
    events = [{"person": "p2", "name": t, "event_id": str(i), "occurred_at": NOON} for i, t in enumerate(HOSTILE)]
    add_events(con, [event | {"value": 1} for event in events])
    declared = {}
    for i, text in enumerate(HOSTILE):
        declared[f"did_{i}"] = {"all": [{"did": {"events": [text]}}]}
        declared[f"not_{i}"] = {"all": [{"did_not": {"events": ["x", text]}}]}
        declared[f"seq_{i}"] = {"all": [{"sequence": [{"events": [text]}, {"not": [text]}]}]}
    found = members(con, declared)
    assert found == {name: {"p1"} if name.startswith("not") else {"p2"} for name in declared}


@given(texts)
@settings(max_examples=10, deadline=None)
def test_any_value_in_sql_is_a_value(con: duckdb.DuckDBPyConnection, text: str) -> None:
    con.execute("UPDATE lake.profiles.golden_records SET city = CASE person_id WHEN 'p1' THEN ? ELSE 'x' END", [text])
    quoted = text.replace("'", "''")
    declared = Segment.model_validate({"description": "s", "all": [f"city = '{quoted}'"], "none": ["city = 'x'"]})
    evaluate(con, model(segments={"s": declared}), DAY)
    rows = con.execute("FROM members").fetchall()
    assert rows == ([(DAY, "s", "p1")] if text != "x" else [])


def test_hostile_salts_lists_former_names_and_descriptions_are_only_texts(con: duckdb.DuckDBPyConnection) -> None:
    declared = {
        f"s{i}": {
            "description": text,
            "owner": text,
            "all": ["person_id is not null"],
            "split": {"from": 0, "to": 1, "salt": text},
            "holdout": {"share": 0.0001, "salt": text},
            "cap": 5,
            "formerly": [text],
            "priority_list": text,
            "rank": 1,
        }
        for i, text in enumerate(HOSTILE)
    }
    assert members(con, declared) == {name: {"p1", "p2"} for name in declared}


@pytest.mark.parametrize("text", HOSTILE[2:6])
def test_hostile_names_in_questions_and_approvals_are_only_names(con: duckdb.DuckDBPyConnection, text: str) -> None:
    made = company(all=["person_id is not null"])
    judge(con, made, [DAY])
    with pytest.raises(ValueError, match="there is no segment"):
        why(con, made, text, "p1", DAY)
    with pytest.raises(ValueError, match="was not known"):
        why(con, made, "s", text, DAY)
    with pytest.raises(ValueError, match="waits for approval"):
        approve(con, text, text, text)
    con.execute(
        "INSERT INTO lake.segments.guards BY NAME SELECT 's' AS segment, ?::DATE AS as_of, 1 AS members, "
        "5 AS usual_low, 9 AS usual_high",
        [DAY],
    )
    approve(con, "s", text, "because " + text)
    assert standing(con) == []
    said = con.execute("SELECT ended_by, ended_because FROM lake.segments.guards WHERE segment = 's'").fetchall()
    assert said == [(text, ("because " + text).strip())]
    con.execute("DELETE FROM lake.segments.guards")


SQL = [
    "true); DROP TABLE lake.segments.memberships; --",
    "true UNION SELECT 1",
    "person_id IN (SELECT person_id FROM lake.profiles.golden_records)",
    "exists (SELECT 1)",
    "read_text('/etc/passwd') IS NOT NULL",
    "getenv('HOME') = 'x'",
    "current_setting('s3_secret_access_key') = 'x'",
    "query('SELECT 1') IS NOT NULL",
    "random() < 0.5",
    "now() > '2020-01-01'",
    "lake.profiles.golden_records.email = 'x'",
    "1 = 1 AS x, 2",
    "COPY x TO '/tmp/x'",
    "nextval('s') > 1",
    "1; ATTACH 'x' AS y",
]
FIELDS = {
    "all": "a: {description: a, all: [{sql}]}",
    "any": "a: {description: a, any: [all: [{sql}]]}",
    "none": "a: {description: a, none: [{sql}]}",
    "did": "a: {description: a, all: [{did: {events: [x], where: {sql}}}]}",
    "did_not": "a: {description: a, all: [{did_not: {events: [x], where: {sql}}}]}",
    "step": "a: {description: a, all: [{sequence: [{events: [x]}, {events: [x], where: {sql}}]}]}",
    "not": "a: {description: a, all: [{sequence: [{events: [x]}, {not: x, where: {sql}}]}]}",
}


@pytest.mark.parametrize("field", FIELDS)
def test_no_sql_field_takes_more_than_a_scalar_expression(company: SmallCompany, field: str) -> None:
    for sql in SQL:
        company.declare("segments/a.yaml", FIELDS[field].replace("{sql}", '"' + sql.replace('"', '\\"') + '"'))
        with pytest.raises(ModelError, match=r"segments/a\.yaml:1"):
            _ = company.model


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\n" not in text])
def test_a_hostile_name_of_a_segment_is_refused(company: SmallCompany, text: str) -> None:
    company.declare("segments/a.yaml", f"{'? ' + repr_yaml(text)}\n: {{description: a, all: [country = 'DE']}}\n")
    with pytest.raises(ModelError, match=r"names have lower case letters|at most 60 characters"):
        _ = company.model
    company.declare("segments/a.yaml", f"a: {{description: a, all: [{{in: {repr_yaml(text)}}}]}}")
    with pytest.raises(ModelError, match="unknown segment"):
        _ = company.model


def repr_yaml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def test_the_query_of_a_day_has_no_parameter_left_open() -> None:
    sql = placed_query(company(all=["city = '?'"], split={"from": 0, "to": 1, "salt": "$1"}), DAY, Names(["s"], []))
    assert duckdb.extract_statements(sql)[0].named_parameters == set()
