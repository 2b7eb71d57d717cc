"""`cdp identity same`, `different`, `explain` and so on: decisions about pairs, and why pairs are what they are."""

import datetime as dt
import getpass
import json
import os
from pathlib import Path
from typing import Annotated

import dagster as dg
import duckdb
import typer

from cdp_cli.following import follow
from cdp_cli.runs import why_it_failed
from cdp_cli.tables import print_table, told
from cdp_model.handwritten import moment
from cdp_model.overrides import FILE, Verdict, contradictions, override, read_overrides
from cdp_resources.company import Company
from cdp_resources.lake import Lake

Left = Annotated[str, typer.Argument(help="Key of a record, such as crm:C4", metavar="RECORD")]
Right = Annotated[str, typer.Argument(help="Key of another record", metavar="RECORD")]
Reason = Annotated[str, typer.Option(help="Why, for whoever looks at it later")]
Author = Annotated[str | None, typer.Option(help="Who decided [default: you, as the system knows you]")]
Apply = Annotated[bool, typer.Option("--apply", help="Bring people and profiles up to date at once, in this process")]
FOLLOWERS = ("identity", "profiles")
"""Groups that `--apply` makes anew; segments and syncs follow new profiles by their sensors."""


def same(left: Left, right: Right, reason: Reason, author: Author = None, apply: Apply = False) -> None:
    """Decide that two records are one person, whatever the evidence says."""
    _decide(left, right, "same", reason, author, apply)


def different(left: Left, right: Right, reason: Reason, author: Author = None, apply: Apply = False) -> None:
    """Decide that two records are two people; they are kept apart, also through other records."""
    _decide(left, right, "different", reason, author, apply)


def withdraw(left: Left, right: Right, apply: Apply = False) -> None:
    """Take a decision back: the evidence decides again, or the decision that stands in overrides.csv."""
    from cdp_assets.identity.decisions import taken_back

    with told():
        lake = Lake.from_env()
        remaining = lake.write(lambda con: taken_back(con, left, right), "identity.overrides")
        typer.echo(f"withdrawn; what stands in {FILE} holds again: {remaining}" if remaining else "withdrawn")
        _follow(apply)


def overrides() -> None:
    """List the decisions in force, and what is wrong with those of overrides.csv."""
    from cdp_assets.identity.decisions import in_force

    with told(), Lake.from_env().reading() as con:
        _need(con, "identity.overrides")
        rows = con.execute(
            """SELECT left_key, CASE decision WHEN 'same' THEN '=' ELSE '≠' END, right_key, author,
                strftime(decided_at, '%Y-%m-%d %H:%M'), origin, reason,
                (SELECT string_agg(key, ', ') FROM (SELECT unnest([left_key, right_key]) AS key)
                 WHERE key NOT IN (SELECT record_key FROM lake.standardized.customers))
            FROM lake.identity.overrides_in_force ORDER BY decided_at, left_key, right_key"""
        ).fetchall()
        print_table(("record", "", "record", "author", "decided (UTC)", "origin", "reason", "unknown record"), rows)
        decisions, problems = read_overrides(Path(Company.from_env().path))
        others = in_force(con, "origin IS DISTINCT FROM 'file'")
        for found in contradictions(decisions, others):
            typer.echo(f"{FILE}:{found.refused.line}: contradiction: {found}")
        for problem in problems:
            typer.echo(str(problem))


def explain(
    left: Left,
    right: Right,
    waterfall: Annotated[Path | None, typer.Option(help="Also write Splink's waterfall chart here (Vega-Lite)")] = None,
) -> None:
    """Say why two records are one person, or why not. Shows personal data."""
    from cdp_assets.identity.explain import explain as explain_pair
    from cdp_cli.explanation import print_explanation

    with told():
        settings = Company.from_env().model.identity
        with Lake.from_env().reading() as con:
            _need(con, "identity.record_persons")
            found = explain_pair(con, settings, left, right)
        print_explanation(found)
        if waterfall:
            if found.pair.compared is None:
                raise ValueError("there is no waterfall: the model cannot compare these records")
            waterfall.write_text(json.dumps(found.pair.compared.chart, default=str), encoding="utf-8")
            typer.echo(f"wrote {waterfall}: it shows personal data")


def person_at(
    record: Annotated[str, typer.Argument(help="Key of a record, such as crm:C4")],
    time: Annotated[str, typer.Argument(help="Such as 2026-01-31 or 2026-01-31T14:05:00+01:00; UTC without a zone")],
) -> None:
    """Say which person a record was at a time."""
    from cdp_assets.identity.history import history
    from cdp_assets.identity.history import person_at as find_person
    from cdp_assets.identity.lookup import require_records

    with told(), Lake.from_env().reading() as con:
        _need(con, "identity.record_persons")
        stints = history(con, record)
        if not stints:
            require_records(con, record)
        at = moment(time)
        then, now = find_person(con, record, at), find_person(con, record, dt.datetime.now(dt.UTC))
        typer.echo(then or f"nobody: {record} was not resolved then")
        if then is None and stints:
            typer.echo(f"its history begins at {stints[0].since:%Y-%m-%d %H:%M:%S} UTC")
        elif then != now:
            typer.echo(f"today: {now or 'nobody, the record is gone'}")


def _decide(left: str, right: str, verdict: Verdict, reason: str, author: str | None, apply: bool) -> None:
    from cdp_assets.identity.decisions import decide
    from cdp_assets.identity.lookup import require_records

    with told():
        decision = override(left, right, verdict, author or getpass.getuser(), dt.datetime.now(dt.UTC), reason)
        lake = Lake.from_env()
        with lake.reading() as con:
            require_records(con, left, right)
        lake.write(lambda con: decide(con, [decision], "command"), "identity.overrides")
        typer.echo(f"decided: {decision}")
        _follow(apply)


def _follow(apply: bool) -> None:
    """Bring people up to date, or say how that is done."""
    if apply:
        _materialize()
    else:
        selection = "group:identity or group:profiles"
        follow(["identity", "overrides"], "people and profiles", "identity/record_persons", selection)


def _materialize() -> None:
    from definitions import defs

    selection = dg.AssetSelection.assets(["identity", "overrides"]).downstream()
    definitions = defs()
    keys = (selection & dg.AssetSelection.groups(*FOLLOWERS)).resolve(definitions.resolve_asset_graph())
    instance = dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()
    with instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=sorted(keys),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    if not result.success:
        raise ValueError(
            f"the decision stands, and the next run of the assets takes it up; run {result.run_id} failed: "
            f"{why_it_failed(result)}"
        )
    with Lake.from_env().reading() as con:
        kinds = con.execute(
            "SELECT count(*), kind FROM lake.identity.person_changes WHERE run_id = ? GROUP BY kind ORDER BY kind",
            [result.run_id],
        ).fetchall()
    changed = ", ".join(f"{count} {kind}" for count, kind in kinds) or "nobody changed"
    typer.echo(f"people and profiles are up to date: {changed}")


def _need(con: duckdb.DuckDBPyConnection, table: str) -> None:
    from cdp_assets.metadata import has_table

    if not has_table(con, table):
        raise ValueError(f"there is no table {table} yet: materialize the group identity first")
