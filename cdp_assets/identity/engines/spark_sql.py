"""A model's conditions, written in DuckDB's dialect, as Spark says them. Opens nothing."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlglot
from splink import SettingsCreator
from sqlglot import exp

JAR_FUNCTIONS = {
    "jar_jaro_winkler": "uk.gov.moj.dash.linkage.JaroWinklerSimilarity",
    "jar_damerau_levenshtein": "uk.gov.moj.dash.linkage.LevDamerauDistance",
}
"""Classes of the jar that comes with Splink, by the names that spark_functions.sql uses. Two strings, one double."""

FUNCTIONS = {
    "arrayoverlaps": "arrays_overlap",
    "damerau_levenshtein": "duckdb_damerau_levenshtein",
    "jaccard": "duckdb_jaccard",
    "jarowinklersimilarity": "duckdb_jaro_winkler_similarity",
    "levenshtein": "duckdb_levenshtein",
    "list_intersect": "array_intersect",
    "strlen": "octet_length",
}
"""What DuckDB's functions (or sqlglot's class for them) are called on Spark: see spark_functions.sql."""


class UntranslatableCondition(Exception):
    """A condition uses what this engine has no word for."""

    def __init__(self, function: str, condition: str) -> None:
        super().__init__(
            f"`engine: spark` does not know the function {function} of the condition {condition!r}: "
            "say `engine: duckdb`, or declare its Spark name in cdp_assets/identity/engines/spark_sql.py"
        )


@lru_cache(maxsize=1000)
def to_spark(condition: str) -> str:
    """The condition of a comparison level or blocking rule. Raises ``UntranslatableCondition``."""
    if condition.strip().upper() == "ELSE":
        return condition
    whole = exp.Paren(this=sqlglot.parse_one(condition, read="duckdb"))
    for node in reversed(list(whole.find_all(exp.Func))):  # arguments before what they are arguments of
        node.replace(_translated(node, condition))
    return str(whole.this.sql(dialect="spark"))


def _translated(node: exp.Func, condition: str) -> exp.Func:
    if isinstance(node, exp.Length) and node.this.name in {*FUNCTIONS, *FUNCTIONS.values()}:
        return exp.Anonymous(this="size", expressions=[node.this])
    name = (node.name if isinstance(node, exp.Anonymous) else type(node).__name__).lower()
    if name in FUNCTIONS:
        arguments = node.expressions if isinstance(node, exp.Anonymous) else [node.this, node.expression]
        return exp.Anonymous(this=FUNCTIONS[name], expressions=arguments)
    if isinstance(node, exp.Anonymous) and name not in {*FUNCTIONS.values(), "size"}:
        raise UntranslatableCondition(name, condition)
    return node


def for_spark(model: dict[str, Any] | SettingsCreator) -> SettingsCreator:
    """Splink's settings with every condition translated, and all parameters as they are."""
    settings = declared(model)
    return replace(
        SettingsCreator.from_path_or_dict(settings),
        comparisons=[
            comparison
            | {
                "comparison_levels": [
                    level | {"sql_condition": to_spark(level["sql_condition"])}
                    for level in comparison["comparison_levels"]
                ]
            }
            for comparison in settings["comparisons"]
        ],
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": to_spark(rule["blocking_rule"])}
            for rule in settings["blocking_rules_to_generate_predictions"]
        ],
    )


def from_spark(trained: dict[str, Any], model: dict[str, Any] | SettingsCreator) -> dict[str, Any]:
    """Settings that Splink saved after training ``model`` on Spark, with the conditions of the model again."""
    settings = declared(model)
    comparisons = [
        after
        | {
            "comparison_levels": [
                level | {"sql_condition": said["sql_condition"]}
                for level, said in zip(after["comparison_levels"], before["comparison_levels"], strict=True)
            ]
        }
        for after, before in zip(trained["comparisons"], settings["comparisons"], strict=True)
    ]
    kept = ("sql_dialect", "blocking_rules_to_generate_predictions")
    return trained | {key: settings[key] for key in kept} | {"comparisons": comparisons}


def declared(model: dict[str, Any] | SettingsCreator) -> dict[str, Any]:
    """Settings as a dictionary in DuckDB's dialect, as Splink saves them."""
    creator = model if isinstance(model, SettingsCreator) else SettingsCreator.from_path_or_dict(model)
    return creator.get_settings("duckdb").as_dict()
