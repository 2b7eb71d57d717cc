"""How the command prints rows, and what it says when it cannot.

Commands import assets where they need them, not above: to load them all takes longer than most commands.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg
import duckdb
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdp_model import ModelError
from cdp_resources.lake import LakeMissing


def wide_console() -> Console:
    """As wide as the terminal; without a terminal as wide as the rows, so that nothing is cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=10_000, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Rows as a table; values as they are, never as markup."""
    table = Table(show_lines=False)
    for name in columns:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console = wide_console()
    if title:
        console.print(Text(title))
    console.print(table)


@contextmanager
def told() -> Iterator[None]:
    """What the user can mend is said in a line, without a traceback."""
    from cdp_assets.identity.decisions import Contradicted
    from cdp_assets.identity.lookup import UnknownRecord
    from cdp_assets.identity.plans import PlanRefused

    try:
        yield
    except (LakeMissing, ModelError, UnknownRecord, PlanRefused, ValueError, duckdb.Error, dg.Failure) as error:
        _refuse(str(error.description if isinstance(error, dg.Failure) else error))
    except Contradicted as error:
        _refuse(f"refused, because standing decisions say the opposite: {error}; withdraw one of them first")


def _refuse(text: str) -> None:
    typer.echo(text, err=True)
    raise typer.Exit(1)
