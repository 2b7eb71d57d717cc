"""Priority lists, splits, hold-outs and caps: who is chosen, and that chance is the same on every day."""

import datetime as dt
import hashlib
from collections.abc import Iterator

import duckdb
import pytest

from cdp_assets.segments.evaluation import evaluate
from cdp_model.behaviour import In
from cdp_model.traits import Holdout, Segment, Split
from tests.profiles.conftest import lake_in_memory, model

DAY = dt.date(2026, 3, 1)
PEOPLE = 4000


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Four thousand people, every second one of them in Germany."""
    with lake_in_memory() as con:
        con.execute(
            f"""INSERT INTO lake.profiles.golden_records (person_id, country)
            SELECT 'p' || i, CASE WHEN i % 2 = 0 THEN 'DE' ELSE 'GB' END FROM range({PEOPLE}) AS t(i)"""
        )
        yield con


def members(con: duckdb.DuckDBPyConnection, day: dt.date = DAY, **segments: Segment) -> dict[str, set[str]]:
    evaluate(con, model(segments=segments), day)
    rows = con.execute("FROM members").fetchall()
    return {name: {person for _, segment, person in rows if segment == name} for name in segments}


def everybody(**more: object) -> Segment:
    return Segment.model_validate({"description": "s", "all": ["person_id is not null"], **more})


def germans(**more: object) -> Segment:
    return Segment.model_validate({"description": "s", "all": ["country = 'DE'"], **more})


def place(person: str, salt: str) -> float:
    return int(hashlib.md5(f"{salt}:{person}".encode()).hexdigest()[:8], 16) / 2**32


def test_of_a_priority_list_a_person_is_in_the_first_segment_that_fits(con: duckdb.DuckDBPyConnection) -> None:
    found = members(
        con,
        last=everybody(priority_list="spring", rank=30),
        first=germans(priority_list="spring", rank=10),
        other=everybody(priority_list="autumn", rank=10),
    )
    assert len(found["first"]) == PEOPLE / 2
    assert len(found["last"]) == PEOPLE / 2
    assert not found["first"] & found["last"]
    assert len(found["other"]) == PEOPLE


def test_a_holdout_is_the_share_of_people_that_its_salt_says_on_every_day(con: duckdb.DuckDBPyConnection) -> None:
    declared = {
        "a": everybody(holdout=Holdout(share=0.1, salt="x")),
        "b": germans(holdout=Holdout(share=0.1, salt="x")),
    }
    found = members(con, **declared)
    assert found == members(con, DAY + dt.timedelta(days=30), **declared)
    assert found["a"] == {f"p{i}" for i in range(PEOPLE) if place(f"p{i}", "x") >= 0.1}
    assert abs(1 - len(found["a"]) / PEOPLE - 0.1) < 4 * (0.1 * 0.9 / PEOPLE) ** 0.5
    assert found["b"] <= found["a"]


def test_parts_of_a_split_share_nobody_and_leave_nobody_out(con: duckdb.DuckDBPyConnection) -> None:
    parts = [Split(from_=0, to=0.5, salt="x"), Split(from_=0.5, to=0.75, salt="x"), Split(from_=0.75, to=1, salt="x")]
    found = members(con, **{f"part{i}": everybody(split=part) for i, part in enumerate(parts)})
    sizes = [len(people) for people in found.values()]
    assert sum(sizes) == PEOPLE == len(set().union(*found.values()))
    for size, share in zip(sizes, (0.5, 0.25, 0.25), strict=True):
        assert abs(size / PEOPLE - share) < 4 * (share * (1 - share) / PEOPLE) ** 0.5


def test_salts_have_nothing_to_do_with_each_other(con: duckdb.DuckDBPyConnection) -> None:
    found = members(
        con, a=everybody(split=Split(from_=0, to=0.5, salt="x")), b=everybody(split=Split(from_=0, to=0.5, salt="y"))
    )
    assert abs(len(found["a"] & found["b"]) / PEOPLE - 0.25) < 4 * (0.25 * 0.75 / PEOPLE) ** 0.5


def test_a_cap_keeps_its_people_while_they_fit(con: duckdb.DuckDBPyConnection) -> None:
    found = members(con, capped=germans(cap=100), all=germans(), few=germans(cap=PEOPLE))
    assert len(found["capped"]) == 100
    assert found["capped"] < found["all"] == found["few"]
    assert members(con, DAY + dt.timedelta(days=1), capped=germans(cap=100))["capped"] == found["capped"]
    assert members(con, capped=germans(cap=101))["capped"] > found["capped"]


def test_who_is_held_out_stays_out_of_the_lower_ranks_and_who_is_beyond_the_cap_does_not(
    con: duckdb.DuckDBPyConnection,
) -> None:
    held, capped = Holdout(share=0.5, salt="x"), {"priority_list": "spring", "rank": 2}
    found = members(con, first=everybody(priority_list="spring", rank=1, holdout=held), second=everybody(**capped))
    assert len(found["first"]) > 0.4 * PEOPLE
    assert found["second"] == set()
    found = members(con, first=everybody(priority_list="spring", rank=1, cap=10), second=everybody(**capped))
    assert [len(people) for people in found.values()] == [10, PEOPLE - 10]


def test_others_see_who_is_chosen_and_not_who_would_fit(con: duckdb.DuckDBPyConnection) -> None:
    found = members(con, few=germans(cap=10), those=Segment(description="s", all=[In(in_="few")]))
    assert found["those"] == found["few"]
    assert len(found["those"]) == 10
