"""`identity.overrides`: what people decided about pairs of records, from the company's file and from the command."""

from pathlib import Path

import dagster as dg
import duckdb

from cdp_assets.identity.decisions import FROM_FILE, Contradicted, take_file
from cdp_assets.metadata import count_rows, table_metadata
from cdp_assets.taken_files import taken_file
from cdp_model.overrides import FILE, Contradiction, Override, read_overrides
from cdp_resources.company import Company
from cdp_resources.lake import Lake

KEY = ["identity", "overrides"]
COLUMNS = {
    "left_key": "One record",
    "right_key": "The other record",
    "decision": "same: they are one person; different: they are two",
    "author": "Who decided",
    "decided_at": "When; the newest decision about a pair holds",
    "reason": "Why",
    "origin": "Where the decision was made: `file` (overrides.csv), `command`, or another front end",
    "withdrawn_at": "Since when it no longer counts; null while it stands",
}
PII = ("left_key", "right_key", "author", "reason")
KNOWN_RECORDS = "overrides_name_known_records"


@dg.asset(
    key=KEY,
    deps=[["standardized", "customers"]],
    check_specs=[
        dg.AssetCheckSpec(
            KNOWN_RECORDS, asset=KEY, description="Every decision in force is about two records that exist"
        )
    ],
    pool="lake",
    kinds={"duckdb"},
)
def overrides(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per human decision about a pair of records, standing or withdrawn.

    From `overrides.csv` beside `company.yaml`, and from `cdp identity`. A row that vanished from the file is
    withdrawn. A file with a mistake, or with decisions that contradict, changes nothing: the former decisions hold,
    and the run stops here until the file is mended.
    """
    decisions, problems = read_overrides(Path(company.path))
    if problems:
        raise dg.Failure(f"{FILE} has mistakes, nothing was taken from it:\n" + "\n".join(map(str, problems)))
    with lake.transaction("identity.overrides") as con:
        try:
            taken, withdrawn = take_file(con, decisions)
        except Contradicted as error:
            raise dg.Failure("\n".join(map(refusal, error.found))) from None
    with lake.reading() as con:
        counts = {
            "in_force": count_rows(con, "identity.overrides_in_force"),
            "in_file": len(decisions),
            "taken_from_file": taken,
            "withdrawn_from_file": withdrawn,
        }
        unknown = decisions_about_unknown_records(con, decisions)
        metadata = table_metadata(con, "identity.overrides", COLUMNS, PII)
    return taken_file(metadata, counts, KNOWN_RECORDS, unknown, "cdp identity overrides")


def refusal(found: Contradiction) -> str:
    """The contradiction without record keys, which may be personal: lines of the file, and times of other decisions."""
    others = ", ".join(
        f"line {other.line} ({other.decision})"
        if other.line
        else f"a decision of {other.decided_at} ({other.decision})"
        for other in found.others
    )
    return (
        f"{FILE}:{found.refused.line}: `{found.refused.decision}` contradicts {others}. "
        "Nothing was taken from the file: withdraw one of them (`cdp identity overrides` shows the records)"
    )


def decisions_about_unknown_records(con: duckdb.DuckDBPyConnection, decisions: list[Override]) -> dict[str, int | str]:
    """How many decisions in force name a record that does not exist, and on which lines of the file."""
    rows = con.execute(
        """SELECT left_key, right_key, origin FROM lake.identity.overrides_in_force
        WHERE left_key NOT IN (SELECT record_key FROM lake.standardized.customers)
           OR right_key NOT IN (SELECT record_key FROM lake.standardized.customers)"""
    ).fetchall()
    pairs = {(left, right) for left, right, origin in rows if origin == FROM_FILE}
    lines = [str(decision.line) for decision in decisions if decision.pair in pairs]
    return {"decisions_about_unknown_records": len(rows), f"lines_of_{FILE}": ", ".join(lines)}
