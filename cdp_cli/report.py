"""`cdp report`: all people at a glance, as one HTML page that needs nothing else and has no personal data."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from markupsafe import Markup

from cdp_cli.pages import render
from cdp_cli.tables import told
from cdp_resources.company import Company
from cdp_resources.lake import Lake


def report(
    out: Annotated[Path, typer.Option(help="Write the page here")] = Path("report.html"),
) -> None:
    """Write a page of charts: sources, completeness, growth, traits, segments. It has no personal data."""
    from cdp_assets.metadata import has_table
    from cdp_assets.profiles.overview import overview
    from cdp_assets.segments.memberships import latest_evaluation
    from cdp_assets.segments.pictures import entries_and_exits, sizes_and_people

    with told():
        model = Company.from_env().model
        with Lake.from_env().reading() as con:
            if not has_table(con, "profiles.profiles"):
                raise ValueError("there are no profiles yet: materialize the group profiles first")
            charts, day = overview(con, model), latest_evaluation(con)
            if day:
                flows = [entries_and_exits(con, day)] if has_table(con, "segments.changes") else []
                charts += [*sizes_and_people(con, model, day), *filter(None, flows)]
        out.write_text(page(model.company.name, charts), encoding="utf-8")
        typer.echo(f"wrote {out}: {len(charts)} charts")


def page(company: str, charts: list[str]) -> str:
    """The charts, which are SVG, on one page."""
    safe = [Markup(chart) for chart in charts]
    return render("report.html", company=company, charts=safe, made_at=dt.datetime.now(dt.UTC))
