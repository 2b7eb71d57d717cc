"""What a full disk, a killed process and a run that stops half-way leave behind: the old tables, and nothing twice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp_resources.lake import Lake
from tests.small_company import COMPANY, SHOP, SmallCompany, csv

ROOT = Path(__file__).parents[2]


def land(company: SmallCompany) -> None:
    """Two days: changed people, a late copy of an event, a withdrawn consent, rows that can't be used."""
    people = "id,first_name,email,updated_at,gone,news"
    events = "id,who,what,at,amount"
    company.land(
        "people/2026-03-01.csv",
        csv(people, "1,Ann,ann@x.org,2026-03-01 10:00,,true", "2,Bob,bob@x.org,2026-03-01 11:00,,", ",None,,,,"),
    )
    company.land(
        "people/2026-03-02.csv",
        csv(people, "1,Anne,ann@x.org,2026-03-02 10:00,,false", "2,,,2026-03-02 11:00,true,", "3,Cy,,2026-03-02,,x"),
    )
    company.land("events/2026-03-01.csv", csv(events, "e1,1,Bought,2026-03-01 10:00,5", "e2,1,Bought,never,x"))
    company.land(
        "events/2026-03-02.csv",
        csv(
            events, "e1,1,Bought,2026-03-01 10:00,5", "e3,2,Bought,2026-03-02 10:00,7", "e3,2,Bought,2026-03-02 10:00,7"
        ),
    )


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallCompany:
    """The same company, run without an interruption."""
    root = tmp_path / "control"
    small = SmallCompany(root, Lake(catalog=f"sqlite:{root}/catalog.sqlite", data_path=f"{root}/data"))
    small.declare("company.yaml", COMPANY)
    small.declare("sources/shop.yaml", SHOP)
    land(small)
    with monkeypatch.context() as context:
        context.setenv("CDP_LANDING", str(small.landing))
        assert small.materialize(days=[1, 2]).success
    return small


KEYS = [
    "raw/shop__people",
    "raw/shop__events",
    "standardized/customers",
    "standardized/identifiers",
    "standardized/events",
    "standardized/consents",
]


def test_a_run_that_stopped_between_two_assets_is_completed_by_the_next(
    company: SmallCompany, control: SmallCompany
) -> None:
    land(company)
    for done in (1, 3):
        company.materialize(*KEYS[: done + 1], days=[1])
        company.materialize(*KEYS[done:], days=[1, 2])
    assert company.materialize(days=[1, 2]).success
    assert company.state() == control.state()


KILLED = """
import os, signal, sys
from collections.abc import Callable
from pathlib import Path
from cdp_assets.raw.extracts import new_extracts
from cdp_assets.raw.streams import load
from cdp_assets.standardized.customers import update_customers
from cdp_assets.standardized.daily import update_days
from cdp_assets.standardized.events import CONSENTS, EVENTS
from cdp_assets.standardized.mapped import mappings
from cdp_resources.lake import Lake
from cdp_resources.sources.files import list_files
from tests.small_company import SmallCompany, day

root = Path(sys.argv[1])
company = SmallCompany(root, Lake(catalog=sys.argv[2], data_path=sys.argv[3]))
model = company.model
stream = model.sources["shop"].streams["people"]

def loads(con):
    files = [file for file in list_files(str(company.landing), stream.files, day(1)) if file.day == day(2)]
    load(con, "raw.shop__people", new_extracts(con, "raw.shop__people", files, [day(2)]), stream, model.company)

WORK = [
    loads,
    lambda con: update_customers(con, mappings(model, "customers")),
    lambda con: update_days(con, EVENTS, mappings(model, "events"), [day(1), day(2)]),
    lambda con: update_days(con, CONSENTS, mappings(model, "consents"), [day(1), day(2)]),
]

def run(work, killed):
    child = os.fork()
    if child == 0:
        with company.lake.transaction() as con:
            work(con)
            if killed:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) == killed, status

run(loads, killed=True)
with company.lake.reading() as con:
    assert con.execute("SELECT count(*) FROM lake.raw.shop__people WHERE _day = '2026-03-02'").fetchall() == [(0,)]
run(loads, killed=False)
for work in WORK[1:]:
    run(work, killed=True)
"""


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_old_tables(
    company: SmallCompany, control: SmallCompany
) -> None:
    land(company)
    assert company.materialize(days=[1]).success
    before = company.state()
    files = set(Path(company.lake.data_path).rglob("*.parquet"))
    subprocess.run(
        [sys.executable, "-c", KILLED, str(company.root), company.lake.catalog, company.lake.data_path],
        cwd=ROOT,
        check=True,
    )
    assert set(Path(company.lake.data_path).rglob("*.parquet")) > files, "the killed writes had begun"
    after = company.state()
    assert after.pop("people") != before.pop("people")
    assert after == before
    assert company.materialize(days=[1, 2]).success
    assert company.state() == control.state()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own with room for two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = [*MOUNT, "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


MOUNT = ["mount", "-t", "tmpfs"]


def noise(rows: int) -> str:
    """An extract of which Parquet can't save much."""
    return csv("id,first_name", *(f"{i},{os.urandom(24).hex()}" for i in range(rows)))


def assert_completes(company: SmallCompany, rows: int) -> None:
    assert company.materialize("raw/shop__people", "standardized/customers", days=[1, 2]).success
    assert company.one("SELECT count(*) FROM lake.raw.shop__people") == rows + 1
    assert company.one("SELECT count(DISTINCT record_key) FROM lake.standardized.customers") == rows


def test_a_full_disk_fails_the_run_clearly_and_a_later_run_completes(company: SmallCompany, small_disk: Path) -> None:
    company.lake = Lake(catalog=f"sqlite:{small_disk}/catalog.sqlite", data_path=f"{small_disk}/data")
    company.land("people/2026-03-01.csv", csv("id,first_name", "1,Ann"))
    assert company.materialize("raw/shop__people", "standardized/customers").success
    company.land("people/2026-03-02.csv", noise(60_000))
    told = company.failure("raw/shop__people", days=[2])
    assert "No space left on device" in told or "disk" in told
    assert company.query("SELECT id, first_name FROM lake.raw.shop__people") == [("1", "Ann")]
    assert company.query("SELECT record_key FROM lake.standardized.customers") == [("shop:1",)]
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert_completes(company, 60_000)


LIMITED = """
import resource, signal, sys
from pathlib import Path
from cdp_resources.lake import Lake
from tests.small_company import SmallCompany
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
company = SmallCompany(Path(sys.argv[1]), Lake(catalog=sys.argv[2], data_path=sys.argv[3]))
print(company.failure("raw/shop__people", days=[2]))
"""


def test_a_write_that_the_system_refuses_fails_clearly_and_a_later_run_completes(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv("id,first_name", "1,Ann"))
    assert company.materialize("raw/shop__people", "standardized/customers").success
    company.land("people/2026-03-02.csv", noise(60_000))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(company.root), company.lake.catalog, company.lake.data_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "people/{date}*.csv: IO Error" in done.stdout
    assert "materialize again" in done.stdout
    assert company.query("SELECT id, first_name FROM lake.raw.shop__people") == [("1", "Ann")]
    assert_completes(company, 60_000)
