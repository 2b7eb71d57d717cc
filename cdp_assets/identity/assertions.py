"""Pairs that need no statistics: the same strong identifier, or a shared-prone one with a compatible name."""

from pathlib import Path

import duckdb
import pyarrow as pa

from cdp_model.identity import IdentitySettings

STRONG_WEIGHT = 20.0
NAME_WEIGHT = 10.0
NAMELESS_WEIGHT = 6.0
"""Match weights (log2 odds) of asserted pairs: odds of a million, a thousand and sixty to one."""

PAIR_MACROS = """
-- two established first names are two names, however alike: martin and martina
CREATE OR REPLACE TEMP MACRO first_names_compatible(a, b) AS coalesce(
    list_has_any(a.given_forms, b.given_forms)
    OR (least(length(a.first_name), length(b.first_name)) = 1 AND left(a.first_name, 1) = left(b.first_name, 1))
    OR (jaro_winkler_similarity(a.first_name, b.first_name) >= 0.88 AND NOT (a.established AND b.established))
    OR (a.first_name = b.last_name AND a.last_name = b.first_name), false);
CREATE OR REPLACE TEMP MACRO first_name_misspelt(a, b) AS coalesce(
    NOT (a.established AND b.established)
    AND (jaro_winkler_similarity(a.first_name, b.first_name) >= 0.8
        OR damerau_levenshtein(a.first_name, b.first_name) <= 1
        OR jaccard(a.first_name, b.first_name) >= 0.8), false)
    OR coalesce(jaro_winkler_similarity(a.first_name, b.last_name) >= 0.85 OR jaccard(a.first_name, b.last_name) >= 0.8,
        false)
    OR coalesce(jaro_winkler_similarity(a.last_name, b.first_name) >= 0.85 OR jaccard(a.last_name, b.first_name) >= 0.8,
        false);
"""


def assert_pairs(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill the scratch tables of asserted.sql on ``con``, which has ``records`` and ``records_in_scope``."""
    con.execute(PAIR_MACROS)
    types = sorted({*settings.shared_prone, *settings.strong, *settings.exclusive})
    schema = pa.schema(
        [("identifier_type", pa.string())] + [(c, pa.bool_()) for c in ("strong", "linking", "exclusive")]
    )
    rows = [
        (
            name,
            name in settings.strong,
            name in {*settings.strong, *settings.shared_prone},
            name in settings.exclusive,
        )
        for name in types
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    con.register(
        "declared_types",
        pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema),
    )
    con.execute("CREATE OR REPLACE TABLE identifier_types AS FROM declared_types")
    con.unregister("declared_types")
    values = {
        "max_records": settings.max_records,
        "max_names": settings.max_names,
        "strong_weight": STRONG_WEIGHT,
        "name_weight": NAME_WEIGHT,
        "nameless_weight": NAMELESS_WEIGHT,
    }
    text = Path(__file__).with_name("asserted.sql").read_text(encoding="utf-8")
    for statement in con.extract_statements(text):
        names = statement.named_parameters
        con.execute(statement, {name: values[name] for name in names} if names else None)
