"""`cdp plan`: hold a file of events against the tracking plan, and draft a plan from what has been seen."""

import io
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from cdp_cli.tables import print_table, told
from cdp_model.expressions import did_you_mean
from cdp_resources.company import Company
from cdp_resources.lake import Lake

app = typer.Typer(no_args_is_help=True, help="The tracking plan: hold events against it, and draft one.")
MOST_ROWS = 100_000


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Events as they are sent: one JSON object a line")],
    stream: Annotated[
        str | None, typer.Option("--stream", help="source.stream that they are sent to [default: the only one]")
    ] = None,
) -> None:
    """Check a file of events before a release: each violation with its line. Exit 1 when there are any."""
    from cdp_assets.standardized.plan_check import check_file, mappings_of

    with told():
        if not file.is_file():
            raise ValueError(f"{file}: there is no such file")
        checked = check_file(mappings_of(Company.from_env().model, stream), file)
    if checked.violations:
        columns = ("line", "event", "property", "what is wrong", "what would be done")
        print_table(columns, [(v.line, v.event, v.property, v.rule, v.action) for v in checked.violations])
        typer.echo(f"{checked.broken:,} of {checked.events:,} events break the plan")
        raise typer.Exit(1)
    typer.echo(f"{checked.events:,} events keep to the plan")


@app.command()
def infer(
    source: Annotated[str, typer.Argument(help="Name of a declared source with events")],
    rows: Annotated[int, typer.Option("--rows", help="Most rows of each stream to look at")] = MOST_ROWS,
    write: Annotated[
        bool, typer.Option("--write", help="Write tracking_plan/<source>.yaml, instead of printing")
    ] = False,
) -> None:
    """Draft a plan from the events of a source that are in the lake. Shows no values that look personal."""
    from cdp_assets.standardized.mapped import mappings
    from cdp_assets.standardized.plan_draft import drafted, seen_events

    with told():
        company = Company.from_env()
        mapped = [m for m in mappings(company.model, "events") if m.source.name == source]
        if not mapped:
            known = {m.source.name for m in mappings(company.model, "events")}
            raise ValueError(f"no source {source!r} has events{did_you_mean(source, known)}")
        path = Path(company.path) / "tracking_plan" / f"{source}.yaml"
        if write and path.exists():
            raise ValueError(f"{path} is there already: move it away, or draft without --write")
        with Lake.from_env().reading() as con:
            seen = seen_events(con, mapped, rows)
        if not seen:
            raise ValueError(f"the lake has no events of {source} yet: materialize its raw streams first")
        events = {name: {"schema": drafted(count, properties)} for name, (count, properties) in seen.items()}
        text = _yaml({"sources": [source], "unplanned": "report", "events": events})
    if not write:
        typer.echo(text, nl=False)
        return
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {path}: read it, correct it, then: cdp check")


def _yaml(plan: dict[str, Any]) -> str:
    yaml, out = YAML(), io.StringIO()
    yaml.width = 110
    yaml.dump(plan, out)
    return out.getvalue()
