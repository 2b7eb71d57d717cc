"""Pairs that need no statistics: the same strong identifier, or a shared-prone one with a compatible name."""

from pathlib import Path

import duckdb
import pyarrow as pa

from cdp_assets.identity.comparisons import NUMBER
from cdp_model.identity import IdentitySettings

STRONG_WEIGHT = 20.0
NAME_WEIGHT = 10.0
NAMELESS_WEIGHT = 6.0
"""Match weights (log2 odds) of asserted pairs: odds of a million, a thousand and sixty to one."""

VALUE_MACROS = """
-- why a value links nothing, if it does not look like one person's: few first names (their first letters forgive typing
-- errors), few records, and for a device one account at most
CREATE OR REPLACE TEMP MACRO set_aside(type, records, names, accounts, max_records, max_names) AS
    CASE WHEN records > max_records THEN 'records' WHEN names > max_names THEN 'names'
         WHEN type = 'device' AND accounts > 1 THEN 'accounts' END;
"""

PAIR_MACROS = """
-- at most n typing errors; CASE, here and below, keeps what is slow from pairs that a quick look decides
CREATE OR REPLACE TEMP MACRO within_edits(a, b, n) AS
    CASE WHEN a = b THEN true WHEN abs(length(a) - length(b)) > n THEN false ELSE damerau_levenshtein(a, b) <= n END;
-- two established first names are two names, however alike: martin and martina
CREATE OR REPLACE TEMP MACRO forms_alike(a, b) AS
    jaro_winkler_similarity(a.call_name, b.call_name) >= 0.88
    OR len(list_filter(a.given_forms, lambda x: len(list_filter(b.given_forms,
        lambda y: jaro_winkler_similarity(x, y) >= 0.92)) > 0)) > 0;
CREATE OR REPLACE TEMP MACRO first_names_compatible(a, b) AS
CASE WHEN list_has_any(a.given_forms, b.given_forms) THEN true ELSE coalesce(
    (length(a.call_name) = 1 AND len(list_filter(b.given_forms, lambda x: starts_with(x, a.call_name))) > 0)
    OR (length(b.call_name) = 1 AND len(list_filter(a.given_forms, lambda x: starts_with(x, b.call_name))) > 0)
    OR (NOT (a.established AND b.established) AND forms_alike(a, b))
    -- a letter that was lost cuts a name in two
    OR (contains(a.first_name, ' ') <> contains(b.first_name, ' ')
        AND jaro_winkler_similarity(a.swap_first, b.swap_first) >= 0.94)
    OR (a.swap_first = b.swap_last AND a.swap_last = b.swap_first), false) END;
CREATE OR REPLACE TEMP MACRO first_name_misspelt(a, b) AS coalesce(
    NOT (a.established AND b.established)
    -- of short names another first letter makes another name: ming and qing
    AND (least(length(a.call_name), length(b.call_name)) > 4 OR left(a.call_name, 1) = left(b.call_name, 1))
    AND (jaro_winkler_similarity(a.call_name, b.call_name) >= 0.8
        OR damerau_levenshtein(a.call_name, b.call_name) <= 1
        OR jaccard(a.call_name, b.call_name) >= 0.8), false)
    -- exchanged with a last name that then is not the other's too, as in a family where one is called lewis lewis
    OR coalesce(coalesce(jaro_winkler_similarity(a.last_name, b.last_name), 0) < 0.85 AND (
        jaro_winkler_similarity(a.swap_first, b.swap_last) >= 0.85 OR jaccard(a.swap_first, b.swap_last) >= 0.8
        OR jaro_winkler_similarity(a.swap_last, b.swap_first) >= 0.85 OR jaccard(a.swap_last, b.swap_first) >= 0.8),
        false);
CREATE OR REPLACE TEMP MACRO contact_alike(a, b) AS coalesce(
    within_edits(a, b, 2) AND regexp_replace(a, '[^0-9]', '', 'g') = regexp_replace(b, '[^0-9]', '', 'g'), false);
-- two years or more, and another day: more than typing errors and exchanged parts explain
CREATE OR REPLACE TEMP MACRO birth_dates_apart(a, b) AS
CASE WHEN a.date_of_birth = b.date_of_birth THEN false ELSE coalesce(
    abs(left(a.date_of_birth, 4)::INT - left(b.date_of_birth, 4)::INT) >= 2
    AND right(a.date_of_birth, 5) <> right(b.date_of_birth, 5)
    AND damerau_levenshtein(a.date_of_birth, b.date_of_birth) > 2, false) END;
"""


def assert_pairs(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill the scratch tables of asserted.sql on ``con``, which has ``records`` and ``records_in_scope``."""
    con.execute(VALUE_MACROS + PAIR_MACROS)
    # identifiers that training found to be one person's alone are as strong as those that are declared to be
    found = {
        row[0].removeprefix(NUMBER) for row in con.execute("DESCRIBE records").fetchall() if row[0].startswith(NUMBER)
    }
    strong = {*settings.strong, *found}
    types = sorted({*settings.shared_prone, *strong, *settings.exclusive})
    schema = pa.schema(
        [("identifier_type", pa.string())] + [(c, pa.bool_()) for c in ("strong", "linking", "exclusive")]
    )
    rows = [
        (
            name,
            name in strong,
            name in {*strong, *settings.shared_prone},
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
