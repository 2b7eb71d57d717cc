"""The stage stopped at any point and continued: as if nothing had happened, and nothing is ever made of two states."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from identity_population import people, population, quick_lake, standardize, table

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.following import Behind
from cdp_assets.identity.households import update_households
from cdp_assets.identity.in_use import settings_in_use
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_assets.identity.model_versions import kept_version, put_in_use, versions, write_version
from cdp_assets.identity.persons import update as update_person_table
from cdp_assets.identity.quality import measure_quality
from cdp_assets.identity.record_persons import update_persons
from cdp_assets.identity.review_queue import update_review_queue
from cdp_assets.profiles.golden_records import update_golden_records
from cdp_model.identity import IdentitySettings
from cdp_model.survivorship import ProfileSettings
from cdp_resources.lake import Lake

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


STAGE: dict[str, Callable[[Lake, IdentitySettings], object]] = {
    "evidence": update_evidence,
    "linkage_models": train_if_needed,
    "links": update_links,
    "record_persons": lambda lake, settings: update_persons(lake, settings, "run"),
    "persons": lambda lake, _: update_person_table(lake),
    "households": update_households,
    "review_queue": update_review_queue,
    "golden_records": lambda lake, _: remake_golden_records(lake),
}


def remake_golden_records(lake: Lake) -> None:
    with lake.transaction("profiles.golden_records") as con:
        update_golden_records(con, ProfileSettings())


def run(lake: Lake, *names: str) -> None:
    """Some steps of the stage, or all, with the settings in use."""
    for name in names or STAGE:
        with lake.reading() as con:
            settings = settings_in_use(con, IdentitySettings())
        STAGE[name](lake, settings)


def records(changed: bool) -> list[dict[str, Any]]:
    """A population; ``changed``: with some records gone, some new, and some that changed what people they are."""
    found = population(30)
    if not changed:
        return found[8:]
    return [row | ({"last_name": "zobel", "email": None} if n % 9 == 0 else {}) for n, row in enumerate(found[:-3])]


def state(lake: Lake) -> dict[str, list[Any]]:
    return {name: table(lake, f"SELECT {columns} FROM lake.{name} ORDER BY ALL") for name, columns in STATE.items()}


@pytest.fixture(scope="module")
def one_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with quick_lake(tmp_path_factory.mktemp("interrupted")) as lake:
        yield lake


@pytest.fixture
def resolved(one_lake: Lake) -> Lake:
    """A lake whose people are up to date with its records."""
    standardize(one_lake, records(changed=False))
    run(one_lake)
    return one_lake


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    with quick_lake(tmp_path_factory.mktemp("undisturbed")) as lake:
        for changed in (False, True):
            standardize(lake, records(changed))
            run(lake)
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
        with pytest.raises(Killed):
            run(lake, name)


def test_a_stage_killed_in_and_after_each_step_ends_as_an_undisturbed_one(
    resolved: Lake, undisturbed: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    standardize(resolved, records(changed=True))
    for name in STAGE:
        if name != "linkage_models":  # it is trained once, and writes nothing now
            its_own = next(table for table in STATE if table.endswith(f".{name}"))
            before = state(resolved)[its_own]
            killed_in(resolved, monkeypatch, name)
            assert state(resolved)[its_own] == before
        run(resolved, name)
    assert state(resolved) == undisturbed


def test_people_are_not_made_of_links_of_another_version(resolved: Lake) -> None:
    before = people(resolved)
    with resolved.transaction() as con:
        used = next(version for version in versions(con) if version.promoted)
        made = kept_version(con, used.model_version, IdentitySettings())
        put_in_use(con, write_version(con, replace(made, identity=IdentitySettings(link_threshold=0.99), name=None)))
    with pytest.raises(Behind, match="identity/links is older than identity/linkage_models"):
        run(resolved, "record_persons")
    assert people(resolved) == before
    run(resolved)


def test_nothing_is_made_of_links_and_people_or_of_tables_of_people_that_do_not_belong_together(resolved: Lake) -> None:
    standardize(resolved, records(changed=True))
    run(resolved, "evidence", "links")
    before = state(resolved)
    for name in ("persons", "review_queue"):
        with pytest.raises(Behind, match="identity/record_persons is older than identity/links"):
            run(resolved, name)
    with resolved.reading() as con, pytest.raises(Behind):
        measure_quality(con, IdentitySettings(), None)
    assert state(resolved) == before
    run(resolved, "record_persons")
    with pytest.raises(Behind, match="identity/persons is older than identity/record_persons"):
        run(resolved, "golden_records")
    run(resolved, "persons")
    with pytest.raises(Behind, match="identity/households is older"):
        run(resolved, "golden_records")
    assert state(resolved)["profiles.golden_records"] == before["profiles.golden_records"]
    run(resolved, "households", "golden_records")
