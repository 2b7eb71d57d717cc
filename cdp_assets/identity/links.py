"""`identity.links`: scored and asserted pairs of records, and why each is one."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.identity.assertions import VALUE_MACROS, assert_pairs
from cdp_assets.identity.conditions import CONDITIONS, MACROS
from cdp_assets.identity.engines.engine import Engine, open_engine
from cdp_assets.identity.in_use import Model, promoted_model, read_settings
from cdp_assets.identity.loading import load_all_records, load_records, prepare_records
from cdp_assets.identity.met import block_keys
from cdp_assets.identity.pieces import find_components, find_pieces
from cdp_assets.identity.reliability import DOUBTFUL, NEAR_NUMBER, RELIABLE
from cdp_assets.identity.replacing import replace_changed_rows
from cdp_assets.identity.scope import CARRIERS, CHANGED_VALUES, JOINED, SCORED_AS_BEFORE, add, value_keys
from cdp_assets.identity.scoring import RECORDS_IN_SCOPE, SCORES, anything_linked, score, score_pieces
from cdp_assets.identity.shared_values import PERSONAL, reported, shared_values
from cdp_assets.identity.statements import statement
from cdp_assets.identity.vetoes import TABLES as JUDGED
from cdp_assets.identity.vetoes import veto_pairs
from cdp_assets.identity.weights import to_weight
from cdp_assets.metadata import has_table, table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

COLUMNS = {
    "left_key": "One record; sorts before the other",
    "right_key": "The other record",
    "match_weight": "Log2 odds that both are one person: Splink's, or the rule's where that is higher",
    "match_probability": "The same as a probability",
    "rule": "`strong:<type>`, `<type>+name` or `<type>` for a shared identifier; `identical` for equal evidence; "
    "`splink` for a score above the candidate threshold; `compared` for any other within a group of linked records",
    "veto": "Why the pair must not be one person whatever its weight; null: nothing speaks against it",
    "splink_weight": "Splink's match weight alone; null where it did not score the pair",
    "contributions": "Match weight that each comparison added",
    "blocked": "Whether a blocking rule brought the pair to Splink; otherwise links bring its records together",
    "model_version": "Model that scored the pair",
}
LINEAGE = {
    "left_key": [("identity/evidence", "record_key")],
    "right_key": [("identity/evidence", "record_key")],
}
TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.links (
    left_key VARCHAR, right_key VARCHAR, match_weight DOUBLE, match_probability DOUBLE, rule VARCHAR, veto VARCHAR,
    splink_weight DOUBLE, contributions MAP(VARCHAR, DOUBLE), blocked BOOLEAN, model_version VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.linked_records (
    record_key VARCHAR, evidence_hash VARCHAR, record_version UBIGINT, value_keys UBIGINT[], block_keys UINTEGER[],
    component UBIGINT, representative BOOLEAN, linking_version VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.unresolved_records (record_key VARCHAR);
"""
"""Beside the links: what each record was when it was linked last, and whose links no resolution has seen yet.

Of what it was there are hashes: of its identifiers, of what blocking rules compare, and of the first record of all that
links may make one person with it (null: there is none). Where a run looks at every record, it reads numbers.
"""

LINKED_ANEW = """
(left_key IN (SELECT record_key FROM found_scope) AND right_key IN (SELECT record_key FROM found_scope))
OR left_key IN (SELECT record_key FROM found_changed) OR right_key IN (SELECT record_key FROM found_changed)"""
"""Links between records in scope; a changed record may also lose one to a record that its change does not reach."""

LINKING_SETTINGS = {
    *("strong", "shared_prone", "exclusive", "max_names", "max_records", "candidate_threshold", "link_threshold"),
    *("max_component", "generation_years"),
}


@dataclass
class Found:
    """What a run found for the records of its scope, and how many of them it had to score."""

    scope: pa.Table
    changed: pa.Table
    links: pa.Table
    linked: pa.Table
    new_records: int


class Updated(NamedTuple):
    """What a run did."""

    model_version: str
    records_scored: int
    rows_written: int


@dg.asset(
    key=["identity", "links"],
    deps=[["identity", "evidence"], ["identity", "linkage_models"]],
    check_specs=[PERSONAL],
    pool="lake",
    kinds={"splink", "duckdb"},
)
def links(lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per pair of records that a rule asserts, that Splink finds likely, or that such links bring together.

    From `identity.evidence`, with the promoted model and its settings. Only records that changed, and those that links
    or identifiers bring together with them, are linked again, and only pairs with a changed record scored; all others
    keep what linking them again would give.
    """
    settings = read_settings(lake, company.model.identity)
    updated = update_links(lake, settings)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.links", COLUMNS, (), LINEAGE)
        shared, check = reported(shared_values(con, settings))
        rules = con.execute("SELECT rule, count(*) FROM lake.identity.links GROUP BY 1 ORDER BY 2 DESC").fetchall()
    return dg.MaterializeResult(
        metadata={
            **metadata,
            "model_version": updated.model_version,
            "records_scored": updated.records_scored,
            "rows_written": updated.rows_written,
            "links_by_rule": dg.MetadataValue.json(dict(rules)),
            **shared,
        },
        check_results=[check],
    )


def update_links(lake: Lake, settings: IdentitySettings) -> Updated:
    """Bring `lake.identity.links` up to date with the evidence, in one commit with the state it is updated from."""
    with lake.get_connection(read_only=True) as con:
        model = promoted_model(con)
        if not find_scope(con, linking_version(model, settings)) and has_table(con, "identity.links"):
            return Updated(model.version, 0, 0)
        found = find_links(con, model, settings)
    with lake.transaction("identity.links") as con:
        if not remembered(con):
            con.execute("DROP TABLE IF EXISTS lake.identity.linked_records")
        con.execute(TABLES)
        con.register("found_scope", found.scope)
        con.register("found_changed", found.changed)
        con.register("found_links", found.links)
        con.register("found_linked", found.linked)
        version: tuple[str, ...] = ("match_weight", "rule", "veto", "splink_weight", "blocked", "model_version")
        key: tuple[str, ...] = ("left_key", "right_key")
        written = replace_changed_rows(con, "identity.links", "found_links", key, version, LINKED_ANEW)
        version = ("record_version", "component", "representative", "linking_version")
        in_scope = "record_key IN (SELECT record_key FROM found_scope)"
        replace_changed_rows(con, "identity.linked_records", "found_linked", ("record_key",), version, in_scope)
        con.execute(
            """INSERT INTO lake.identity.unresolved_records
            FROM found_scope ANTI JOIN lake.identity.unresolved_records USING (record_key)"""
        )
    return Updated(model.version, found.new_records, written)


def linking_version(model: Model, settings: IdentitySettings) -> str:
    """Changes whenever an unchanged pair could be linked in another way."""
    texts = [Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8") for name in ("asserted", "vetoes")]
    declared = settings.model_dump_json(include=LINKING_SETTINGS)
    rules = [VALUE_MACROS, MACROS, *CONDITIONS.values(), NEAR_NUMBER, RELIABLE, DOUBTFUL, *texts]
    # hashes may be others in another release of DuckDB
    keys = (block_keys(model, "records"), value_keys("records"))
    text = json.dumps([duckdb.__version__, model.version, declared, *rules, *keys])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def find_scope(con: duckdb.DuckDBPyConnection, version: str) -> bool:
    """Fill ``scope`` (record_key) with all records whose links may have to change; false when there are none.

    Those are new, changed and deleted records, records that share an identifier or all their evidence with one of
    them, now or when they were linked last, and whatever links join to any of these. Also fills
    ``linked_before``: what the records were at that time. Under another ``version`` of model and settings all
    records are in scope.
    """
    con.execute(
        """CREATE OR REPLACE TEMP TABLE scope (record_key VARCHAR);
        CREATE OR REPLACE TEMP TABLE changed (record_key VARCHAR)"""
    )
    linked_before = f"FROM lake.identity.linked_records WHERE linking_version = {literal(version)}"
    linked_before = linked_before if remembered(con) else NOTHING_LINKED
    con.execute(f"CREATE OR REPLACE TEMP VIEW linked_before AS {linked_before}")
    if not anything_linked(con):
        add(con, "SELECT record_key FROM lake.identity.evidence")
        if has_table(con, "identity.linked_records"):
            add(con, "SELECT record_key FROM lake.identity.linked_records")
    else:
        con.execute(statement("links", "changed"))
        if con.execute("FROM changed LIMIT 1").fetchone() is None:
            return False
        con.execute(CHANGED_VALUES)
        add(con, "SELECT record_key FROM changed")
        add(con, CARRIERS.format(records="changed"))
        add(con, statement("links", "alike"))
        add(con, SCORED_AS_BEFORE)
        add(con, JOINED.format(records="scope"))
    return con.execute("FROM scope LIMIT 1").fetchone() is not None


NOTHING_LINKED = """
SELECT '' AS record_key, '' AS evidence_hash, 0::UBIGINT AS record_version, [0]::UBIGINT[] AS value_keys,
    [0]::UINTEGER[] AS block_keys, 0::UBIGINT AS component, false AS representative, '' AS linking_version
LIMIT 0"""


def remembered(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether records were linked before, by a release that kept of them what this one needs."""
    if not has_table(con, "identity.linked_records"):
        return False
    present, needed = (
        con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {relation})").fetchall()
        for relation in ("lake.identity.linked_records", NOTHING_LINKED)
    )
    return present == needed


def find_links(con: duckdb.DuckDBPyConnection, model: Model, settings: IdentitySettings) -> Found:
    """All links of the records in scope (see ``find_scope``), on a scratch connection that reads the lake."""
    with open_engine(con, settings.engine if model.settings else "duckdb") as engine:
        return _find_links(con, engine, model, settings)


def _find_links(con: duckdb.DuckDBPyConnection, engine: Engine, model: Model, settings: IdentitySettings) -> Found:
    prepare_records(con, model)
    con.execute(JUDGED)
    new, linker = 0, None
    if model.settings is None:
        for table in ("scores", "identical"):
            con.execute(f"CREATE OR REPLACE TABLE {table} ({SCORES})")
        con.execute("CREATE OR REPLACE TABLE representatives (id BIGINT, fresh BOOLEAN)")
        if anything_linked(con):
            load_records(con, f"FROM scope UNION ALL {CARRIERS.format(records='scope')}")
        else:
            load_all_records(con)
        con.execute(RECORDS_IN_SCOPE)
    else:
        new, linker = score(con, engine, model, settings)
    assert_pairs(con, settings)
    veto_pairs(con, model, settings)
    con.execute(statement("links", "edges"), {"threshold": to_weight(settings.link_threshold)})
    find_pieces(con, settings)
    if linker is not None:
        score_pieces(con, engine, linker)
        veto_pairs(con, model, settings)
    values = {"threshold": to_weight(settings.candidate_threshold), "version": model.version}
    con.execute(statement("links", "result"), values)
    find_components(con, to_weight(settings.link_threshold))
    links = con.execute("SELECT * EXCLUDE (id_l, id_r) FROM result").to_arrow_table()
    keys = {"block_keys": block_keys(model, "records"), "value_keys": value_keys("records")}
    text = statement("links", "linked")
    for name, expression in keys.items():
        text = text.replace(f"{name}(records)", expression)
    linked = con.execute(text, {"version": linking_version(model, settings)}).to_arrow_table()
    scope, changed = (con.execute(f"SELECT record_key FROM {t}").to_arrow_table() for t in ("scope", "changed"))
    return Found(scope, changed, links, linked, new)
