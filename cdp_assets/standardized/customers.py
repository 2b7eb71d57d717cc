"""`standardized/customers`: one source record about a customer, in its latest version."""

from typing import Any

import dagster as dg
import duckdb

from cdp_assets.metadata import has_table, table_metadata
from cdp_assets.raw.streams import ensure_columns
from cdp_assets.standardized import versions
from cdp_assets.standardized.candidates import (
    CUSTOMER_FIELDS,
    CUSTOMER_TEXTS,
    VERSION,
    customer_candidates,
)
from cdp_assets.standardized.cleaning import countries, phone_numbers, repaired_texts
from cdp_assets.standardized.mapped import Mapped, mappings
from cdp_assets.standardized.reconciliation import customer_books, verdict
from cdp_assets.standardized.rejection import QUARANTINE, ensure_quarantine, reject
from cdp_model.model import Model
from cdp_model.sources import CustomerMapping
from cdp_model.survivorship import EMAIL, RECORD_COLUMNS
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sql import literal

CUSTOMERS = f"{CATALOG}.standardized.customers"
PROGRESS = f"{CATALOG}.standardized.progress"
DELETIONS = f"{CATALOG}.standardized.deletions"
VERSIONS = f"{CATALOG}.standardized.customer_versions"
"""Of each record the versions that a value comes from, so that a new version is judged without reading the others."""
VERSION_COLUMNS = {
    "stream": "VARCHAR",
    "record_key": "VARCHAR",
    "source": "VARCHAR",
    **CUSTOMER_FIELDS,
    "identifiers": "MAP(VARCHAR, VARCHAR)",
    "attributes": "JSON",
    "deleted": "BOOLEAN",
    "_day": "DATE",
    "raw_row": "BIGINT",
}
COLUMNS = {**RECORD_COLUMNS, "_stream": "VARCHAR", "_versions": "BIGINT", "_raw_row": "BIGINT"}
PII = {*CUSTOMER_TEXTS, "date_of_birth", "identifiers", "attributes", "record_key"}
DESCRIPTIONS = {
    "record_key": "`source:id`",
    "source": "The source that holds the record",
    "first_name": "As the source has it, with its spaces mended",
    "last_name": "As the source has it, with its spaces mended",
    "date_of_birth": "Null when missing, no date of the calendar, or after the day of the extract",
    "gender": "female, male, other, or null",
    "email": "Lower case; null when it can't be an address",
    "phone": "E.164; null when no such number can exist in its country",
    "street": "Street and house number",
    "city": "Town",
    "region": "State, province or county",
    "postal_code": "As the source has it",
    "country": "ISO 3166, two letters",
    "identifiers": "Other identifiers by type",
    "attributes": "Everything else that was declared, as JSON",
    "created_at": "When the source made the record (UTC)",
    "updated_at": "When the source last changed it (UTC)",
    "_stream": "The raw table it came from",
    "_versions": "How many raw rows went into it",
    "_raw_row": "rowid of the latest of them",
}


def customer_asset(model: Model) -> dg.AssetsDefinition:
    """The asset of customer records, downstream of the streams that declare them."""
    mapped = mappings(model, "customers")

    @dg.asset(
        key=["standardized", "customers"],
        deps=[dg.AssetKey(m.raw_table.split(".")) for m in mapped],
        check_specs=[
            dg.AssetCheckSpec(
                "counts_reconcile",
                asset=["standardized", "customers"],
                blocking=True,
                description="Raw rows = records + earlier versions + quarantined, for each stream",
            ),
            dg.AssetCheckSpec(
                "record_keys_are_unique",
                asset=["standardized", "customers"],
                blocking=True,
                description="No two rows have the same record_key",
            ),
        ],
        pool="lake",
        kinds={"duckdb"},
    )
    def customers(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Source records about customers: one row for each record of each source, in its latest version.

        From every stream with a `customers` mapping. Only records that new extracts mention are made again, from
        their new versions and those that their values came from. Values are cleaned for reading (spaces, Unicode,
        E.164 phones, ISO countries), not yet for matching.
        """
        with lake.transaction("standardized.customers") as con:
            touched = update_customers(con, mapped)
            context.log.info("%s records were new or changed", f"{touched:,}")
            books = customer_books(con, mapped)
            metadata = table_metadata(con, "standardized.customers", DESCRIPTIONS, PII, _lineage(mapped))
            repeated = _repeated_keys(con)
        return dg.MaterializeResult(
            metadata=metadata | {"records_changed": touched},
            check_results=[
                verdict(books),
                dg.AssetCheckResult(
                    passed=repeated == 0,
                    check_name="record_keys_are_unique",
                    description="two streams of a source give the same id" if repeated else "every record has its key",
                    metadata={"repeated_keys": repeated},
                ),
            ],
        )

    return customers


def update_customers(con: duckdb.DuckDBPyConnection, mapped: list[Mapped]) -> int:
    """Bring the table up to date with raw; returns how many records were made anew."""
    _ensure_tables(con)
    _forget_streams_but(con, [m.raw_table.removeprefix("raw.") for m in mapped])
    con.execute(f"CREATE OR REPLACE TEMP TABLE resolved ({_resolved_columns()})")
    for m in mapped:
        if has_table(con, m.raw_table):
            ensure_columns(con, m.raw_table, m.stream.columns)
            if _find_unread(con, m):
                _resolve(con, m)
    con.execute(f"""
        DELETE FROM {CUSTOMERS} AS c USING (SELECT DISTINCT stream, record_key FROM resolved) AS t
        WHERE c._stream = t.stream AND c.record_key = t.record_key
    """)
    con.execute(f"""
        DELETE FROM {DELETIONS} AS d USING (SELECT DISTINCT stream, record_key FROM resolved) AS t
        WHERE d.stream = t.stream AND d.record_key = t.record_key
    """)
    _insert_cleaned(con)
    row = con.execute("SELECT count(*) FROM resolved").fetchone()
    assert row
    return int(row[0])


def _forget_streams_but(con: duckdb.DuckDBPyConnection, streams: list[str]) -> None:
    """Records of streams that are no longer declared go; their raw rows stay."""
    for table, column in (
        (CUSTOMERS, "_stream"),
        (DELETIONS, "stream"),
        (VERSIONS, "stream"),
        (PROGRESS, "stream"),
    ):
        con.execute(f"DELETE FROM {table} WHERE NOT list_contains(?, {column})", [streams])
    con.execute(f"DELETE FROM {QUARANTINE} WHERE output = 'customers' AND NOT list_contains(?, stream)", [streams])


def _find_unread(con: duckdb.DuckDBPyConnection, m: Mapped) -> bool:
    """Fill the temporary table ``unread`` with extracts that were not read yet; False when there is none.

    Under a mapping that changed nothing was read.
    """
    stream, output = m.raw_name, f"customers {m.fingerprint}"
    own = f"stream = {literal(stream)} AND output = {literal(output)}"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE unread AS
        SELECT DISTINCT _extract_id FROM {CATALOG}.{m.raw_table}
        WHERE _extract_id NOT IN (SELECT extract_id FROM {PROGRESS} WHERE {own})
        """
    )
    if con.execute("SELECT count(*) FROM unread").fetchone() == (0,):
        return False
    if con.execute(f"SELECT count(*) FROM {PROGRESS} WHERE {own}").fetchone() == (0,):
        con.execute(f"DELETE FROM {CUSTOMERS} WHERE _stream = {literal(stream)}")
        for table in (DELETIONS, VERSIONS):
            con.execute(f"DELETE FROM {table} WHERE stream = {literal(stream)}")
        con.execute(f"DELETE FROM {PROGRESS} WHERE stream = {literal(stream)} AND output LIKE 'customers %'")
        con.execute(f"DELETE FROM {QUARANTINE} WHERE stream = {literal(stream)} AND output = 'customers'")
    con.execute(f"INSERT INTO {PROGRESS} SELECT {literal(output)}, {literal(stream)}, _extract_id FROM unread")
    return True


def _resolve(con: duckdb.DuckDBPyConnection, m: Mapped) -> None:
    """Append the records of one stream that unread extracts mention to ``resolved``."""
    assert isinstance(m.mapping, CustomerMapping)
    unread = "_extract_id IN (SELECT _extract_id FROM unread)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE candidates AS {customer_candidates(m, unread)}")
    reject(con, m)
    columns = ", ".join(VERSION_COLUMNS)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE versions AS
        SELECT {columns}, version, true AS fresh FROM candidates WHERE len(reasons) = 0;
        CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT stream, record_key FROM versions;
        INSERT INTO versions
        SELECT {columns}, {VERSION}, false FROM {VERSIONS} SEMI JOIN touched USING (stream, record_key);
    """)
    declared = [field for field in CUSTOMER_FIELDS if getattr(m.mapping, field)]
    fields = "".join(f"{versions.latest(m.mapping, field)} AS {field}, " for field in declared)
    con.execute(f"""
        INSERT INTO resolved BY NAME
        WITH counted AS (
            SELECT _stream AS stream, record_key, _versions AS read_before FROM {CUSTOMERS}
            UNION ALL SELECT stream, record_key, versions FROM {DELETIONS})
        SELECT source, stream, record_key, {fields}{versions.attributes(m.mapping)} AS attributes,
            {versions.identifier_lists(m.mapping)} AS identifiers,
            count(*) FILTER (fresh) + coalesce(any_value(read_before), 0) AS versions,
            max_by(raw_row, version) AS raw_row, max_by(deleted, version) AS deleted,
            {literal(m.source.country or "")} AS default_country
        FROM ({versions.with_deletion(m.mapping)}) LEFT JOIN counted USING (stream, record_key)
        GROUP BY source, stream, record_key
    """)
    con.execute(
        f"DELETE FROM {VERSIONS} AS v USING touched AS t WHERE v.stream = t.stream AND v.record_key = t.record_key"
    )
    kept = versions.kept(m.mapping)
    con.execute(f"INSERT INTO {VERSIONS} SELECT {columns} FROM versions SEMI JOIN ({kept}) USING (version)")


def _insert_cleaned(con: duckdb.DuckDBPyConnection) -> None:
    con.register("countries", countries(con, "resolved"))
    con.execute("""
        UPDATE resolved SET country = CASE WHEN country IS NULL THEN nullif(default_country, '')
            ELSE (SELECT code FROM countries WHERE text = resolved.country) END
    """)
    con.register("phone_numbers", phone_numbers(con, "resolved"))
    texts = ["first_name", "last_name", "street", "city"]
    con.register("repaired_texts", repaired_texts(con, "resolved", texts))
    joins = " ".join(f"LEFT JOIN repaired_texts AS {c}_r ON {c}_r.broken = r.{c}" for c in texts)
    clean = {c: _tidy(f"coalesce({c}_r.repaired, r.{c})") for c in texts}
    con.execute(f"""
        INSERT INTO {CUSTOMERS}
        SELECT r.record_key, r.source, {clean["first_name"]}, {clean["last_name"]}, r.date_of_birth,
            CASE WHEN lower(r.gender) IN ('f', 'female', 'w', 'weiblich', 'woman', 'frau') THEN 'female'
                 WHEN lower(r.gender) IN ('m', 'male', 'männlich', 'man', 'herr') THEN 'male'
                 WHEN lower(r.gender) IN ('d', 'x', 'o', 'other', 'divers', 'diverse', 'non-binary') THEN 'other' END,
            CASE WHEN regexp_full_match({_tidy("r.email")}, {literal(EMAIL)}) THEN lower({_tidy("r.email")}) END,
            p.number, {clean["street"]}, {clean["city"]}, {_tidy("r.region")}, upper({_tidy("r.postal_code")}),
            r.country,
            map_from_entries(list_filter(map_entries(r.identifiers), lambda e: len(e.value) > 0)),
            r.attributes, r.created_at, r.updated_at, r.stream, r.versions, r.raw_row
        FROM resolved AS r {joins}
        LEFT JOIN phone_numbers AS p ON p.text = r.phone AND p.country = coalesce(r.country, '')
        WHERE NOT r.deleted
    """)
    con.execute(f"INSERT INTO {DELETIONS} SELECT stream, record_key, versions FROM resolved WHERE deleted")
    for name in ("countries", "phone_numbers", "repaired_texts"):
        con.unregister(name)


def _tidy(value: str) -> str:
    return f"nullif(trim(regexp_replace(nfc_normalize({value}), '\\s+', ' ', 'g')), '')"


def _resolved_columns() -> str:
    kinds = {**CUSTOMER_FIELDS, "identifiers": "MAP(VARCHAR, VARCHAR[])", "attributes": "JSON"}
    own = {
        "source": "VARCHAR",
        "stream": "VARCHAR",
        "record_key": "VARCHAR",
        "versions": "BIGINT",
        "raw_row": "BIGINT",
    }
    own |= {"default_country": "VARCHAR", "deleted": "BOOLEAN"}
    return ", ".join(f"{name} {kind}" for name, kind in {**own, **kinds}.items())


def _ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {CUSTOMERS} ({columns})")
    con.execute(f"CREATE TABLE IF NOT EXISTS {PROGRESS} (output VARCHAR, stream VARCHAR, extract_id VARCHAR)")
    kept = ", ".join(f"{name} {kind}" for name, kind in VERSION_COLUMNS.items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {VERSIONS} ({kept})")
    con.execute(f"CREATE TABLE IF NOT EXISTS {DELETIONS} (stream VARCHAR, record_key VARCHAR, versions BIGINT)")
    ensure_quarantine(con)


def _repeated_keys(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute(f"SELECT count(record_key) - count(DISTINCT record_key) FROM {CUSTOMERS}").fetchone()
    assert row
    return int(row[0])


def _lineage(mapped: list[Mapped]) -> dict[str, Any]:
    lineage: dict[str, list[tuple[str, str]]] = {}
    for m in mapped:
        for field, origin in m.lineage():
            lineage.setdefault("record_key" if field == "id" else field, []).append(origin)
    return lineage
