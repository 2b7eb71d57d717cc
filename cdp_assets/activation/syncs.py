"""`activation/<sync>`: one asset for each declared sync, which makes its destination equal to its segment."""

import datetime as dt
from functools import partial

import dagster as dg

from cdp_assets.activation import pages
from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.consent import deliveries_without_consent
from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.deliveries import deliveries_asset
from cdp_assets.activation.desired import required_weight
from cdp_assets.activation.rejections import refused_for_days, rejections_asset
from cdp_assets.activation.sending import ReadNext, Sending
from cdp_assets.activation.undo import read_undo
from cdp_assets.activation.work import Work, read_work
from cdp_assets.metadata import count_rows
from cdp_model.model import Model
from cdp_model.syncs import Sync
from cdp_resources.destinations import connect
from cdp_resources.destinations.base import Connection, Destination, DestinationMisconfigured
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

LEAVERS = {
    "mirror": "are removed",
    "full_refresh": "are removed, and each run sends every row",
    "upsert": "stay, unless they withdrew their consent or asked to be erased",
    "append_events": "are not removed: that they exited is sent as an event, as that they entered was",
}
"""By mode, what is said of people who leave."""


class SyncConfig(dg.Config):
    """What can be said in the launchpad."""

    retry_refused: bool = False
    """Send again at once what was lately refused."""
    undo: str = ""
    """Id of a run: instead of what the destination should hold, send what takes back the changes of that run."""


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """An asset a sync, and the two tables they write."""
    syncs = [sync_asset(model, name) for name in model.syncs]
    return [*syncs, deliveries_asset(model), rejections_asset(model)]


def sync_asset(model: Model, name: str) -> dg.AssetsDefinition:
    """The asset of one sync. It holds its own pool, not the lake's: two runs of one sync never overlap."""
    sync = model.syncs[name]
    key = dg.AssetKey(["activation", name])

    @dg.asset(
        key=key,
        deps=_upstream(model, sync),
        description=_description(model, name),
        kinds=_kinds(model, sync),
        pool=f"sync_{name}",
        check_specs=_checks(sync, key),
    )
    def activate(context: dg.AssetExecutionContext, config: SyncConfig, lake: Lake) -> dg.MaterializeResult:
        def opened(work: Work) -> Connection:
            return connect(model.destinations[sync.destination], name, work.field_types, work.as_of)

        try:
            read_next: ReadNext
            if config.undo:
                read_next = partial(read_undo, run_id=config.undo)
            else:
                read_next = partial(read_work, since=dt.datetime.now(dt.UTC), retry_refused=config.retry_refused)
            delivered = Sending(lake, model, name, context.run.run_id, context.log.info, read_next).run(opened)
        except SyncStopped as reason:
            raise dg.Failure(str(reason), allow_retries=False) from reason
        except DestinationMisconfigured as mistake:
            raise dg.Failure(f"sync `{name}` cannot send: {mistake}", allow_retries=False) from mistake
        metadata = pages.of_run(model, sync, delivered)
        if delivered.is_fruitless:
            kinds = (delivered.rejected + delivered.retry_later).most_common(3)
            words = ", ".join(f"{error} ({count:,} row{'' if count == 1 else 's'})" for error, count in kinds)
            raise dg.Failure(
                f"destination `{sync.destination}` took nothing: {words}. Nothing is lost: rows that got no answer are "
                "sent by the next run, refused ones when they have changed or after a day",
                metadata=metadata,
            )
        with lake.reading() as con:
            unproven = deliveries_without_consent(con, name, sync)
            for_days = refused_for_days(con, (name, sync.destination), sync.max_wait_days)
            mine = f"sync = {literal(name)} AND destination = {literal(sync.destination)} AND status = 'acknowledged'"
            metadata |= pages.of_time(con, (name, sync.destination), context, delivered)
            metadata["dagster/row_count"] = count_rows(con, "activation.deliveries", mine)
        return dg.MaterializeResult(metadata=metadata, check_results=_results(sync, key, delivered, unproven, for_days))

    return activate


def _upstream(model: Model, sync: Sync) -> list[dg.AssetKey]:
    deps = [["profiles", "profiles"]]
    if sync.segment:
        deps.append(["segments", "memberships"])
    if sync.consent:
        deps += [["standardized", "consents"], ["identity", "record_persons"]]
    if required_weight(sync, model) is not None:
        deps.append(["identity", "persons"])
    return [dg.AssetKey(dep) for dep in deps]


def _description(model: Model, name: str) -> str:
    """What the UI says about a sync: everything a person responsible for data would ask first."""
    sync = model.syncs[name]
    destination = model.destinations[sync.destination]
    who = f"the members of segment `{sync.segment}`" if sync.segment else "every profile"
    consent = (
        f"only with consent to {sync.consent.purpose} by {sync.consent.channel}" if sync.consent else sync.legal_basis
    )
    leavers = LEAVERS[sync.mode]
    return (
        f"{sync.description}.\n\n"
        f"Keeps destination `{sync.destination}` ({destination.description or destination.type}) equal to {who}: "
        f"one row for each person, known by `{sync.key}`. People who leave {leavers}. Legal ground: {consent}."
    )


def _kinds(model: Model, sync: Sync) -> set[str]:
    destination = model.destinations[sync.destination]
    return destination.asset_kinds() if isinstance(destination, Destination) else set()


def _checks(sync: Sync, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    acknowledged = dg.AssetCheckSpec(
        "every_row_was_acknowledged",
        asset=key,
        description="The destination holds the desired state: nothing was refused, and nothing waits for the next run",
    )
    in_time = dg.AssetCheckSpec(
        "no_row_is_refused_for_days",
        asset=key,
        description="What the destination refuses or does not take is mended before `max_wait_days` are over",
    )
    consented = dg.AssetCheckSpec(
        "no_delivery_without_consent",
        asset=key,
        blocking=True,
        description="Each row at the destination relied on a consent that was in force when it was sent",
    )
    return [acknowledged, in_time, *([consented] if sync.consent else [])]


def _results(
    sync: Sync, key: dg.AssetKey, delivered: Delivered, unproven: int, for_days: int
) -> list[dg.AssetCheckResult]:
    waiting = {
        "rejected": sum(delivered.rejected.values()),
        "held_back_after_rejection": delivered.first.held_back if delivered.first else 0,
        "retry_later": sum(delivered.retry_later.values()),
        "not_attempted": delivered.not_attempted,
    }
    acknowledged = dg.AssetCheckResult(
        check_name="every_row_was_acknowledged",
        asset_key=key,
        passed=delivered.unacknowledged == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=", ".join(f"{why.replace('_', ' ')}: {count:,}" for why, count in waiting.items() if count) or None,
        metadata=waiting,
    )
    in_time = dg.AssetCheckResult(
        check_name="no_row_is_refused_for_days",
        asset_key=key,
        passed=for_days == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"rows refused or not taken for {sync.max_wait_days} days: {for_days:,}" if for_days else None,
        metadata={"rows": for_days},
    )
    consented = dg.AssetCheckResult(
        check_name="no_delivery_without_consent",
        asset_key=key,
        passed=unproven == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"deliveries_without_consent": unproven},
    )
    return [acknowledged, in_time, *([consented] if sync.consent else [])]
