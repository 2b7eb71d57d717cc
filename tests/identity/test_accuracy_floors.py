"""Floors that linkage keeps on labelled sets, with the defaults and nothing said but the columns' names.

The sets are those of `benchmarks/populations.py`; the benchmark has more of them, and larger ones.
"""

from pathlib import Path
from typing import Any

import pytest
from identity_population import quick_lake

from benchmarks.linkage import load, measured, run
from benchmarks.populations import Absent
from cdp_model.identity import IdentitySettings


def figures(name: str, folder: Path) -> dict[str, Any]:
    with quick_lake(folder) as lake:
        try:
            truth = load(lake, name)
        except Absent as reason:
            pytest.skip(str(reason))
        run(lake, IdentitySettings())
        with lake.get_connection() as con:
            return measured(con, truth)


@pytest.mark.parametrize(
    ("name", "f1", "precision"),
    [("febrl3", 0.999, 0.9995), ("febrl4", 0.999, 0.9995), ("fake_1000", 0.925, 0.99)],
)
def test_public_sets_are_linked_as_well_as_they_were(name: str, f1: float, precision: float, tmp_path: Path) -> None:
    found = figures(name, tmp_path)
    assert found["all"]["f1"] >= f1
    assert found["all"]["precision"] >= precision


def test_a_retailers_people_are_found_and_its_households_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the population sets what the retailer's model needs; monkeypatch puts it back
    for name in ("CDP_HOME", "CDP_MODEL", "RETAILER_WEBHOOK_SECRET", "RETAILER_WEBHOOK_URL", "RETAILER_SERVICE_URL"):
        monkeypatch.setenv(name, "-")
    monkeypatch.setenv("CDP_BENCHMARKS", str(tmp_path))
    found = figures("retailer small", tmp_path)
    assert found["ours"]["f1"] >= 0.97
    assert found["ours"]["precision"] >= 0.985
    assert found["ours"]["household"] <= 5  # one pair of people: the population is small
    assert found["ours"]["f1"] > found["plain"]["f1"]
