"""Which records a change can reach: those it is about, and all that links bring together with them.

Works on the temporary table ``scope`` (record_key) of a connection to the lake. Whatever a stage decides within such
a scope equals what it would decide with every record in view, because no link that joins leads out of it.
"""

import duckdb

PAIRED = """
    SELECT right_key AS record_key FROM {links} SEMI JOIN frontier ON left_key = frontier.record_key
    UNION ALL
    SELECT left_key FROM {links} SEMI JOIN frontier ON right_key = frontier.record_key"""
"""The other records of pairs with a record of the temporary table ``frontier``."""

LINKED = PAIRED.format(
    links="(FROM lake.identity.links WHERE rule = 'identical' OR (veto IS NULL AND rule <> 'compared'))"
)
"""Vetoed and compared pairs bring nobody together."""


JOINED = """
    SELECT record_key FROM lake.identity.linked_records SEMI JOIN (
        SELECT component FROM lake.identity.linked_records SEMI JOIN {records} USING (record_key)) AS reached
        USING (component)"""
"""All that links may make one person with any of ``records``: what `links` found out when it linked them."""

BLOCKED = PAIRED.format(links="(FROM lake.identity.links WHERE blocked)")
"""The other records of pairs that a blocking rule brought to Splink."""

SCORED_AS_BEFORE = f"""
WITH frontier AS (SELECT record_key FROM changed WHERE evidence_hash = former_hash) {BLOCKED}"""
"""All that was scored with records of which only identifiers changed."""


def value_keys(record: str) -> str:
    """An expression over a ``record`` of evidence: hashes of its identifiers, as they are kept with what was linked."""
    return f"list_transform({record}.identifiers, lambda i: hash(i.value_key))"


CHANGED_VALUES = f"""
CREATE OR REPLACE TEMP TABLE changed_values AS
SELECT DISTINCT unnest({value_keys("evidence")}) AS value_hash
FROM lake.identity.evidence AS evidence WHERE rowid IN (FROM fresh)"""
"""Hashes of the identifiers that changed records have now."""

CARRIERS = """
    SELECT record_key FROM (SELECT record_key, unnest(value_keys) AS value_hash FROM linked_before)
    SEMI JOIN (
        SELECT unnest(value_keys) AS value_hash FROM linked_before SEMI JOIN {records} USING (record_key)
        UNION FROM changed_values) AS touched USING (value_hash)"""
"""All that have an identifier of ``records``, or of a changed record, or had one when they were linked.

A value more, or two values of one hash, bring a record into scope that need not be there, and change nothing.
"""


def grow(con: duckdb.DuckDBPyConnection, neighbours: str = LINKED) -> None:
    """Add to ``scope`` every record that ``neighbours`` of its records, and of theirs in turn, lead to."""
    con.execute("CREATE OR REPLACE TEMP TABLE frontier AS FROM scope")
    while _any(con, "frontier"):
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE reached AS
            SELECT DISTINCT record_key FROM ({neighbours}) ANTI JOIN scope USING (record_key);
            INSERT INTO scope FROM reached;
            CREATE OR REPLACE TEMP TABLE frontier AS FROM reached"""
        )


def add(con: duckdb.DuckDBPyConnection, records: str, values: dict[str, float] | None = None) -> None:
    """Add the records of a query (one column, record_key) to ``scope``."""
    insert = f"INSERT INTO scope SELECT DISTINCT record_key FROM ({records}) ANTI JOIN scope USING (record_key)"
    con.execute(insert, values)


def _any(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"FROM {table} LIMIT 1").fetchone() is not None
