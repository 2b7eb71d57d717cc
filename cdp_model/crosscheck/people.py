"""What is wrong with what is known of people: survivorship, traits and predictions."""

from collections.abc import Collection, Iterator

from cdp_model.columns import needed_columns, person_columns, traits_of_predictions
from cdp_model.crosscheck.references import (
    Mistake,
    circles,
    consent_mistakes,
    refusals,
    sources_are_known,
    unknown_events,
)
from cdp_model.documents import KeyPath
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_model.survivorship import RECORD_COLUMNS, SourcePriority, VerifiedFirst
from cdp_model.traits import EVENT_COLUMNS, PERSON_COLUMNS, TRAIT_EVENT_COLUMNS


def survivorship_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Sources that survivorship rules name and nobody has; conditions that cannot be."""
    known = {*model.sources, *(name for kind, name in broken if kind == "Source")}
    for attribute, rules in model.profiles.attributes.rules().items():
        for i, rule in enumerate(rules):
            path: KeyPath = ("attributes", attribute, i)
            if isinstance(rule, SourcePriority):
                path = (*path, "source_priority")
                for n, source in enumerate(rule.source_priority):
                    if source not in known:
                        hint = did_you_mean(source, known)
                        yield "ProfileSettings", "", (*path, n), f"unknown source `{source}`{hint}"
                    elif source in rule.source_priority[:n]:
                        yield "ProfileSettings", "", (*path, n), f"source `{source}` is named twice"
            elif isinstance(rule, VerifiedFirst):
                refused = refusals(rule.verified_first, list(RECORD_COLUMNS))
                yield from (("ProfileSettings", "", (*path, "verified_first"), m) for m in refused)


def trait_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Names that are taken, events nobody sends, expressions that cannot be, traits that need each other."""
    for name, trait in model.traits.items():
        if name in PERSON_COLUMNS:
            yield "Trait", name, (), f"`{name}` is already an attribute of a person; choose another name"
        for field in ("where", "of"):
            expression = getattr(trait, field)
            if expression:
                yield from (("Trait", name, (field,), m) for m in refusals(expression, list(TRAIT_EVENT_COLUMNS)))
        yield from (("Trait", name, path, m) for path, m in unknown_events(model, trait.events, broken))
        for field in ("since", "until"):
            named = [getattr(trait, field)] if getattr(trait, field) else []
            yield from (("Trait", name, (field,), m) for _, m in unknown_events(model, named, broken))
        if trait.score and trait.score.of not in (known := person_columns(model, broken)):
            hint = did_you_mean(trait.score.of, known)
            yield "Trait", name, ("score", "of"), f"unknown trait or attribute `{trait.score.of}`{hint}"
        if trait.score and trait.score.among:
            refused = refusals(trait.score.among, person_columns(model, broken))
            yield from (("Trait", name, ("score", "among"), m) for m in refused)
        if trait.sql:
            yield from (("Trait", name, ("sql",), m) for m in refusals(trait.sql, person_columns(model, broken)))
        if trait.consent and sources_are_known(broken):
            yield from (("Trait", name, ("consent",), m) for m in consent_mistakes(model, trait.consent))
    needs = {name: [c for c in needed_columns(model, name, broken) if c in model.traits] for name in model.traits}
    for cycle in circles(needs):
        yield "Trait", cycle[0], ("sql",), f"traits need each other in a circle: {' → '.join(cycle)}"


def prediction_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Columns that are taken; features that are none, or come after the prediction."""
    given: dict[str, str] = dict.fromkeys(PERSON_COLUMNS, "an attribute of a person")
    given |= dict.fromkeys(model.traits, "a trait")
    late = traits_of_predictions(model, broken)
    past = [*PERSON_COLUMNS, *(name for name in model.traits if name not in late)]
    past += [name for kind, name in broken if kind == "Trait"]
    for name, prediction in model.predictions.items():
        for column in prediction.columns(name):
            if column in given:
                yield "Prediction", name, (), f"its column `{column}` is already {given[column]}; choose another name"
            given[column] = f"a column of prediction `{name}`"
        events = getattr(prediction, "events", [])
        yield from (("Prediction", name, path, m) for path, m in unknown_events(model, events, broken))
        for field, columns in (("where", [*EVENT_COLUMNS]), ("item", [*EVENT_COLUMNS]), ("among", past)):
            expression = getattr(prediction, field, None)
            if expression:
                noun = "trait or attribute" if field == "among" else "column"
                yield from (("Prediction", name, (field,), m) for m in refusals(expression, columns, noun))
        for field in ("features", "traits"):
            for i, feature in enumerate(getattr(prediction, field, None) or []):
                if feature in late:
                    why = f"trait `{feature}` is made from predictions, and no prediction is made from another"
                    yield "Prediction", name, (field, i), why
                elif feature not in model.traits and ("Trait", feature) not in broken:
                    hint = did_you_mean(feature, model.traits)
                    yield "Prediction", name, (field, i), f"unknown trait `{feature}`{hint}"
