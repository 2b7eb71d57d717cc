"""What segments look like: size over time, who came and went, overlaps, and how many may be contacted. Counts only.

Where a share would stand for a few people, it is left out: nobody can be told from it.
"""

import datetime as dt
from collections.abc import Sequence

import duckdb

from cdp_assets import charts
from cdp_assets.metadata import has_table
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.consent import consent_states
from cdp_assets.profiles.overview import LEAST
from cdp_assets.segments.tables import CHANGES, EVALUATIONS, MEMBERSHIPS
from cdp_model.model import Model

DAYS = 90
FLOW_DAYS = 28
MOST = 24
"""Segments in a grid: the largest. More could not be read."""

SAMPLE = 100_000
"""Memberships that overlaps are counted of, about: more change no share that can be seen."""

ALIKE = 10


def sizes_and_people(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> list[str]:
    """All but entries and exits, as SVG, of an evaluated day."""
    found = [sizes_over_time(con, day), *overlaps(con, day), contactable(con, model, day)]
    return [picture for picture in found if picture]


def sizes_over_time(con: duckdb.DuckDBPyConnection, day: dt.date) -> str:
    """Members of each segment, up to a day; days that were not evaluated are left out."""
    rows = con.execute(
        f"""
        WITH days AS (SELECT DISTINCT as_of FROM {EVALUATIONS} WHERE as_of <= $day AND as_of > $day - {DAYS}),
        segments AS (SELECT segment FROM {EVALUATIONS} WHERE as_of = $day)
        SELECT segment, list(members ORDER BY as_of) FROM segments CROSS JOIN days
        LEFT JOIN {EVALUATIONS} USING (segment, as_of) GROUP BY segment ORDER BY segment""",
        {"day": day},
    ).fetchall()
    first = con.execute(
        f"SELECT min(as_of) FROM {EVALUATIONS} WHERE as_of <= $day AND as_of > $day - {DAYS}", {"day": day}
    ).fetchone()
    return charts.lines(f"People in segments, {first[0] if first else day} to {day}", rows) if rows else ""


def entries_and_exits(con: duckdb.DuckDBPyConnection, day: dt.date) -> str:
    """Who came and went by day, of each segment that somebody came to or left; merges and splits are neither."""
    rows = con.execute(
        f"""
        WITH days AS (SELECT unnest(generate_series($day - {FLOW_DAYS - 1}, $day, INTERVAL 1 DAY))::DATE AS as_of),
        counted AS (
            SELECT segment, as_of, count(*) FILTER (change = 'entered') AS entered,
                count(*) FILTER (change = 'exited') AS exited
            FROM {CHANGES} WHERE as_of <= $day AND as_of > $day - {FLOW_DAYS} GROUP BY ALL)
        SELECT segment, list(row(coalesce(entered, 0), coalesce(exited, 0)) ORDER BY as_of)
        FROM (SELECT DISTINCT segment FROM counted) CROSS JOIN days LEFT JOIN counted USING (segment, as_of)
        GROUP BY segment ORDER BY segment""",
        {"day": day},
    ).fetchall()
    first = day - dt.timedelta(days=FLOW_DAYS - 1)
    return charts.flows(f"Entries and exits by day, {first} to {day}", ("entered", "exited"), rows) if rows else ""


def overlaps(con: duckdb.DuckDBPyConnection, day: dt.date) -> list[str]:
    """Of the people of each segment the share that is in each other, and the pairs that are most alike (Jaccard)."""
    names = _largest(con, day)
    if len(names) < 2:
        return []
    rows = con.execute(
        f"""
        WITH mine AS (SELECT segment, person_id FROM {MEMBERSHIPS} WHERE as_of = $day AND segment IN
            (SELECT unnest($names::VARCHAR[]))),
        one_in AS (SELECT greatest(1, count(*) // {SAMPLE}) AS n FROM mine),
        sample AS (SELECT mine.* FROM mine, one_in WHERE hash(person_id) % n = 0),
        sizes AS (SELECT segment, count(*) AS people FROM sample GROUP BY segment),
        shared AS (
            SELECT a.segment, b.segment AS other, count(*) AS in_both
            FROM sample AS a JOIN sample AS b USING (person_id) GROUP BY ALL)
        SELECT segment, other, in_both, sizes.people, others.people FROM shared JOIN sizes USING (segment)
        JOIN sizes AS others ON others.segment = other""",
        {"day": day, "names": names},
    ).fetchall()
    shares = {(name, other): _share(both, people) for name, other, both, people, _ in rows}
    jaccard = {
        f"{segment} – {other}": both / (people + others - both)
        for segment, other, both, people, others in rows
        if segment < other and both >= LEAST
    }
    grid = [(name, [None if name == other else shares.get((name, other), 0.0) for other in names]) for name in names]
    alike = sorted(jaccard.items(), key=lambda pair: (-pair[1], pair[0]))[:ALIKE]
    bars = [(pair, round(100 * share, 1)) for pair, share in alike]
    title = f"Of the people of a segment (row), how many per cent are in another (column), {day}"
    return [charts.matrix(title, names, grid), *([charts.bars(ALIKE_TITLE, bars, " %")] if bars else [])]


ALIKE_TITLE = "Segments most alike: people in both, of those in either"


def contactable(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> str:
    """Of the people of each segment, the share whose latest statement grants contact, by purpose and channel."""
    names = _largest(con, day)
    if not names or not has_table(con, "standardized.consents"):
        return ""
    rows = con.execute(
        f"""
        WITH granted AS (
            SELECT person_id, purpose || ' by ' || channel AS topic
            FROM ({consent_states(end_of(day, model.company.timezone))}) WHERE granted),
        mine AS (SELECT segment, person_id FROM {MEMBERSHIPS} WHERE as_of = $day AND segment IN
            (SELECT unnest($names::VARCHAR[])))
        SELECT segment, topic, count(*), people FROM mine JOIN granted USING (person_id)
        JOIN (SELECT segment, count(*) AS people FROM mine GROUP BY segment) USING (segment)
        GROUP BY segment, topic, people ORDER BY topic""",
        {"day": day, "names": names},
    ).fetchall()
    topics = list(dict.fromkeys(sorted(topic for _, topic, *_ in rows)))
    shares = {(name, topic): _share(granted, people) for name, topic, granted, people in rows}
    grid = [(name, [shares.get((name, topic), 0.0) for topic in topics]) for name in names]
    return charts.matrix(f"Of the people of a segment, how many per cent may be contacted, {day}", topics, grid)


def _share(some: int, people: int) -> float | None:
    return some / people if some >= LEAST else None


def _largest(con: duckdb.DuckDBPyConnection, day: dt.date) -> Sequence[str]:
    """Names, sorted, of the largest segments of a day, without those of a few people."""
    rows = con.execute(
        f"""SELECT segment FROM {EVALUATIONS} WHERE as_of = ? AND members >= {LEAST}
        ORDER BY members DESC, segment LIMIT {MOST}""",
        [day],
    ).fetchall()
    return sorted(name for (name,) in rows)
