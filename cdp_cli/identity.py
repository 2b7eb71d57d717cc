"""`cdp identity`: who is who, from the command line. Its commands are in the modules beside this one."""

import typer

from cdp_cli import identity_decisions, identity_models, identity_quality, identity_shared

app = typer.Typer(no_args_is_help=True, help="Who is who: see, correct and change how records become people.")
for command in (
    identity_decisions.explain,
    identity_decisions.same,
    identity_decisions.different,
    identity_decisions.withdraw,
    identity_decisions.overrides,
    identity_decisions.person_at,
    identity_quality.review,
    identity_shared.shared,
    identity_models.plan,
    identity_models.promote,
    identity_models.models,
):
    app.command()(command)
