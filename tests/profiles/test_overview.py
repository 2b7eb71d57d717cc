"""The overview: what it counts, and that no bar of a histogram stands for fewer than five people."""

import re
from itertools import pairwise
from pathlib import Path

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.profiles.overview import LEAST, PROFILES, Bin, overview, round_width, without_small
from cdp_cli.report import page
from cdp_model.traits import Trait
from tests.profiles.conftest import model


@given(st.lists(st.integers(0, 12), max_size=12))
def test_joined_bins_lose_nobody_and_none_is_small(sizes: list[int]) -> None:
    bins = [Bin(n, n + 1, size) for n, size in enumerate(sizes)]
    joined = without_small(bins)
    assert all(each.people >= LEAST for each in joined)
    assert sum(each.people for each in joined) == (sum(sizes) if sum(sizes) >= LEAST else 0)
    assert all(a.high == b.low for a, b in pairwise(joined))


@given(st.floats(1e-6, 1e12))
def test_edges_are_round_and_cover_the_span_in_few_bins(span: float) -> None:
    width = round_width(span)
    assert 3 < span / width <= 10.001
    assert f"{width:e}"[0] in "125"


def charts(con: duckdb.DuckDBPyConnection, values: list[float | None]) -> list[str]:
    con.execute("DROP TABLE IF EXISTS lake.profiles.golden_records")
    con.execute(
        f"""CREATE OR REPLACE TABLE {PROFILES} AS
        SELECT ['crm'] AS sources, 'Ada' AS first_name, NULL AS last_name, NULL AS date_of_birth, NULL AS gender,
            'ada@x.example' AS email, NULL AS phone, NULL AS street, NULL AS city, NULL AS region, NULL AS postal_code,
            'DE' AS country, TIMESTAMPTZ '2026-01-05' AS first_seen, unnest(?::DOUBLE[]) AS spent""",
        [values],
    )
    return overview(con, model({"spent": Trait(description="Spent", aggregate="sum", of="revenue")}))


def test_a_rare_value_cannot_be_read_from_the_charts(con: duckdb.DuckDBPyConnection) -> None:
    shown = charts(con, [*map(float, range(100)), 98765.43])
    (histogram,) = [chart for chart in shown if "spent" in chart]
    assert "98,765" not in histogram
    assert "98765" not in histogram
    counts = [int(count) for count in re.findall(r">(\d+)</text>", histogram)]
    assert (min(counts) >= LEAST, sum(counts)) == (True, 101)
    whole = page("acme", shown)
    assert "People by number of sources" in whole
    assert "ada@x" not in whole
    assert "Ada" not in whole


def test_without_people_there_is_little_to_show_and_no_error(con: duckdb.DuckDBPyConnection) -> None:
    assert charts(con, []) == []
    assert len(charts(con, [None] * 7)) == 3


def test_too_few_people_have_no_histogram(con: duckdb.DuckDBPyConnection) -> None:
    assert not any("spent" in chart for chart in charts(con, [1.0, 2.0, 3.0, 4.0]))


def test_the_template_is_part_of_the_package() -> None:
    assert (Path(__file__).parents[2] / "cdp_cli" / "report.html").is_file()
