"""`cdp identity`: the commands about who is who, from the modules that have them."""

import typer

from cdp_cli import identity_models

app = typer.Typer(no_args_is_help=True, help="Who is who: how records are linked to people.")
app.command()(identity_models.plan)
app.command()(identity_models.promote)
app.command()(identity_models.models)
