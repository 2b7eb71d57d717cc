"""`identity.review_queue`: the pairs that are worth a human's look, and the page to look at them."""

from pathlib import Path

import dagster as dg
import duckdb

from cdp_assets.identity.engines.duckdb import DuckDBEngine
from cdp_assets.identity.following import require_resolved
from cdp_assets.identity.in_use import promoted_model, read_settings
from cdp_assets.identity.loading import load_all_records, prepare_records
from cdp_assets.identity.scoring import register_frequencies
from cdp_assets.identity.weights import to_weight
from cdp_assets.metadata import table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "left_key": "One record; sorts before the other",
    "right_key": "The other record",
    "match_probability": "How likely both are one person, by the link between them",
    "reason": "What was decided, and why that is in doubt",
    "match_weight": "The probability as log2 odds",
    "rule": "What links the pair, as in `identity.links`",
    "left_person_id": "Person of the one record",
    "right_person_id": "Person of the other; the same, when the question is whether they should be parted",
    "uncertainty": "1: as well the other way; 0: no doubt",
    "records_affected": "Records of the people concerned: what another decision would change",
    "priority": "uncertainty × records_affected; the table is in its order",
}
LINEAGE = {
    **{column: [("identity/links", column)] for column in ("left_key", "right_key", "match_probability", "rule")},
    "match_weight": [("identity/links", "match_weight")],
    "reason": [("identity/links", "veto"), ("identity/links", "match_weight")],
    "left_person_id": [("identity/record_persons", "person_id")],
    "right_person_id": [("identity/record_persons", "person_id")],
}

VETO_WEIGHT = 16.0
"""By how much, in match weight, a veto is taken to speak against a pair. Below that, vetoed pairs were never one person
in the retailer's data; above it, some are."""

LEAST_UNCERTAINTY = 0.05
"""Pairs that are surer than this would waste the reviewer's time, whatever depends on them."""


@dg.asset(
    key=["identity", "review_queue"],
    deps=[["identity", "links"], ["identity", "record_persons"]],
    pool="lake",
    kinds={"duckdb"},
)
def review_queue(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per doubtful pair of records, the most important first: at most `review_pairs` of identity.yaml.

    From `identity.links`, `identity.record_persons` and `identity.overrides`: pairs just below the threshold, linked
    pairs that were left apart or vetoed, and the weakest links that hold people together. Of two people only their
    strongest pair is asked about, and no pair that was decided. `cdp identity review` shows the pairs.
    """
    settings = read_settings(lake, company.model.identity)
    update_review_queue(lake, settings)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.review_queue", COLUMNS, (), LINEAGE)
        reasons = con.execute(
            "SELECT reason, count(*) FROM lake.identity.review_queue GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    return dg.MaterializeResult(metadata={**metadata, "pairs_by_reason": dg.MetadataValue.json(dict(reasons))})


def update_review_queue(lake: Lake, settings: IdentitySettings) -> None:
    """Rebuild `lake.identity.review_queue`."""
    values = {
        "review": to_weight(settings.review_threshold),
        "link": to_weight(settings.link_threshold),
        "cut": settings.cut,
        "veto": VETO_WEIGHT,
        "least": LEAST_UNCERTAINTY,
        "most": settings.review_pairs,
    }
    query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    with lake.transaction("identity.review_queue") as con:
        require_resolved(con)
        con.execute(query, values)


def write_page(con: duckdb.DuckDBPyConnection, path: Path, number: int) -> str:
    """Write Splink's labelling tool for the ``number``-th record of the queue (from 1); returns the record's key.

    The page shows the record beside every record the queue asks about it. It holds personal data. Raises
    ``LookupError`` when the queue has no such record, or no model was trained that could show the pairs.
    """
    row = con.execute(
        """SELECT left_key FROM lake.identity.review_queue GROUP BY left_key
        ORDER BY max(priority) DESC, left_key LIMIT 1 OFFSET ?""",
        [number - 1],
    ).fetchone()
    if row is None:
        raise LookupError(f"the review queue has no record {number}: `cdp identity review` lists what it has")
    model = promoted_model(con)
    if model.settings is None:
        raise LookupError("there is no trained model to show pairs with: evidence was too thin, rules alone link")
    prepare_records(con, model)
    load_all_records(con)
    con.execute(
        """CREATE OR REPLACE TABLE reviewed AS
        FROM records WHERE record_key = $key OR record_key IN (
            SELECT unnest([left_key, right_key]) FROM lake.identity.review_queue
            WHERE $key IN (left_key, right_key))""",
        {"key": row[0]},
    )
    settings = {**model.settings, "unique_id_column_name": "record_key", "retain_matching_columns": True}
    engine = DuckDBEngine(con)
    linker = engine.linker(settings, "reviewed")
    register_frequencies(con, engine, linker, model.version)
    linker.evaluation.labelling_tool_for_specific_record(
        row[0].replace("'", "''"), out_path=str(path), overwrite=True, match_weight_threshold=-1000
    )
    return str(row[0])
