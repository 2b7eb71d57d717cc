"""What is drawn of segments: the right shares, and none of a few people."""

import datetime as dt
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import duckdb
import pytest

from cdp_assets.segments.pictures import contactable, entries_and_exits, overlaps, sizes_over_time
from cdp_assets.segments.tables import ensure_tables
from tests.profiles.conftest import lake_in_memory, model

DAY = dt.date(2026, 3, 3)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Forty people in `all`, twenty of them in `half`, two in `few`; half of `half` may get e-mails."""
    with lake_in_memory() as con:
        ensure_tables(con)
        for name, size in (("all", 40), ("half", 20), ("few", 2)):
            con.execute(
                f"INSERT INTO lake.segments.memberships SELECT '{DAY}', '{name}', 'p' || i FROM range({size}) AS t(i)"
            )
            con.execute(f"INSERT INTO lake.segments.evaluations VALUES ('{DAY}', '{name}', {size}, now())")
        con.execute(f"INSERT INTO lake.segments.evaluations VALUES (DATE '{DAY}' - 2, 'all', 35, now())")
        con.execute(f"INSERT INTO lake.segments.evaluations VALUES (DATE '{DAY}' - 2, 'gone', 3, now())")
        con.execute(f"""
            INSERT INTO lake.identity.record_persons SELECT 'r' || i, 'p' || i, now() FROM range(40) AS t(i);
            INSERT INTO lake.standardized.consents SELECT 'c' || i, 'r' || i, 'marketing', 'email',
                CASE WHEN i < 10 THEN 'granted' ELSE 'withdrawn' END, 'consent', '{NOON}', 'crm'
            FROM range(40) AS t(i)""")
        yield con


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_grid_has_the_share_of_the_row_that_is_in_the_column(con: duckdb.DuckDBPyConnection) -> None:
    grid, alike = overlaps(con, DAY)
    assert texts(grid)[1:] == ["all", "half", "all", "", "50", "half", "100", ""]
    assert texts(alike)[1:] == ["all – half", "50 %"]


def test_segments_of_a_few_people_are_in_no_grid(con: duckdb.DuckDBPyConnection) -> None:
    assert "few" not in texts(overlaps(con, DAY)[0]) + texts(contactable(con, model(), DAY))


def test_who_may_be_contacted_is_a_share_of_the_segment(con: duckdb.DuckDBPyConnection) -> None:
    assert texts(contactable(con, model(), DAY))[1:] == ["marketing by email", "all", "25", "half", "50"]


def test_each_segment_of_the_day_has_a_line_with_gaps_where_it_was_not_evaluated(
    con: duckdb.DuckDBPyConnection,
) -> None:
    drawn = sizes_over_time(con, DAY)
    assert texts(drawn) == [
        "People in segments, 2026-03-01 to 2026-03-03", "all", "40  (35–40)", "few", "2  (2–2)", "half", "20  (20–20)"
    ]  # fmt: skip
    points = re.findall(r"points='([^']*)'", drawn)
    assert [len(line.split()) for line in points] == [2, 1, 1]


def test_entries_and_exits_are_counted_by_day_and_merges_are_neither(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"""INSERT INTO lake.segments.changes (as_of, segment, person_id, change)
        SELECT DATE '{DAY}' - (i % 2)::INTEGER, 'all', 'p' || i, ['entered', 'entered', 'exited', 'merged'][1 + i % 4]
        FROM range(8) AS t(i)""")
    drawn = entries_and_exits(con, DAY)
    assert texts(drawn)[-2:] == ["all", "+2  −2"]
    assert entries_and_exits(con, DAY - dt.timedelta(days=60)) == ""


def test_a_lake_whose_segments_have_nobody_draws_nothing_that_breaks(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM lake.segments.memberships; UPDATE lake.segments.evaluations SET members = 0")
    assert overlaps(con, DAY) == []
    assert contactable(con, model(), DAY) == ""
    assert "People in segments" in sizes_over_time(con, DAY)
