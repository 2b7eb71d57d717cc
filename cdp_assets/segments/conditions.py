"""From a declared segment to SQL. Pure query building."""

import datetime as dt
from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

from cdp_assets.profiles.people import only, trait_sources
from cdp_assets.profiles.predicted import lineage as predicted_lineage
from cdp_assets.profiles.predicted import people_and_predictions
from cdp_assets.segments.behaviour import sequences_of, truth_of, with_counts
from cdp_assets.segments.selection import chosen, member_of
from cdp_model.behaviour import In, NotIn
from cdp_model.conditions import Leaf, built_on, conditions, looked_at, needed_segments
from cdp_model.crosscheck import needed_columns, person_columns
from cdp_model.expressions import columns_of, render
from cdp_model.model import Model
from cdp_model.traits import Group, Segment, Trait
from cdp_resources.lake import literal


def condition(group: Group, columns: list[str]) -> str:
    """One SQL condition for nested groups. Null counts as not true, also below ``none``."""
    parts = []
    if group.all:
        parts.append("(" + " AND ".join(_part(part, columns) for part in group.all) + ")")
    if group.any:
        parts.append("(" + " OR ".join(_part(part, columns) for part in group.any) + ")")
    if group.none:
        parts.append("NOT (" + " OR ".join(_part(part, columns) for part in group.none) + ")")
    return "(" + " AND ".join(parts) + ")"


def looked_at_of(model: Model) -> Model:
    """The model with what its segments look at, as traits, and no other trait."""
    return with_counts(only(model, columns_looked_at(model, model.segments)))


def people_and_segments(model: Model, as_of: dt.date) -> str:
    """SELECT of one row a person, with a boolean column for each segment, as ``member_of`` names it.

    Everything that the conditions look at is there as well, and no other trait. Reads ``behaviour``, a relation of what
    they did as ``behaviour_query`` has it. A day sees the predictions that were made for it, or shortly before.
    """
    columns = person_columns(model)
    people = people_and_predictions(looked_at_of(model), as_of, "behaviour", sequences_of(model))
    sorter = TopologicalSorter({name: needed_segments(model, name) for name in model.segments})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        decided = ", ".join(chosen(model, name, _decided(model.segments[name], columns, as_of)) for name in ready)
        people = f"SELECT *, {decided} FROM ({people})"
        sorter.done(*ready)
    return people


def placed_query(model: Model, as_of: dt.date, segments: Collection[str], people: str | None = None) -> str:
    """SELECT of person_id and a boolean column for each of ``segments``, as ``member_of`` names it.

    ``people``: a relation of person_id; only these. That is right where no segment depends on who else there is.
    """
    needed = with_needed(model, segments)
    columns = ", ".join(["person_id", *map(member_of, sorted(segments))])
    only_these = f" WHERE person_id IN (SELECT person_id FROM {people})" if people else ""
    return f"SELECT {columns} FROM ({people_and_segments(needed, as_of)}){only_these} ORDER BY person_id"


def with_needed(model: Model, segments: Collection[str]) -> Model:
    """The model with no other segments than these and those that they need."""
    found = {needed for name in segments for needed in built_on(model, name)}
    return model.model_copy(update={"segments": {n: s for n, s in model.segments.items() if n in found}})


def members_query(segments: Collection[str], as_of: dt.date, placed: str) -> str:
    """SELECT of as_of, segment, person_id for ``segments``, one after the other, of a relation of ``placed_query``."""
    day = f"DATE {literal(str(as_of))} AS as_of"
    return " UNION ALL ".join(
        f"SELECT {day}, {literal(name)} AS segment, person_id FROM {placed} WHERE {member_of(name)}"
        for name in sorted(segments)
    )


def truths_query(model: Model, as_of: dt.date, segments: list[str], those: str) -> str:
    """SELECT of as_of, segment, person_id, truths: of each condition of a segment, in declared order, if it is true.

    For the rows of ``those``, a relation with segment and person_id, whose segments are all among ``segments`` and
    whose people are there on the day.
    """
    columns = person_columns(model)
    cases = " ".join(
        f"WHEN {literal(name)} THEN [{', '.join(truth(part, columns) for _, part in conditions(model.segments[name]))}]"
        for name in segments
    )
    return f"""
        SELECT as_of, segment, person_id, CASE segment {cases} END AS truths
        FROM ({people_and_segments(model, as_of)}) JOIN {those} USING (person_id)"""


def truth(part: Leaf, columns: list[str]) -> str:
    """SQL of a condition over people: true or false, never null."""
    if isinstance(part, str):
        return f"coalesce(({render(part, columns)})::BOOLEAN, false)"
    if isinstance(part, In | NotIn):
        return member_of(part.in_) if isinstance(part, In) else f"(NOT {member_of(part.not_in)})"
    return truth_of(part)


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


def _decided(segment: Segment, columns: list[str], as_of: dt.date) -> str:
    return "false" if segment.expired(as_of) else condition(segment, columns)


def _part(part: Leaf | Group, columns: list[str]) -> str:
    return condition(part, columns) if isinstance(part, Group) else truth(part, columns)
