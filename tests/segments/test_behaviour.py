"""Behaviour inline in segments, and segments of segments: against a slow reference, and at the edges of time."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.segments.behaviour import with_counts
from cdp_assets.segments.evaluation import evaluate
from cdp_model.behaviour import Counted, Did, DidNot, First, In, Last, Moment, NotIn, Sequence, Step
from cdp_model.traits import Group, Segment
from tests.profiles.conftest import add_events, add_person, lake_in_memory, model
from tests.segments.segments_reference import EXPRESSIONS, WHERE, Reference

BERLIN = "Europe/Berlin"
PEOPLE = {"p1": "DE", "p2": "GB", "p3": None}
HOUR = dt.timedelta(hours=1)
AS_OF = dt.date(2026, 3, 29)  # the day on which clocks go forward there


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with lake_in_memory() as con:
        for person, country in PEOPLE.items():
            add_person(con, person, country=country)
        yield con


def members(
    con: duckdb.DuckDBPyConnection, events: list[dict[str, Any]], segments: dict[str, Segment], as_of: dt.date = AS_OF
) -> set[tuple[str, str]]:
    con.execute("DELETE FROM lake.standardized.events")
    add_events(con, events)
    company = model(segments=segments, timezone=BERLIN)
    evaluate(con, company, as_of)
    rows = con.execute("FROM members").fetchall()
    return {(segment, person) for _, segment, person in rows}


def event(name: str, at: str, person: str = "p1", value: int | None = None) -> dict[str, Any]:
    moment = dt.datetime.fromisoformat(f"2026-03-{at}").replace(tzinfo=dt.UTC)
    return {"person": person, "name": name, "occurred_at": moment, "value": value, "event_id": f"{name} {at} {person}"}


names = st.lists(st.sampled_from("ABC"), min_size=1, max_size=2, unique=True)
where = st.none() | st.sampled_from(list(WHERE))
windows = st.sampled_from(["lifetime", "1 day", "2 days", "this week", "last week", "this month"])
days = st.none() | st.dates(AS_OF - dt.timedelta(days=3), AS_OF)


@st.composite
def counts(draw: st.DrawFn) -> Counted:
    least = draw(st.integers(0, 2))
    most = draw(st.integers(least, 3) if least == 0 else st.none() | st.integers(least, 3))
    since, until = draw(days), draw(days)
    if since and until and until < since:
        since, until = until, since
    found: dict[str, Any] = {"at_least": least, "at_most": most, "since": since, "until": until}
    return Counted(events=draw(names), where=draw(where), window=draw(windows), **found)


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    since, until, window = draw(days), draw(days), draw(windows)
    if since and until and until < since:
        since, until = until, since
    if window == "lifetime" and not (since or until):
        until = AS_OF
    return Moment(events=draw(names), where=draw(where), window=window, since=since, until=until)


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    steps = [Step(events=draw(names), where=draw(where))]
    for _ in range(draw(st.integers(1, 3))):
        within = draw(st.none() | st.sampled_from(["30 minutes", "3 hours", "1 day", "2 days"]))
        key = draw(st.sampled_from(["events", "events", "not"]))
        steps.append(Step.model_validate({key: draw(names), "where": draw(where), "within": within}))
    return Sequence(sequence=steps, window=draw(windows))


leaves = st.one_of(
    st.sampled_from(list(EXPRESSIONS)),
    counts().map(lambda counted: Did(did=counted)),
    counts().map(lambda counted: DidNot(did_not=counted)),
    moments().map(lambda moment: First(first=moment)),
    moments().map(lambda moment: Last(last=moment)),
    sequences(),
)


@st.composite
def groups(draw: st.DrawFn, parts: st.SearchStrategy[Any]) -> Group:
    drawn = {kind: draw(st.lists(parts, max_size=2)) for kind in ("all", "any", "none")}
    return Group(**drawn) if any(drawn.values()) else Group(all=[draw(parts)])


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Segment]:
    """Three segments, each of which may look at those before it."""
    found: dict[str, Segment] = {}
    for name in ("first", "second", "third"):
        others = [In(in_=other) for other in found] + [NotIn(not_in=other) for other in found]
        parts = st.one_of(leaves, st.sampled_from(others)) if others else leaves
        group = draw(groups(st.one_of(parts, parts, groups(parts))))
        found[name] = Segment(description=name, **{kind: getattr(group, kind) for kind in ("all", "any", "none")})
    return dict(reversed(found.items()))


events_of_people = st.lists(
    st.fixed_dictionaries(
        {
            "person": st.sampled_from(list(PEOPLE)),
            "name": st.sampled_from("ABC"),
            "occurred_at": st.integers(-5 * 48, 52).map(
                lambda half_hours: dt.datetime(2026, 3, 29, tzinfo=dt.UTC) + dt.timedelta(minutes=30 * half_hours)
            ),
            "value": st.none() | st.integers(-1, 1),
        }
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(declared=definitions(), events=events_of_people, as_of=st.dates(AS_OF - dt.timedelta(days=2), AS_OF))
def test_segments_equal_the_slow_reference_whatever_is_declared(
    con: duckdb.DuckDBPyConnection, declared: dict[str, Segment], events: list[dict[str, Any]], as_of: dt.date
) -> None:
    numbered = [one | {"event_id": f"e{i:02}"} for i, one in enumerate(events)]
    expected = set()
    for person, country in PEOPLE.items():
        own = [one for one in numbered if one["person"] == person]
        reference = Reference({"country": country}, own, declared, as_of, BERLIN)
        expected |= {(name, person) for name in declared if reference.member(name)}
    assert members(con, numbered, declared, as_of) == expected


dense = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(-10, 3), st.sampled_from([None, 1])),
    min_size=2,
    max_size=6,
    unique_by=lambda one: one[:2],
)
"""Names, times in quarters of a day around the last midnight, values: so near that times often just do, or do not."""


@st.composite
def near_sequences(draw: st.DrawFn) -> Sequence:
    def asked() -> str | None:
        return draw(st.sampled_from([None, None, "revenue > 0"]))

    steps: list[dict[str, Any]] = [{"events": [draw(st.sampled_from("AB"))], "where": asked()}]
    for _ in range(draw(st.integers(1, 2))):
        key = draw(st.sampled_from(["events", "not"]))
        within = draw(st.sampled_from(["6 hours", "12 hours", "1 day", None]))
        steps.append({key: [draw(st.sampled_from("AB"))], "within": within, "where": asked()})
    window = draw(st.sampled_from(["lifetime", "2 days", "last week"]))
    return Sequence.model_validate({"sequence": steps, "window": window})


near_moments = st.builds(
    lambda kind, name, window: kind.model_validate({kind.__name__.lower(): {"events": [name], "window": window}}),
    st.sampled_from([First, Last]),
    st.sampled_from("AB"),
    st.sampled_from(["1 day", "2 days", "this week", "last week"]),
)
near = st.lists(near_sequences() | near_moments, min_size=10, max_size=10)


def near_events(happened: list[tuple[str, int, int | None]]) -> list[dict[str, Any]]:
    midnight = dt.datetime(2026, 3, 29, 22, tzinfo=dt.UTC) - dt.timedelta(days=1)
    return [
        {
            "person": "p1",
            "name": name,
            "event_id": f"e{i}",
            "value": value,
            "occurred_at": midnight + 6 * HOUR * quarter,
        }
        for i, (name, quarter, value) in enumerate(happened)
    ]


@settings(max_examples=40, deadline=None)
@given(declared=near, happened=dense)
def test_behaviour_equals_the_slow_reference_where_times_are_near(
    con: duckdb.DuckDBPyConnection, declared: list[Any], happened: list[tuple[str, int, int | None]]
) -> None:
    segments = {f"s{i}": Segment(description="s", all=[part]) for i, part in enumerate(declared)}
    events = near_events(happened)
    reference = Reference({"country": "DE"}, events, segments, AS_OF, BERLIN)
    assert members(con, events, segments) == {(name, "p1") for name in segments if reference.member(name)}


ABANDONED = Sequence.model_validate(
    {"sequence": [{"events": ["View"]}, {"events": ["Cart"], "within": "2 days"}, {"not": "Buy", "within": "2 days"}]}
)
AGAIN = [event("View", "23T10:00"), event("Cart", "23T11:00")]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([event("View", "20T10:00"), event("Cart", "21T10:00")], True),
        ([event("View", "20T10:00"), event("Cart", "22T10:00")], True),
        ([event("View", "20T10:00"), event("Cart", "22T10:01")], False),
        ([event("Cart", "20T10:00"), event("View", "21T10:00")], False),
        ([event("View", "20T10:00"), event("Cart", "21T10:00"), event("Buy", "23T10:00")], False),
        ([event("View", "20T10:00"), event("Cart", "21T10:00"), event("Buy", "23T10:01")], True),
        ([event("View", "20T10:00"), event("Cart", "21T10:00", person="p2")], False),
        ([event("View", "27T10:00"), event("Cart", "27T21:59")], True),
        ([event("View", "27T10:00"), event("Cart", "27T22:00")], False),
        ([event("View", "20T10:00"), event("Cart", "20T11:00"), event("Buy", "20T12:00"), *AGAIN], True),
        ([event("Cart", "20T10:00"), event("View", "20T10:00")], True),
        ([event("Buy", "20T10:00"), event("Cart", "20T10:00"), event("View", "20T10:00")], False),
    ],
    ids=[
        "abandoned",
        "just in time",
        "too late",
        "in another order",
        "bought just in time",
        "bought too late",
        "of two people",
        "the time is over with the day, by the clock of Berlin",
        "the time is not over",
        "bought once and abandoned once",
        "viewed and put into the cart at one moment",
        "bought at that moment as well",
    ],
)
def test_a_sequence_ends_with_its_time(
    con: duckdb.DuckDBPyConnection, events: list[dict[str, Any]], found: bool
) -> None:
    segments = {"abandoned": Segment(description="s", all=[ABANDONED])}
    assert (("abandoned", "p1") in members(con, events, segments)) is found


def test_conditions_of_the_same_behaviour_share_one_column() -> None:
    once, often = Did(did=Counted(events=["A"])), Did(did=Counted(events=["A"], at_least=5))
    assert len(with_counts(model(segments={"s": Segment(description="s", all=[once], none=[often])})).traits) == 1


def test_a_segment_past_its_expiry_has_nobody_in_it_for_others_either(con: duckdb.DuckDBPyConnection) -> None:
    segments = {
        "old": Segment(description="o", all=["country = 'DE'"], expires=AS_OF - dt.timedelta(days=1)),
        "others": Segment(description="o", all=[NotIn(not_in="old")]),
    }
    assert members(con, [], segments) == {("others", person) for person in PEOPLE}


@pytest.mark.parametrize("text", ["x' OR '1'='1", "A'); DROP TABLE lake.profiles.golden_records; --", 'A"', "A\\"])
def test_the_name_of_an_event_is_nothing_but_a_name(con: duckdb.DuckDBPyConnection, text: str) -> None:
    segments = {
        "did": Segment(description="s", all=[Did(did=Counted(events=[text]))]),
        "then": Segment(description="s", all=[Sequence(sequence=[Step(events=["A"]), Step(events=[text])])]),
    }
    happened = [event("A", "20T10:00"), event(text, "20T11:00"), event("A", "20T10:00", person="p2")]
    assert members(con, happened, segments) == {("did", "p1"), ("then", "p1")}


@pytest.mark.parametrize(
    ("day", "at", "inside"),
    [
        ("2026-03-28", "2026-03-28T22:59", True),
        ("2026-03-28", "2026-03-28T23:00", False),
        ("2026-03-29", "2026-03-28T23:00", True),
        ("2026-03-29", "2026-03-29T21:59", True),
        ("2026-03-29", "2026-03-29T22:00", False),
        ("2025-10-26", "2025-10-25T22:00", True),
        ("2025-10-26", "2025-10-26T22:59", True),
        ("2025-10-26", "2025-10-26T23:00", False),
    ],
)
def test_a_day_begins_and_ends_by_the_clock_of_the_company_also_when_that_is_changed(
    con: duckdb.DuckDBPyConnection, day: str, at: str, inside: bool
) -> None:
    moment = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    happened = [{"person": "p1", "name": "A", "occurred_at": moment, "value": None, "event_id": "1"}]
    conditions = [Did(did=Counted(events=["A"], window="1 day")), Last(last=Moment(events=["A"], window="1 day"))]
    segments = {f"s{i}": Segment(description="s", all=[part]) for i, part in enumerate(conditions)}
    assert members(con, happened, segments, dt.date.fromisoformat(day)) == (
        {("s0", "p1"), ("s1", "p1")} if inside else set()
    )
