"""The stage stopped at any point and continued: as if nothing had happened, and nothing is ever made of two states."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import duckdb
import pytest
from identity_population import people, population, quick_lake, standardize, table
from test_identity_assets import IdentityOnly

from cdp_assets import identity
from cdp_assets.identity.model_versions import put_in_use
from cdp_assets.identity.plans import make_plan
from cdp_assets.profiles import golden_records
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake

ORDER = (
    *("evidence", "linkage_models", "links", "record_persons", "persons", "households", "review_queue"),
    "golden_records",
)
STATE = {
    "identity.evidence": "*",
    "identity.links": "* EXCLUDE (contributions)",
    "identity.linked_records": "*",
    "identity.record_persons": "record_key, person_id",
    "identity.person_changes": "kind, person_id, other_person_id, record_key, reason",
    "identity.persons": "*",
    "identity.households": "person_id, household_id, basis",
    "identity.review_queue": "*",
    "profiles.golden_records": "* EXCLUDE (provenance, disagreeing)",
}
"""What must not depend on interruptions; the rest is times and ids of runs."""


class Killed(Exception):
    """Stands for the end of the process: whatever was not committed is gone."""


def materialize(lake: Lake, *names: str) -> dg.ExecuteInProcessResult:
    """Some assets of the stage, or all in one run."""
    company = IdentityOnly()
    found = (*identity.assets(company.model), golden_records)
    wanted = [asset for asset in found if {key.path[-1] for key in asset.keys} & set(names or ORDER)]
    return dg.materialize(wanted, resources={"lake": lake, "company": company}, raise_on_error=False)


def told(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed."""
    assert not result.success
    return " ".join(str(event.step_failure_data.error) for event in result.get_step_failure_events())


def records(changed: bool) -> list[dict[str, Any]]:
    """A population; ``changed``: with some records gone, some new, and some that changed what people they are."""
    found = population(30)
    if not changed:
        return found[8:]
    return [row | ({"last_name": "zobel", "email": None} if n % 9 == 0 else {}) for n, row in enumerate(found[:-3])]


def state(lake: Lake) -> dict[str, list[Any]]:
    return {name: table(lake, f"SELECT {columns} FROM lake.{name} ORDER BY ALL") for name, columns in STATE.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    with quick_lake(tmp_path_factory.mktemp("undisturbed")) as lake:
        for changed in (False, True):
            standardize(lake, records(changed))
            assert materialize(lake).success
        return state(lake)


def killed_in(lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Kill the process when the transaction that writes a table is about to be committed."""
    transaction = Lake.transaction

    @contextmanager
    def until_then(self: Lake, message: str = "", **more: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        with transaction(self, message, **more) as con:
            yield con
            if message.endswith(f".{name}"):
                raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "transaction", until_then)
        assert "Killed" in told(materialize(lake, name))


def test_a_stage_killed_in_and_after_each_asset_ends_as_an_undisturbed_one(
    lake: Lake, undisturbed: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    standardize(lake, records(changed=False))
    assert materialize(lake).success
    standardize(lake, records(changed=True))
    for name in ORDER:
        if name != "linkage_models":  # it is trained once, and writes nothing now
            its_own = next(table for table in STATE if table.endswith(f".{name}"))
            before = state(lake)[its_own]
            killed_in(lake, monkeypatch, name)
            assert state(lake)[its_own] == before
        assert materialize(lake, name).success
    assert state(lake) == undisturbed


def test_people_are_not_made_of_links_of_another_version(lake: Lake) -> None:
    standardize(lake, records(changed=False))
    assert materialize(lake).success
    before = people(lake)
    plan = make_plan(lake, IdentityOnly().model, IdentitySettings(cut=6, link_threshold=0.99))
    lake.write(lambda con: put_in_use(con, plan.candidate_version, plan.plan_hash))
    assert "identity/links is older than identity/linkage_models" in told(materialize(lake, "record_persons"))
    assert people(lake) == before
    assert materialize(lake).success


def test_nothing_reads_links_beside_people_that_do_not_follow_them_yet(lake: Lake) -> None:
    standardize(lake, records(changed=False))
    assert materialize(lake).success
    standardize(lake, records(changed=True))
    assert materialize(lake, "evidence", "links").success
    before = state(lake)
    for name in ("persons", "review_queue", "quality"):
        assert "identity/record_persons is older than identity/links" in told(materialize(lake, name))
    assert state(lake) == before
    assert materialize(lake, *ORDER, "quality").success


def test_profiles_are_made_of_one_resolution(lake: Lake) -> None:
    standardize(lake, records(changed=False))
    assert materialize(lake).success
    standardize(lake, records(changed=True))
    assert materialize(lake, "evidence", "links", "record_persons").success
    before = state(lake)
    assert "identity/persons is older than identity/record_persons" in told(materialize(lake, "golden_records"))
    assert materialize(lake, "persons").success
    assert "identity/households is older" in told(materialize(lake, "golden_records"))
    assert state(lake)["profiles.golden_records"] == before["profiles.golden_records"]
    assert materialize(lake, "households", "golden_records").success
