"""How rows get into `standardized.quarantine`: in the transaction of the asset that could not use them."""

import duckdb

from cdp_assets.standardized.mapped import Mapped
from cdp_resources.lake import CATALOG

QUARANTINE = f"{CATALOG}.standardized.quarantine"


def ensure_quarantine(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing, and add what an earlier release did not have."""
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {QUARANTINE} (source VARCHAR, stream VARCHAR, output VARCHAR, mapping INTEGER,
            payload JSON, reasons VARCHAR[], first_seen TIMESTAMP WITH TIME ZONE,
            replayed_at TIMESTAMP WITH TIME ZONE, _day DATE, raw_row BIGINT, refused_by VARCHAR);
        ALTER TABLE {QUARANTINE} ADD COLUMN IF NOT EXISTS refused_by VARCHAR
    """)


def reject(con: duckdb.DuckDBPyConnection, mapped: Mapped) -> None:
    """Move the rejected rows of the temporary table ``candidates`` that came by one mapping into quarantine."""
    stream = mapped.raw_name
    con.execute(
        f"""
        INSERT INTO {QUARANTINE} BY NAME
        SELECT c.source, c.stream, ? AS output, c.mapping,
            CASE WHEN r._error IS NULL THEN to_json(r) ELSE to_json(r._line) END AS payload, c.reasons,
            r._extracted_at AS first_seen, c._day, c.raw_row, ? AS refused_by
        FROM {CATALOG}.{mapped.raw_table} AS r
        JOIN (SELECT * FROM candidates WHERE len(reasons) > 0 AND stream = ? AND mapping = ?) AS c
            ON c.raw_row = r.rowid
        """,
        [mapped.output, mapped.fingerprint, stream, mapped.position],
    )
