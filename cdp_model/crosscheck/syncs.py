"""What is wrong with syncs."""

from collections.abc import Collection, Iterator

from cdp_model.columns import person_columns
from cdp_model.crosscheck.references import Mistake, consent_mistakes, refusals, segment_meant, sources_are_known
from cdp_model.documents import KeyPath
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_model.syncs import DestinationSettings, Sync


def sync_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Segments, destinations, fields and consents that are none; what the destination cannot do."""
    columns = person_columns(model, broken)
    for name, sync in model.syncs.items():
        if sync.segment and sync.segment not in model.segments and ("Segment", sync.segment) not in broken:
            hint = segment_meant(model, sync.segment)
            yield "Sync", name, ("segment",), f"unknown segment `{sync.segment}`{hint}"
        if sync.destination not in model.destinations and ("Destination", sync.destination) not in broken:
            hint = did_you_mean(sync.destination, model.destinations)
            yield "Sync", name, ("destination",), f"unknown destination `{sync.destination}`{hint}"
        for path, expression in [(("key",), sync.key), *((("fields", k), e) for k, e in sync.fields.items())]:
            yield from (("Sync", name, path, m) for m in refusals(expression, columns, "trait or attribute"))
        if sync.destination in model.destinations:
            yield from (("Sync", name, *m) for m in _unsupported(sync, model.destinations[sync.destination]))
        if sync.consent is None and not sync.legal_basis:
            yield (
                "Sync",
                name,
                ("consent",),
                "`consent: null` needs a `legal_basis` that says why none is needed",
            )
        if sync.consent and sources_are_known(broken):
            yield from (("Sync", name, ("consent",), m) for m in consent_mistakes(model, sync.consent))


def _unsupported(sync: Sync, destination: DestinationSettings) -> Iterator[tuple[KeyPath, str]]:
    """What a sync asks of its destination that this kind cannot do."""
    modes, takes = destination.supported_modes(), destination.takes
    here = f"destination `{sync.destination}` ({destination.type})"
    if sync.mode not in modes:
        yield ("mode",), f"{here} cannot do `{sync.mode}`, only {' or '.join(f'`{mode}`' for mode in modes)}"
    for field in sync.fields:
        if takes is not None and field not in takes:
            known = ", ".join(f"`{name}`" for name in sorted(takes))
            yield ("fields", field), f"{here} takes no field `{field}`, only {known}{did_you_mean(field, takes)}"
