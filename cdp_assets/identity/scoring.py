"""Scoring with a frozen model: only pairs that involve a record whose evidence is new, then all pairs of a piece.

Works on a scratch connection: Splink's tables stay there, and the lake is only read.
"""

import duckdb
from splink import Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from cdp_assets.identity.comparisons import FREQUENCY_COLUMNS
from cdp_assets.identity.engines.engine import Engine
from cdp_assets.identity.in_use import Model
from cdp_assets.identity.loading import load_all_records
from cdp_assets.identity.met import JOINED_IN_REACH, REACH_OF_ALL, load_reach
from cdp_assets.identity.scope import add
from cdp_assets.identity.weights import to_weight
from cdp_model.identity import IdentitySettings

SCORES = "id_l BIGINT, id_r BIGINT, weight DOUBLE, contributions MAP(VARCHAR, DOUBLE), blocked BOOLEAN"
"""``blocked``: a blocking rule brought the pair here, and not only that links bring its records together."""


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
    con: duckdb.DuckDBPyConnection, engine: Engine, model: Model, settings: IdentitySettings
) -> tuple[int, Linker]:
    """Fill the scratch tables ``representatives``, ``identical`` and ``scores``.

    Returns how many records were new, and the linker, which knows how frequent the values of the records are.

    Needs ``scope``, ``linked_before`` and what `loading` prepares. Records with equal evidence, when that evidence
    suffices to be one person, are scored once, by their first. ``scope`` grows by what the new pairs join.
    """
    again = anything_linked(con)
    if again:
        load_reach(con, model)
    else:
        con.execute(REACH_OF_ALL)
        load_all_records(con)
    assert model.settings is not None
    linker = engine.linker(model.settings, "records")
    register_frequencies(con, engine, linker, model.version)
    _find_identical(con, engine, linker, settings)
    con.execute(f"CREATE OR REPLACE TABLE scores ({SCORES})")
    threshold = to_weight(settings.candidate_threshold)
    new = _count(con, "representatives WHERE fresh")
    if new:
        # every scan of Splink's makes a view anew: cheaper than a copy of all records, dearer than one of a few
        con.execute(
            f"""CREATE OR REPLACE {"TABLE new_records" if again else "VIEW fresh_records"} AS
            FROM records SEMI JOIN (FROM representatives WHERE fresh) USING (id)"""
        )
        fresh = engine.register(linker, "new_records" if again else "fresh_records")
        found = linker.inference.predict_within(fresh, threshold_match_weight=threshold, warning_mode="never")
        _keep(con, engine, found, "scores")
    if new and again and _count(con, "representatives WHERE NOT fresh"):
        con.execute(
            """CREATE OR REPLACE VIEW known_records AS
            FROM records SEMI JOIN (FROM representatives WHERE NOT fresh) USING (id)"""
        )
        known = engine.register(linker, "known_records")
        found = linker.inference.predict_between(known, fresh, threshold_match_weight=threshold, warning_mode="never")
        _keep(con, engine, found, "scores")
    if again:
        add(con, JOINED_BY_SCORES, {"threshold": to_weight(settings.link_threshold)})
        add(con, SCORED_WITH_FORMER)
        add(con, JOINED_IN_REACH)
    con.execute(RECORDS_IN_SCOPE)
    if again:
        con.execute(KEPT_SCORES)
    return new, linker


JOINED_BY_SCORES = """
-- what new scores may make one person; and all that a record is scored with which did not change, so that no other run
-- would link the two anew
WITH ends AS (
    SELECT l.record_key AS left_key, r.record_key AS right_key, weight
    FROM scores JOIN records AS l ON id_l = l.id JOIN records AS r ON id_r = r.id),
anew AS (
    FROM ends WHERE weight >= $threshold
    UNION ALL
    FROM ends ANTI JOIN changed AS l ON left_key = l.record_key ANTI JOIN changed AS r ON right_key = r.record_key)
SELECT left_key AS record_key FROM anew UNION ALL SELECT right_key FROM anew
"""

SCORED_WITH_FORMER = """
-- what was scored with a record that stood for its likes, and no longer does: all that has been scored with the new one
-- that stands for it now
WITH successors AS (
    SELECT id_l AS id FROM identical SEMI JOIN (FROM considered WHERE known) AS former ON id_r = former.id)
SELECT record_key FROM records SEMI JOIN (
    SELECT id_r AS id FROM scores SEMI JOIN successors ON id_l = successors.id
    UNION ALL SELECT id_l FROM scores SEMI JOIN successors ON id_r = successors.id) AS scored USING (id)
"""


def score_pieces(con: duckdb.DuckDBPyConnection, engine: Engine, linker: Linker) -> None:
    """Add to ``scores`` every pair within one piece (scratch table ``members``: id, piece) that has no score yet.

    ``linker`` is that of ``score``.
    """
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
    found = linker.inference.predict_within(
        engine.register(linker, "piece_records"),
        blocking_rules_to_generate_predictions=["l.piece = r.piece"],
        warning_mode="never",
    )
    con.execute("CREATE OR REPLACE TABLE scored_before AS SELECT id_l, id_r FROM scores")
    _keep(con, engine, found, "scores", blocked=False, unless="ANTI JOIN scored_before USING (id_l, id_r)")


RECORDS_IN_SCOPE = """
CREATE OR REPLACE TABLE records_in_scope AS SELECT id FROM records SEMI JOIN scope USING (record_key)"""

KEPT_SCORES = """
-- only records in scope are linked anew; those of them that did not change have the scores of before
DELETE FROM identical WHERE id_r NOT IN (FROM records_in_scope);
DELETE FROM representatives WHERE id NOT IN (FROM records_in_scope);
INSERT INTO scores
WITH old_in_scope AS (
    SELECT id, record_key FROM records SEMI JOIN (FROM representatives WHERE NOT fresh) USING (id))
SELECT l.id, r.id, links.splink_weight, links.contributions, links.blocked
FROM lake.identity.links
JOIN old_in_scope AS l ON links.left_key = l.record_key
JOIN old_in_scope AS r ON links.right_key = r.record_key
WHERE links.splink_weight IS NOT NULL AND links.rule <> 'identical'"""


def anything_linked(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether ``linked_before`` has a row: what did not change since need not be linked again."""
    return _count(con, "(FROM linked_before LIMIT 1)") > 0


def _find_identical(con: duckdb.DuckDBPyConnection, engine: Engine, linker: Linker, settings: IdentitySettings) -> None:
    con.execute(
        f"""CREATE OR REPLACE TABLE considered AS SELECT id, known FROM records JOIN reach USING (record_key);
        CREATE OR REPLACE TABLE twins AS
        FROM records SEMI JOIN (
            SELECT min(id) AS id FROM records SEMI JOIN considered USING (id)
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
        JOIN (SELECT id, evidence_hash FROM records SEMI JOIN considered USING (id) WHERE scorable) AS records
            ON first.evidence_hash = records.evidence_hash AND first.id < records.id;
        CREATE OR REPLACE TABLE representatives AS
        SELECT id, NOT known AS fresh
        FROM records JOIN considered USING (id) ANTI JOIN identical ON id = id_r
        WHERE scorable"""
    )


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
