"""Where people are in the lake: the columns that say whose a row is, and the tables that hold people without them.

The names of these columns are contracts, so that the catalog itself is the register: a new table is found by its
columns, and needs no line here. What has none of them is listed here, with how its rows are reached or why nobody is in
it; a test holds that against every table of a company. Who looks for, corrects or erases all of a person begins here.
"""

from fnmatch import fnmatch

import duckdb

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG

OF_PERSONS = {"person_id", "other_person_id"}
OF_RECORDS = {"record_key", "left_key", "right_key"}
REACHED_OTHERWISE = {
    "raw.*": "rowid is `_raw_row` in standardized.customers and standardized.events, or `raw_row` in the others",
    "standardized.quarantine": "`payload` is a raw row, whose rowid is `raw_row`",
    "standardized.violations": "`event_ids` are of standardized.events; samples have the shape of values only",
    "standardized.duplicates": "`raw_row` is the rowid of a raw row",
}
OF_NOBODY = {
    "raw.extracts": "files",
    "standardized.exchange_rates": "currencies",
    "standardized.checked_events": "counts",
    "standardized.progress": "files",
    "standardized.made_of": "files",
    "identity.alarms": "counts, and which colleague approved them",
    "identity.followers": "tables",
    "profiles.made": "tables",
    "identity.household_ids": "households, which `identity.households` gives their people",
    "identity.linkage_models": "weights of comparisons",
    "identity.model_frequencies": "how often hashed values occur among all records",
    "identity.quality": "counts",
    "identity.resolutions": "one time",
    "predictions.models": "weights of traits; no category of fewer than twenty people",
    "predictions.affinities": "pairs of products",
    "segments.evaluations": "counts",
    "segments.first_evaluations": "times and snapshots",
    "segments.guards": "counts, and which colleague approved them",
}


def personal_tables(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Each table of the lake, as <schema>.<table>, with its columns that are keys of persons or records; no views."""
    keys = OF_PERSONS | OF_RECORDS
    return {
        # what a source calls person_id is none of ours
        table: [] if table.startswith("raw.") else sorted(keys.intersection(columns))
        for table, columns in _tables(con).items()
    }


def unaccounted(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of which nothing says whether they hold people."""
    known = [*REACHED_OTHERWISE, *OF_NOBODY]
    without_key = [table for table, keys in personal_tables(con).items() if not keys]
    return [table for table in without_key if not any(fnmatch(table, pattern) for pattern in known)]


def all_ids(con: duckdb.DuckDBPyConnection, person_id: str) -> set[str]:
    """The id of a person and of everybody who was merged into them: what was kept of those is of this person now."""
    if not has_table(con, "identity.person_changes"):
        return {person_id}
    rows = con.execute(
        f"""WITH RECURSIVE merged AS (
            SELECT ? AS person_id
            UNION SELECT c.other_person_id FROM {CATALOG}.identity.person_changes AS c JOIN merged USING (person_id)
            WHERE c.kind = 'merged' AND c.other_person_id IS NOT NULL)
        FROM merged""",
        [person_id],
    ).fetchall()
    return {found for (found,) in rows}


def _tables(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    return dict(
        con.execute(
            """SELECT concat_ws('.', schema_name, table_name), list(column_name)
            FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)
            WHERE database_name = ? GROUP BY ALL ORDER BY ALL""",
            [CATALOG],
        ).fetchall()
    )
