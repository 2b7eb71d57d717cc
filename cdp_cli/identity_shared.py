"""`cdp identity shared`: identifier values that look like several people's, by name."""

from typing import Annotated

import typer

from cdp_cli.tables import print_table, told
from cdp_resources.company import Company
from cdp_resources.lake import Lake


def shared(
    value: Annotated[str, typer.Argument(help="Only this one, by what a run calls it, such as #1a2b3c4d")] = "",
    limit: Annotated[int, typer.Option(help="Most values to print")] = 20,
) -> None:
    """Identifier values of several people, and what was done with them: personal data, for your eyes."""
    from cdp_assets.identity.in_use import settings_in_use
    from cdp_assets.identity.shared_values import DONE, shared_values, unmasked
    from cdp_assets.metadata import has_table

    with told(), Lake.from_env().reading() as con:
        if not has_table(con, "identity.links"):
            raise ValueError("there are no links yet: materialize identity/links first")
        settings = settings_in_use(con, Company.from_env().model.identity)
        found = [one for one in shared_values(con, settings) if one.value_key.startswith(value.removeprefix("#"))]
        if value and not found:
            raise ValueError(f"no shared value is called {value}: `cdp identity shared` lists all")
        values = unmasked(con, settings, found[:limit])
        rows = [
            (one.type, values.get(one.value_key), one.masked, one.records, one.names, DONE[one.why])
            for one in found[:limit]
        ]
    print_table(("identifier", "value", "called", "records", "first names", "what was done"), rows)
    if len(found) > limit:
        typer.echo(f"{len(found) - limit} more: --limit {len(found)} prints all")
