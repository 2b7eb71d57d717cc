"""The published sample of 2,357 CDNOW customers, as Fader, Hardie and Lee cut it: 39 weeks to fit on."""

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

QUERY = """
    WITH days AS (
        SELECT columns[2] AS customer, strptime(columns[3], '%Y%m%d')::DATE AS day, sum(columns[5]::DOUBLE) AS value
        FROM (SELECT regexp_split_to_array(trim(line), '\\s+') AS columns
              FROM read_csv(?, columns = {line: VARCHAR}, delim = '|', header = false))
        GROUP BY ALL),
    seen AS (SELECT *, min(day) OVER (PARTITION BY customer) AS first FROM days WHERE day <= '1997-09-30')
    SELECT count(*) - 1.0, (max(day) - first) / 7.0, (DATE '1997-09-30' - first) / 7.0,
        coalesce(avg(value) FILTER (day > first), 0)
    FROM seen GROUP BY customer, first ORDER BY customer"""


def cdnow() -> list[np.ndarray]:
    """Repeat purchases, weeks to the last, weeks known, mean value of the repeat purchases."""
    folder = os.environ.get("CDP_REAL_DATA")
    if not folder:
        pytest.skip("CDP_REAL_DATA does not say where the CDNOW sample is")
    with duckdb.connect() as con:
        rows = con.execute(QUERY, [str(Path(folder) / "cdnow" / "CDNOW_sample.txt")]).fetchnumpy()
    return [np.asarray(column, dtype=float) for column in rows.values()]
