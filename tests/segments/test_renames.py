"""A segment that is formerly another keeps its history, and a destination hears nothing of it."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.sending import Sending
from cdp_assets.segments.changes import CHANGES_ADD_UP, compare_days
from cdp_assets.segments.guards import judge, standing
from cdp_assets.segments.memberships import evaluate_days
from cdp_model import ModelError
from cdp_model.model import Model
from cdp_model.syncs import Sync
from cdp_model.traits import Segment
from cdp_resources.destinations import connect
from cdp_resources.destinations.files import Files
from cdp_resources.lake import Lake
from tests.profiles.conftest import add_person, make_tables, model
from tests.small_company import SmallCompany

DAYS = [dt.date(2026, 3, day) for day in (1, 2, 3)]
CAPPED = {"description": "Germans", "all": ["country = 'DE'"], "cap": 10}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    with lake.transaction() as con:
        make_tables(con)
        for number in range(30):
            add_person(con, f"p{number}", country="DE", first_name=f"n{number}")
        con.execute(
            """CREATE TABLE lake.profiles.profiles AS
            SELECT *, DATE '2026-03-03' AS as_of FROM lake.profiles.golden_records"""
        )
    return lake


def named(name: str, **more: Any) -> Model:
    """The company whose one segment has this name."""
    return model(segments={name: Segment.model_validate(CAPPED | more)})


def evaluate(lake: Lake, company: Model, *days: dt.date) -> None:
    with lake.transaction() as con:
        evaluate_days(con, company, list(days))
        compare_days(con, list(days), company)


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with lake.reading() as con:
        return con.execute(sql).fetchall()


def history(lake: Lake) -> list[Any]:
    tables = ("memberships", "changes", "evaluations")
    return [
        rows(
            lake,
            f"SELECT * EXCLUDE (segment) REPLACE ({'NULL' if t == 'evaluations' else 'as_of'} AS "
            f"{'evaluated_at' if t == 'evaluations' else 'as_of'}) FROM lake.segments.{t} ORDER BY ALL",
        )
        for t in tables
    ]


def names(lake: Lake) -> set[str]:
    found = "UNION SELECT segment FROM lake.segments.".join(["memberships ", "changes ", "evaluations "])
    return {name for (name,) in rows(lake, f"SELECT segment FROM lake.segments.{found}")}


def test_days_changes_and_luck_go_on_under_the_new_name(lake: Lake) -> None:
    for day in DAYS:
        evaluate(lake, named("germans"), day)
    expected = history(lake)
    lake.write(
        lambda con: (
            [con.execute(f"DELETE FROM lake.segments.{t}") for t in ("memberships", "changes", "evaluations")] and None
        )
    )
    evaluate(lake, named("germans"), DAYS[0])
    evaluate(lake, named("people_of_germany", formerly="germans"), DAYS[1])
    evaluate(lake, named("in_germany", formerly=["germans", "people_of_germany"]), DAYS[2])
    assert history(lake) == expected
    assert names(lake) == {"in_germany"}


def test_a_name_that_was_changed_before_it_was_said_so_is_mended(lake: Lake) -> None:
    evaluate(lake, named("germans", cap=None), DAYS[0])
    evaluate(lake, named("in_germany", cap=None), DAYS[1])
    broken = "SELECT count(*) FROM lake.segments.changes WHERE as_of = DATE '2026-03-02'"
    assert rows(lake, broken) == [(60,)]
    evaluate(lake, named("in_germany", formerly="germans", cap=None), DAYS[2])
    assert rows(lake, broken) == [(0,)]
    assert names(lake) == {"in_germany"}
    with lake.reading() as con:
        assert CHANGES_ADD_UP.result(con, ["segments", "changes"]).passed


def test_a_jump_that_waits_goes_on_waiting_under_the_new_name(lake: Lake) -> None:
    evaluate(lake, named("germans"), *DAYS)
    evaluations = "UPDATE lake.segments.evaluations SET members = 1000 WHERE as_of < DATE '2026-03-03'"
    with lake.transaction() as con:
        con.execute(evaluations)
        con.execute("INSERT INTO lake.segments.evaluations VALUES (DATE '2026-02-28', 'germans', 1000, now())")
        assert len(judge(con, named("germans"), [DAYS[2]])) == 1
        renamed = named("in_germany", formerly="germans")
        evaluate_days(con, renamed, [DAYS[2]])
        judge(con, renamed, [DAYS[2]])
        assert [guard.segment for guard in standing(con)] == ["in_germany"]


def test_a_destination_hears_nothing_of_a_new_name(lake: Lake, tmp_path: Path) -> None:
    def synced(company: Model) -> dict[str, int]:
        (segment,) = company.segments
        sync = Sync(description="s", segment=segment, destination="files", consent=None, legal_basis="test",
            key="person_id", fields={"name": "first_name"})  # fmt: skip
        files = Files(type="file", folder=str(tmp_path / "out"), format="ndjson")
        with_sync = company.model_copy(update={"destinations": {"files": files}, "syncs": {"mailing": sync}})
        sending = Sending(lake, with_sync, "mailing", "run", lambda _: None)
        done = sending.run(lambda work: connect(files, "mailing", work.field_types, work.as_of))
        return dict(done.sent)

    evaluate(lake, named("germans"), DAYS[0])
    assert synced(named("germans")) == {"add": 10}
    renamed = named("in_germany", formerly="germans")
    with pytest.raises(SyncStopped, match="was never evaluated"):
        synced(renamed)
    evaluate(lake, renamed, DAYS[1])
    assert synced(renamed) == {}
    sent = [json.loads(line) for path in (tmp_path / "out").rglob("*.ndjson") for line in path.read_text().splitlines()]
    assert len(sent) == 10


def test_who_still_says_the_former_name_is_told_the_new_one(company: SmallCompany) -> None:
    company.declare("destinations.yaml", "files: {type: file, folder: /tmp}")
    company.declare(
        "syncs/a.yaml",
        """\
        a: {description: a, segment: old, destination: files, consent: null, legal_basis: b, key: email,
          fields: {e: email}}
        """,
    )
    company.declare(
        "segments/a.yaml",
        """\
        new: {description: a, all: [country = 'DE'], formerly: old}
        other: {description: a, all: [{in: old}, {not_in: former}], formerly: old}
        again: {description: a, all: [country = 'DE'], formerly: new}
        """,
    )
    with pytest.raises(ModelError) as error:
        _ = company.model
    assert [str(problem) for problem in error.value.problems] == [
        "segments/a.yaml:2: other.all.0.in: unknown segment `old`: it is `new` now",
        "segments/a.yaml:2: other.all.1.not_in: unknown segment `former`",
        "segments/a.yaml:2: other.formerly: `new` was `old` before, too",
        "segments/a.yaml:3: again.formerly: `new` is a segment of its own",
        "syncs/a.yaml:1: a.segment: unknown segment `old`: it is `new` now",
    ]
