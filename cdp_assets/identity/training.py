"""Training of the Splink model: what the evidence allows, reproducibly, with every doubt written down."""

import hashlib
import json
import math
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import duckdb
from splink import SettingsCreator

from cdp_assets.identity import comparisons as declared
from cdp_assets.identity.engines.duckdb import DuckDBEngine
from cdp_assets.identity.engines.engine import Engine, open_engine
from cdp_assets.identity.soundness import PRIOR_BOUNDS, find_doubts
from cdp_model.identity import IdentitySettings

COLUMNS = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "postal_code", "city")
MIN_RECORDS = 50
EM_PAIRS = 1_000_000
U_PAIRS = 3_000_000
SIGNIFICANT_DIGITS = 6
PAIRS_PER_RECORD = 60
"""A blocking rule chosen automatically may give this many pairs per record; small data can afford wide rules."""


@dataclass
class Trained:
    """A trained model. ``settings`` is Splink's dictionary; None: the evidence was too thin, link by rules only."""

    settings: dict[str, Any] | None
    records: int
    diagnostics: dict[str, Any] = field(default_factory=dict)
    charts: dict[str, dict[str, Any]] = field(default_factory=dict)


def settings_hash(settings: IdentitySettings) -> str:
    """Changes whenever a model trained before would not be the one these settings describe."""
    trained_by = settings.model_dump(
        mode="json",
        include={"comparisons", "blocking", "training", "max_pairs_per_rule", "prior_recall", "seed"}
        | {"placeholders", "min_training_pairs"},
    )
    text = json.dumps([trained_by, version("splink"), FORMULATION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


FORMULATION = 1
"""Raised when comparisons.py or evidence.sql change their meaning, so that models are trained anew."""


def model_version(trained: Trained, settings: IdentitySettings, data_hash: str | None = None) -> str:
    """Short hash of rounded parameters and settings: equal models have equal versions wherever they were trained."""
    declared = settings.model_dump(mode="json")
    text = json.dumps([trained.settings, settings_hash(settings), declared, data_hash], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def train(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> Trained:
    """Train on the scratch table ``records`` of ``con`` (see records.sql).

    Never raises for thin evidence: the result says what was missing and carries no model.
    """
    con.execute("CREATE OR REPLACE TABLE training_records AS SELECT * FROM records WHERE scorable")
    count = _value(con, "SELECT count(*) FROM training_records")
    shares = ", ".join(f"count({column}) / greatest(count(*), 1)" for column in COLUMNS)
    row = con.execute(f"SELECT {shares} FROM training_records").fetchone() or ()
    completeness = dict(zip(COLUMNS, row, strict=True))
    compared = declared.comparisons(completeness, settings)
    names = [comparison["output_column_name"] for comparison in compared]
    diagnostics: dict[str, Any] = {"completeness": {k: round(v, 4) for k, v in completeness.items()}}
    if count < MIN_RECORDS or len(compared) < 2:
        fields = ", ".join(names) or "none"
        why = f"{count} comparable records (at least {MIN_RECORDS}) with comparable fields: {fields} (at least 2)"
        return _too_thin(why, count, diagnostics)
    certain = _count_pairs(con, declared.certain_rules(names))
    total = count * (count - 1) / 2
    prior = certain / settings.prior_recall / total
    diagnostics |= {"certain_pairs": certain, "prior": prior}
    if certain < settings.min_training_pairs:
        why = f"{certain} pairs that are nearly certain (at least {settings.min_training_pairs})"
        return _too_thin(why, count, diagnostics)
    if prior > PRIOR_BOUNDS[1]:
        why = f"{certain / total:.0%} of all pairs seem to be one person: records of one, or placeholders"
        return _too_thin(why, count, diagnostics)
    blocking, dropped = _affordable_rules(con, settings, count)
    diagnostics |= {"blocking": blocking, "left_out": dropped}
    if not blocking:
        return _too_thin("every blocking rule gives too many pairs", count, diagnostics)
    untrained = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        comparisons=list(compared),
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": declared.rule_sql(rule["rule"])} for rule in blocking
        ],
        probability_two_random_records_match=_round(prior),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=True,
        linker_uid="identity",
    )
    rules: list[str] = []
    for rule in declared.training_rules(names, settings):
        pairs = _count_pairs(con, [rule])
        if pairs < settings.min_training_pairs:
            diagnostics.setdefault("training_rules_skipped", []).append({"rule": list(rule), "pairs": pairs})
            continue
        rules.append(declared.rule_sql(rule))
        diagnostics.setdefault("training_rules", []).append({"rule": list(rule), "pairs": pairs})
    with open_engine(con, settings.engine) as engine:
        trained = estimate(engine, untrained, rules, settings.seed)
    expected = max(certain, 1)
    smallest_m, smallest_u = 0.5 / expected, max(0.5 / total, 1e-7)
    doubts = find_doubts(trained["comparisons"], prior, smallest_m, smallest_u)
    diagnostics["doubts"] = [list(doubt) for doubt in doubts]
    diagnostics["repaired"] = repair(trained["comparisons"], smallest_m, smallest_u)
    trained.pop("linker_uid", None)
    final = DuckDBEngine(con).linker(trained, "training_records")
    charts = {
        "match_weights": final.visualisations.match_weights_chart().chart_dict,
        "m_u_parameters": final.visualisations.m_u_parameters_chart().chart_dict,
    }
    return Trained(trained, count, diagnostics, charts)


def estimate(engine: Engine, untrained: SettingsCreator, rules: list[str], seed: int) -> dict[str, Any]:
    """Settings with parameters from the scratch table ``training_records``: u by sampling, m by EM under ``rules``."""
    linker = engine.linker(untrained, "training_records")
    linker.training.estimate_u_using_random_sampling(
        max_pairs=U_PAIRS, seed=seed, min_count_per_level=None, num_chunks=1
    )
    for rule in rules:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, max_pairs=EM_PAIRS, estimate_without_term_frequencies=True
        )
    return engine.settings(linker)


def repair(comparisons: list[dict[str, Any]], smallest_m: float, smallest_u: float) -> list[str]:
    """Round parameters, and give levels that training never saw (or drove to a bound) the least that data allows.

    Changes ``comparisons`` in place and returns what was repaired. ``smallest_m`` and ``smallest_u`` are half a pair
    of those that were observed: the usual continuity correction, so that an unseen level is rare and not impossible.
    A comparison whose agreement would count against a match is neutralised.
    """
    repaired = []
    for comparison in comparisons:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level in levels:
            for parameter, smallest in (("m_probability", smallest_m), ("u_probability", smallest_u)):
                value = level.get(parameter)
                # Splink writes 1e-6 for a level it never observed
                if not isinstance(value, float) or not math.isfinite(value) or value < smallest:
                    repaired.append(f"{comparison['output_column_name']}: {level['label_for_charts']}: {parameter}")
                    level[parameter] = smallest
                level[parameter] = _round(level[parameter])
        best = levels[0]
        if best["m_probability"] <= best["u_probability"]:
            repaired.append(f"{comparison['output_column_name']}: neutral, agreement is no evidence")
            for level in levels:
                level["m_probability"] = level["u_probability"]
    return repaired


def _affordable_rules(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, count: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    limit = settings.max_pairs_per_rule
    if settings.blocking is None:
        limit = min(limit, max(PAIRS_PER_RECORD * count, 200_000) if count < 20_000 else 30 * count)
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for rule in declared.candidate_rules(settings):
        pairs = _count_pairs(con, [rule])
        (kept if 0 < pairs <= limit or settings.blocking else dropped).append({"rule": list(rule), "pairs": pairs})
    return kept, dropped


def _count_pairs(con: duckdb.DuckDBPyConnection, rules: list[tuple[str, ...]]) -> int:
    """Pairs that agree on all columns of a rule, summed over the rules: counted from block sizes, never joined."""
    total = 0
    for rule in rules:
        columns = ["first_name", "last_name"] if rule == ("swap_first", "swap_last") else list(rule)
        present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        total += _value(
            con,
            f"""SELECT coalesce(sum(n * (n - 1) / 2), 0)::BIGINT FROM (
                SELECT count(*) AS n FROM training_records WHERE {present} GROUP BY {", ".join(columns)})""",
        )
    return total


def _too_thin(why: str, count: int, diagnostics: dict[str, Any]) -> Trained:
    return Trained(None, count, diagnostics | {"too_thin": f"too little evidence to train on: {why}"})


def _value(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _round(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
