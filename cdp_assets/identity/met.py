"""Older records that a blocking rule brings to a new one: loaded with it, and scored against it.

Rules compare columns of one record with the other's. A hash of these columns, kept with every record that was linked,
tells which records any new one meets: where two hashes are equal and the columns are not, Splink, which blocks again,
leaves the pair out, as it does where a rule has a condition that is about one record alone.
"""

import re

import duckdb

from cdp_assets.identity.in_use import Model
from cdp_assets.identity.loading import load_records


def block_keys(model: Model, record: str, right: bool = False) -> str:
    """An expression over a ``record``: hashes of what each blocking rule compares, less those with a missing value.

    As the one side of a pair sees it, or as the ``right`` one does: of exchanged names they see different columns.
    """
    keys = []
    for number, rule in enumerate(_sides(model)):
        columns = [f"{record}.{pair[right]}" for pair in rule]
        known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        # half a hash will do: of a million records, a thousand new ones meet a quarter of one wrongly
        keys.append(f"CASE WHEN {known} THEN (hash({number}, {', '.join(columns)}) >> 32)::UINTEGER END")
    found = f"list_filter([{', '.join(keys)}], lambda key: key IS NOT NULL)" if keys else "NULL::UINTEGER[]"
    return f"CASE WHEN {record}.scorable THEN {found} END"


def load_met(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Load the records of ``scope``, and those that a blocking rule may bring to a new one of them."""
    columns = sorted({right for rule in _sides(model) for _, right in rule})
    con.execute(
        f"""CREATE OR REPLACE TABLE maybe_new AS
        SELECT scorable, {", ".join(columns)} FROM comparable SEMI JOIN scope USING (record_key)
        ANTI JOIN (FROM linked_before SEMI JOIN scope USING (record_key) WHERE representative) AS known
            USING (record_key, evidence_hash)
        WHERE scorable;
        CREATE OR REPLACE TABLE met AS
        SELECT DISTINCT record_key
        FROM (SELECT record_key, unnest(block_keys) AS block_key FROM linked_before WHERE representative)
        SEMI JOIN (SELECT unnest({block_keys(model, "maybe_new", right=True)}) AS block_key FROM maybe_new) AS new
            USING (block_key)"""
    )
    load_records(con, "FROM met UNION FROM scope")


def _sides(model: Model) -> list[list[tuple[str, str]]]:
    """Of each blocking rule the pairs of columns that it compares: of the left record, and of the right one."""
    rules = model.settings["blocking_rules_to_generate_predictions"] if model.settings else []
    return [re.findall(r"\bl\.(\w+) = r\.(\w+)", rule["blocking_rule"]) for rule in rules]


MET_RECORDS = """
-- IN: joins would sooner look for the few columns of keys among the many of records than the other way round
CREATE OR REPLACE TABLE met_records AS
FROM records WHERE record_key IN (FROM met)
AND id NOT IN (FROM records_in_scope ANTI JOIN (FROM representatives WHERE NOT fresh) USING (id))
"""
