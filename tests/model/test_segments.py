"""Mistakes in the conditions of segments: where they are, and what may have been meant."""

import pytest

from cdp_model import ModelError
from tests.small_company import SmallCompany


def mistakes(company: SmallCompany, text: str) -> list[str]:
    company.amend("sources/shop.yaml", "name_from: what", "name: Bought")
    company.declare("segments/a.yaml", text)
    with pytest.raises(ModelError) as error:
        _ = company.model
    return [str(problem) for problem in error.value.problems]


def test_unknown_events_segments_and_columns_suggest_the_near_name(company: SmallCompany) -> None:
    assert mistakes(
        company,
        """\
        a:
          description: a
          all:
            - did: {events: [Boght]}
            - did_not: {events: [Bought], where: revenu > 1}
            - sequence:
              - events: [Bought]
              - not: [Bought, Byought]
            - in: bb
          any:
            - none: [{not_in: aa}]
        b: {description: b, all: [country = 'DE']}
        """,
    ) == [
        "segments/a.yaml:4: a.all.0.did.events.0: no source has event `Boght`; did you mean `Bought`?",
        "segments/a.yaml:5: a.all.1.did_not.where: unknown column `revenu`; did you mean `revenue`?",
        "segments/a.yaml:8: a.all.2.sequence.1.not.1: no source has event `Byought`; did you mean `Bought`?",
        "segments/a.yaml:9: a.all.3.in: unknown segment `bb`; did you mean `b`?",
        "segments/a.yaml:11: a.any.0.none.0.not_in: unknown segment `aa`; did you mean `a`?",
    ]


def test_what_cannot_be_is_refused_with_the_reason(company: SmallCompany) -> None:
    found = mistakes(
        company,
        """\
        a: {description: a, all: [{did: {events: [Bought], at_least: 3, at_most: 2}}]}
        b: {description: b, all: [{did: {events: [Bought], at_least: 0}}]}
        c: {description: c, all: [{did: {events: [Bought], since: 2026-03-02, until: 2026-03-01}}]}
        d: {description: d, all: [{sequence: [{not: Bought}, {events: [Bought]}]}]}
        e: {description: e, all: [{sequence: [{events: [Bought]}, {within: 1 day}]}]}
        f: {description: f, all: [{sequence: [{events: [Bought]}, {not: Bought, within: two days}]}]}
        g: {description: g, all: [{did: {events: [Bought], at_leats: 3}}]}
        """,
    )
    for line, text in (
        (1, "nobody has at least 3 and at most 2"),
        (2, "everybody has done it at least 0 times"),
        (3, "`until` is before `since`"),
        (4, "the first step has `events`"),
        (5, "a step has either `events` or `not`"),
        (6, "write a duration, such as 2 days or 30 minutes"),
        (7, "unknown key `at_leats`; did you mean `at_least`?"),
    ):
        assert any(f"segments/a.yaml:{line}: " in problem and text in problem for problem in found), (line, found)
    assert len(found) == 7


def test_segments_in_a_circle_are_named(company: SmallCompany) -> None:
    assert mistakes(
        company,
        """\
        a: {description: a, all: [{in: b}]}
        b: {description: b, all: [{any: [{not_in: c}, country = 'DE']}]}
        c: {description: c, none: [{in: a}]}
        """,
    ) == ["segments/a.yaml:1: a: segments need each other in a circle: a → b → c → a"]


def test_two_of_one_rank_and_a_rank_without_a_list_are_refused(company: SmallCompany) -> None:
    assert mistakes(
        company,
        """\
        a: {description: a, all: [country = 'DE'], priority_list: l, rank: 1}
        b: {description: b, all: [country = 'DE'], priority_list: l, rank: 1}
        c: {description: c, all: [country = 'DE'], priority_list: k, rank: 1}
        """,
    ) == ["segments/a.yaml:2: b.rank: `a` has the same rank in `l`"]
    company.declare("segments/a.yaml", "a: {description: a, all: [country = 'DE'], rank: 1}")
    with pytest.raises(ModelError, match="`priority_list` and `rank` belong together"):
        _ = company.model
