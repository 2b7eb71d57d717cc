"""The front door: reads the declared company and wires assets, resources and sensors. Nothing is decided here."""

import dagster as dg

import cdp_assets
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from sensors import automation


@dg.definitions
def defs() -> dg.Definitions:
    """All of the platform for the company that CDP_MODEL names."""
    company = Company.from_env()
    assets = dg.Definitions(
        assets=cdp_assets.assets(company.model),
        asset_checks=cdp_assets.checks(company.model),
        resources={"lake": Lake.from_env(), "company": company},
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(assets, automation(company.model))
