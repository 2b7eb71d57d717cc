"""`identity.links`: scored and asserted pairs of records, and why each is one."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.identity.assertions import assert_pairs
from cdp_assets.identity.evidence import replace_changed_rows
from cdp_assets.identity.linkage_models import Model, promoted_model
from cdp_assets.identity.normalization import prepare
from cdp_assets.identity.scoring import SCORES, find_pieces, load_records, score, score_pieces, to_weight
from cdp_assets.metadata import has_table, table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "left_key": "One record; sorts before the other",
    "right_key": "The other record",
    "match_weight": "Log2 odds that both are one person: Splink's, or the rule's where that is higher",
    "match_probability": "The same as a probability",
    "rule": "`strong:<type>`, `<type>+name` or `<type>` for a shared identifier; `identical` for equal evidence; "
    "`splink` for a score above the candidate threshold; `compared` for one below it within a group of linked records",
    "veto": "Why the pair must not be one person whatever its weight; null: nothing speaks against it",
    "splink_weight": "Splink's match weight alone; null where it did not score the pair",
    "contributions": "Match weight that each comparison added",
    "model_version": "Model that scored the pair",
}
LINEAGE = {
    "left_key": [("identity/evidence", "record_key")],
    "right_key": [("identity/evidence", "record_key")],
}
TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.links (
    left_key VARCHAR, right_key VARCHAR, match_weight DOUBLE, match_probability DOUBLE, rule VARCHAR, veto VARCHAR,
    splink_weight DOUBLE, contributions MAP(VARCHAR, DOUBLE), model_version VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.scored_records (
    record_key VARCHAR, evidence_hash VARCHAR, scoring_version VARCHAR);
"""


@dataclass
class Found:
    """What a run found: the complete tables, and how much of them it had to score."""

    links: pa.Table
    scored: pa.Table
    new_records: int


class Updated(NamedTuple):
    """What a run did."""

    model_version: str
    records_scored: int
    rows_written: int


@dg.asset(
    key=["identity", "links"],
    deps=[["standardized", "identifiers"], ["identity", "evidence"], ["identity", "linkage_models"]],
    pool="lake",
    kinds={"splink", "duckdb"},
)
def links(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per pair of records that a rule asserts, that Splink finds likely, or that such links bring together.

    From `identity.evidence` and `standardized.identifiers`, with the promoted model. Only pairs with a record whose
    evidence is new are scored; the others keep their score, which equals what scoring them again would give.
    """
    updated = update_links(lake, company.model.identity)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.links", COLUMNS, (), LINEAGE)
        rules = con.execute("SELECT rule, count(*) FROM lake.identity.links GROUP BY 1 ORDER BY 2 DESC").fetchall()
    return dg.MaterializeResult(
        metadata={
            **metadata,
            "model_version": updated.model_version,
            "records_scored": updated.records_scored,
            "rows_written": updated.rows_written,
            "links_by_rule": dg.MetadataValue.json(dict(rules)),
        }
    )


def update_links(lake: Lake, settings: IdentitySettings) -> Updated:
    """Bring `lake.identity.links` and `lake.identity.scored_records` up to date with the evidence, in one commit."""
    with lake.get_connection(read_only=True) as con:
        model = promoted_model(con)
        found = find_links(con, model, settings)
    with lake.transaction("identity.links") as con:
        con.execute(TABLES)
        con.register("found_links", found.links)
        con.register("found_scored", found.scored)
        version: tuple[str, ...] = ("match_weight", "rule", "veto", "splink_weight", "model_version")
        written = replace_changed_rows(con, "identity.links", "found_links", ("left_key", "right_key"), version)
        version = ("evidence_hash", "scoring_version")
        replace_changed_rows(con, "identity.scored_records", "found_scored", ("record_key",), version)
    return Updated(model.version, found.new_records, written)


def find_links(con: duckdb.DuckDBPyConnection, model: Model, settings: IdentitySettings) -> Found:
    """All links of the lake's evidence, on a scratch connection that reads the lake."""
    version = scoring_version(model, settings)
    prepare(con, settings)
    load_records(con)
    assert_pairs(con, settings)
    _load_known(con, version)
    new = 0
    if model.settings is None:
        for table in ("scores", "identical"):
            con.execute(f"CREATE OR REPLACE TABLE {table} ({SCORES})")
        con.execute("CREATE OR REPLACE TABLE representatives AS FROM records LIMIT 0")
    else:
        new = score(con, model.settings, model.version, settings)
    _veto(con, settings)
    con.execute(_statement("edges"), {"threshold": to_weight(settings.candidate_threshold)})
    find_pieces(con, settings)
    if model.settings is not None:
        score_pieces(con, model.settings, model.version)
        _veto(con, settings)
    values = {"threshold": to_weight(settings.candidate_threshold), "version": model.version}
    table = con.execute(_statement("result"), values).to_arrow_table()
    scored = con.execute(
        "SELECT record_key, evidence_hash, $version AS scoring_version FROM representatives",
        {"version": version},
    ).to_arrow_table()
    return Found(table, scored, new)


def scoring_version(model: Model, settings: IdentitySettings) -> str:
    """Changes whenever a pair scored before might have to be scored again."""
    text = json.dumps([model.version, settings.candidate_threshold, settings.link_threshold])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _load_known(con: duckdb.DuckDBPyConnection, version: str) -> None:
    """Scratch tables of what earlier runs scored with this model: records as they were, and pairs."""
    con.execute(
        """CREATE OR REPLACE TABLE known_records (record_key VARCHAR, evidence_hash VARCHAR);
        CREATE OR REPLACE TABLE known_scores
            (left_key VARCHAR, right_key VARCHAR, weight DOUBLE, contributions MAP(VARCHAR, DOUBLE))"""
    )
    if has_table(con, "identity.scored_records"):
        con.execute(
            """INSERT INTO known_records
            SELECT record_key, evidence_hash FROM lake.identity.scored_records WHERE scoring_version = $version""",
            {"version": version},
        )
        con.execute(
            """INSERT INTO known_scores
            SELECT left_key, right_key, splink_weight, contributions FROM lake.identity.links
            WHERE splink_weight IS NOT NULL AND rule <> 'identical'
            AND EXISTS (FROM known_records)"""
        )


def _veto(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    con.execute(
        """CREATE OR REPLACE TABLE pairs AS
        SELECT id_l, id_r FROM scores UNION SELECT id_l, id_r FROM asserted UNION SELECT id_l, id_r FROM identical"""
    )
    text = Path(__file__).with_name("vetoes.sql").read_text(encoding="utf-8")
    con.execute(text, {"generation_years": settings.generation_years})


def _statement(name: str) -> str:
    text = Path(__file__).with_name("links.sql").read_text(encoding="utf-8")
    return text.split(f"-- {name}:")[1].split("-- end")[0].partition("\n")[2]
