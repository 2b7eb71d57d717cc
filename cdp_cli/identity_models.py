"""`cdp identity plan`, `promote` and `models`: changing how records are linked, without a surprise."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from cdp_cli.tables import told, wide_console
from cdp_model.identity import IdentitySettings
from cdp_model.load import load_identity
from cdp_resources.company import Company
from cdp_resources.lake import Lake


def plan(
    settings_file: Annotated[
        Path | None, typer.Option("--with", help="Settings to try instead of the company's identity.yaml")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="A version that `models` lists, to go back to")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the plan as a web page here as well")] = None,
) -> None:
    """Show what other settings or a new model would change, before anything does. Writes no link and no person."""
    from cdp_assets.identity.plans import make_plan
    from cdp_cli.plan_page import page, sections

    lake, console = Lake.from_env(), wide_console()
    with told():
        company = Company.from_env().model
        settings = load_identity(settings_file) if settings_file else company.identity
        if version:
            settings = _settings_of(lake, version, settings)
        made = make_plan(lake, company, settings, version)
    for title, columns, rows in sections(made):
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        console.print(table)
    if html:
        html.write_text(page(made), encoding="utf-8")
        console.print(f"wrote {html}")
    if made.summary["objections"]:
        console.print("It may not be promoted: " + "; ".join(made.summary["objections"]), markup=False)
    else:
        console.print(f"To put it in use: cdp identity promote {made.plan_hash}")


def promote(plan_hash: Annotated[str, typer.Argument(help="What `plan` printed last")]) -> None:
    """Put a planned version in use. The next run of the identity stage links with it."""
    from cdp_assets.identity.model_versions import versions
    from cdp_assets.identity.promotion import promote as promote_plan

    lake, console = Lake.from_env(), wide_console()
    with told():
        promoted = promote_plan(lake, plan_hash)
        declared = Company.from_env().model.identity
    console.print(f"version {promoted.candidate_version} is in use. Now link with it, and let everything follow:")
    console.print("dg launch --assets 'group:identity or group:profiles'", markup=False)
    with lake.reading() as con:
        used = next(version for version in versions(con) if version.promoted)
    if not used.describes(declared):
        console.print("identity.yaml says something else: put these settings there, so that it says what is in use")


def models() -> None:
    """List the versions of the linkage: what was trained, what is sound, what is in use."""
    from cdp_assets.identity.model_versions import versions
    from cdp_assets.identity.plans import plans

    with told(), Lake.from_env().reading() as con:
        known, made = versions(con), plans(con)
    planned = {plan.candidate_version: plan.plan_hash for plan in reversed(made)}
    table = Table(
        Column("version", no_wrap=True),
        "trained",
        "records",
        "links by",
        "sound",
        "in use since",
        Column("plan", no_wrap=True),
    )
    for version in known:
        since = f"{version.promoted_at:%Y-%m-%d %H:%M}" if version.promoted_at else "yes"
        sound = {True: "yes", False: "no", None: "not known"}[version.sound]
        by = "rules" if version.rules_only else f"Splink {version.splink_version}"
        table.add_row(
            *(version.model_version, f"{version.trained_at:%Y-%m-%d %H:%M}", f"{version.training_rows:,}", by, sound),
            *(since if version.promoted else "", planned.get(version.model_version, "")),
        )
    wide_console().print(table)


def _settings_of(lake: Lake, version: str, declared: IdentitySettings) -> IdentitySettings:
    from cdp_assets.identity.model_versions import parsed, versions
    from cdp_assets.identity.plans import PlanRefused

    with lake.reading() as con:
        found = next((row for row in versions(con) if row.model_version == version), None)
    if found is None:
        raise PlanRefused(f"there is no version {version!r}: `cdp identity models` lists them")
    return parsed(found.identity) if found.identity else declared
