"""What the promoted model says of a few given records, on the spot: weights, what each comparison added, and blocking.

Works on a scratch connection that reads the lake, and writes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from cdp_assets.identity.engines.duckdb import DuckDBEngine
from cdp_assets.identity.in_use import Model
from cdp_assets.identity.loading import load_these_records
from cdp_assets.identity.rules import EXCHANGED
from cdp_assets.identity.scoring import register_frequencies
from cdp_assets.identity.weights import to_weight
from cdp_resources.sql import quote


@dataclass(frozen=True)
class Part:
    """What one comparison found (``level``, in words) and the match weight it added."""

    comparison: str
    level: str
    weight: float


@dataclass(frozen=True)
class Compared:
    """Splink's judgement of a pair. ``weight`` is ``prior`` and all parts together; ``chart`` is Splink's waterfall.

    ``blocking`` maps the fields of each blocking rule to whether the pair agrees on them: without one that does, the
    pair is never scored in a run.
    """

    weight: float
    prior: float
    parts: tuple[Part, ...]
    blocking: Mapping[str, bool]
    chart: Mapping[str, Any]


def compare(con: duckdb.DuckDBPyConnection, model: Model, keys: Sequence[str]) -> dict[tuple[str, str], Compared]:
    """Every pair of the records ``keys`` that says enough to be scored, smaller key first. Empty for rules only."""
    if model.settings is None:
        return {}
    load_these_records(con, model, keys)
    con.execute("DELETE FROM records WHERE NOT scorable")
    if con.execute("SELECT count(*) > 1 FROM records").fetchone() != (True,):
        return {}
    # with the compared values, Splink also says which level of each comparison a pair is on
    engine = DuckDBEngine(con)
    linker = engine.linker({**model.settings, "retain_matching_columns": True}, "records")
    register_frequencies(con, engine, linker, model.version)
    found = linker.inference.predict_within(
        engine.register(linker, "records"),
        blocking_rules_to_generate_predictions=["l.id <> r.id"],
        warning_mode="never",
    )
    rows = found.as_record_list()
    names = dict(con.execute("SELECT id, record_key FROM records").fetchall())
    prior = to_weight(model.settings["probability_two_random_records_match"])
    compared = {}
    for row in rows:
        left, right = sorted((names[row["id_l"]], names[row["id_r"]]))
        compared[left, right] = Compared(
            round(row["match_weight"], 6),
            prior,
            tuple(_parts(model.settings["comparisons"], row)),
            _blocking(con, model.settings, left, right),
            linker.visualisations.waterfall_chart([row]).chart_dict,
        )
    found.drop_table_from_database_and_remove_from_cache()
    return compared


def _parts(comparisons: Sequence[dict[str, Any]], row: dict[str, Any]) -> list[Part]:
    """What every comparison added, the frequency of the value included."""
    parts = []
    for comparison in comparisons:
        name = comparison["output_column_name"]
        levels = comparison["comparison_levels"]
        graded = [level["label_for_charts"] for level in levels if not level.get("is_null_level")]
        gamma = row[f"gamma_{name}"]
        # Splink numbers the levels from the last, which is 0; -1 is the level of missing values
        label = "Unknown" if gamma < 0 else graded[len(graded) - 1 - gamma]
        weight = row[f"mw_{name}"] + (row.get(f"mw_tf_adj_{name}") or 0)
        parts.append(Part(name, label, round(weight, 4)))
    return parts


def _blocking(con: duckdb.DuckDBPyConnection, settings: dict[str, Any], left: str, right: str) -> dict[str, bool]:
    rules = [rule["blocking_rule"] for rule in settings["blocking_rules_to_generate_predictions"]]
    columns = ", ".join(f"coalesce({rule}, false) AS {quote(fields(rule))}" for rule in rules)
    cursor = con.execute(
        f"SELECT {columns} FROM records AS l, records AS r WHERE l.record_key = ? AND r.record_key = ?", [left, right]
    )
    return dict(zip([fields(rule) for rule in rules], cursor.fetchone() or (), strict=True))


def fields(rule: str) -> str:
    """The fields of a blocking rule in words."""
    if rule == EXCHANGED:
        return "first and last name exchanged"
    return " and ".join(name.replace("_", " ") for name in re.findall(r"l\.(\w+) = r\.\1", rule)) or rule
