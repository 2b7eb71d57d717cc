"""From a declared segment to SQL. Pure query building."""

import datetime as dt
from graphlib import TopologicalSorter

from cdp_assets.profiles.people import only, trait_sources
from cdp_assets.profiles.predicted import lineage as predicted_lineage
from cdp_assets.profiles.predicted import people_and_predictions
from cdp_assets.segments.behaviour import sequences_query, truth_of, with_counts
from cdp_assets.segments.selection import chosen, member_of
from cdp_model.behaviour import In, NotIn
from cdp_model.conditions import Leaf, conditions, looked_at, needed_segments
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


def people_and_segments(model: Model, as_of: dt.date, events: str | None = None) -> str:
    """SELECT of one row a person, with a boolean column for each segment, as ``member_of`` names it.

    Everything that the conditions look at is there as well, and no other trait. ``events``: as for ``people_query``.
    A day sees the predictions that were made for it, or shortly before.
    """
    columns = person_columns(model)
    needed = with_counts(only(model, _columns_used(model)))
    people = people_and_predictions(needed, as_of, events, sequences_query(model, as_of))
    sorter = TopologicalSorter({name: needed_segments(model, name) for name in model.segments})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        decided = ", ".join(chosen(model, name, _decided(model.segments[name], columns, as_of)) for name in ready)
        people = f"SELECT *, {decided} FROM ({people})"
        sorter.done(*ready)
    return people


def memberships_query(model: Model, as_of: dt.date, events: str | None = None) -> str:
    """SELECT of as_of, segment, person_id for every segment of a day, in one scan of the people of that day."""
    cases = ", ".join(f"CASE WHEN {member_of(name)} THEN {literal(name)} END" for name in model.segments)
    if not cases:
        return "SELECT NULL::DATE AS as_of, NULL::VARCHAR AS segment, NULL::VARCHAR AS person_id WHERE false"
    return f"""
        SELECT as_of, segment, person_id
        FROM (SELECT as_of, person_id, unnest([{cases}]) AS segment FROM ({people_and_segments(model, as_of, events)}))
        WHERE segment IS NOT NULL"""


def truths_query(model: Model, as_of: dt.date, segments: list[str], those: str, events: str | None = None) -> str:
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
        FROM ({people_and_segments(model, as_of, events)}) JOIN {those} USING (person_id)"""


def truth(part: Leaf, columns: list[str]) -> str:
    """SQL of a condition over people: true or false, never null."""
    if isinstance(part, str):
        return f"coalesce(({render(part, columns)})::BOOLEAN, false)"
    if isinstance(part, In | NotIn):
        return member_of(part.in_) if isinstance(part, In) else f"(NOT {member_of(part.not_in)})"
    return truth_of(part)


def membership_lineage(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The columns that decide who is in a segment: attributes, and what the traits in conditions are made from."""
    used = _columns_used(model)
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


def _columns_used(model: Model) -> set[str]:
    """The columns of people that conditions of segments name."""
    columns = person_columns(model)
    parts = [part for segment in model.segments.values() for _, part in conditions(segment)]
    return {column for part in parts if isinstance(part, str) for column in columns_of(part, columns)}


def _decided(segment: Segment, columns: list[str], as_of: dt.date) -> str:
    return "false" if segment.expires and segment.expires < as_of else condition(segment, columns)


def _part(part: Leaf | Group, columns: list[str]) -> str:
    return condition(part, columns) if isinstance(part, Group) else truth(part, columns)
