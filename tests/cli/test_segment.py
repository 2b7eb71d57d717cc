"""`cdp segment`, as a person types it, over a few hand-made people."""

import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from cdp_assets.segments.guards import ensure_guards
from cdp_assets.segments.memberships import evaluate_days, note_first
from cdp_model import load_model
from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, declared, lines
from tests.profiles.conftest import add_events, add_person, make_tables

SOURCE = """{name: shop, description: Shop, streams: {people: {description: All, files: '{date}.csv', format: csv,
    columns: {id: }, customers: {id: id}, events: [{name: Order, id: id, occurred_at: id}]}}}"""
TRAITS = "orders: {description: Orders, aggregate: count, events: [Order]}"
SEGMENTS = """
buyers: {description: Ordered, all: [orders >= 1], none: ["country = 'GB'"]}
doers: {description: Did, all: [{did: {events: [Order], window: 2 days}}, {not_in: germans}]}
germans: {description: In Germany, any: ["country = 'DE'"]}
"""
DESTINATIONS = "files: {type: file, folder: /nowhere}"
SYNCS = """letters: {description: Letters, segment: buyers, destination: files, consent: null, legal_basis: test,
    key: email, fields: {name: first_name}}"""
DAY = dt.date(2026, 3, 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Anna of Germany has ordered on the second day, Bob of Britain has not; both were evaluated on that day."""
    folder = tmp_path_factory.mktemp("home")
    files = {
        "sources/shop.yaml": SOURCE,
        "traits.yaml": TRAITS,
        "segments/all.yaml": SEGMENTS,
        "destinations.yaml": DESTINATIONS,
        "syncs/all.yaml": SYNCS,
    }
    with declared(folder, files):
        noon = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
        with Lake.from_env().transaction() as con:
            make_tables(con)
            con.execute(
                """CREATE TABLE lake.identity.record_history (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
                CREATE TABLE lake.identity.evidence (record_key VARCHAR, email VARCHAR, phone VARCHAR);
                CREATE TABLE lake.standardized.identifiers
                    (record_key VARCHAR, identifier_type VARCHAR, identifier_value VARCHAR)"""
            )
            add_person(con, "p-anna", first_name="Anna", last_name="Ott", email="anna@mail.example")
            add_person(con, "p-bob", country="GB", first_name="Bob", last_name="Orr", email="bob@mail.example")
            con.execute("INSERT INTO lake.standardized.identifiers VALUES ('crm:p-anna', 'email', 'anna@mail.example')")
            con.execute(
                """INSERT INTO lake.standardized.consents
                VALUES ('c1', 'crm:p-anna', 'marketing', 'email', 'granted', 'consent', ?, 'crm')""",
                [noon],
            )
            add_events(con, [{"person": "p-anna", "name": "Order", "event_id": "1", "occurred_at": noon, "value": 1}])
        with Lake.from_env().transaction() as con:
            # her country was not known yet to the snapshot that the first evaluation reads
            con.execute("UPDATE lake.profiles.golden_records SET country = 'DE' WHERE person_id = 'p-anna'")
            evaluate_days(con, load_model(folder / "model"), [DAY])
            note_first(con, [DAY])
        yield folder


@pytest.mark.usefixtures("home")
def test_why_shows_each_condition_with_its_values() -> None:
    result = cdp("segment", "why", "buyers", "anna@mail.example")
    assert result.exit_code == 0, result.output
    found = lines(result.output)
    assert found[0] == "p-anna is in buyers on 2026-03-02"
    assert "orders >= 1 true orders = 1" in found
    assert "country = 'GB' false country = DE" in found
    assert "none true" in found
    found = lines(cdp("segment", "why", "doers", "anna@mail.example").output)
    assert "did: {events: [Order], window: 2 days} true times = 1" in found
    assert "not_in: germans false" in found


@pytest.mark.usefixtures("home")
def test_why_answers_for_an_earlier_day() -> None:
    found = lines(cdp("segment", "why", "buyers", "p-anna", "--day", "2026-03-01").output)
    assert found[0] == "p-anna is not in buyers on 2026-03-01"
    assert "orders >= 1 false orders = 0" in found


@pytest.mark.usefixtures("home")
def test_why_names_what_it_does_not_know() -> None:
    assert "no segment `buyer`; did you mean `buyers`?" in cdp("segment", "why", "buyer", "p-anna").stderr
    assert "nobody@mail.example is nobody" in cdp("segment", "why", "buyers", "nobody@mail.example").stderr


@pytest.mark.usefixtures("home")
def test_a_jump_is_listed_and_approved_with_who_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert "no jump waits for anybody" in cdp("segment", "jumps").output
    assert "no jump of `buyers` waits" in cdp("segment", "approve", "buyers", "--reason", "x").stderr
    with Lake.from_env().transaction() as con:
        ensure_guards(con)
        con.execute(
            """INSERT INTO lake.segments.guards BY NAME SELECT 'buyers' AS segment, ?::DATE AS as_of, 900 AS members,
            5 AS usual_low, 40 AS usual_high""",
            [DAY],
        )
    assert "buyers 2026-03-02 900 5 to 40" in lines(cdp("segment", "jumps").output)
    assert "did you mean `buyers`?" in cdp("segment", "approve", "buyer", "--reason", "x").stderr
    approved = cdp("segment", "approve", "buyers", "--reason", "the sale began", "--author", "ada")
    assert "approved by ada: `buyers` jumped to 900 people" in approved.output
    assert """dg launch --assets 'key:"activation/letters"'""" in approved.output
    assert "no jump waits for anybody" in cdp("segment", "jumps").output
    with dg.DagsterInstance.get() as instance:
        check = dg.AssetCheckKey(dg.AssetKey(["segments", "memberships"]), "sizes_do_not_jump")
        (event,) = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
        evaluation = event.event.dagster_event.asset_check_evaluation_data
        assert evaluation.passed
    ended = "SELECT ended_by, ended_because FROM lake.segments.guards"
    with Lake.from_env().reading() as con:
        assert con.execute(ended).fetchall() == [("ada", "the sale began")]


@pytest.mark.usefixtures("home")
def test_a_check_warns_of_what_is_hardly_meant_and_passes(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(os.environ["CDP_MODEL"], model)
    (model / "segments" / "all.yaml").write_text(SEGMENTS + "nobody: {description: N, all: [orders > 1, orders < 1]}\n")
    result = cdp("check", "--model", model)
    assert result.exit_code == 0
    assert "warning: segments/all.yaml:5: nobody.all.1: nobody can be in it: `orders > 1` and" in result.output
    assert "is well declared" in result.output


def test_a_preview_shows_size_changes_overlaps_and_consents_without_saving_or_naming_anybody(home: Path) -> None:
    draft = home / "draft.yaml"
    draft.write_text(
        "buyers: {description: Everybody, all: [orders >= 0]}\nnew: {description: New, all: [orders = 1]}\n"
    )
    result = cdp("segment", "preview", draft)
    assert result.exit_code == 0, result.output
    found = lines(result.output)
    assert "buyers on 2026-03-02: 2 of 2 people" in found
    assert "against the definition in force: 1 would enter, 0 would leave" in found
    assert "new on 2026-03-02: 1 of 2 people" in found
    assert "germans 1 1" in found
    assert "marketing by email 1" in found
    assert "anna@" not in result.output
    assert "Anna" not in result.output
    with Lake.from_env().reading() as con:
        assert con.execute("SELECT DISTINCT segment FROM lake.segments.memberships ORDER BY 1").fetchall() == [
            ("buyers",),
            ("germans",),
        ]


def test_a_preview_warns_of_what_is_hardly_meant_in_the_file_alone(home: Path) -> None:
    draft = home / "draft.yaml"
    draft.write_text("new:\n  description: New\n  all: [orders > 1, orders < 1]\n")
    result = cdp("segment", "preview", draft)
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.output.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: draft.yaml:3: new.all.1: nobody can be in it: `orders > 1` and `orders < 1` cannot hold together"
    ]


def test_a_preview_names_mistakes_with_their_lines(home: Path) -> None:
    draft = home / "draft.yaml"
    draft.write_text("new:\n  description: New\n  all: [order = 1]\n")
    assert "draft.yaml:3: new.all.0: unknown trait or attribute `order`; did you mean `orders`?" in (
        cdp("segment", "preview", draft).stderr
    )
    assert "no such file" in cdp("segment", "preview", home / "none.yaml").stderr


@pytest.mark.usefixtures("home")
def test_as_known_shows_who_differs_between_then_and_now() -> None:
    result = cdp("segment", "as-known", "germans", "--on", "2026-03-02")
    assert result.exit_code == 0, result.output
    assert "germans on 2026-03-02, by today's definition: 0 as known on" in result.output
    assert "1 as known now" in result.output
    assert "p-anna p-anna no yes" in lines(result.output)
    unknown = cdp("segment", "as-known", "german", "--on", "2026-03-02")
    assert unknown.exit_code == 1
    assert "did you mean `germans`?" in unknown.output
    early = cdp("segment", "as-known", "germans", "--on", "2026-03-02", "--known-at", "2001-01-01")
    assert early.exit_code == 1
    assert "cannot be asked any more" in early.output
    named = re.search(r"The first moment to ask for is --known-at (\S+)", early.output)
    assert named
    first = cdp("segment", "as-known", "germans", "--on", "2026-03-02", "--known-at", named[1])
    assert first.exit_code == 0, first.output
