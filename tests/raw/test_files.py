"""Which files there are, which day they belong to, and whether each is whole."""

import datetime as dt
import gzip
import os
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_resources.environment import expand, landing_of
from cdp_resources.sources import files
from cdp_resources.sources.files import BrokenFile, LandedFile, fingerprint, list_files
from tests.small_company import SmallCompany, day

FIRST = dt.date(2026, 3, 1)


def names(root: Path, pattern: str) -> dict[str, dt.date]:
    return {file.name: file.day for file in list_files(str(root), pattern, FIRST)}


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("id\n1\n")


def test_the_date_in_a_name_gives_the_day(tmp_path: Path) -> None:
    make(
        tmp_path,
        "a/2026-03-02.csv",
        "a/2026-03-01.csv",
        "a/2026-03-01.csv.bak",
        "a/x-2026-03-01.csv",
        "b/2026-03-01.csv",
    )
    assert names(tmp_path, "a/{date}.csv") == {"a/2026-03-01.csv": day(1), "a/2026-03-02.csv": day(2)}


def test_a_date_that_is_no_day_of_the_calendar_does_not_match(tmp_path: Path) -> None:
    make(
        tmp_path,
        "2026-02-30.csv",
        "2026-13-01.csv",
        "0000-00-00.csv",
        "2026-3-01.csv",
        "20260301.csv",
        "2026-03-01.csv",
    )
    assert names(tmp_path, "{date}.csv") == {"2026-03-01.csv": day(1)}


def test_stars_stand_for_anything_within_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "x-2026-03-01-1.csv", "x-2026-03-01-2.csv", "y/x-2026-03-01-3.csv")
    assert list(names(tmp_path, "x-{date}-*.csv")) == ["x-2026-03-01-1.csv", "x-2026-03-01-2.csv"]
    assert list(names(tmp_path, "*/x-{date}-*.csv")) == ["y/x-2026-03-01-3.csv"]


def test_a_date_may_stand_twice_if_it_is_the_same(tmp_path: Path) -> None:
    make(tmp_path, "2026-03-01/orders-2026-03-01.csv", "2026-03-01/orders-2026-03-02.csv")
    assert names(tmp_path, "{date}/orders-{date}.csv") == {"2026-03-01/orders-2026-03-01.csv": day(1)}


def test_a_file_without_a_date_belongs_to_the_first_day(tmp_path: Path) -> None:
    make(tmp_path, "all.csv")
    assert names(tmp_path, "all.csv") == {"all.csv": FIRST}


def test_folders_are_no_files(tmp_path: Path) -> None:
    make(tmp_path, "2026-03-01.csv/part.csv")
    assert names(tmp_path, "{date}.csv") == {}


def test_a_link_stands_for_the_file_behind_it(tmp_path: Path) -> None:
    make(tmp_path, "real.csv", "folder/x")
    for name, target in (("2026-03-01", "real.csv"), ("2026-03-02", "nothing"), ("2026-03-03", "folder")):
        (tmp_path / f"{name}.csv").symlink_to(tmp_path / target)
    (file,) = list_files(str(tmp_path), "{date}.csv", FIRST)
    assert (file.name, file.day, file.size) == ("2026-03-01.csv", day(1), 5)
    os.utime(tmp_path / "real.csv", ns=(1, 1))
    assert list_files(str(tmp_path), "{date}.csv", FIRST) != [file]


@pytest.mark.parametrize("folder", ["[x]", "a b", "it's", "ü", "a*b", "100%", "a#b"])
def test_the_landing_folder_and_its_files_may_have_any_name(tmp_path: Path, folder: str) -> None:
    make(tmp_path, f"{folder}/part [1] it's ü 2026-03-01.csv", f"{folder}/part 1 it's ü 2026-03-01.csv")
    (file,) = list_files(str(tmp_path / folder), "part [1] it's ü {date}.csv", FIRST)
    assert file.name == "part [1] it's ü 2026-03-01.csv"
    assert Path(file.url).read_text() == "id\n1\n"
    assert len(fingerprint(file)) == 64


def test_a_missing_landing_folder_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist: create it, or set CDP_LANDING"):
        list_files(str(tmp_path / "nowhere"), "{date}.csv", FIRST)


def test_a_rewritten_file_has_another_time_or_size(tmp_path: Path) -> None:
    make(tmp_path, "all.csv")
    (before,) = list_files(str(tmp_path), "all.csv", FIRST)
    (again,) = list_files(str(tmp_path), "all.csv", FIRST)
    os.utime(tmp_path / "all.csv", ns=(1, 1))
    (after,) = list_files(str(tmp_path), "all.csv", FIRST)
    assert before == again != after


def landed(path: Path) -> LandedFile:
    return LandedFile(path.name, str(path), FIRST, path.stat().st_size, "")


def test_the_fingerprint_is_of_the_bytes(tmp_path: Path) -> None:
    for name, content in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (fingerprint(landed(tmp_path / name)) for name in "abc")
    assert a == b != c


WHOLE = gzip.compress(b"id\n" + random.Random(1).randbytes(5000), mtime=0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WHOLE[:-1], "the gzip file ends before its end (truncated)"),
        (WHOLE[:100], "the gzip file ends before its end (truncated)"),
        (WHOLE + WHOLE[:50], "the gzip file ends before its end (truncated)"),
        (b"", "the gzip file ends before its end (truncated)"),
        (b"id\n1\n", "not a readable gzip file"),
        (WHOLE + b"rubbish", "not a readable gzip file"),
        (WHOLE[:3000] + b"\xff\x00\xff" + WHOLE[3003:], "not a readable gzip file"),
    ],
    ids=["last byte", "beginning", "second member", "empty", "plain text", "rubbish after", "rubbish inside"],
)
@pytest.mark.parametrize("chunk", [1 << 20, 64])
def test_a_damaged_gzip_file_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, why: str, chunk: int
) -> None:
    monkeypatch.setattr(files, "CHUNK", chunk)
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(BrokenFile, match=re.escape(f"x.csv.gz: {why}")) as broken:
        fingerprint(landed(tmp_path / "x.csv.gz"))
    assert "put a whole file in its place and materialize the day again" in str(broken.value)


@settings(max_examples=40, deadline=None)
@given(members=st.lists(st.binary(max_size=50), min_size=1, max_size=4), chunk=st.integers(1, 200))
def test_a_gzip_file_of_several_members_is_whole_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, members: list[bytes], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("gz") / "x.gz"
    path.write_bytes(b"".join(gzip.compress(member) for member in members))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK", chunk)
        assert len(fingerprint(landed(path))) == 64


def test_the_environment_fills_in_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_THERE", "value")
    monkeypatch.setenv("CDP_EMPTY", "")
    monkeypatch.delenv("CDP_MISSING", raising=False)
    assert expand("a/${CDP_THERE}/b/${CDP_MISSING:-default}") == "a/value/b/default"
    assert expand("${CDP_EMPTY:-default}${CDP_MISSING:-}") == "default"
    assert expand("$CDP_THERE {x}") == "$CDP_THERE {x}"
    with pytest.raises(ValueError, match=r"the environment variable CDP_MISSING is not set, and '\${CDP_MISSING}/x'"):
        expand("${CDP_MISSING}/x")


def test_the_landing_folder_is_the_environments_or_the_companys(
    company: SmallCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert landing_of(company.model.company) == str(company.landing)
    monkeypatch.delenv("CDP_LANDING")
    monkeypatch.setenv("CDP_HOME", "/home/cdp")
    assert landing_of(company.model.company) == "/home/cdp/landing"
