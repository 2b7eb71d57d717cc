"""What conditions look at of what each person did, as columns: traits, counts and sequences. Pure query building."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection

from cdp_assets.profiles.aggregates import event_traits
from cdp_assets.profiles.people import consent_traits, inputs
from cdp_assets.profiles.predicted import before_predictions
from cdp_assets.segments.activity import seen, value_of
from cdp_assets.segments.behaviour import sequences_of, sequences_query
from cdp_assets.segments.conditions import columns_looked_at, looked_at_of, only_conditions
from cdp_assets.segments.selection import lines_of
from cdp_model.behaviour import Events
from cdp_model.conditions import built_on, conditions, looked_at
from cdp_model.model import Model
from cdp_model.traits import Trait
from cdp_resources.sql import quote


def behaviour_query(model: Model, as_of: dt.date, people: str = "numbers", acts: str = "acts_of_day") -> str:
    """SELECT of one row for each of ``people``: person_id, and every column that is made of events or consents.

    Where they stand in the lines of splits, hold-outs and caps is there as well, which never changes.

    ``people`` is a relation of person_id and number, ``acts`` one of what they did, as `activity` makes them; it makes
    ``records`` as well, whose consents are read. Traits of the same events are one GROUP BY over those events alone: an
    aggregate costs as much as the rows that it is shown, and most look at few.
    """
    groups: dict[frozenset[str], dict[str, Trait]] = defaultdict(dict)
    for name, trait in before_predictions(model).traits.items():
        if trait.aggregate:
            ends = {end for end in (trait.since, trait.until) if end}
            names = frozenset({*trait.events} | ends if trait.events else ())
            # the rows of the group are these events alone: no need to ask each row once more
            groups[names][name] = trait if ends else trait.model_copy(update={"events": []})
    parts = []
    for names, traits in groups.items():
        query = event_traits(model.model_copy(update={"traits": traits}), as_of, value_of)
        expressions = [expression for trait in traits.values() for expression in (trait.where, trait.of)]
        parts.append(f"WITH seen AS ({seen(acts, names, expressions)}) {query}")
    sequences = sequences_query(model, as_of, value_of)
    if sequences:
        expressions = [step.where for sequence in sequences_of(model).values() for step in sequence.sequence]
        # each reads the few events that it names; of a few people, DuckDB would ask for all names before it asks whose
        shared = "NOT MATERIALIZED" if people == "numbers" else "MATERIALIZED"
        parts.append(f"WITH seen AS {shared} ({seen(acts, (), expressions)}) {sequences}")
    if any(trait.consent for trait in model.traits.values()):
        # first: DuckDB expects more consents than people, and would bring all columns so far to these
        persons = f"(FROM records SEMI JOIN {people} ON records.person_id = number)"
        parts.insert(0, consent_traits(model, as_of, persons))
    joined = " ".join(
        f"LEFT JOIN (SELECT person_id AS number, * EXCLUDE (person_id) FROM ({part})) USING (number)" for part in parts
    )
    places = "".join(f", {place} AS {quote(line)}" for line, place in lines_of(model).items())
    return f"SELECT * EXCLUDE (number){places} FROM {people} {joined}"


def columns_of_behaviour(model: Model, names: Collection[str]) -> list[str]:
    """The quoted columns of ``behaviour_query`` that conditions of these names look at, and where people stand."""
    asks = only_conditions(model, names)
    traits = before_predictions(looked_at_of(asks)).traits
    found = [name for name, trait in traits.items() if not trait.derived]
    return [*map(quote, [*found, *sequences_of(asks), *lines_of(model)])]


def of_everybody(model: Model, segments: Collection[str], capped: Collection[str] = ()) -> set[str] | None:
    """The events that must be looked at of everybody, so that one person can be put in ``segments``; None: all events.

    Only a score, and a cap of a segment that others look into, depend on who else there is. With the cap of a segment
    itself its members do: name it in ``capped`` where they are asked for.
    """
    looked_into = {*capped, *(other for name in segments for other in built_on(model, name) if other != name)}
    looked_into |= {other for name in capped for other in built_on(model, name)}
    whole = {name: model.segments[name] for name in looked_into}
    has_cap = any(segment.cap for segment in whole.values())
    scored = {name for name, trait in model.traits.items() if trait.score}
    names = {*scored, *(columns_looked_at(model, whole) if has_cap else ())}
    traits = [trait for name, trait in model.traits.items() if name in inputs(model, names) and trait.aggregate]
    found: set[str] = set()
    for trait in traits:
        if not trait.events:
            return None
        found |= {*trait.events, *(end for end in (trait.since, trait.until) if end)}
    for segment in whole.values() if has_cap else ():
        for _, part in conditions(segment):
            if isinstance(part, Events):
                found |= {name for _, events, _ in looked_at(part) for name in events}
    return found
