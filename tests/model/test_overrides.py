"""`overrides.csv`: what is read, what is refused, and which decisions contradict one another."""

import datetime as dt
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_model.overrides import Override, Verdict, contradictions, override, parse_overrides, read_overrides

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
HEADER = "left_key,right_key,decision,author,decided_at,reason\n"


def decided(left: str, right: str, verdict: Verdict, day: int) -> Override:
    return override(left, right, verdict, "ann", dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day))


def test_a_decision_is_read_with_its_line_and_its_records_in_order() -> None:
    text = (
        HEADER
        + '\nshop:4,crm:1,same,ann,2026-01-02,"she said so,\ntwice"\ncrm:9,crm:8,different,bo,2026-01-03T10:00+01:00\n'
    )
    (first, second), problems = parse_overrides(text, NOW)
    assert not problems
    assert (first.pair, first.line, first.reason) == (("crm:1", "shop:4"), 3, "she said so,\ntwice")
    assert first.decided_at == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert (second.line, second.decision, second.reason) == (5, "different", "")
    assert second.decided_at == dt.datetime(2026, 1, 3, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a:1,,same,ann,2026-01-02,", "overrides.csv:2: right_key: is missing"),
        ("a:1,a:2,same", "overrides.csv:2: author: is missing"),
        ("a:1,a:2,equal,ann,2026-01-02,", "overrides.csv:2: decision: 'equal' is no decision: write same or different"),
        ("a:1,a:1,same,ann,2026-01-02,", "overrides.csv:2: right_key: is the same record as left_key"),
        ("a:1,a:2,same,ann,2.1.2026,", "overrides.csv:2: decided_at: '2.1.2026' is no time: write 2026-01-31"),
        ("a:1,a:2,same,ann,2062-01-02,", "overrides.csv:2: decided_at: 2062-01-02 lies in the future"),
        ("a:1,a:2,same,ann,2026-01-02,no, never", "overrides.csv:2: more values than columns: put a value with commas"),
        (
            "a:1,a:2,same,ann,2026-01-02,\na:2,a:1,different,bo,2026-01-02,",
            "overrides.csv:3: decision: line 2 says the opposite, at the same time",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_and_the_way_out(row: str, message: str) -> None:
    (problem,) = parse_overrides(HEADER + row + "\n", NOW)[1]
    assert str(problem).startswith(message)


def test_a_file_with_another_header_says_which_columns_it_needs() -> None:
    problems = [str(problem) for problem in parse_overrides("left_key;right_key\n", NOW)[1]]
    assert any("the column `decision` is missing: the first line is left_key,right_key" in line for line in problems)
    (problem,) = parse_overrides(HEADER.replace("reason", "raeson"), NOW)[1]
    assert str(problem) == "overrides.csv:1: unknown column `raeson`; did you mean `reason`?"


def test_a_missing_file_decides_nothing_and_one_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    assert read_overrides(tmp_path) == ([], [])
    (tmp_path / "overrides.csv").write_bytes(HEADER.encode() + "a:1,a:2,same,Jürgen,2026-01-02,\n".encode("latin-1"))
    decisions, (problem,) = read_overrides(tmp_path)
    assert not decisions
    assert "UTF-8" in str(problem)


def test_a_chain_of_same_around_a_different_is_refused_with_the_whole_path() -> None:
    decisions = [
        decided("crm:1", "shop:4", "same", 1),
        decided("crm:1", "pos:9", "different", 2),
        decided("shop:4", "pos:9", "same", 3),
    ]
    (found,) = contradictions(decisions[::-1])
    assert found.refused is decisions[2]
    assert str(found) == (
        "crm:1 = shop:4 (ann, 2026-01-02), shop:4 = pos:9 (ann, 2026-01-04); crm:1 ≠ pos:9 (ann, 2026-01-03)"
    )


def test_a_different_within_a_chain_of_same_is_refused() -> None:
    chain = [decided(f"a:{i}", f"a:{i + 1}", "same", i) for i in range(6)]
    apart = decided("a:1", "a:4", "different", 9)
    (found,) = contradictions([apart], chain)
    assert found.refused is apart
    assert found.others == tuple(chain[1:4])


def test_a_newer_decision_about_a_pair_replaces_the_older_one() -> None:
    same, other = decided("a:1", "a:2", "same", 1), decided("a:2", "a:3", "same", 2)
    parted = decided("a:1", "a:2", "different", 3)
    assert contradictions([parted], [same, other]) == []
    assert contradictions([decided("a:1", "a:3", "different", 4)], [same, other, parted]) == []


def test_a_long_chain_is_judged_quickly() -> None:
    chain = [decided(f"a:{i}", f"a:{i + 1}", "same", i) for i in range(5_000)]
    random.Random(1).shuffle(chain)
    (found,) = contradictions([*chain, decided("a:0", "a:5000", "different", 9_000)])
    assert len(found.others) == 5_000


DECISIONS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(["same", "different"])).filter(
        lambda d: d[0] != d[1]
    ),
    max_size=12,
)


@given(DECISIONS)
def test_what_is_not_refused_never_contradicts_and_what_is_refused_always_does(
    drawn: list[tuple[int, int, Verdict]],
) -> None:
    decisions = [decided(f"a:{left}", f"a:{right}", verdict, i) for i, (left, right, verdict) in enumerate(drawn)]
    newest = list({decision.pair: decision for decision in decisions}.values())
    found = contradictions(decisions)
    refused = [contradiction.refused for contradiction in found]
    assert consistent([decision for decision in newest if decision not in refused])
    for contradiction in found:
        assert consistent(contradiction.others)
        assert not consistent([*contradiction.others, contradiction.refused])


def consistent(decisions: list[Override] | tuple[Override, ...]) -> bool:
    label = {key: key for decision in decisions for key in decision.pair}
    for _ in label:
        for decision in decisions:
            if decision.decision == "same":
                label |= dict.fromkeys(decision.pair, min(label[key] for key in decision.pair))
    return all(label[d.left_key] != label[d.right_key] for d in decisions if d.decision == "different")
