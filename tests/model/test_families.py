"""Families of traits: what one entry stands for, and where its mistakes are said to be."""

from pathlib import Path

import pytest

from cdp_model import ModelError, load_model
from cdp_model.families import Purchases

COMPANY = "name: acme\nowner: team:data\nstart_date: 2026-01-01\n"
SOURCE = """\
name: shop
description: Orders
streams:
  orders:
    description: An order
    files: orders.csv
    format: csv
    columns: {id: , total: }
    events:
      - {name: Order Completed, id: id, occurred_at: "'2026-01-01'", revenue: total}
"""


def declared(root: Path, traits: str) -> Path:
    (root / "sources").mkdir()
    (root / "company.yaml").write_text(COMPANY)
    (root / "sources" / "shop.yaml").write_text(SOURCE)
    (root / "traits.yaml").write_text(traits)
    return root


def test_an_entry_of_a_family_stands_for_its_traits(tmp_path: Path) -> None:
    traits = """\
bought:
  family: purchases
  description: Orders
  events: [Order Completed]
  value: revenue
loyal:
  description: Buys often
  sql: bought_frequency_score >= 4
"""
    model = load_model(declared(tmp_path, traits))
    family = Purchases(family="purchases", description="Orders", events=["Order Completed"], value="revenue")
    assert {*model.traits} == {*family.traits("bought"), "loyal"}
    assert model.traits["bought_monetary"].of == "revenue"


def test_mistakes_of_a_family_name_its_entry(tmp_path: Path) -> None:
    traits = """\
bought:
  family: purchases
  description: Orders
  events: [Order Complete]
  value: revenu
bought_rfm:
  description: Declared by the family already
  sql: "1"
"""
    with pytest.raises(ModelError) as error:
        load_model(declared(tmp_path, traits))
    told = [str(problem) for problem in error.value.problems]
    assert any("traits.yaml:4" in line and "did you mean `Order Completed`" in line for line in told), told
    assert any("unknown column `revenu`" in line for line in told), told
    assert any("`bought_rfm` is declared twice" in line for line in told), told


def test_an_unknown_family_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"purchases.*engagement.*preference"):
        load_model(declared(tmp_path, "bought:\n  family: purchase\n  description: x\n"))
