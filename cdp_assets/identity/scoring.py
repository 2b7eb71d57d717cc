"""Scoring with a frozen model: only pairs that involve a record whose evidence is new, then all pairs of a piece.

Works on a scratch connection: Splink's tables stay there, and the lake is only read.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from splink import Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from cdp_assets.identity.comparisons import FREQUENCY_COLUMNS, MIN_COMPLETENESS, NUMBER
from cdp_assets.identity.components import components, pieces
from cdp_assets.identity.engines.engine import Engine
from cdp_assets.identity.scope import add, grow
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import literal, quote

SCORES = "id_l BIGINT, id_r BIGINT, weight DOUBLE, contributions MAP(VARCHAR, DOUBLE), blocked BOOLEAN"
"""``blocked``: a blocking rule brought the pair here, and not only that links bring its records together."""


def to_weight(probability: float) -> float:
    """Match weight (log2 odds) of a match probability."""
    return math.log2(probability / (1 - probability))


def load_records(con: duckdb.DuckDBPyConnection, model_version: str | None, keys: Sequence[str] | None = None) -> None:
    """Fill the scratch table ``records`` from the lake's evidence, and ``records_in_scope`` from ``scope``.

    All records, or those of ``keys`` alone. Names are as established as they were for the model; without one, as
    they are.
    """
    con.execute("CREATE OR REPLACE TABLE established_names (value_hash VARCHAR)")
    if model_version:
        con.execute(
            """INSERT INTO established_names SELECT value_hash FROM lake.identity.model_frequencies
            WHERE model_version = ? AND column_name = 'established'""",
            [model_version],
        )
    columns = "".join(
        f",\n    numbers[{literal(kind)}] AS {quote(NUMBER + kind)}" for kind in number_types(con, model_version)
    )
    query = _sql("records.sql").replace("    -- numbers", columns)
    if keys is None:
        con.execute(query)
    else:
        con.execute(query + " WHERE list_contains($keys, record_key)", {"keys": list(keys)})
    _mark_scope(con)


def number_types(con: duckdb.DuckDBPyConnection, model_version: str | None) -> list[str]:
    """Identifier types that a model compares; without one, those that enough records have one of."""
    if model_version:
        row = con.execute(
            "SELECT settings FROM lake.identity.linkage_models WHERE model_version = ?", [model_version]
        ).fetchone()
        model = parse_model(row[0]) if row else None
        names = [comparison["output_column_name"] for comparison in model["comparisons"]] if model else []
        return sorted(name.removeprefix(NUMBER) for name in names if name.startswith(NUMBER))
    found = con.execute(
        """WITH listed AS (SELECT unnest(map_keys(numbers)) AS type FROM lake.identity.evidence WHERE scorable)
        SELECT type FROM listed GROUP BY type
        HAVING count(*) >= ? * (SELECT count(*) FROM lake.identity.evidence WHERE scorable) ORDER BY type""",
        [MIN_COMPLETENESS],
    ).fetchall()
    return [kind for (kind,) in found]


def _mark_scope(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE OR REPLACE TABLE records_in_scope AS SELECT id FROM records SEMI JOIN scope USING (record_key)")


def register_frequencies(con: duckdb.DuckDBPyConnection, engine: Engine, linker: Linker, model_version: str) -> None:
    """Give Splink the model's own value frequencies; a value it did not see twice is as rare as can be."""
    for column in FREQUENCY_COLUMNS:
        con.execute(
            f"""CREATE OR REPLACE TABLE frequencies_{column} AS
            WITH frozen AS (
                SELECT value_hash, frequency FROM lake.identity.model_frequencies
                WHERE model_version = $version AND column_name = $column)
            SELECT {column}, coalesce(frequency, (SELECT frequency FROM frozen WHERE value_hash IS NULL)) AS tf_{column}
            FROM (SELECT DISTINCT {column} FROM records WHERE {column} IS NOT NULL)
            LEFT JOIN frozen ON md5({column}) = value_hash""",
            {"version": model_version, "column": column},
        )
        table = engine.register(linker, f"frequencies_{column}")
        linker.table_management.register_term_frequency_lookup(table, column)


def score(
    con: duckdb.DuckDBPyConnection, engine: Engine, model: dict[str, Any], version: str, settings: IdentitySettings
) -> int:
    """Fill the scratch tables ``representatives``, ``identical`` and ``scores``; returns how many records were new.

    Needs ``records``, ``scope`` and ``linked_before``. Records with equal evidence, when that evidence suffices to be
    one person, are scored once, by their first. ``scope`` grows by what the new pairs reach.
    """
    linker = engine.linker(model, "records")
    register_frequencies(con, engine, linker, version)
    _find_identical(con, engine, linker, settings)
    con.execute(f"CREATE OR REPLACE TABLE scores ({SCORES})")
    threshold = to_weight(settings.candidate_threshold)
    new, old = _count(con, "representatives WHERE fresh"), _count(con, "representatives WHERE NOT fresh")
    if new:
        # every scan of Splink's makes a view anew: cheaper than a copy of all records, dearer than one of a few
        con.execute(
            f"""CREATE OR REPLACE {"TABLE new_records" if old else "VIEW fresh_records"} AS
            FROM records SEMI JOIN (FROM representatives WHERE fresh) USING (id)"""
        )
        fresh = engine.register(linker, "new_records" if old else "fresh_records")
        found = linker.inference.predict_within(fresh, threshold_match_weight=threshold, warning_mode="never")
        _keep(con, engine, found, "scores")
        if old and _find_met(con, [rule["blocking_rule"] for rule in model["blocking_rules_to_generate_predictions"]]):
            found = linker.inference.predict_between(
                engine.register(linker, "met_records"),
                fresh,
                threshold_match_weight=threshold,
                warning_mode="never",
            )
            _keep(con, engine, found, "scores")
    if not old:
        return new
    before = _count(con, "scope")
    ends = "(SELECT id_l AS id FROM scores UNION ALL SELECT id_r FROM scores)"
    add(con, f"SELECT record_key FROM records SEMI JOIN {ends} USING (id)")
    if _count(con, "scope") > before:
        grow(con)
        _mark_scope(con)
        _find_identical(con, engine, linker, settings)
    con.execute(
        """INSERT INTO scores
        WITH old_in_scope AS (
            SELECT id, record_key FROM records
            SEMI JOIN records_in_scope USING (id) SEMI JOIN (FROM representatives WHERE NOT fresh) USING (id))
        SELECT l.id, r.id, links.splink_weight, links.contributions, links.blocked
        FROM lake.identity.links
        JOIN old_in_scope AS l ON links.left_key = l.record_key
        JOIN old_in_scope AS r ON links.right_key = r.record_key
        WHERE links.splink_weight IS NOT NULL AND links.rule <> 'identical'"""
    )
    return new


def score_pieces(con: duckdb.DuckDBPyConnection, engine: Engine, model: dict[str, Any], version: str) -> None:
    """Add to ``scores`` every pair within one piece (scratch table ``members``: id, piece) that has no score yet."""
    con.execute(
        """CREATE OR REPLACE TABLE piece_records AS
        WITH pieces AS (SELECT piece, count(*) AS n FROM members JOIN representatives USING (id) GROUP BY piece),
        scored AS (
            SELECT l.piece, count(*) AS n FROM scores
            JOIN members AS l ON scores.id_l = l.id JOIN members AS r ON scores.id_r = r.id AND l.piece = r.piece
            GROUP BY l.piece),
        unfinished AS (
            SELECT piece FROM pieces LEFT JOIN scored USING (piece)
            WHERE coalesce(scored.n, 0) < pieces.n * (pieces.n - 1) / 2)
        SELECT records.*, members.piece
        FROM records SEMI JOIN representatives USING (id) JOIN members USING (id) JOIN unfinished USING (piece)"""
    )
    if not _count(con, "piece_records"):
        return
    linker = engine.linker(model, "piece_records")
    register_frequencies(con, engine, linker, version)
    found = linker.inference.predict_within(
        engine.register(linker, "piece_records"),
        blocking_rules_to_generate_predictions=["l.piece = r.piece"],
        warning_mode="never",
    )
    con.execute("CREATE OR REPLACE TABLE scored_before AS SELECT id_l, id_r FROM scores")
    _keep(con, engine, found, "scores", blocked=False, unless="ANTI JOIN scored_before USING (id_l, id_r)")


def find_pieces(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill the scratch table ``members`` (id, piece) from ``edges`` (id_l, id_r, weight, fold): the loose components.

    Records with equal evidence count as one; pieces of one or two have no further pairs and are left out.
    """
    n = _count(con, "records")
    found = con.execute("SELECT id_l - 1 AS l, id_r - 1 AS r, weight, fold FROM edges").fetchnumpy()
    left, right = np.asarray(found["l"], dtype=np.int64), np.asarray(found["r"], dtype=np.int64)
    fold = np.asarray(found["fold"], dtype=bool)
    group = components(n, left[fold], right[fold])
    threshold = to_weight(settings.candidate_threshold)
    weight = np.asarray(found["weight"], dtype=np.float64)
    label = pieces(n, group[left], group[right], weight, threshold, settings.max_component)
    size = np.bincount(label[np.unique(group)], minlength=n)
    piece = label[group]
    inside = np.flatnonzero(size[piece] > 2)
    con.register("found_pieces", pa.table({"id": inside + 1, "piece": piece[inside] + 1}))
    con.execute("CREATE OR REPLACE TABLE members AS FROM found_pieces")
    con.unregister("found_pieces")


def _find_identical(con: duckdb.DuckDBPyConnection, engine: Engine, linker: Linker, settings: IdentitySettings) -> None:
    con.execute(
        f"""CREATE OR REPLACE TABLE twins AS
        FROM records SEMI JOIN (
            SELECT min(id) AS id FROM records SEMI JOIN records_in_scope USING (id)
            WHERE scorable GROUP BY evidence_hash HAVING count(*) > 1) USING (id);
        CREATE OR REPLACE TABLE twins_again AS FROM twins;
        CREATE OR REPLACE TABLE twin_scores ({SCORES})"""
    )
    if _count(con, "twins"):
        found = linker.inference.predict_between(
            engine.register(linker, "twins"),
            engine.register(linker, "twins_again"),
            blocking_rules_to_generate_predictions=["l.id = r.id"],
            threshold_match_weight=to_weight(settings.link_threshold),
            warning_mode="never",
        )
        _keep(con, engine, found, "twin_scores")
    con.execute(
        """CREATE OR REPLACE TABLE identical AS
        SELECT first.id AS id_l, records.id AS id_r, twin_scores.weight, twin_scores.contributions, twin_scores.blocked
        FROM twin_scores
        JOIN records AS first ON twin_scores.id_l = first.id
        JOIN (SELECT id, evidence_hash FROM records SEMI JOIN records_in_scope USING (id) WHERE scorable) AS records
            ON first.evidence_hash = records.evidence_hash AND first.id < records.id;
        CREATE OR REPLACE TABLE representatives AS
        SELECT records.id, linked_before.record_key IS NULL AS fresh
        FROM records
        SEMI JOIN records_in_scope USING (id)
        ANTI JOIN identical ON records.id = identical.id_r
        LEFT JOIN linked_before ON records.record_key = linked_before.record_key
            AND records.evidence_hash = linked_before.evidence_hash AND linked_before.representative
        WHERE records.scorable
        UNION ALL
        SELECT records.id, false FROM records ANTI JOIN records_in_scope USING (id)
        SEMI JOIN (FROM linked_before WHERE representative) USING (record_key)"""
    )


def _find_met(con: duckdb.DuckDBPyConnection, rules: Sequence[str]) -> int:
    """Fill the scratch table ``met_records`` with the older records that a blocking rule brings a new one to."""
    older = "(FROM records SEMI JOIN (FROM representatives WHERE NOT fresh) USING (id))"
    pairs = [
        pair
        for rule in rules
        for pair in (
            f"SELECT l.id FROM {older} AS l JOIN new_records AS r ON {rule}",
            f"SELECT r.id FROM new_records AS l JOIN {older} AS r ON {rule}",
        )
    ]
    con.execute(
        f"CREATE OR REPLACE TABLE met_records AS FROM records SEMI JOIN ({' UNION ALL '.join(pairs)}) USING (id)"
    )
    return _count(con, "met_records")


def _keep(
    con: duckdb.DuckDBPyConnection,
    engine: Engine,
    found: SplinkDataFrame,
    table: str,
    blocked: bool = True,
    unless: str = "",
) -> None:
    """Append Splink's pairs to a scratch table like ``scores``, smaller id first, with what each comparison added."""
    columns = {column.unquote().name for column in found.columns}
    names = sorted(
        column.removeprefix("mw_") for column in columns if column.startswith("mw_") and "tf_adj" not in column
    )
    parts = {name: f"mw_{name}" + (f" + mw_tf_adj_{name}" if f"mw_tf_adj_{name}" in columns else "") for name in names}
    contributions = ", ".join(f"'{name}': round({part}, 4)" for name, part in parts.items())
    con.execute(
        f"""INSERT INTO {table}
        SELECT * FROM (
            SELECT least(id_l, id_r) AS id_l, greatest(id_l, id_r) AS id_r, round(match_weight, 6) AS weight,
                   MAP {{{contributions}}} AS contributions, {blocked} AS blocked
            FROM {engine.relation(found)}) {unless}"""
    )
    found.drop_table_from_database_and_remove_from_cache()


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def parse_model(text: str | None) -> dict[str, Any] | None:
    """Splink's settings from a model's row; None for a model of rules only."""
    return json.loads(text) if text else None
