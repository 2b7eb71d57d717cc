"""From a declared segment to SQL. Pure query building."""

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

from cdp_assets.profiles.people import only, trait_sources
from cdp_assets.profiles.predicted import lineage as predicted_lineage
from cdp_assets.profiles.predicted import people_and_predictions
from cdp_assets.segments.behaviour import sequences_of, truth_of, with_counts
from cdp_assets.segments.selection import chosen, last_in_line, lines_of, member_of
from cdp_model.behaviour import Events, In, NotIn
from cdp_model.columns import needed_columns, person_columns
from cdp_model.conditions import Leaf, built_on, conditions, looked_at, needed_segments
from cdp_model.expressions import columns_of, holds
from cdp_model.model import Model
from cdp_model.traits import Group, Segment, Trait
from cdp_resources.sql import quote


def condition(group: Group) -> str:
    """One SQL condition for nested groups. Null counts as not true, also below ``none``."""
    parts = []
    if group.all:
        parts.append("(" + " AND ".join(_part(part) for part in group.all) + ")")
    if group.any:
        parts.append("(" + " OR ".join(_part(part) for part in group.any) + ")")
    if group.none:
        parts.append("NOT (" + " OR ".join(_part(part) for part in group.none) + ")")
    return "(" + " AND ".join(parts) + ")"


def name_of(part: Leaf) -> str:
    """A name of a condition: the same for the same condition, wherever it stands."""
    written = part if isinstance(part, str) else f"{type(part).__name__} {part.model_dump_json()}"
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def conditions_of(model: Model, segments: Collection[str]) -> dict[str, Leaf]:
    """The conditions of segments by their names, each once."""
    return {name_of(part): part for name in sorted(segments) for _, part in conditions(model.segments[name])}


def looked_at_of(model: Model) -> Model:
    """The model with what its segments look at, as traits, and no other trait."""
    return with_counts(only(model, columns_looked_at(model, model.segments)))


def only_conditions(model: Model, names: Collection[str]) -> Model:
    """The model with nothing but a segment of each of these conditions."""
    named = conditions_of(model, model.segments)
    alone = {name: Segment(description=name, all=[named[name]]) for name in sorted(names)}
    return model.model_copy(update={"segments": alone})


def people_and_conditions(
    model: Model,
    as_of: dt.date,
    behaviour: str = "behaviour",
    people: str | None = None,
    names: Collection[str] | None = None,
    also: Collection[str] = (),
    known: Collection[str] | None = None,
) -> str:
    """SELECT of one row a person, with a boolean column for each condition, as ``true_of`` names it.

    So a condition is computed once, however many segments ask it. Everything that conditions look at is there, and no
    other trait. Reads ``behaviour``, a relation as ``behaviour_query`` has it. A day sees the predictions that were
    made for it, or shortly before. ``people``: a relation of person_id; only these. ``names``: only these conditions.
    ``also``: further columns of ``behaviour``. ``known``: attributes that ``behaviour`` has, as for ``people_with``.
    """
    asks = model if names is None else only_conditions(model, names)
    lines = lines_of(model)
    more = [*sequences_of(asks), *lines, *also]
    found = people_and_predictions(looked_at_of(asks), as_of, behaviour, more, people, known)
    columns = person_columns(model)
    alone = {n: part for n, part in conditions_of(asks, asks.segments).items() if not isinstance(part, In | NotIn)}
    truths = [f"{asked(part, columns)} AS {true_of(name)}" for name, part in alone.items()]
    # somebody who is in no table of records has no row of behaviour
    places = [f"coalesce({quote(name)}, {sql}) AS {quote(name)}" for name, sql in lines.items()]
    known = f"* REPLACE ({', '.join(places)})" if places else "*"
    return f"SELECT {', '.join([known, *truths])} FROM ({found})"


def with_segments(model: Model, as_of: dt.date, people: str) -> str:
    """``people``, a SELECT of ``people_and_conditions``, with a boolean column for each segment (``member_of``)."""
    sorter = TopologicalSorter({name: needed_segments(model, name) for name in model.segments})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        fits = {name: _decided(model.segments[name], as_of) for name in ready}
        lasts = [last_in_line(model, name, fits[name]) for name in ready if model.segments[name].cap]
        if lasts:
            people = f"""
                WITH before_caps AS MATERIALIZED ({people})
                FROM before_caps, (SELECT {", ".join(lasts)} FROM before_caps)"""
        decided = ", ".join(chosen(model, name, sql) for name, sql in fits.items())
        people = f"SELECT *, {decided} FROM ({people})"
        sorter.done(*ready)
    return people


def with_needed(model: Model, segments: Collection[str]) -> Model:
    """The model with no other segments than these and those that they need."""
    found = {needed for name in segments for needed in built_on(model, name)}
    return model.model_copy(update={"segments": {n: s for n, s in model.segments.items() if n in found}})


def true_of(name: str) -> str:
    """The quoted name of the column that says whether a condition is true."""
    return quote(f"true {name}")


def truth(part: Leaf) -> str:
    """SQL of a condition over ``with_segments``: true or false, never null."""
    if isinstance(part, In | NotIn):
        return member_of(part.in_) if isinstance(part, In) else f"(NOT {member_of(part.not_in)})"
    return true_of(name_of(part))


def membership_lineage(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The columns that decide who is in a segment: attributes, and what the traits in conditions are made from."""
    used = columns_looked_at(model, model.segments)
    decisive: set[tuple[str, str]] = set()
    for _, part in [part for segment in model.segments.values() for part in conditions(segment)]:
        if not isinstance(part, str | In | NotIn):
            for _, events, where in looked_at(part):
                decisive |= {
                    *trait_sources(model, Trait(description="", aggregate="count", events=events, where=where))
                }
    of_predictions = predicted_lineage(model)
    while used:
        column = used.pop()
        trait = model.traits.get(column)
        if column in of_predictions:
            decisive |= set(of_predictions[column])
        elif trait is None:
            decisive |= {("profiles/golden_records", column)} if column != "as_of" else set()
        elif trait.derived:
            used |= set(needed_columns(model, column))
        else:
            decisive |= set(trait_sources(model, trait))
    return {"segment": sorted(decisive), "person_id": [("profiles/golden_records", "person_id")]}


def columns_looked_at(model: Model, segments: Mapping[str, Segment]) -> set[str]:
    """The columns of people that expressions of segments name."""
    columns = person_columns(model)
    parts = [part for segment in segments.values() for _, part in conditions(segment)]
    return {column for part in parts if isinstance(part, str) for column in columns_of(part, columns)}


def _decided(segment: Segment, as_of: dt.date) -> str:
    return "false" if segment.expired(as_of) else condition(segment)


def _part(part: Leaf | Group) -> str:
    return condition(part) if isinstance(part, Group) else truth(part)


def asked(part: str | Events, columns: list[str]) -> str:
    """SQL of a condition over people: true or false, never null."""
    return holds(part, columns) if isinstance(part, str) else truth_of(part)
