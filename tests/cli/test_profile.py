"""`cdp profile`, and what `cdp person` shows of it, over people that the identity stage really made."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from cdp_assets.identity.households import update_households
from cdp_assets.profiles.corrections import corrections
from cdp_assets.profiles.golden_records import golden_records
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, declared
from tests.identity.identity_population import run_stage, standardize

ANNA = {"first_name": "Anna", "last_name": "Wetter", "email": "anna@wetter.example", "date_of_birth": "1980-05-05"}
RECORDS = [
    {"key": "crm:a", **ANNA, "street": "Weg 1", "city": "Ulm", "postal_code": "89073"},
    {"key": "shop:a", **ANNA, "phone": "+4930901820"},
    {"key": "shop:b", "first_name": "Bo", "last_name": "Lund", "email": "bo@lund.example"},
]
HEADER = "record_key,attribute,value,author,corrected_at,reason\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with declared(folder):
        standardize(Lake.from_env(), RECORDS)
        resolve()
        yield folder


def resolve() -> None:
    lake = Lake.from_env()
    run_stage(lake, IdentitySettings())
    update_households(lake, IdentitySettings())


def refresh() -> dg.ExecuteInProcessResult:
    """What the automation would run after a correction."""
    resources = {"lake": Lake.from_env(), "company": Company.from_env()}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([corrections, golden_records], instance=instance, resources=resources)


def golden(record: str, attribute: str) -> tuple[object, ...]:
    """Value, rule and record of the person whose record it is."""
    with Lake.from_env().reading() as con:
        row = con.execute(
            f"""SELECT {attribute}, provenance['{attribute}'].rule, provenance['{attribute}'].record_key
            FROM lake.profiles.golden_records JOIN lake.identity.record_persons USING (person_id)
            WHERE record_persons.record_key = ?""",
            [record],
        ).fetchone()
    assert row
    return row


@pytest.mark.usefixtures("home")
def test_a_correction_beats_every_source_until_it_is_withdrawn() -> None:
    refresh()
    assert golden("crm:a", "last_name") == ("Wetter", "only_value", "shop:a")
    done = cdp("profile", "correct", "anna@wetter.example", "last_name", "Regen", "--by", "jo", "--reason", "Married")
    assert "corrected: last_name of shop:a" in done.output
    assert "dg launch --assets 'group:profiles'" in done.output
    refresh()
    assert golden("crm:a", "last_name") == ("Regen", "correction", "shop:a")
    shown = cdp("person", "crm:a").output
    assert "correction" in shown
    assert "only_value" in shown
    assert "Married" in cdp("profile", "corrections").output
    refused = cdp("profile", "withdraw", "crm:a", "last_name").stderr
    assert "no correction of last_name of crm:a stands; one of shop:a does, of the same person" in refused
    assert "withdrawn: last_name of shop:a" in cdp("profile", "withdraw", ANNA["email"], "last_name").output
    refresh()
    assert golden("crm:a", "last_name") == ("Wetter", "only_value", "shop:a")
    assert cdp("profile", "corrections").output == "nothing is corrected\n"
    with Lake.from_env().reading() as con:
        said = con.execute("SELECT decision, value FROM lake.profiles.corrections ORDER BY recorded_at").fetchall()
    assert said == [("corrected", "Regen"), ("withdrawn", None)]


@pytest.mark.usefixtures("home")
def test_what_is_not_theirs_can_be_corrected_to_nothing() -> None:
    cdp("profile", "correct", "shop:a", "phone", "-", "--reason", "Somebody else's")
    refresh()
    assert golden("crm:a", "phone") == (None, "correction", "shop:a")
    assert "(none)" in cdp("person", "crm:a").output
    cdp("profile", "withdraw", "shop:a", "phone")


@pytest.mark.usefixtures("home")
def test_a_part_of_an_address_is_corrected_in_the_record_that_the_address_is_from() -> None:
    refresh()
    assert "of crm:a" in cdp("profile", "correct", "anna@wetter.example", "city", "Bonn", "--reason", "x").output
    refresh()
    with Lake.from_env().reading() as con:
        row = con.execute(
            "SELECT street, city, provenance['address'].rule FROM lake.profiles.golden_records"
        ).fetchall()
    assert ("Weg 1", "Bonn", "correction") in row
    cdp("profile", "withdraw", "crm:a", "city")


@pytest.mark.usefixtures("home")
def test_what_cannot_be_is_refused_with_the_way_out() -> None:
    for arguments, message in (
        (("crm:a", "lastname", "x"), "unknown attribute `lastname`; did you mean `last_name`?"),
        (("crm:a", "email", "x"), "is no e-mail address"),
        (("crm:z", "email", "x@y.example"), "there is no record crm:z; did you mean crm:a"),
    ):
        result = cdp("profile", "correct", *arguments, "--reason", "x")
        assert result.exit_code == 1
        assert message in result.stderr
    result = cdp("profile", "withdraw", "crm:a", "email")
    assert result.exit_code == 1
    assert "no correction of email of crm:a stands: " in result.stderr


def test_the_file_is_taken_and_what_vanishes_from_it_is_withdrawn(home: Path) -> None:
    file = home / "model" / "corrections.csv"
    file.write_text(HEADER + "crm:a,first_name,Hanna,jo,2026-01-02,\ncrm:zz,city,Ulm,jo,2026-01-02,\n")
    result = refresh()
    assert golden("crm:a", "first_name") == ("Hanna", "correction", "crm:a")
    (check,) = [found for found in result.get_asset_check_evaluations() if "known_records" in found.check_name]
    assert (check.passed, check.metadata["lines_of_corrections.csv"].value) == (False, "3")
    snapshot = "SELECT count(*) FROM lake.profiles.corrections"
    with Lake.from_env().reading() as con:
        before = con.execute(snapshot).fetchone()
    refresh()
    with Lake.from_env().reading() as con:
        assert con.execute(snapshot).fetchone() == before
    refused = cdp("profile", "withdraw", "crm:a", "first_name")
    assert "stands in corrections.csv: remove its line there" in refused.stderr
    cdp("profile", "correct", "crm:a", "first_name", "Johanna", "--reason", "x")
    refresh()
    assert golden("crm:a", "first_name")[0] == "Johanna"
    assert "what corrections.csv says holds again" in cdp("profile", "withdraw", "crm:a", "first_name").output
    file.unlink()
    refresh()
    assert golden("crm:a", "first_name") == ("Anna", "only_value", "shop:a")


def test_a_file_with_a_mistake_changes_nothing_and_shows_no_value(home: Path) -> None:
    file = home / "model" / "corrections.csv"
    file.write_text(HEADER + "crm:a,email,secret,jo,2026-01-02,\n")
    try:
        assert "corrections.csv:2: value: the value is no e-mail address" in cdp("check").output
        with pytest.raises(dg.Failure) as raised:
            refresh()
        assert "corrections.csv:2: value" in str(raised.value.description)
        assert "secret" not in str(raised.value.description)
    finally:
        file.unlink()


@pytest.mark.usefixtures("home")
def test_a_correction_follows_its_record_through_split_and_merge() -> None:
    cdp("profile", "correct", "crm:a", "last_name", "Old", "--reason", "x")
    cdp("profile", "correct", "shop:a", "last_name", "New", "--reason", "x")
    refresh()
    assert golden("crm:a", "last_name") == ("New", "correction", "shop:a")
    cdp("identity", "different", "crm:a", "shop:a", "--reason", "Two Annas")
    resolve()
    refresh()
    assert golden("crm:a", "last_name") == ("Old", "correction", "crm:a")
    assert golden("shop:a", "last_name") == ("New", "correction", "shop:a")
    cdp("identity", "withdraw", "crm:a", "shop:a")
    resolve()
    refresh()
    assert golden("crm:a", "last_name") == ("New", "correction", "shop:a")
    cdp("profile", "withdraw", "shop:a", "last_name")
    refresh()
    assert golden("shop:a", "last_name") == ("Old", "correction", "crm:a")


def test_the_report_is_one_page_without_personal_data(home: Path) -> None:
    lake = Lake.from_env()
    with lake.transaction() as con:
        con.execute("DROP TABLE IF EXISTS lake.profiles.profiles")
    refused = cdp("report", "--out", home / "report.html")
    assert "there are no profiles yet" in refused.stderr
    refresh()
    with lake.transaction() as con:
        con.execute(
            "CREATE TABLE lake.profiles.profiles AS SELECT * EXCLUDE (provenance) FROM lake.profiles.golden_records"
        )
    assert "wrote" in cdp("report", "--out", home / "report.html").output
    written = (home / "report.html").read_text()
    assert "How many of 2 people have it" in written
    assert not [value for value in (*ANNA.values(), "lund") if value.lower() in written.lower()]
