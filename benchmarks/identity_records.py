"""Records for the identity benchmark: as dirty as a company's, and a million of them in seconds."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from examples.retailer.generator.name_pools import draw_first_names, draw_surnames

RECORDS_PER_PERSON = 2.2
ORIGINS = {"english": 0.5, "german": 0.3, "turkish": 0.05, "polish": 0.05, "hispanic": 0.05, "italian": 0.05}


def make_records(path: Path, records: int) -> None:
    """Write at least ``records`` rows of `standardized.customers` to a Parquet file, in an order that mixes people."""
    count = int(records / RECORDS_PER_PERSON * 1.05) + 100
    rng = np.random.default_rng(7)
    origin = rng.choice(np.array(list(ORIGINS), dtype=object), size=count, p=list(ORIGINS.values()))
    first_names = draw_first_names(origin, rng.random(count) < 0.5, rng)
    last_names = draw_surnames(origin, rng)
    with duckdb.connect() as con:
        con.register(
            "names", pa.table({"person": np.arange(count), "first_name": first_names, "last_name": last_names})
        )
        con.execute(Path(__file__).with_name("identity_records.sql").read_text(encoding="utf-8"))
        found = con.execute("SELECT count(*) FROM customers").fetchone()
        assert found
        assert found[0] >= records, f"{count} people have {found[0]} records, fewer than {records}"
        con.execute(f"COPY (FROM customers ORDER BY hash(record_key) LIMIT {records}) TO '{path}' (FORMAT parquet)")
