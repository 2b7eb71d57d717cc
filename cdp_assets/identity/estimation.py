"""The parameters of a model: u by random sampling, m by expectation maximisation under rules that reach every field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
from splink import Linker, SettingsCreator

from cdp_assets.identity.blocking import count_pairs
from cdp_assets.identity.engines.engine import Engine
from cdp_assets.identity.relatives import MOST_DIFFER, believe_at_most
from cdp_assets.identity.rules import rule_sql, shared_rules, trained_by, training_rules
from cdp_model.identity import IdentitySettings

EM_PAIRS = 1_000_000
U_PAIRS = 3_000_000
ITERATIONS = (25, 8, 4, 2)


@dataclass(frozen=True)
class Rules:
    """Training rules as SQL. ``shared`` maps a comparison that no personal rule reaches to what it is learned from."""

    personal: Sequence[str]
    shared: Mapping[str, str]


def choose_rules(
    con: duckdb.DuckDBPyConnection,
    compared: Sequence[Mapping[str, Any]],
    settings: IdentitySettings,
    diagnostics: dict[str, Any],
) -> Rules:
    """The rules that enough pairs of the scratch table ``training_records`` agree on. Adds to ``diagnostics``."""
    names = [comparison["output_column_name"] for comparison in compared]
    personal: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    reached: set[str] = set()
    for rule in training_rules(names, settings):
        pairs, trains = count_pairs(con, [rule]), trained_by(rule, compared)
        if pairs < settings.min_training_pairs:
            skipped.append({"rule": list(rule), "pairs": pairs})
        elif not trains:
            skipped.append({"rule": list(rule), "trains": "nothing"})
        else:
            personal.append({"rule": list(rule), "pairs": pairs})
            reached.update(trains)
    shared: list[dict[str, Any]] = []
    for name in names if not settings.training else []:
        for rule in shared_rules(name) if name not in reached else []:
            pairs = count_pairs(con, [rule])
            if pairs >= settings.min_training_pairs and name in trained_by(rule, compared):
                shared.append({"rule": list(rule), "pairs": pairs, "trains": name})
                break
    found = {"training_rules": personal, "training_rules_skipped": skipped, "training_rules_shared": shared}
    diagnostics |= {key: rules for key, rules in found.items() if rules}
    return Rules(
        [rule_sql(rule["rule"]) for rule in personal],
        {rule["trains"]: rule_sql(rule["rule"]) for rule in shared},
    )


def estimate(engine: Engine, untrained: SettingsCreator, rules: Rules, seed: int) -> dict[str, Any]:
    """Settings with parameters from the scratch table ``training_records``."""

    def started(iterations: int) -> Linker:
        linker = engine.linker(replace(untrained, max_iterations=iterations), "training_records")
        linker.training.estimate_u_using_random_sampling(
            max_pairs=U_PAIRS, seed=seed, min_count_per_level=None, num_chunks=1
        )
        return linker

    trained = _maximised(engine, started, rules.personal)
    for name, rule in rules.shared.items():
        beside = _maximised(
            engine,
            lambda iterations: engine.linker({**trained, "max_iterations": iterations}, "training_records"),
            [rule],
        )
        learned = {comparison["output_column_name"]: comparison for comparison in beside["comparisons"]}
        believe_at_most(learned[name], MOST_DIFFER)
        trained["comparisons"] = [
            learned[name] if comparison["output_column_name"] == name else comparison
            for comparison in trained["comparisons"]
        ]
    return trained | {"max_iterations": ITERATIONS[0]}


def _maximised(engine: Engine, started: Callable[[int], Linker], rules: Sequence[str]) -> dict[str, Any]:
    """Settings after expectation maximisation under ``rules``, of what ``started`` gives for a number of iterations.

    Where matches never differ in two fields at once, m falls faster than a number can hold, which Splink refuses: then
    it is iterated less, and `repair` sees to the least that the data allows.
    """
    for iterations in ITERATIONS:
        linker = started(iterations)
        try:
            for rule in rules:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    rule, max_pairs=EM_PAIRS, estimate_without_term_frequencies=True
                )
        except ValueError as error:
            if "minimum allowed" not in str(error) or iterations == ITERATIONS[-1]:
                raise
        else:
            break
    return engine.settings(linker)
