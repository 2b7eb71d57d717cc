"""`cdp source`: begin a source from a ready declaration, and see what its rows would become."""

import datetime as dt
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cdp_cli.tables import print_table, told
from cdp_model.inference import inferred_mapping, is_personal
from cdp_model.model import Model, Name
from cdp_model.sources import Source
from cdp_resources.company import Company

if TYPE_CHECKING:
    from cdp_assets.standardized.trial import Rows, Trial

app = typer.Typer(no_args_is_help=True, help="Systems that know customers: declare one, and try it.")
READY = Path(__file__).resolve().parent.parent / "examples" / "sources"
WIDEST = 40


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name: lower case letters, digits and underscores")],
    like: Annotated[str, typer.Option("--like", help="shopify, hubspot, postgres, sheet, folder, engagement or files")],
) -> None:
    """Write sources/<name>.yaml, from a ready declaration that is like it. Change it, then try it."""
    from pydantic import TypeAdapter, ValidationError

    with told():
        ready = {path.stem: path for path in READY.glob("*.yaml")}
        if like not in ready:
            raise ValueError(f"there is no ready declaration {like!r}; there are: {', '.join(sorted(ready))}")
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError as error:
            raise ValueError(f"{name!r}: names have lower case letters, digits and underscores") from error
        path = Path(Company.from_env().path) / "sources" / f"{name}.yaml"
        if path.exists():
            raise ValueError(f"{path} is there already: choose another name, or change that file")
        text = re.sub(r"^name: .*$", f"name: {name}", ready[like].read_text(encoding="utf-8"), flags=re.MULTILINE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {path}")
    variables = {*re.findall(r"\$\{([A-Z0-9_]+)", text), *re.findall(r"_env: ([A-Z0-9_]+)", text)}
    if variables:
        typer.echo(f"put into .env: {', '.join(sorted(variables))}")
    typer.echo(f"then: cdp check, and: cdp source try {name}")


@app.command(name="try")
def try_(
    source: Annotated[str, typer.Argument(help="Name of a declared source")],
    stream: Annotated[str | None, typer.Argument(help="Name of one of its streams [default: each]")] = None,
    rows: Annotated[int, typer.Option("--rows", help="Most rows to fetch of an API or a database")] = 100,
    show: Annotated[int, typer.Option("--show", help="Most rows to print of each table")] = 5,
) -> None:
    """Fetch first rows and show them, what they would become, and what would be rejected. Writes nothing.

    Shows personal data.
    """
    from cdp_assets.standardized.trial import try_file
    from cdp_model.expressions import did_you_mean
    from cdp_resources.sources.failures import PullFailed
    from cdp_resources.sources.files import BrokenFile
    from cdp_resources.sources.trial import first_rows

    with told(), tempfile.TemporaryDirectory() as scratch:
        model = Company.from_env().model
        if source not in model.sources:
            raise ValueError(f"unknown source {source!r}{did_you_mean(source, model.sources)}")
        declared = model.sources[source]
        if stream and stream not in declared.streams:
            raise ValueError(f"{source} has no stream {stream!r}{did_you_mean(stream, declared.streams)}")
        for name, what in declared.streams.items():
            if stream in (None, name):
                typer.echo(f"\n{source}.{name}: {what.description}")
                try:
                    path = first_rows(model.company, declared, name, what, Path(scratch), rows)
                    trial = try_file(model, declared, name, what, path, _today(model), show)
                except (BrokenFile, FileNotFoundError, PullFailed) as error:
                    raise ValueError(f"{source}.{name}: {error}") from error
                _print_trial(trial, declared)
    typer.echo("\nnothing was written")


def _today(model: Model) -> dt.date:
    today = dt.datetime.now(ZoneInfo(model.company.timezone)).date()
    return min(today, model.company.end_date or today)


def _print_trial(trial: "Trial", source: Source) -> None:
    _print_rows("rows as they came", trial.raw)
    for warning in trial.warnings:
        typer.echo(f"warning: {warning}")
    if trial.undeclared:
        what = "refused by `schema: freeze`" if source.schema_ == "freeze" else "kept in raw, of no use to mappings"
        typer.echo(f"columns that are not declared ({what}):")
        for column in trial.undeclared:
            typer.echo(f"      {column}: {'{pii: true}' if is_personal(column) else ''}".rstrip())
    for output, rows in trial.outputs.items():
        _print_rows(f"would become {output}", rows)
    if not trial.outputs:
        shown = [zip(trial.raw.columns, row, strict=True) for row in trial.raw.rows]
        _print_draft(inferred_mapping({name: str(value) for name, value in row if value is not None} for row in shown))
    if trial.rejected:
        print_table(("would be in quarantine", "because", "rows"), trial.rejected)
    elif trial.outputs:
        typer.echo("nothing would be in quarantine")


def _print_draft(mapping: dict[str, str]) -> None:
    if not mapping:
        typer.echo("no mapping is declared, and no column has a name that says what it is")
        return
    typer.echo("no mapping is declared. If these rows are about customers, it may be:\n    customers:")
    for field, expression in mapping.items():
        typer.echo(f"      {field}: {expression}")


def _print_rows(title: str, rows: "Rows") -> None:
    shown = [[_short(value) for value in row] for row in rows.rows]
    print_table(rows.columns, shown, f"{title}: {rows.total:,}")


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
