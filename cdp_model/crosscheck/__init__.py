"""What one part of the model says about another: references that lead nowhere, expressions that cannot run."""

from collections.abc import Collection, Iterator

from cdp_model.crosscheck.identity import identity_mistakes
from cdp_model.crosscheck.people import prediction_mistakes, survivorship_mistakes, trait_mistakes
from cdp_model.crosscheck.plans import plan_mistakes
from cdp_model.crosscheck.references import Mistake, sources_are_known
from cdp_model.crosscheck.segments import segment_mistakes
from cdp_model.crosscheck.streams import pull_mistakes, stream_mistakes
from cdp_model.crosscheck.syncs import sync_mistakes
from cdp_model.currencies import currency_mistakes
from cdp_model.model import Model


def crosscheck(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Every mistake between parts. Names in ``broken`` have been reported already and count as known."""
    tables: set[str] = set()
    for source, name, stream in model.streams():
        table = f"{source.name}__{name}"
        if table in tables:
            yield "Source", source.name, ("streams", name), f"another stream has the same table raw.{table}"
        tables.add(table)
        for path, message in (*stream_mistakes(stream), *pull_mistakes(source, stream)):
            yield "Source", source.name, ("streams", name, *path), message
    if sources_are_known(broken):
        yield from currency_mistakes(model)
    yield from identity_mistakes(model, broken)
    yield from survivorship_mistakes(model, broken)
    yield from trait_mistakes(model, broken)
    yield from prediction_mistakes(model, broken)
    yield from segment_mistakes(model, broken)
    yield from sync_mistakes(model, broken)
    yield from plan_mistakes(model, broken)
