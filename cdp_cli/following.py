"""What comes after a decision that a command has written: the automation takes it up, or we say how it is done."""

import os

import dagster as dg
import typer


def follow(asset: list[str], made: str, first: str, selection: str) -> None:
    """Tell the automation that an asset has changed, and whoever typed the command what makes the rest follow.

    ``made``: what is made anew; ``first``: the asset with which that begins; ``selection``: the assets to run by hand.
    """
    if os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset))
        typer.echo(f"the automation makes {made} anew, if it is on; or do it now:")
    else:
        typer.echo(f"it holds from the next run of {first} on; to run it now:")
    typer.echo(f"  dg launch --assets '{selection}'")
