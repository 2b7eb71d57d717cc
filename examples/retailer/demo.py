"""`make demo`: a retailer's data travels from raw extracts to delivered syncs, and then one more day arrives."""

import datetime as dt
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG, Lake, LakeMissing
from examples.receiver import Receiver
from examples.retailer.generator import generate

PEOPLE, DAYS, SEED = 5_000, 90, 7
START, LAST = dt.date(2026, 6, 1), dt.date(2026, 9, 30)
POLL_SECONDS = 0.25

console = Console(highlight=False)


def main() -> None:
    """Generate, run, add a day, run again, and say what to look at next."""
    began = time.monotonic()
    home = Path(os.environ.setdefault("CDP_HOME", ".cdp")).absolute()
    os.environ["CDP_MODEL"] = "examples/retailer"
    os.environ["CDP_TRUTH"] = str(home / "truth")
    with Receiver(0, os.environ["RETAILER_WEBHOOK_SECRET"]) as receiver, dg.DagsterInstance.get() as instance:
        os.environ["RETAILER_WEBHOOK_URL"] = f"{receiver.url}/marketing"
        os.environ["RETAILER_SERVICE_URL"] = f"{receiver.url}/service"
        lake = Lake.from_env()
        known = days_in_lake(lake)
        if START + dt.timedelta(days=known) > LAST:
            raise SystemExit("the demo's four months are all loaded: `make clean`, then `make demo` again")
        if known < DAYS:
            console.rule(f"[bold]1. {DAYS} days of a retailer with {PEOPLE:,} customers")
            generate(home, PEOPLE, START, DAYS, SEED)
            console.rule("[bold]2. From raw extracts to delivered syncs")
            run(instance, START, START + dt.timedelta(days=DAYS - 1))
            known = DAYS
        else:
            console.print(f"The lake already holds {known} days: adding the next one.")
        console.rule(f"[bold]3. One more day arrives: {START + dt.timedelta(days=known)}")
        generate(home, PEOPLE, START, known + 1, SEED, from_day=known)
        run_id = run(instance, START + dt.timedelta(days=known), START + dt.timedelta(days=known))
        console.rule("[bold]4. What that day changed")
        show_changes(lake, START + dt.timedelta(days=known), run_id)
        console.print(f"The receiver on localhost verified {len(receiver.messages):,} signed webhooks in this demo.")
    console.rule(f"[bold]Done in {time.monotonic() - began:.0f} s")
    console.print(NEXT)


NEXT = """Look at next:
  [bold]make dev[/bold]                          the Dagster UI, with this history: http://127.0.0.1:3000/asset-groups
  [bold].venv/bin/cdp sql "select * from segments.evaluations order by as_of desc, segment limit 10"[/bold]
  [bold].venv/bin/cdp sql "select * from profiles.profiles limit 5"[/bold]
  examples/retailer/                what was declared: sources, traits, segments, syncs
  .cdp/exports/                     files that a sync delivered
  docs/your-company.md              declare your own company in fifteen minutes"""


def days_in_lake(lake: Lake) -> int:
    """How many days of the demo are loaded already; 0 before the first run."""
    try:
        with lake.reading() as con:
            if not has_table(con, "activation.deliveries"):
                return 0
            row = con.execute(f"SELECT max(_day) FROM {CATALOG}.standardized.events").fetchone()
    except LakeMissing:
        return 0
    return (row[0] - START).days + 1 if row and row[0] else 0


def run(instance: dg.DagsterInstance, first: dt.date, last: dt.date) -> str:
    """The daily job for a range of days, in this process, with a line for each finished step."""
    from definitions import defs

    job = defs().resolve_job_def("daily")
    run_id = dg.DagsterRun(job_name="daily").run_id
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    with progress(instance, run_id):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    if not result.success:
        raise SystemExit(f"run {run_id} failed: `make dev` shows it at http://127.0.0.1:3000/runs/{run_id}")
    return run_id


@contextmanager
def progress(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Print finished steps while the block runs, read from the instance's event log."""
    done = threading.Event()

    def watch() -> None:
        cursor: str | None = None
        made: dict[str, dict[str, Any]] = {}
        while True:
            last_look = done.wait(POLL_SECONDS)
            more = True
            while more:
                page = instance.get_records_for_run(run_id, cursor=cursor, limit=1_000)
                cursor, more = page.cursor, page.has_more
                for record in page.records:
                    _report(record.event_log_entry.dagster_event, made)
            if last_look:
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _report(event: dg.DagsterEvent | None, made: dict[str, dict[str, Any]]) -> None:
    """Note what a step made; print it with the step's seconds once the step is done."""
    if event is None or event.step_key is None:
        return
    if event.is_step_materialization:
        made_now = event.step_materialization_data.materialization
        count = made_now.metadata.get("dagster/row_count")
        name = made_now.asset_key.to_user_string()
        made.setdefault(event.step_key, {})[name] = count.value if count else None
    elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            console.print(f"  [yellow]check {check.check_name} of {check.asset_key.to_user_string()} did not pass")
    elif event.is_step_success:
        seconds = event.step_success_data.duration_ms / 1000
        for name, rows in made.get(event.step_key, {}).items():
            console.print(f"  {name:<45} {f'{rows:,} rows' if rows is not None else '':>16} {seconds:7.1f} s")
    elif event.is_step_failure:
        error = event.step_failure_data.error_display_string.splitlines()[0]
        console.print(f"  [red]{event.step_key.replace('__', '/', 1):<45} failed: {error}")


def show_changes(lake: Lake, day: dt.date, run_id: str) -> None:
    """Three tables: people, segments, syncs."""
    queries = {
        "People": (
            f"""SELECT kind AS "what happened", count(*) AS people FROM {CATALOG}.identity.person_changes
            WHERE run_id = ? GROUP BY kind ORDER BY kind""",
            [run_id],
        ),
        f"Segments on {day}": (
            f"""SELECT segment, members AS people, count(change) FILTER (change = 'entered') AS entered,
                count(change) FILTER (change = 'exited') AS exited
            FROM {CATALOG}.segments.evaluations LEFT JOIN {CATALOG}.segments.changes USING (as_of, segment)
            WHERE as_of = ? GROUP BY ALL ORDER BY segment""",
            [day],
        ),
        "Syncs": (
            f"""SELECT sync, count(*) FILTER (status = 'acknowledged') AS "held by the destination",
                count(*) FILTER (run_id = ? AND change = 'add') AS added,
                count(*) FILTER (run_id = ? AND change = 'update') AS updated,
                count(*) FILTER (run_id = ? AND change = 'remove') AS removed
            FROM {CATALOG}.activation.deliveries GROUP BY sync ORDER BY sync""",
            [run_id] * 3,
        ),
    }
    with lake.reading() as con:
        for title, (query, values) in queries.items():
            answer = con.execute(query, values)
            table = Table(*(column[0] for column in answer.description or []), title=title, title_justify="left")
            for row in answer.fetchall():
                table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
            console.print(table)


if __name__ == "__main__":
    main()
