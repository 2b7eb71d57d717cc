"""Pairs that need no statistics: the same strong identifier, or a shared-prone one with a compatible name."""

from pathlib import Path

import duckdb
import pyarrow as pa

from cdp_assets.identity.comparisons import NUMBER
from cdp_assets.identity.conditions import MACROS, spelled_out
from cdp_model.identity import IdentitySettings

STRONG_WEIGHT = 20.0
NAME_WEIGHT = 10.0
NAMELESS_WEIGHT = 6.0
"""Match weights (log2 odds) of asserted pairs: odds of a million, a thousand and sixty to one."""

VALUE_MACROS = """
-- why a value links nothing, if it does not look like one person's: few first names (their first letters forgive typing
-- errors), few records, and for a device one account at most
CREATE OR REPLACE TEMP MACRO set_aside(type, records, names, accounts, max_records, max_names) AS
    CASE WHEN records > max_records THEN 'records' WHEN names > max_names THEN 'names'
         WHEN type = 'device' AND accounts > 1 THEN 'accounts' END;
"""


def assert_pairs(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Fill the scratch tables of asserted.sql on ``con``, which has ``records`` and ``records_in_scope``."""
    con.execute(VALUE_MACROS + MACROS)
    # identifiers that training found to be one person's alone are as strong as those that are declared to be
    found = {
        row[0].removeprefix(NUMBER) for row in con.execute("DESCRIBE records").fetchall() if row[0].startswith(NUMBER)
    }
    strong = {*settings.strong, *found}
    types = sorted({*settings.shared_prone, *strong, *settings.exclusive})
    schema = pa.schema(
        [("identifier_type", pa.string())] + [(c, pa.bool_()) for c in ("strong", "linking", "exclusive")]
    )
    rows = [
        (
            name,
            name in strong,
            name in {*strong, *settings.shared_prone},
            name in settings.exclusive,
        )
        for name in types
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    con.register(
        "declared_types",
        pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema),
    )
    con.execute("CREATE OR REPLACE TABLE identifier_types AS FROM declared_types")
    con.unregister("declared_types")
    values = {
        "max_records": settings.max_records,
        "max_names": settings.max_names,
        "strong_weight": STRONG_WEIGHT,
        "name_weight": NAME_WEIGHT,
        "nameless_weight": NAMELESS_WEIGHT,
    }
    text = Path(__file__).with_name("asserted.sql").read_text(encoding="utf-8")
    for statement in con.extract_statements(spelled_out(text)):
        names = statement.named_parameters
        con.execute(statement, {name: values[name] for name in names} if names else None)
