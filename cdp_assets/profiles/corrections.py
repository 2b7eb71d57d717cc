"""`profiles/corrections`: what people said is wrong in a source, from the company's file and from the command."""

import datetime as dt
from pathlib import Path

import dagster as dg
import duckdb

from cdp_assets.metadata import table_metadata
from cdp_assets.profiles.rectification import COLUMNS, CORRECTIONS_IN_FORCE, FROM_FILE, take_file
from cdp_assets.taken_files import taken_file
from cdp_model.corrections import FILE, Correction, read_corrections
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake

KEY = ["profiles", "corrections"]
PII = ("record_key", "value", "author", "reason")
KNOWN_RECORDS = "corrections_name_known_records"


@dg.asset(
    key=KEY,
    deps=[["standardized", "customers"]],
    check_specs=[
        dg.AssetCheckSpec(KNOWN_RECORDS, asset=KEY, description="Every correction in force is of a record that exists")
    ],
    pool="lake",
    kinds={"duckdb"},
)
def corrections(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Corrections: one row for each time that somebody corrected an attribute of a record, or took that back.

    From `corrections.csv` beside `company.yaml`, and from `cdp profile`. What vanished from the file is withdrawn. A
    file with a mistake changes nothing: the former corrections hold, and the run stops here until it is mended.
    """
    found, problems = read_corrections(Path(company.path))
    if problems:
        raise dg.Failure(f"{FILE} has mistakes, nothing was taken from it:\n" + "\n".join(map(str, problems)))
    with lake.transaction("profiles.corrections") as con:
        taken, withdrawn = take_file(con, found, dt.datetime.now(dt.UTC))
        in_force = con.execute(f"SELECT count(*) FROM ({CORRECTIONS_IN_FORCE})").fetchone()
        unknown = _of_unknown_records(con, found)
        counts = {
            "in_force": in_force[0] if in_force else 0,
            "in_file": len(found),
            "taken_from_file": taken,
            "withdrawn_from_file": withdrawn,
        }
        metadata = table_metadata(con, "profiles.corrections", COLUMNS, PII)
    return taken_file(metadata, counts, KNOWN_RECORDS, unknown, "cdp profile corrections")


def _of_unknown_records(con: duckdb.DuckDBPyConnection, corrections: list[Correction]) -> dict[str, int | str]:
    """How many corrections in force are of a record that does not exist, and on which lines of the file."""
    rows = con.execute(
        f"""SELECT record_key, attribute, origin FROM ({CORRECTIONS_IN_FORCE})
        ANTI JOIN {CATALOG}.standardized.customers USING (record_key)"""
    ).fetchall()
    in_file = {(key, attribute) for key, attribute, origin in rows if origin == FROM_FILE}
    lines = [str(found.line) for found in corrections if (found.record_key, found.attribute) in in_file]
    return {"corrections_of_unknown_records": len(rows), f"lines_of_{FILE}": ", ".join(lines)}
