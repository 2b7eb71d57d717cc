"""Which records a run has to load: those that a blocking rule brings to a new one, and all that could follow from it.

Rules compare columns of one record with the other's. A hash of these columns, kept with every record that was linked,
tells which records any new one meets: where two hashes are equal and the columns are not, Splink, which blocks again,
leaves the pair out, as it does where a rule has a condition that is about one record alone.
"""

import re

import duckdb

from cdp_assets.identity.in_use import Model
from cdp_assets.identity.loading import load_records
from cdp_assets.identity.scope import CARRIERS


def block_keys(model: Model, record: str) -> str:
    """An expression over a ``record``: hashes of what each blocking rule compares, less those with a missing value.

    Of names that a rule exchanges the order does not count: both records of a pair have one hash.
    """
    rules = model.settings["blocking_rules_to_generate_predictions"] if model.settings else []
    keys = []
    for number, rule in enumerate(rules):
        sides = re.findall(r"\bl\.(\w+) = r\.(\w+)", rule["blocking_rule"])
        columns = [f"{record}.{left}" for left, _ in sides]
        known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        exchanged = any(left != right for left, right in sides)
        compared = f"list_sort([{', '.join(columns)}])" if exchanged else ", ".join(columns)
        # half a hash will do: of a million records, a thousand new ones meet a quarter of one wrongly
        keys.append(f"CASE WHEN {known} THEN (hash({number}, {compared}) >> 32)::UINTEGER END")
    found = f"list_filter([{', '.join(keys)}], lambda key: key IS NOT NULL)" if keys else "NULL::UINTEGER[]"
    return f"CASE WHEN {record}.scorable THEN {found} END"


def load_reach(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Fill ``records`` with those of ``scope``, and with all that scoring its new ones may bring into it.

    Also fills ``reach`` (record_key, component, known): those in scope, those that a blocking rule may bring to a new
    one, and all that links join to any of them; ``known`` are those that were scored as they are. Beside them are
    loaded those that have an identifier of theirs, to judge by whether it is one person's.
    """
    con.execute(
        f"""CREATE OR REPLACE TABLE met AS
        WITH new_keys AS (
            SELECT unnest({block_keys(model, "comparable")}) AS block_key
            FROM comparable SEMI JOIN (FROM changed WHERE evidence_hash IS DISTINCT FROM former_hash) USING (record_key)
            WHERE row_number IN (FROM fresh)
            UNION
            -- another record stood for it, which may no longer
            SELECT unnest(block_keys) FROM linked_before SEMI JOIN scope USING (record_key) WHERE NOT representative)
        SELECT DISTINCT record_key, component
        FROM (SELECT record_key, component, unnest(block_keys) AS block_key FROM linked_before WHERE representative)
        SEMI JOIN new_keys USING (block_key);
        CREATE OR REPLACE TABLE reach AS
        SELECT record_key, component,
            representative AND record_key NOT IN (
                SELECT record_key FROM changed WHERE evidence_hash IS DISTINCT FROM former_hash) AS known
        FROM linked_before
        WHERE record_key IN (FROM scope UNION ALL SELECT record_key FROM met)
            OR component IN (SELECT component FROM met WHERE component IS NOT NULL)
        UNION ALL
        SELECT record_key, NULL, false FROM changed WHERE former_hash IS NULL"""
    )
    load_records(con, f"SELECT record_key FROM reach UNION ALL {CARRIERS.format(records='reach')}")


REACH_OF_ALL = """
CREATE OR REPLACE TABLE reach AS SELECT record_key, NULL::UBIGINT AS component, false AS known FROM scope"""
"""Where nothing was linked before."""

JOINED_IN_REACH = """
SELECT record_key FROM reach SEMI JOIN (SELECT component FROM reach SEMI JOIN scope USING (record_key)) AS joined
    USING (component)"""
"""`JOINED` of ``scope``, when nothing is in it that was not within ``reach``."""
