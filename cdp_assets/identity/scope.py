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


JOINED = PAIRED.format(links="(FROM pairs_linked WHERE joining)")
"""Over links that can make two records one person; see ``remember_links``."""

BLOCKED = PAIRED.format(links="(FROM pairs_linked WHERE blocked)")
"""Over pairs that a blocking rule brought to Splink."""


def remember_links(con: duckdb.DuckDBPyConnection, threshold: float) -> None:
    """Fill the temporary table ``pairs_linked`` from the lake's links, which `grow` then need not read at each step.

    ``joining``: can make two records one person, as links of rules do, and scores of ``threshold`` or more. Whatever
    is decided about records that only weaker links are between is decided apart.
    """
    con.execute(
        """CREATE OR REPLACE TEMP TABLE pairs_linked AS
        SELECT left_key, right_key, coalesce(blocked, false) AS blocked,
               rule = 'identical' OR (veto IS NULL AND rule <> 'compared'
                   AND NOT (rule = 'splink' AND match_weight < ?)) AS joining
        FROM lake.identity.links""",
        [threshold],
    )


def remember_carriers(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the temporary table ``carried`` (record_key, value_hash) with the identifiers of all records.

    Two values of one hash bring a record into scope that need not be there, and change nothing.
    """
    con.execute(
        """CREATE OR REPLACE TEMP TABLE carried AS
        SELECT record_key, hash(unnest(list_transform(identifiers, lambda i: i.value_key))) AS value_hash
        FROM lake.identity.evidence"""
    )


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
