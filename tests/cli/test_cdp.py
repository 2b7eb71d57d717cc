"""The `cdp` command, as a person types it."""

import csv as csv_files
import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cdp_resources.lake import Lake
from tests.cli.conftest import cdp, settle
from tests.small_company import SmallCompany

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake of the temporary folder, and nothing else from outside."""
    settle(monkeypatch, tmp_path)


@pytest.fixture
def filled() -> Lake:
    """A lake with one table."""
    lake = Lake.from_env()
    with lake.transaction() as con:
        con.execute("""
            CREATE TABLE lake.raw.things AS
            SELECT * FROM (VALUES (1, 'a, "b"', NULL, ['x'], 1.50::DECIMAL(9,2)), (NULL, '[red]b', true, [], 2))
                AS t(n, name, yes, tags, price)
        """)
    return lake


@pytest.mark.parametrize("example", ["retailer", "uci_retail"])
def test_check_finds_an_example_well_declared(example: str) -> None:
    result = cdp("check", "--model", EXAMPLES / example)
    assert result.exit_code == 0
    assert f"{example} is well declared: " in result.output


def test_check_takes_the_company_that_the_environment_names(
    company: SmallCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDP_MODEL", str(company.folder))
    assert "tiny is well declared: 1 sources with 2 streams, 0 traits" in cdp("check").output


def test_check_lists_every_mistake_and_fails(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "email: email", "emial: email")
    company.amend("company.yaml", "currency: EUR", "currency: euro")
    result = cdp("check", "--model", company.folder)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "company.yaml:5: currency: a currency is three capital letters, such as EUR (ISO 4217)",
        "sources/shop.yaml:15: streams.people.customers.emial: unknown key `emial`; did you mean `email`?",
        f"2 mistakes in {company.folder}",
    ]


def test_check_of_a_folder_that_is_no_company_fails(tmp_path: Path) -> None:
    result = cdp("check", "--model", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "is not the folder of a declared company" in result.output
    assert "1 mistake in" in result.output


def test_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert '"title": "CompanySettings"' in cdp("schema").output
    result = cdp("schema", "--out", tmp_path / "a" / "b")
    assert result.exit_code == 0
    written = sorted(path.name for path in (tmp_path / "a" / "b").iterdir())
    kinds = ["company", "destinations", "identity", "predictions", "profiles", "segments", "source", "syncs"]
    kinds += ["tracking_plan", "traits"]
    assert written == [f"{kind}.schema.json" for kind in kinds]
    for path in (tmp_path / "a" / "b").iterdir():
        assert json.loads(path.read_text())["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert str(path) in result.output


def test_sql_prints_a_table(filled: Lake) -> None:
    result = cdp("sql", "select * from raw.things order by n")
    assert result.exit_code == 0
    for shown in ("n", "name", 'a, "b"', "[red]b", "True", "['x']", "1.50"):
        assert shown in result.output
    assert "None" not in result.output


def test_sql_prints_no_more_rows_than_asked_for(filled: Lake) -> None:
    result = cdp("sql", "from range(100) as t(i)", "--limit", "2")
    assert "1" in result.output
    assert "99" not in result.output
    assert "… more than 2 rows: raise --limit, or use --csv for all" in result.output


def test_sql_prints_all_rows_as_csv(filled: Lake) -> None:
    result = cdp("sql", "select * from raw.things order by n", "--csv", "--limit", "1")
    assert list(csv_files.reader(io.StringIO(result.output))) == [
        ["n", "name", "yes", "tags", "price"],
        ["1", 'a, "b"', "", "['x']", "1.50"],
        ["", "[red]b", "True", "[]", "2.00"],
    ]
    assert len(cdp("sql", "from range(5000) as t(i)", "--csv").output.splitlines()) == 5001


@pytest.mark.parametrize(
    "query", ["show all tables", "describe raw.things", "select 1; select 2 as b", "explain from raw.things"]
)
def test_sql_takes_every_kind_of_query(filled: Lake, query: str) -> None:
    result = cdp("sql", query)
    assert result.exit_code == 0
    assert result.output.strip()


def test_sql_without_a_query_prints_nothing(filled: Lake) -> None:
    assert cdp("sql", "").output == ""


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("selec 1", "syntax error"),
        ("from raw.nothing", "nothing"),
        ("select 'x'::int", "Could not convert"),
        ("drop table raw.things", "read-only"),
        ("insert into raw.things (n) values (3)", "read-only"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--csv"]])
def test_sql_that_fails_says_why(filled: Lake, query: str, why: str, options: list[str]) -> None:
    result = cdp("sql", query, *options)
    assert result.exit_code == 1
    assert why in result.stderr
    assert result.stdout == ""


def test_sql_without_a_lake_says_what_to_do() -> None:
    result = cdp("sql", "select 1")
    assert result.exit_code == 1
    assert "there is no lake at sqlite:" in result.stderr
    assert "materialize the assets first" in result.stderr


def test_sql_with_a_catalog_of_another_kind_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_LAKE_CATALOG", "mysql:host=x")
    result = cdp("sql", "select 1")
    assert result.exit_code == 1
    assert result.stderr == "CDP_LAKE_CATALOG is 'mysql:host=x': it must begin with `sqlite:` or `postgres:`\n"


def test_sql_works_while_a_writer_writes(filled: Lake) -> None:
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        with filled.transaction() as con:
            con.execute("CREATE OR REPLACE TABLE lake.raw.things AS SELECT 7 AS n")
            begun.set()
            done.wait()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    during = cdp("sql", "select count(*) as c, max(n) as m from raw.things", "--csv")
    done.set()
    writer.join()
    assert during.output == "c,m\n2,1\n"
    assert cdp("sql", "select * from raw.things", "--csv").output == "n\n7\n"


def test_settings_come_from_a_dot_env_file_too(filled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDP_HOME")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/.env").write_text(f"CDP_HOME={tmp_path}\n")
    monkeypatch.chdir(tmp_path / "work")
    with monkeypatch.context() as context:
        context.setenv("CDP_HOME", "")
        context.delenv("CDP_HOME")
        assert cdp("sql", "select count(*) as c from raw.things", "--csv").output == "c\n2\n"


@pytest.mark.parametrize(
    "command", [[], ["check"], ["schema"], ["sql"], ["person"], ["identity"], ["identity", "explain"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = cdp(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_command_loads_the_assets_only_when_it_needs_them() -> None:
    said = "import cdp_cli.main, sys; print('cdp_assets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], cwd=EXAMPLES.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
