"""`cdp identity shared`, as a person types it."""

from pathlib import Path

import pytest

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake
from tests.cli.test_cdp import cdp

RECORDS = """
CREATE TABLE lake.standardized.customers AS
SELECT 'crm:' || n AS record_key, 'crm' AS source, ['Anna', 'Bernd', 'Carla', 'Dieter'][n] AS first_name,
    NULL::VARCHAR AS last_name, NULL::DATE AS date_of_birth, 'team@firm.example' AS email, MAP {} AS identifiers,
    NULL::VARCHAR AS gender, NULL::VARCHAR AS phone, NULL::VARCHAR AS street, NULL::VARCHAR AS city,
    NULL::VARCHAR AS postal_code, NULL::VARCHAR AS country
FROM range(1, 5) AS numbers (n);
CREATE TABLE lake.standardized.identifiers AS
SELECT record_key, 'email' AS identifier_type, email AS identifier_value FROM lake.standardized.customers;
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CDP_LAKE_CATALOG", "CDP_LAKE_DATA", "CDP_LAKE_ENCRYPTED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CDP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CDP_MODEL", str(Path(__file__).parents[2] / "examples" / "uci_retail"))


def test_a_shared_value_is_named_with_what_was_done() -> None:
    lake, settings = Lake.from_env(), IdentitySettings()
    with lake.transaction() as con:
        con.execute(RECORDS.replace("MAP {} AS", "NULL::MAP(VARCHAR, VARCHAR[]) AS"))
    update_evidence(lake, settings)
    train_if_needed(lake, settings)
    update_links(lake, settings)
    printed = cdp("identity", "shared").output
    assert "team@firm.example" in printed
    assert "more first names than `max_names`" in printed
    called = next(word for word in printed.split() if word.startswith("#"))
    assert "team@firm.example" in cdp("identity", "shared", called, "--limit", "1").output
    unknown = cdp("identity", "shared", "#nothing")
    assert (unknown.exit_code, unknown.output) == (
        1,
        "no shared value is called #nothing: `cdp identity shared` lists all\n",
    )


def test_before_the_first_links_it_says_what_to_do() -> None:
    with Lake.from_env().transaction() as con:
        con.execute("CREATE TABLE lake.standardized.customers (record_key VARCHAR)")
    refused = cdp("identity", "shared")
    assert refused.exit_code == 1
    assert "materialize identity/links" in refused.output
