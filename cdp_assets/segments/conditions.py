"""From a declared segment to SQL. Pure query building."""

import datetime as dt

from cdp_assets.profiles.people import trait_sources
from cdp_assets.profiles.predicted import lineage as predicted_lineage
from cdp_assets.profiles.predicted import people_and_predictions
from cdp_model.crosscheck import conditions, needed_columns, person_columns
from cdp_model.expressions import columns_of, render
from cdp_model.model import Model
from cdp_model.traits import Group
from cdp_resources.lake import literal


def condition(group: Group, columns: list[str]) -> str:
    """One SQL condition for nested groups. Null counts as not true, also below ``none``."""
    parts = []
    if group.all:
        parts.append("(" + " AND ".join(_one(part, columns) for part in group.all) + ")")
    if group.any:
        parts.append("(" + " OR ".join(_one(part, columns) for part in group.any) + ")")
    if group.none:
        parts.append("NOT (" + " OR ".join(_one(part, columns) for part in group.none) + ")")
    return "(" + " AND ".join(parts) + ")"


def memberships_query(model: Model, as_of: dt.date, events: str | None = None) -> str:
    """SELECT of as_of, segment, person_id for every segment of a day, in one scan of the people of that day.

    ``events``: as for ``people_query``. A day sees the predictions that were made for it, or shortly before.
    """
    columns = person_columns(model)
    names = [name for name, segment in model.segments.items() if not segment.expires or segment.expires >= as_of]
    if not names:
        return "SELECT NULL::DATE AS as_of, NULL::VARCHAR AS segment, NULL::VARCHAR AS person_id WHERE false"
    cases = ", ".join(
        f"CASE WHEN {condition(model.segments[name], columns)} THEN {literal(name)} END" for name in names
    )
    people = people_and_predictions(model, as_of, events)
    return f"""
        SELECT as_of, segment, person_id
        FROM (SELECT as_of, person_id, unnest([{cases}]) AS segment FROM ({people}))
        WHERE segment IS NOT NULL"""


def truths_query(model: Model, as_of: dt.date, segments: list[str], those: str, events: str | None = None) -> str:
    """SELECT of as_of, segment, person_id, truths: of each condition of a segment, in declared order, if it is true.

    For the rows of ``those``, a relation with segment and person_id, whose segments are all among ``segments`` and
    whose people are there on the day.
    """
    columns = person_columns(model)
    cases = " ".join(
        f"WHEN {literal(name)} THEN [{', '.join(_one(part, columns) for _, part in conditions(model.segments[name]))}]"
        for name in segments
    )
    return f"""
        SELECT as_of, segment, person_id, CASE segment {cases} END AS truths
        FROM ({people_and_predictions(model, as_of, events)}) JOIN {those} USING (person_id)"""


def membership_lineage(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The columns that decide who is in a segment: attributes, and what the traits in conditions are made from."""
    columns = person_columns(model)
    used = {
        column
        for segment in model.segments.values()
        for _, expression in conditions(segment)
        for column in columns_of(expression, columns)
    }
    decisive: set[tuple[str, str]] = set()
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
            decisive |= set(trait_sources(trait))
    return {"segment": sorted(decisive), "person_id": [("profiles/golden_records", "person_id")]}


def _one(part: str | Group, columns: list[str]) -> str:
    if isinstance(part, Group):
        return condition(part, columns)
    return f"coalesce(({render(part, columns)})::BOOLEAN, false)"
