"""`cdp identity review`: doubtful pairs to decide, and the decisions that come back."""

import getpass
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from cdp_cli.tables import print_table
from cdp_resources.lake import Lake, LakeMissing

QUEUE = """
SELECT round(priority, 1) AS priority, left_key, right_key, reason, round(match_weight, 1) AS weight,
       records_affected AS records
FROM lake.identity.review_queue ORDER BY review_queue.priority DESC, left_key, right_key LIMIT ?"""


def review(
    html: Annotated[Path | None, typer.Option(help="Write Splink's labelling tool to this file: personal data")] = None,
    page: Annotated[int, typer.Option(min=1, help="Which record of the queue the page is about")] = 1,
    decisions: Annotated[Path | None, typer.Option(help="Take decisions from this CSV file")] = None,
    author: Annotated[str, typer.Option(help="Who decided [default: the user who runs this]")] = "",
    limit: Annotated[int, typer.Option(help="Most pairs to print")] = 20,
) -> None:
    """The pairs whose decision is least sure and matters most; with --decisions, take what was decided."""
    from cdp_assets.identity.labels import BadLabels
    from cdp_assets.identity.review_queue import write_page

    lake = Lake.from_env()
    try:
        if decisions is not None:
            _take(lake, decisions, author or getpass.getuser())
        elif html is not None:
            with lake.get_connection(read_only=True) as con:
                _need_queue(con)
                key = write_page(con, html, page)
            typer.echo(f"wrote {html} about {key}: it holds personal data, delete it when you are done")
        else:
            with lake.reading() as con:
                _need_queue(con)
                rows = con.execute(QUEUE, [limit])
                print_table([column[0] for column in rows.description], rows.fetchall())
    except (LakeMissing, LookupError, OSError, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except BadLabels as error:
        typer.echo("\n".join(f"{decisions}: {line}" for line in str(error).splitlines()), err=True)
        typer.echo("nothing was taken", err=True)
        raise typer.Exit(1) from error


def _take(lake: Lake, path: Path, author: str) -> None:
    from cdp_assets.identity.labels import keep_labels, read_labels

    with path.open(encoding="utf-8-sig", newline="") as file:
        labels = read_labels(file)
    with lake.get_connection(read_only=True) as con:
        _need_queue(con)
    kept = lake.write(lambda con: keep_labels(con, labels, author), "identity.overrides")
    noun = "decision" if kept == 1 else "decisions"
    typer.echo(f"took {kept} {noun} of {author}, in force from the next run of identity/record_persons")


def _need_queue(con: duckdb.DuckDBPyConnection) -> None:
    from cdp_assets.metadata import has_table

    if not has_table(con, "identity.review_queue"):
        raise LookupError("there is no review queue yet: materialize identity/review_queue first")
