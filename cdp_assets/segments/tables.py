"""The tables of the stage: their names, their columns, and what older lakes lack of them, or have too much."""

import duckdb

from cdp_resources.lake import CATALOG

MEMBERSHIPS = f"{CATALOG}.segments.memberships"
CHANGES = f"{CATALOG}.segments.changes"
EVALUATIONS = f"{CATALOG}.segments.evaluations"
FIRST_EVALUATIONS = f"{CATALOG}.segments.first_evaluations"
TURNED = f"{CATALOG}.segments.turned"
AS_KNOWN = f"{CATALOG}.segments.memberships_as_known"

TABLES = f"""
CREATE TABLE IF NOT EXISTS {MEMBERSHIPS} (as_of DATE, segment VARCHAR, person_id VARCHAR);
CREATE TABLE IF NOT EXISTS {CHANGES}
    (as_of DATE, segment VARCHAR, person_id VARCHAR, change VARCHAR, other_person_id VARCHAR, reason VARCHAR);
ALTER TABLE {CHANGES} ADD COLUMN IF NOT EXISTS other_person_id VARCHAR;
ALTER TABLE {CHANGES} ADD COLUMN IF NOT EXISTS reason VARCHAR;
CREATE TABLE IF NOT EXISTS {EVALUATIONS}
    (as_of DATE, segment VARCHAR, members BIGINT, evaluated_at TIMESTAMP WITH TIME ZONE);
CREATE TABLE IF NOT EXISTS {FIRST_EVALUATIONS} (as_of DATE, snapshot BIGINT, evaluated_at TIMESTAMP WITH TIME ZONE);
CREATE TABLE IF NOT EXISTS {TURNED} (as_of DATE, before DATE, evaluated_at TIMESTAMP WITH TIME ZONE,
    person_id VARCHAR, condition VARCHAR, is_true BOOLEAN);
ALTER TABLE {TURNED} ADD COLUMN IF NOT EXISTS segment VARCHAR;
ALTER TABLE {TURNED} ADD COLUMN IF NOT EXISTS before_evaluated_at TIMESTAMP WITH TIME ZONE;
DROP TABLE IF EXISTS {CATALOG}.segments.behaviour;
DROP TABLE IF EXISTS {CATALOG}.segments.behaviour_before;
"""
"""`turned` has which conditions turned for whom between two days of the last run, and who entered or left which
segment. Without a person, which days, and, where all who entered or left since are there, which evaluation of the day
before they were members by (``before_evaluated_at``)."""


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, and the columns of a later version, where they are missing."""
    con.execute(TABLES)
