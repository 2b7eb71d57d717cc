"""`cdp segment`: why a person is in a segment, and what a segment would be before it is saved."""

import datetime as dt
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import dagster as dg
import typer

from cdp_cli.tables import print_table, told
from cdp_model.load import load_segments
from cdp_resources.company import Company
from cdp_resources.lake import Lake

if TYPE_CHECKING:
    from cdp_assets.segments.preview import Preview

app = typer.Typer(no_args_is_help=True, help="Who belongs to which segment: see why, and try a definition.")
DayOption = Annotated[
    dt.datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="To the end of this day [default: the latest evaluated]"),
]


@app.command()
def why(
    segment: Annotated[str, typer.Argument(help="Name of a declared segment")],
    identifier: Annotated[str, typer.Argument(help="A person_id, a record key such as crm:C4, or any identifier")],
    day: DayOption = None,
) -> None:
    """Show each condition of a segment for one person: its values, true or false. Shows personal data."""
    from cdp_assets.identity.lookup import find_persons
    from cdp_assets.segments import explanation

    with told(), Lake.from_env().reading() as con:
        model = Company.from_env().model
        as_of = explanation.day_to_show(con, model, day.date() if day else None)
        found = find_persons(con, identifier)
        if len(found) != 1:
            many = ", ".join(sorted(match.person_id for match in found))
            raise ValueError(f"{identifier} is {f'several people; name one: {many}' if found else 'nobody'}")
        person = found[0].person_id
        answer = explanation.why(con, model, segment, person, as_of)
        rows = [("  " * line.depth + line.text, str(line.true).lower(), _values(line.values)) for line in answer.lines]
        typer.echo(f"{person} is {'' if answer.member else 'not '}in {segment} on {as_of}")
        print_table(("condition", "is", "values"), rows)


@app.command()
def jumps() -> None:
    """List the segments whose size jumped, and whose syncs wait for somebody to look."""
    from cdp_assets.metadata import has_table
    from cdp_assets.segments import guards

    with told(), Lake.from_env().reading() as con:
        found = guards.standing(con) if has_table(con, "segments.guards") else []
        rows = [(g.segment, g.as_of, f"{g.members:,}", g.usual) for g in found]
    if rows:
        print_table(("segment", "jumped on", "people", "usual"), rows)
    else:
        typer.echo("no jump waits for anybody")


@app.command()
def approve(
    segment: Annotated[str, typer.Argument(help="A segment that `jumps` lists")],
    reason: Annotated[str, typer.Option(help="Why its size is right, for whoever looks at it later")],
    author: Annotated[str | None, typer.Option(help="Who says so [default: you, as the system knows you]")] = None,
) -> None:
    """Say that a jump of a segment's size is right, so that its syncs go on. The next jump stops them again."""
    from cdp_assets.segments import guards
    from cdp_assets.segments.sizes import jumps_check, syncs_of

    with told():
        lake, model, who = Lake.from_env(), Company.from_env().model, author or getpass.getuser()
        guard = lake.write(lambda con: guards.approve(con, segment, who, reason), "segments.guards")
        typer.echo(f"approved by {who}: {guard}")
        if os.environ.get("DAGSTER_HOME"):
            with lake.reading() as con, dg.DagsterInstance.get() as instance:
                instance.report_runless_asset_event(jumps_check(model, guards.standing(con)))
        waiting = syncs_of(model, segment)
        if waiting:
            typer.echo("its syncs go on with their next run; to run them now:")
            selected = " or ".join(f'key:"activation/{name}"' for name in waiting)
            typer.echo(f"  dg launch --assets '{selected}'")


@app.command()
def preview(
    file: Annotated[Path, typer.Argument(help="A YAML file of segments, anywhere")],
    day: DayOption = None,
) -> None:
    """Show what the segments of a file would be: size, changes, overlaps, consents, masked examples. Saves nothing."""
    from cdp_assets.segments import explanation
    from cdp_assets.segments.preview import preview as look

    with told(), Lake.from_env().reading() as con:
        model = Company.from_env().model
        declared, warnings = load_segments(file, model)
        for warning in warnings:
            typer.echo(f"warning: {warning}")
        as_of = explanation.day_to_show(con, model, day.date() if day else None)
        for found in look(con, model, declared, as_of):
            _print(found, as_of)


@app.command()
def as_known(
    segment: Annotated[str, typer.Argument(help="Name of a declared segment")],
    on: Annotated[dt.datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day, to its end")],
    known_at: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="What was known at this time, by the company's clock [default: when the day was first evaluated]",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most people to print")] = 50,
) -> None:
    """Show who was in a segment on a day by what was known then, beside what is known now."""
    from cdp_assets.segments import knowledge
    from cdp_model.expressions import did_you_mean

    with told():
        lake, model, day = Lake.from_env(), Company.from_env().model, on.date()
        if segment not in model.segments:
            raise ValueError(f"there is no segment `{segment}`{did_you_mean(segment, model.segments)}")
        with lake.reading() as con:
            if known_at:
                known = knowledge.known_at(con, known_at.replace(tzinfo=ZoneInfo(model.company.timezone)))
            else:
                known = knowledge.known_when_first_evaluated(con, day)
        found = knowledge.then_and_now(lake, model, segment, day, known)
        then, now = (sum(getattr(one, when) for one in found) for when in ("then", "now"))
        moment = f"{known.at.astimezone(dt.UTC):%Y-%m-%d %H:%M} (UTC)"
        typer.echo(f"{segment} on {day}, by today's definition: {then:,} as known on {moment}, {now:,} as known now")
        differing = [one for one in found if one.then != one.now or one.was != one.is_now]
        if differing:
            rows = [(one.was, one.is_now, _yes(one.then), _yes(one.now)) for one in differing[:limit]]
            print_table(("was", "is now", "in it then", "in it now"), rows, "who differs")
        if len(differing) > limit:
            typer.echo(f"… and {len(differing) - limit:,} more: raise --limit")


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _print(found: "Preview", day: dt.date) -> None:
    typer.echo(f"{found.segment} on {day}: {found.people:,} of {found.of:,} people")
    if found.entering is not None:
        typer.echo(f"against the definition in force: {found.entering:,} would enter, {found.leaving:,} would leave")
    channels = [(f"{purpose} by {channel}", f"{n:,}") for (purpose, channel), n in found.contactable.items()]
    if channels:
        print_table(("may be contacted for", "people"), channels)
    overlaps = [(name, f"{both:,}", f"{size:,}") for name, (both, size) in found.overlaps.items()]
    if overlaps:
        print_table(("also in", "people", "of its"), overlaps)
    if found.sample:
        print_table(("a few of them, masked",), [(masked,) for masked in found.sample])


def _values(values: dict[str, object]) -> str:
    return ", ".join(f"{name} = {'null' if value is None else value}" for name, value in values.items())
