"""Training of the Splink model: what the evidence allows, reproducibly, with every doubt written down."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import duckdb
from splink import SettingsCreator

from cdp_assets.identity import comparisons as declared
from cdp_assets.identity.blocking import affordable_rules, count_pairs
from cdp_assets.identity.blocking import count as count_rows
from cdp_assets.identity.engines.duckdb import DuckDBEngine
from cdp_assets.identity.engines.engine import open_engine
from cdp_assets.identity.estimation import choose_rules, estimate
from cdp_assets.identity.parameters import repair, rounded
from cdp_assets.identity.relatives import discount_relatives
from cdp_assets.identity.rules import certain_rules, rule_sql
from cdp_assets.identity.soundness import MIN_COMPARISONS, PRIOR_BOUNDS, find_doubts
from cdp_model.identity import IdentitySettings

COLUMNS = (
    *(
        "first_name",
        "middle_name",
        "last_name",
        "date_of_birth",
        "email",
        "phone",
        "phone_kind",
        "street",
        "postal_code",
        "city",
    ),
)
MIN_RECORDS = 50
NAMES = ("first_name", "last_name")
"""What no model does without, if records have it: members of a household are told apart by it."""


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


FORMULATION = 5
"""Raised when comparisons.py or evidence.sql change their meaning, so that models are trained anew."""


def model_version(trained: Trained, settings: IdentitySettings, data_hash: str | None = None) -> str:
    """Short hash of rounded parameters and settings: equal models have equal versions wherever they were trained."""
    declared = settings.model_dump(mode="json")
    text = json.dumps([trained.settings, settings_hash(settings), declared, data_hash], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def train(
    con: duckdb.DuckDBPyConnection, settings: IdentitySettings, without: Mapping[str, str] | None = None
) -> Trained:
    """Train on the scratch table ``records`` of ``con`` (see records.sql).

    Never raises for thin evidence: the result says what was missing and carries no model. A comparison that nobody
    declared and that was not learned, or learned against reason, is left out: ``without``, with the reasons.
    """
    without = without or {}
    con.execute("CREATE OR REPLACE TABLE training_records AS SELECT * FROM records WHERE scorable")
    count = count_rows(con, "SELECT count(*) FROM training_records")
    numbers, impersonal = _personal_numbers(con)
    columns = (*COLUMNS, *numbers)
    shares = ", ".join(f"count({column}) / greatest(count(*), 1)" for column in columns)
    row = con.execute(f"SELECT {shares} FROM training_records").fetchone() or ()
    completeness = dict(zip(columns, row, strict=True))
    compared = [c for c in declared.comparisons(completeness, settings) if c["output_column_name"] not in without]
    names = [comparison["output_column_name"] for comparison in compared]
    diagnostics: dict[str, Any] = {"completeness": {k: round(v, 4) for k, v in completeness.items()}}
    diagnostics |= {"numbers_not_compared": impersonal} if impersonal else {}
    diagnostics |= {"not_compared": dict(without)} if without else {}
    if count < MIN_RECORDS or len(compared) < MIN_COMPARISONS:
        fields = ", ".join(names) or "none"
        why = f"{count} comparable records (at least {MIN_RECORDS}) with comparable fields: {fields} (at least 2)"
        return _too_thin(why, count, diagnostics)
    certain = count_pairs(con, certain_rules(names))
    total = count * (count - 1) / 2
    prior = certain / settings.prior_recall / total
    diagnostics |= {"certain_pairs": certain, "prior": prior}
    if certain < settings.min_training_pairs:
        why = f"{certain} pairs that are nearly certain (at least {settings.min_training_pairs})"
        return _too_thin(why, count, diagnostics)
    if prior > PRIOR_BOUNDS[1]:
        why = f"{certain / total:.0%} of all pairs seem to be one person: records of one, or placeholders"
        return _too_thin(why, count, diagnostics)
    blocking, dropped = affordable_rules(con, names, settings, count)
    diagnostics |= {"blocking": blocking, "left_out": dropped}
    if not blocking:
        return _too_thin("every blocking rule gives too many pairs", count, diagnostics)
    untrained = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        comparisons=list(compared),
        blocking_rules_to_generate_predictions=[{"blocking_rule": rule_sql(rule["rule"])} for rule in blocking],
        probability_two_random_records_match=rounded(prior),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=True,
        linker_uid="identity",
    )
    rules = choose_rules(con, compared, settings, diagnostics)
    with open_engine(con, settings.engine) as engine:
        trained = estimate(engine, untrained, rules, settings.seed)
    relatives = discount_relatives(con, trained["comparisons"])
    diagnostics |= {"relatives_discounted": relatives} if relatives else {}
    expected = max(certain, 1)
    smallest_m, smallest_u = 0.5 / expected, max(0.5 / total, 1e-7)
    doubts = find_doubts(trained["comparisons"], prior, smallest_m, smallest_u)
    sick = {d.parameter: d.finding for d in doubts if d.grave and d.parameter in names and d.parameter not in NAMES}
    if sick and settings.comparisons is None and len(names) - len(sick) >= MIN_COMPARISONS:
        return train(con, settings, {**without, **sick})
    diagnostics["doubts"] = [list(doubt) for doubt in doubts]
    diagnostics["repaired"] = repair(trained["comparisons"], smallest_m, smallest_u, prior)
    trained.pop("linker_uid", None)
    final = DuckDBEngine(con).linker(trained, "training_records")
    charts = {
        "match_weights": final.visualisations.match_weights_chart().chart_dict,
        "m_u_parameters": final.visualisations.m_u_parameters_chart().chart_dict,
    }
    return Trained(trained, count, diagnostics, charts)


def _personal_numbers(con: duckdb.DuckDBPyConnection) -> tuple[list[str], dict[str, str]]:
    """Columns of numbers that tell people apart, and why the others do not.

    A number is personal when those who share a value nearly always share a first name or a birth date too: that of a
    household or an employer is not. One that no two records share says nothing.
    """
    described = con.execute("DESCRIBE training_records").fetchall()
    personal, impersonal = [], {}
    for column in (name for name, *_ in described if name.startswith(declared.NUMBER)):
        shared, agreeing = con.execute(
            f"""WITH pairs AS (
                SELECT l.given AS l_given, r.given AS r_given, l.last_name AS l_last, r.last_name AS r_last,
                       l.date_of_birth AS l_born, r.date_of_birth AS r_born
                FROM (SELECT *, row_number() OVER (PARTITION BY {column} ORDER BY id) AS n FROM training_records
                      WHERE {column} IS NOT NULL) AS l
                JOIN (SELECT *, row_number() OVER (PARTITION BY {column} ORDER BY id) AS n FROM training_records
                      WHERE {column} IS NOT NULL) AS r
                ON l.{column} = r.{column} AND l.n + 1 = r.n)
            SELECT count(*), count(*) FILTER (
                jaro_winkler_similarity(l_given, r_given) >= 0.8 OR l_born = r_born OR l_given = r_last
                OR l_last = r_given OR left(l_given, 1) = r_given OR left(r_given, 1) = l_given)
            FROM pairs WHERE l_given IS NOT NULL AND r_given IS NOT NULL"""
        ).fetchall()[0]
        kind = column.removeprefix(declared.NUMBER)
        if shared < MIN_SHARED_NUMBERS:
            impersonal[kind] = f"only {shared} records share one with another"
        elif agreeing < PERSONAL * shared:
            impersonal[kind] = (
                f"{agreeing / shared:.0%} of the records that share one have a name or birth date in common"
            )
        else:
            personal.append(column)
    return personal, impersonal


MIN_SHARED_NUMBERS = 30
PERSONAL = 0.9
"""Below this share of agreement a number is a household's or an organisation's."""


def _too_thin(why: str, count: int, diagnostics: dict[str, Any]) -> Trained:
    return Trained(None, count, diagnostics | {"too_thin": f"too little evidence to train on: {why}"})
