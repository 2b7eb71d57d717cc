"""`standardized/identifiers`: every identifier of every record, one a row."""

import dagster as dg

from cdp_assets.checks import Fact
from cdp_assets.metadata import table_metadata
from cdp_resources.lake import CATALOG, Lake

QUERY = f"""
    WITH declared AS (
        SELECT record_key, unnest(map_entries(identifiers)) AS entry FROM {CATALOG}.standardized.customers
    )
    SELECT record_key, entry.key AS identifier_type, unnest(entry.value) AS identifier_value FROM declared
    UNION
    SELECT record_key, 'email', email FROM {CATALOG}.standardized.customers WHERE email IS NOT NULL
    UNION
    SELECT record_key, 'phone', phone FROM {CATALOG}.standardized.customers WHERE phone IS NOT NULL
"""
CUSTOMERS = "standardized/customers"
LINEAGE = {
    "record_key": [(CUSTOMERS, "record_key")],
    "identifier_value": [(CUSTOMERS, "identifiers"), (CUSTOMERS, "email"), (CUSTOMERS, "phone")],
}
DESCRIPTIONS = {
    "record_key": "Customer record that has it (`source:id`)",
    "identifier_type": "email, phone, or a type that a source declares, such as account_id or device",
    "identifier_value": "Its cleaned value",
}


KEY = ["standardized", "identifiers"]
OF_KNOWN_RECORDS = Fact(
    "identifiers_belong_to_records",
    "Every identifier is of a record in standardized/customers",
    f"""SELECT count(*) FROM {CATALOG}.standardized.identifiers
        ANTI JOIN {CATALOG}.standardized.customers USING (record_key)""",
    blocking=True,
)


@dg.asset(
    key=KEY,
    deps=[["standardized", "customers"]],
    check_specs=[OF_KNOWN_RECORDS.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def identifiers(lake: Lake) -> dg.MaterializeResult:
    """Identifiers: one row for each identifier of each customer record.

    From `standardized/customers`: its e-mail, its phone, and what sources declare under `identifiers`.
    """
    with lake.transaction("standardized.identifiers") as con:
        con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.standardized.identifiers AS {QUERY}")
        return dg.MaterializeResult(
            metadata=table_metadata(
                con,
                "standardized.identifiers",
                DESCRIPTIONS,
                pii={"record_key", "identifier_value"},
                lineage=LINEAGE,
            ),
            check_results=[OF_KNOWN_RECORDS.result(con, KEY)],
        )
