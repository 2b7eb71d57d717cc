"""Older records that a blocking rule brings to a new one: loaded with it, and scored against it."""

import re

import duckdb

from cdp_assets.identity.in_use import Model
from cdp_assets.identity.loading import load_records


def load_met(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Load the records of ``scope`` and, in the same scan, those that a blocking rule may bring to a new one of them.

    Rules compare columns of one record with the other's. Of each the columns' hash tells whether any new record could
    be met; a condition that is about one record alone is left to Splink, which blocks them itself.
    """
    assert model.settings is not None
    rules = [rule["blocking_rule"] for rule in model.settings["blocking_rules_to_generate_predictions"]]
    sides = [re.findall(r"\bl\.(\w+) = r\.(\w+)", rule) for rule in rules]
    columns = sorted({right for rule in sides for _, right in rule})
    met = "".join(
        f" OR hash({', '.join(left for left, _ in rule)}) IN "
        f"(SELECT hash({', '.join(right for _, right in rule)}) FROM maybe_new "
        f"WHERE {' AND '.join(f'{right} IS NOT NULL' for _, right in rule)})"
        for rule in sides
    )
    con.execute(
        f"""CREATE OR REPLACE TABLE maybe_new AS
        SELECT {", ".join(columns)} FROM comparable SEMI JOIN scope USING (record_key)
        ANTI JOIN (FROM linked_before SEMI JOIN scope USING (record_key) WHERE representative) AS known
            USING (record_key, evidence_hash)
        WHERE scorable"""
    )
    load_records(con, f"FROM comparable WHERE record_key IN (FROM scope){met}")
    con.execute(
        """CREATE OR REPLACE TABLE met AS
        SELECT record_key FROM records
        SEMI JOIN (FROM linked_before WHERE representative) AS known USING (record_key)"""
    )


MET_RECORDS = """
CREATE OR REPLACE TABLE met_records AS
FROM records SEMI JOIN met USING (record_key)
ANTI JOIN (FROM records_in_scope ANTI JOIN (FROM representatives WHERE NOT fresh) USING (id)) USING (id)
"""
