"""`cdp sync`: what a sync would do, and to run it, allow it, try again and take back what a run did."""

import datetime as dt
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
import typer

from cdp_cli.runs import first_failure
from cdp_cli.tables import print_table, told
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_resources.company import Company
from cdp_resources.destinations.base import DestinationMisconfigured
from cdp_resources.lake import Lake

if TYPE_CHECKING:
    from cdp_assets.activation.plan import Plan, Requests

app = typer.Typer(no_args_is_help=True, help="Syncs: see what one would do, run it, allow it, take it back.")
Name = Annotated[str, typer.Argument(help="Name of a declared sync")]
Reason = Annotated[str, typer.Option(help="Why that is right, for whoever looks at it later")]
Author = Annotated[str | None, typer.Option(help="Who says so [default: you, as the system knows you]")]
VERBS = {"remove": "would be removed", "update": "would be updated", "add": "would be added"}
UNDOABLE = {
    "former_values_unknown": "what the destination held before is not known any more",
    "consent_withdrawn": "the person has withdrawn the consent",
    "consent_missing": "the person never gave the consent",
    "suppressed": "the person asked to be left alone or forgotten",
    "person_gone": "the person is no person any more",
}
VERBS |= {"exited": "would be told to have exited", "entered": "would be told to have entered"}


@app.command()
def plan(sync: Name) -> None:
    """Show what a sync would do now: changes, who is left out, requests and their time, what would stop it."""
    from cdp_assets.activation import plan as plans

    with told(), cannot_tell(sync), Lake.from_env().reading() as con:
        found = plans.plan(con, declared(sync), sync, dt.datetime.now(dt.UTC))
        _print(found)
        if found.requests.unknown:
            raise typer.Exit(1)


@app.command()
def run(
    sync: Name,
    dry_run: Annotated[Path | None, typer.Option(help="Send nothing: write the requests to this file")] = None,
) -> None:
    """Run a sync now, or write what it would send to a file."""
    if dry_run is None:
        with told():
            declared(sync)
            launch(sync)
        return
    from cdp_assets.activation import plan as plans

    with told(), cannot_tell(sync), Lake.from_env().reading() as con, _private(dry_run) as file:
        number = 0

        def write(request: Any) -> None:
            nonlocal number
            number += 1
            file.write(request.line())

        rows, stops = plans.rehearse_all(con, declared(sync), sync, dt.datetime.now(dt.UTC), write)
    typer.echo(f"nothing was sent: {_of(number, 'request')} with {_of(rows, 'row')} in {dry_run}")
    typer.echo("the file holds personal data: only you can read it, delete it when you have looked")
    for stop in stops:
        typer.echo(f"a run would be stopped: {stop}")


@app.command()
def approve(sync: Name, reason: Reason, author: Author = None) -> None:
    """Allow what stops a sync now: removals, sizes of its segments, drifts of identity, streams that bring nothing."""
    from cdp_assets.activation import stops

    with told(), cannot_tell(sync):
        lake, model, who = Lake.from_env(), declared(sync), author or getpass.getuser()
        now = dt.datetime.now(dt.UTC)
        for said in lake.write(lambda con: stops.approve(con, model, sync, who, reason, now), "activation.approvals"):
            typer.echo(f"approved by {who}: {said}")
        typer.echo(f"it goes on with the next run; now: cdp sync run {sync}")


@app.command()
def retry(sync: Name) -> None:
    """Run a sync now, with the rows that were refused or wait: no pause after a refusal."""
    with told():
        declared(sync)
        launch(sync, {"retry_refused": True})


@app.command()
def undo(
    run_id: Annotated[str, typer.Argument(help="Id of a run, or its beginning, as cdp sync runs and the UI show it")],
    yes: Annotated[bool, typer.Option("--yes", help="Send it without asking")] = False,
) -> None:
    """Take back what a run sent: remove whom it added, give the rest its former values, as far as they are known."""
    from cdp_assets.activation import undo as undoing

    with told():
        model, lake, now = Company.from_env().model, Lake.from_env(), dt.datetime.now(dt.UTC)
        with lake.reading() as con:
            run_id, concerned = undoing.syncs_of_run(con, model, run_id)
        for sync in concerned:
            with cannot_tell(sync), lake.reading() as con:
                _, cannot = undoing.compare_undo(con, model, sync, now, run_id)
                changes = dict(con.execute("SELECT change, count(*) FROM difference GROUP BY ALL").fetchall())
            told_changes = ", ".join(f"{count:,} {VERBS[change]}" for change, count in changes.items())
            typer.echo(f"{sync}: {told_changes or 'nothing can be taken back'}")
            for why, count in cannot.items():
                typer.echo(f"  {_of(count, 'row')} cannot be undone: {UNDOABLE.get(why, why)}")
            if changes and (yes or typer.confirm(f"send that to {model.syncs[sync].destination}?")):
                launch(sync, {"undo": run_id})
                typer.echo("the next run sends again what the sync should hold then: mend what was wrong before it")


@app.command()
def runs(sync: Name, limit: Annotated[int, typer.Option(help="Most runs to list")] = 20) -> None:
    """List the runs whose changes the destination of a sync still has as they were sent, the latest first."""
    with told(), Lake.from_env().reading() as con:
        from cdp_assets.activation.undo import runs_of

        print_table(("run", "last (UTC)", "change", "rows"), runs_of(con, declared(sync), sync, limit))


def declared(sync: str) -> Model:
    """The model. Raises ``ValueError`` where it has no such sync."""
    model = Company.from_env().model
    if sync not in model.syncs:
        hint = did_you_mean(sync, model.syncs) or f"; there are {', '.join(model.syncs) or 'none'}"
        raise ValueError(f"there is no sync `{sync}`{hint}")
    return model


def launch(sync: str, config: dict[str, Any] | None = None) -> None:
    """Run the asset of a sync in this process, as Dagster runs it anywhere: on record, one at a time."""
    from definitions import defs

    job = defs().resolve_job_def("syncs")
    selection = [dg.AssetKey(["activation", key]) for key in (sync, "deliveries", "rejections")]
    instance = dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()
    with instance:
        result = job.execute_in_process(
            run_config={
                "ops": {f"activation__{sync}": {"config": config or {}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            asset_selection=selection,
            instance=instance,
            raise_on_error=False,
        )
        _tell(sync, result)


@contextmanager
def cannot_tell(sync: str) -> Iterator[None]:
    """What is missing is never shown as nothing to do."""
    from cdp_assets.activation.comparison import SyncStopped

    try:
        yield
    except (SyncStopped, DestinationMisconfigured) as missing:
        raise ValueError(f"nobody can tell what `{sync}` would do: {missing}") from missing


def _tell(sync: str, result: dg.ExecuteInProcessResult) -> None:
    if failed := first_failure(result):
        data = failed.step_failure_data
        if data.user_failure_data:
            raise ValueError(f"run {result.run_id}: {data.user_failure_data.description}")
        raise ValueError(f"run {result.run_id} failed: {data.error_display_string}")
    key = dg.AssetKey(["activation", sync])
    (made,) = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    numbers = {name: value.value for name, value in made.materialization.metadata.items()}
    done = ", ".join(f"{numbers[name]:,} {name}" for name in ("added", "updated", "removed"))
    typer.echo(f"run {result.run_id}: {done}; {numbers['acknowledged']:,} acknowledged")
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            typer.echo(f"{check.check_name} does not hold: {check.description or ''}")


@contextmanager
def _private(path: Path) -> Iterator[Any]:
    """A file that nobody else can read; it appears only when it is whole."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(0o600, exist_ok=False)
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _print(found: "Plan") -> None:
    from cdp_assets.activation.desired import REASONS

    day = f"segment of {found.segment_as_of}" if found.segment_as_of else "every profile"
    typer.echo(f"{found.sync} → {found.destination}: {day}, values of {found.as_of}")
    typer.echo(f"the destination holds {_of(found.held, 'row')} now")
    for change in VERBS:
        of_it = [(why, count) for name, why, count in found.changes if name == change]
        reasons = ", ".join(f"{why}: {count:,}" for why, count in of_it if why)
        if change in ("remove", "update", "add") or of_it:
            typer.echo(f"  {sum(count for _, count in of_it):,} {VERBS[change]}" + (f" ({reasons})" if reasons else ""))
    if found.held_back:
        typer.echo(
            f"  {_of(found.held_back, 'row')} refused within a day: not sent, but by cdp sync retry {found.sync}"
        )
    if found.examples:
        print_table(("change", "for example, masked"), found.examples)
    if found.left_out:
        rows = [(why, f"{found.left_out[why]:,}", words) for why, words in REASONS.items() if why in found.left_out]
        print_table(("left out", "people", "because the person"), rows)
    typer.echo(_asked(found.requests))
    for stop in found.stops:
        typer.echo(f"STOPPED: {stop}")
    if found.in_spite:
        typer.echo(f"who withdrew or was erased is removed all the same: {_of(found.in_spite, 'row')}")


def _asked(requests: "Requests") -> str:
    if requests.unknown:
        return f"requests: can't tell, because {requests.unknown}"
    about = "about " if requests.estimated else ""
    time = f", at least {dt.timedelta(seconds=requests.seconds)} at its limits" if requests.seconds else ""
    return f"requests: {about}{requests.number:,}{time}"


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
