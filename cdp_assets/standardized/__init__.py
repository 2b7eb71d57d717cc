"""Second stage: records, events and consents of all sources in one shape, and the rows that could not be used."""

import dagster as dg

from cdp_assets.standardized.customers import customer_asset
from cdp_assets.standardized.events import event_assets
from cdp_assets.standardized.exchange_rates import exchange_rates_asset
from cdp_assets.standardized.identifiers import identifiers
from cdp_assets.standardized.quarantine import quarantine_asset
from cdp_assets.standardized.violations import violations_assets
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Customers, identifiers, events, consents and quarantine; exchange rates and violations where declared."""
    rates = [exchange_rates_asset(model)] if model.has_dated_rates else []
    reports = [*violations_assets(model), quarantine_asset(model)]
    return [customer_asset(model), identifiers, *event_assets(model), *rates, *reports]
