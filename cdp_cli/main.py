"""The `cdp` command: thin, over the functions that the assets use."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from dotenv import load_dotenv

from cdp_cli import identity, person, profile, report, segment, source, sync, tracking_plan
from cdp_cli.tables import print_table
from cdp_model import ModelError, check_corrections, check_meaning, check_overrides, load_model
from cdp_model.schema import schemas
from cdp_resources.company import Company
from cdp_resources.lake import CATALOG, Lake, LakeMissing

app = typer.Typer(no_args_is_help=True)
app.add_typer(identity.app, name="identity")
app.add_typer(tracking_plan.app, name="plan")
app.add_typer(profile.app, name="profile")
app.add_typer(segment.app, name="segment")
app.add_typer(source.app, name="source")
app.add_typer(sync.app, name="sync")
app.command()(person.person)
app.command()(report.report)
ModelOption = Annotated[Path | None, typer.Option("--model", help="Folder with company.yaml [default: CDP_MODEL]")]


@app.callback()
def environment() -> None:
    """Declare, check and query a customer data platform. Settings come from the environment and from `.env`."""
    load_dotenv(Path(".env"))


@app.command()
def check(model: ModelOption = None) -> None:
    """Check the declared company: every mistake with file, line and the likely fix."""
    root = model or Path(Company.from_env().path)
    try:
        found = load_model(root)
        check_overrides(root)
        check_corrections(root)
        warnings = check_meaning(root)
    except ModelError as error:
        for problem in error.problems:
            typer.echo(str(problem))
        typer.echo(f"{len(error.problems)} mistake{'s' if len(error.problems) > 1 else ''} in {root}")
        raise typer.Exit(1) from error
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    streams = len(found.streams())
    typer.echo(
        f"{root}: {found.company.name} is well declared: {len(found.sources)} sources with {streams} streams, "
        f"{len(found.traits)} traits, {len(found.segments)} segments, {len(found.syncs)} syncs"
    )


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="Write one file for each kind here, instead of printing")] = None,
) -> None:
    """Write JSON Schema of the YAML files, so that editors complete and underline."""
    for name, content in schemas().items():
        text = json.dumps(content, indent=2, ensure_ascii=False)
        if out is None:
            typer.echo(text)
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{name}.schema.json").write_text(text + "\n", encoding="utf-8")
            typer.echo(f"wrote {out / f'{name}.schema.json'}")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Such as: select * from profiles.profiles limit 5")],
    limit: Annotated[int, typer.Option(help="Most rows to print")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV")] = False,
) -> None:
    """Query the lake, read-only, while pipelines write. Tables are <schema>.<table>, such as profiles.profiles."""
    try:
        with Lake.from_env().reading() as con:
            con.execute(f"USE {CATALOG}")
            relation = con.sql(query)
            if relation is None:
                return
            if as_csv:
                _print_csv(relation)
            else:
                _print(relation, limit)
    except (LakeMissing, ValueError, duckdb.Error) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _print_csv(relation: duckdb.DuckDBPyRelation) -> None:
    """All rows, a thousand at a time. Not by way of pandas, which makes 1 of a column with nulls 1.0."""
    rows, writer = relation.fetchmany(1000), csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(relation.columns)
    while rows:
        writer.writerows(rows)
        rows = relation.fetchmany(1000)


def _print(relation: duckdb.DuckDBPyRelation, limit: int) -> None:
    rows = relation.limit(limit + 1).fetchall()
    print_table(relation.columns, rows[:limit])
    if len(rows) > limit:
        typer.echo(f"… more than {limit} rows: raise --limit, or use --csv for all")


if __name__ == "__main__":
    app()
