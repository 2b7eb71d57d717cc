"""What one part of the model says about another: references that lead nowhere, expressions that cannot run."""

from collections.abc import Collection, Iterator

from cdp_model.behaviour import In, NotIn, Sequence
from cdp_model.collecting import file_mistake
from cdp_model.conditions import Leaf, conditions, looked_at, needed_segments
from cdp_model.currencies import currency_mistakes
from cdp_model.documents import KeyPath
from cdp_model.expressions import BadExpression, columns_of, did_you_mean, parse
from cdp_model.model import Mapping, Model, Source, Stream
from cdp_model.plan_mistakes import plan_mistakes
from cdp_model.predictions import columns_of_broken, predicted_columns
from cdp_model.pulls import PULLED, Endpoint, Table
from cdp_model.survivorship import RECORD_COLUMNS, SourcePriority, VerifiedFirst
from cdp_model.syncs import DestinationSettings, Sync
from cdp_model.traits import EVENT_COLUMNS, PERSON_COLUMNS, TRAIT_EVENT_COLUMNS

Mistake = tuple[str, str, KeyPath, str]
"""Kind and name of the declared thing, path of the key below it, message."""

NOT_EXPRESSIONS = {"merge", "name", "purpose", "channel", "basis", "payload"}


def crosscheck(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    """Every mistake between parts. Names in ``broken`` have been reported already and count as known."""
    tables: set[str] = set()
    for source, name, stream in model.streams():
        table = f"{source.name}__{name}"
        if table in tables:
            yield "Source", source.name, ("streams", name), f"another stream has the same table raw.{table}"
        tables.add(table)
        for path, message in (*_stream_mistakes(stream), *_pull_mistakes(source, stream)):
            yield "Source", source.name, ("streams", name, *path), message
    if not any(kind == "Source" for kind, _ in broken):
        yield from currency_mistakes(model)
    yield from _survivorship_mistakes(model, broken)
    yield from _trait_mistakes(model, broken)
    yield from _prediction_mistakes(model, broken)
    yield from _segment_mistakes(model, broken)
    yield from _sync_mistakes(model, broken)
    yield from plan_mistakes(model, broken)


def person_columns(model: Model, broken: Collection[tuple[str, str]] = ()) -> list[str]:
    """What an expression over people may use: attributes, traits and predictions."""
    traits = [*model.traits, *(name for kind, name in broken if kind == "Trait")]
    unknown = [column for kind, name in broken if kind == "Prediction" for column in columns_of_broken(name)]
    return [*PERSON_COLUMNS, *traits, *predicted_columns(model.predictions), *unknown]


def needed_columns(model: Model, name: str, broken: Collection[tuple[str, str]] = ()) -> list[str]:
    """The columns of people that an `sql` or `score` trait reads; none of another."""
    trait = model.traits[name]
    found = [trait.score.of] if trait.score else []
    expression = trait.score.among if trait.score else trait.sql
    try:
        return found + (columns_of(expression, person_columns(model, broken)) if expression else [])
    except BadExpression:
        return found


def traits_of_predictions(model: Model, broken: Collection[tuple[str, str]] = ()) -> set[str]:
    """The `sql` and `score` traits that need a prediction, by themselves or through other traits."""
    predicted = {*predicted_columns(model.predictions)}
    predicted |= {column for kind, name in broken if kind == "Prediction" for column in columns_of_broken(name)}
    needs = {name: {*needed_columns(model, name, broken)} for name in model.traits if predicted}
    found: set[str] = set()
    while more := {name for name, needed in needs.items() if needed & (predicted | found)} - found:
        found |= more
    return found


def mapped_expressions(mapping: Mapping) -> Iterator[tuple[KeyPath, str]]:
    """Each expression of a mapping with its path below the mapping."""
    for field in type(mapping).model_fields:
        value = getattr(mapping, field)
        if field in NOT_EXPRESSIONS or value is None:
            continue
        if isinstance(value, dict):
            yield from (((field, key), expression) for key, expression in value.items())
        else:
            yield (field,), value


def _stream_mistakes(stream: Stream) -> Iterator[tuple[KeyPath, str]]:
    columns = list(stream.columns)
    mappings: list[tuple[KeyPath, Mapping]] = []
    if stream.customers:
        mappings.append((("customers",), stream.customers))
    for output in ("events", "consents", "exchange_rates"):
        mappings += [((output, i), mapping) for i, mapping in enumerate(getattr(stream, output))]
    for prefix, mapping in mappings:
        for path, expression in mapped_expressions(mapping):
            yield from (((*prefix, *path), message) for message in _refusal(expression, columns))
    for i, event in enumerate(stream.events):
        if (event.name is None) == (event.name_from is None):
            yield ("events", i), "an event has either `name` or `name_from`"
        if event.payload and event.payload not in columns:
            yield ("events", i, "payload"), f"unknown column `{event.payload}`{did_you_mean(event.payload, columns)}"
    if stream.day:
        yield from ((("day",), message) for message in _refusal(stream.day, columns))
    elif "{date}" not in stream.files and "*" in stream.files:
        yield ("files",), "a pattern of several files needs `{date}`, so that each file has its day"
    if stream.collect and (mistake := file_mistake(stream.files, stream.format)):
        yield ("files",), mistake
    lowered = [column.lower() for column in columns]
    for column in columns:
        if lowered.count(column.lower()) > 1:
            yield ("columns", column), f"`{column}` differs from another column only by case"
        if column.lower() in RESERVED:
            yield ("columns", column), f"`{column}` is a name the platform uses itself"


def _pull_mistakes(source: Source, stream: Stream) -> Iterator[tuple[KeyPath, str]]:
    """A stream comes by exactly one way, and that way leads somewhere."""
    if not stream.files:
        yield ("files",), "is missing, and needed"
    ways = [way for way in ("endpoint", "table", "download") if getattr(stream, way)]
    if ways and not stream.files.startswith(f"{PULLED}/"):
        yield ("files",), f"a stream with `{ways[0]}` has no `files`: they are where the pull puts them"
    for way in ways[1:]:
        yield (way,), f"the stream has `{ways[0]}` already: rows come by one way"
    for way, whole in (("endpoint", "api"), ("table", "database")):
        if getattr(stream, way) and getattr(source, whole) is None:
            yield (way,), f"the source has no `{whole}` to ask"
    if "format" not in stream.model_fields_set and not (stream.endpoint or stream.table):
        yield ("format",), "is missing, and needed"
    elif stream.format != "ndjson" and (stream.endpoint or stream.table):
        yield ("format",), "rows of an API or a database are kept as ndjson: leave `format` out"
    cursor = stream.asked.incremental if isinstance(stream.asked, Endpoint | Table) else None
    if cursor and cursor.lag and isinstance(cursor.initial_value, int):
        key = "endpoint" if stream.endpoint else "table"
        yield (key, "incremental", "lag"), "needs a cursor of times, and `initial_value` is a number"


RESERVED = {"_day", "_extracted_at", "_extract_id", "_source_file", "_error", "_line"}
"""Columns that every raw table has of its own."""


def _survivorship_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
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
                refused = _refusal(rule.verified_first, list(RECORD_COLUMNS))
                yield from (("ProfileSettings", "", (*path, "verified_first"), m) for m in refused)


def _trait_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    for name, trait in model.traits.items():
        if name in PERSON_COLUMNS:
            yield "Trait", name, (), f"`{name}` is already an attribute of a person; choose another name"
        for field in ("where", "of"):
            expression = getattr(trait, field)
            if expression:
                yield from (("Trait", name, (field,), m) for m in _refusal(expression, list(TRAIT_EVENT_COLUMNS)))
        yield from (("Trait", name, path, m) for path, m in _unknown_events(model, trait.events, broken))
        for field in ("since", "until"):
            named = [getattr(trait, field)] if getattr(trait, field) else []
            yield from (("Trait", name, (field,), m) for _, m in _unknown_events(model, named, broken))
        if trait.score and trait.score.of not in (known := person_columns(model, broken)):
            hint = did_you_mean(trait.score.of, known)
            yield "Trait", name, ("score", "of"), f"unknown trait or attribute `{trait.score.of}`{hint}"
        if trait.score and trait.score.among:
            refused = _refusal(trait.score.among, person_columns(model, broken))
            yield from (("Trait", name, ("score", "among"), m) for m in refused)
        if trait.sql:
            yield from (("Trait", name, ("sql",), m) for m in _refusal(trait.sql, person_columns(model, broken)))
        if trait.consent and not any(kind == "Source" for kind, _ in broken):
            yield from (("Trait", name, ("consent",), m) for m in _consent_mistakes(model, trait.consent))
    needs = {name: [c for c in needed_columns(model, name, broken) if c in model.traits] for name in model.traits}
    for cycle in _cycles(needs):
        yield "Trait", cycle[0], ("sql",), f"traits need each other in a circle: {' → '.join(cycle)}"


def _unknown_events(
    model: Model, events: Collection[str], broken: Collection[tuple[str, str]]
) -> Iterator[tuple[KeyPath, str]]:
    known = {event.name for _, _, s in model.streams() for event in s.events if event.name}
    if any(event.name_from for _, _, s in model.streams() for event in s.events):
        return
    for i, event in enumerate(events):
        if event not in known and not any(kind == "Source" for kind, _ in broken):
            yield ("events", i), f"no source has event `{event}`{did_you_mean(event, known)}"


def _prediction_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
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
        yield from (("Prediction", name, path, m) for path, m in _unknown_events(model, events, broken))
        for field, columns in (("where", [*EVENT_COLUMNS]), ("item", [*EVENT_COLUMNS]), ("among", past)):
            expression = getattr(prediction, field, None)
            if expression:
                noun = "trait or attribute" if field == "among" else "column"
                yield from (("Prediction", name, (field,), m) for m in _refusal(expression, columns, noun))
        for field in ("features", "traits"):
            for i, feature in enumerate(getattr(prediction, field, None) or []):
                if feature in late:
                    why = f"trait `{feature}` is made from predictions, and no prediction is made from another"
                    yield "Prediction", name, (field, i), why
                elif feature not in model.traits and ("Trait", feature) not in broken:
                    hint = did_you_mean(feature, model.traits)
                    yield "Prediction", name, (field, i), f"unknown trait `{feature}`{hint}"


def _cycles(needs: dict[str, list[str]]) -> list[list[str]]:
    """Circles in a graph of names, each with its first name repeated at the end; of those that share a name, one."""
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for needed in needs[name]:
                visit(needed, [*trail, name])
            done.add(name)

    for name in needs:
        visit(name, [])
    return found


def _segment_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    columns = person_columns(model, broken)
    for name, segment in model.segments.items():
        for path, condition in conditions(segment):
            found = _condition_mistakes(model, condition, columns, broken)
            yield from (("Segment", name, (*path, *below), message) for below, message in found)
        size = segment.expected_size
        if size and not 0 <= size[0] <= size[1]:
            yield "Segment", name, ("expected_size",), "the smallest size comes first, then the largest"
    yield from _former_names(model)
    places: dict[tuple[str, int], str] = {}
    for name, segment in model.segments.items():
        if segment.priority_list and segment.rank is not None:
            other = places.setdefault((segment.priority_list, segment.rank), name)
            if other != name:
                yield "Segment", name, ("rank",), f"`{other}` has the same rank in `{segment.priority_list}`"
    for cycle in _cycles({name: needed_segments(model, name) for name in model.segments}):
        yield "Segment", cycle[0], (), f"segments need each other in a circle: {' → '.join(cycle)}"


def _former_names(model: Model) -> Iterator[Mistake]:
    """A history that would belong to two segments."""
    owners: dict[str, str] = {}
    for name, segment in model.segments.items():
        for former in segment.formerly:
            if former in model.segments:
                yield "Segment", name, ("formerly",), f"`{former}` is a segment of its own"
            elif owners.setdefault(former, name) != name:
                yield "Segment", name, ("formerly",), f"`{owners[former]}` was `{former}` before, too"


def _segment_meant(model: Model, name: str) -> str:
    """What to write instead of a name that no segment has, or no longer has."""
    now = next((other for other, segment in model.segments.items() if name in segment.formerly), None)
    return f": it is `{now}` now" if now else did_you_mean(name, model.segments)


def _condition_mistakes(
    model: Model, condition: Leaf, columns: Collection[str], broken: Collection[tuple[str, str]]
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(condition, str):
        yield from (((), message) for message in _refusal(condition, columns, "trait or attribute"))
    elif isinstance(condition, In | NotIn):
        key, other = ("in", condition.in_) if isinstance(condition, In) else ("not_in", condition.not_in)
        if other not in model.segments and ("Segment", other) not in broken:
            yield (key,), f"unknown segment `{other}`{_segment_meant(model, other)}"
    else:
        for path, events, where in looked_at(condition):
            field = "not" if isinstance(condition, Sequence) and condition.sequence[int(path[-1])].not_ else "events"
            for place, message in _unknown_events(model, events, broken):
                yield (*path, field, *place[1:]), message
            yield from (((*path, "where"), m) for m in (_refusal(where, list(TRAIT_EVENT_COLUMNS)) if where else []))


def _sync_mistakes(model: Model, broken: Collection[tuple[str, str]]) -> Iterator[Mistake]:
    columns = person_columns(model, broken)
    for name, sync in model.syncs.items():
        if sync.segment and sync.segment not in model.segments and ("Segment", sync.segment) not in broken:
            hint = _segment_meant(model, sync.segment)
            yield "Sync", name, ("segment",), f"unknown segment `{sync.segment}`{hint}"
        if sync.destination not in model.destinations and ("Destination", sync.destination) not in broken:
            hint = did_you_mean(sync.destination, model.destinations)
            yield "Sync", name, ("destination",), f"unknown destination `{sync.destination}`{hint}"
        for path, expression in [(("key",), sync.key), *((("fields", k), e) for k, e in sync.fields.items())]:
            yield from (("Sync", name, path, m) for m in _refusal(expression, columns, "trait or attribute"))
        if sync.destination in model.destinations:
            yield from (("Sync", name, *m) for m in _unsupported(sync, model.destinations[sync.destination]))
        if sync.consent is None and not sync.legal_basis:
            yield (
                "Sync",
                name,
                ("consent",),
                "`consent: null` needs a `legal_basis` that says why none is needed",
            )
        if sync.consent and not any(kind == "Source" for kind, _ in broken):
            yield from (("Sync", name, ("consent",), m) for m in _consent_mistakes(model, sync.consent))


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


def _consent_mistakes(model: Model, consent: object) -> Iterator[str]:
    asked = {(c.purpose, c.channel) for _, _, stream in model.streams() for c in stream.consents}
    wanted = (getattr(consent, "purpose", ""), getattr(consent, "channel", ""))
    if wanted not in asked:
        known = ", ".join(f"{purpose}/{channel}" for purpose, channel in sorted(asked)) or "none"
        yield f"no source has a consent for {wanted[0]}/{wanted[1]}; there are: {known}"


def _refusal(expression: str, columns: Collection[str], noun: str = "column") -> Iterator[str]:
    try:
        parse(expression, columns)
    except BadExpression as refused:
        yield refused.reason.replace("unknown column", f"unknown {noun}")
