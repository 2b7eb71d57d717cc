"""`cdp sync` and `cdp person --deliveries`, as a person types them, over hand-made people and a folder of files."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, declared, lines
from tests.profiles.conftest import add_person, make_tables

FILES = {
    "destinations.yaml": "letters: {type: file, folder: '${CDP_HOME:-.}/letters', format: ndjson}",
    "syncs/all.yaml": """post: {description: Letters to all, destination: letters, consent: null, legal_basis: test,
    key: email, fields: {name: first_name}}""",
}
PROFILES = "SELECT *, DATE '2026-03-02' AS as_of FROM lake.profiles.golden_records"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Twelve people, all of whom are to be sent; their profiles are a table of their own here."""
    folder = tmp_path_factory.mktemp("home")
    with declared(folder, FILES):
        with Lake.from_env().transaction() as con:
            make_tables(con)
            con.execute(
                """CREATE TABLE lake.identity.record_history (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
                CREATE TABLE lake.standardized.identifiers
                    (record_key VARCHAR, identifier_type VARCHAR, identifier_value VARCHAR)"""
            )
            for n in range(12):
                add_person(con, f"p-{n:02}-of-many", first_name=f"Name{n}", email=f"someone{n}@mail.example")
            con.execute(f"CREATE TABLE lake.profiles.profiles AS {PROFILES}")
        yield folder


def run_id(output: str) -> str:
    return output.split("run ", 1)[1].split(":", 1)[0]


def sent(home: Path) -> list[dict[str, object]]:
    files = sorted((home / "letters").rglob("*.ndjson"), key=lambda file: file.stat().st_mtime_ns)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_sync_is_planned_rehearsed_run_allowed_and_taken_back(home: Path) -> None:
    planned = cdp("sync", "plan", "post")
    assert planned.exit_code == 0, planned.output
    assert {"12 would be added", "requests: 1"} <= set(lines(planned.output))
    assert "someone1@" not in planned.output

    dry = cdp("sync", "run", "post", "--dry-run", home / "requests.ndjson")
    assert "nothing was sent: 1 request with 12 rows" in dry.output
    assert "the file holds personal data" in dry.output
    assert stat.S_IMODE((home / "requests.ndjson").stat().st_mode) == 0o600
    (request,) = map(json.loads, (home / "requests.ndjson").read_text().splitlines())
    assert (request["method"], request["body"].count("\n")) == ("PUT", 12)
    assert not (home / "letters").exists()

    ran = cdp("sync", "run", "post")
    assert "12 added, 0 updated, 0 removed; 12 acknowledged" in ran.output, ran.output
    assert request["body"] == "".join(json.dumps(line) + "\n" for line in sent(home))

    with Lake.from_env().transaction() as con:
        con.execute("DELETE FROM lake.profiles.profiles WHERE person_id > 'p-00'")
    stopped = cdp("sync", "run", "post")
    assert stopped.exit_code == 1
    assert "cdp sync approve post" in stopped.stderr
    assert "STOPPED: " in cdp("sync", "plan", "post").output
    approved = cdp("sync", "approve", "post", "--reason", "the club closed", "--author", "ada")
    assert "approved by ada: 12 removals from `letters`" in approved.output, approved.output


def test_a_run_is_undone_by_its_id_and_one_reads_it_in_the_log_of_a_person(home: Path) -> None:
    with Lake.from_env().transaction() as con:
        con.execute("DELETE FROM lake.profiles.profiles")
        con.execute(f"INSERT INTO lake.profiles.profiles BY NAME {PROFILES}")
        con.execute("UPDATE lake.profiles.profiles SET first_name = 'Wrong' WHERE person_id = 'p-01-of-many'")
    wrong = run_id(cdp("sync", "run", "post").output)
    assert wrong in cdp("sync", "runs", "post").output
    undone = cdp("sync", "undo", wrong, "--yes")
    assert "post: 1 would be updated" in undone.output, undone.output
    assert sent(home)[-1] == {"change": "update", "key": "someone1@mail.example", "fields": {"name": "Name1"}}
    log = [line for line in lines(cdp("person", "p-01-of-many", "--deliveries").output) if "acknowledged" in line]
    assert [line.split()[5] for line in log] == ["add", "update", "update"]
    again = cdp("sync", "undo", wrong)
    assert again.exit_code == 1
    assert "it sent nothing, or later runs did" in again.stderr


def test_what_is_missing_is_said_and_is_no_plan(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean `post`?" in cdp("sync", "plan", "posts").stderr
    assert cdp("sync", "retry", "post").exit_code == 0
    monkeypatch.setenv("CDP_HOME", str(home / "elsewhere"))
    none = cdp("sync", "plan", "post")
    assert none.exit_code == 1
    assert "there is no lake" in none.stderr
    assert not none.stdout
