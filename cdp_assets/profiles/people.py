"""People with their attributes and traits as of any day: one query, built from the declared model.

The same query makes today's traits and the segments of a day long past. It sees only events and consents from
before the day's end in the company's time zone. Pure query building: no Dagster, no connection.
"""

import datetime as dt
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from cdp_assets.profiles.attribution import events_of_people, events_of_records
from cdp_assets.profiles.consent import consent_states
from cdp_model.crosscheck import person_columns
from cdp_model.expressions import columns_of, render
from cdp_model.model import Model
from cdp_model.traits import EVENT_COLUMNS, PERSON_COLUMNS, Trait
from cdp_resources.lake import CATALOG, literal, quote

ATTRIBUTES = [name for name in PERSON_COLUMNS if name != "as_of"]


def end_of(day: dt.date, timezone: str) -> str:
    """SQL for the first moment after ``day`` in a time zone, daylight saving included."""
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone))
    return f"TIMESTAMPTZ {literal(midnight.astimezone(dt.UTC).isoformat())}"


def events_query(model: Model, until: dt.date) -> str:
    """SELECT of every event of a known record up to the end of a day, with the local ``day`` it happened on."""
    return f"""
        SELECT *, (occurred_at AT TIME ZONE {literal(model.company.timezone)})::DATE AS day
        FROM ({events_of_records()}) WHERE occurred_at < {end_of(until, model.company.timezone)}"""


def people_query(model: Model, as_of: dt.date, events: str | None = None) -> str:
    """SELECT of one row a person: attributes, ``as_of`` and every declared trait, as of the end of a day.

    ``events`` names a relation with the columns of ``events_query`` that many days can share.
    """
    end = end_of(as_of, model.company.timezone)
    happened = f"SELECT * FROM {events} WHERE occurred_at < {end}" if events else events_query(model, as_of)
    ctes = [
        f"happened AS ({happened})",
        f"seen AS ({events_of_people('happened', model.identity.max_household)})",
        f"event_traits AS (SELECT {_event_traits(model, as_of)} FROM seen GROUP BY person_id)",
        f"consents AS ({consent_states(end)})",
        f"consent_traits AS (SELECT {_consent_traits(model)} FROM consents GROUP BY person_id)",
    ]
    attributes = ", ".join(f"g.{quote(name)}" for name in ATTRIBUTES)
    traits = ", ".join(_with_default(name, trait) for name, trait in model.traits.items() if not trait.sql)
    people = f"""
        SELECT {attributes}, DATE {literal(str(as_of))} AS as_of{"," if traits else ""} {traits}
        FROM {CATALOG}.profiles.golden_records AS g
        LEFT JOIN event_traits USING (person_id) LEFT JOIN consent_traits USING (person_id)
        WHERE g.first_seen < {end} OR g.first_seen IS NULL"""
    for level in sql_levels(model):
        computed = ", ".join(f"{_sql_trait(model, name)} AS {quote(name)}" for name in level)
        people = f"SELECT *, {computed} FROM ({people})"
    return f"WITH {', '.join(ctes)} {people}"


def sql_levels(model: Model) -> list[list[str]]:
    """The ``sql`` traits in groups that can be computed together, each after those that it needs."""
    needs = {}
    for name, trait in model.traits.items():
        if trait.sql:
            used = columns_of(trait.sql, person_columns(model))
            needs[name] = {other for other in used if other in model.traits and model.traits[other].sql}
    sorter, levels = TopologicalSorter(needs), []
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        levels.append(ready)
        sorter.done(*ready)
    return levels


def trait_sources(trait: Trait) -> list[tuple[str, str]]:
    """The (asset, column) pairs that a trait is made from, for column lineage."""
    if trait.consent:
        return [("standardized/consents", column) for column in ("purpose", "channel", "status", "occurred_at")]
    used = {"event_name", "occurred_at"} if trait.aggregate else set()
    for expression in (trait.where, trait.of):
        used |= set(columns_of(expression, EVENT_COLUMNS)) if expression else set()
    return [("standardized/events", column) for column in sorted(used)]


def _event_traits(model: Model, as_of: dt.date) -> str:
    columns = ["person_id"]
    for name, trait in model.traits.items():
        if trait.aggregate:
            columns.append(f"{_aggregate(trait, as_of)} AS {quote(name)}")
    return ", ".join(columns)


def _aggregate(trait: Trait, as_of: dt.date) -> str:
    """One aggregate over the shared scan. Ties are broken by the event's id or the smallest value, never by chance."""
    conditions = []
    if trait.events:
        conditions.append(f"event_name IN ({', '.join(literal(event) for event in trait.events)})")
    if trait.where:
        conditions.append(f"({render(trait.where, EVENT_COLUMNS)})")
    if trait.window_days:
        first = as_of - dt.timedelta(days=trait.window_days - 1)
        conditions.append(f"day >= DATE {literal(str(first))}")
    value = f"({render(trait.of, EVENT_COLUMNS)})" if trait.of else "*"
    if trait.of:
        conditions.append(f"{value} IS NOT NULL")
    only = f"FILTER ({' AND '.join(conditions)})" if conditions else ""
    today = f"DATE {literal(str(as_of))}"
    histogram = f"histogram({value}) {only}"
    counts = f"map_values({histogram})"
    return {
        "count": f"count(*) {only}",
        "sum": f"sum({value}) {only}",
        "mean": f"avg({value}) {only}",
        "min": f"min({value}) {only}",
        "max": f"max({value}) {only}",
        "first": f"arg_min({value}, row(occurred_at, source, event_id)) {only}",
        "last": f"arg_max({value}, row(occurred_at, source, event_id)) {only}",
        "most_frequent": f"map_keys({histogram})[list_position({counts}, list_max({counts}))]",
        "count_distinct": f"count(DISTINCT {value}) {only}",
        "days_since_first": f"{today} - min(day) {only}",
        "days_since_last": f"{today} - max(day) {only}",
        "days_active": f"count(DISTINCT day) {only}",
    }[trait.aggregate or "count"]


def _consent_traits(model: Model) -> str:
    columns = ["person_id"]
    for name, trait in model.traits.items():
        if trait.consent:
            purpose, channel = literal(trait.consent.purpose), literal(trait.consent.channel)
            columns.append(f"bool_or(granted) FILTER (purpose = {purpose} AND channel = {channel}) AS {quote(name)}")
    return ", ".join(columns)


def _with_default(name: str, trait: Trait) -> str:
    """The trait's column, with its default for people who have no such events."""
    default = trait.default
    if default is None:
        default = (
            False if trait.consent else 0 if trait.aggregate in ("count", "count_distinct", "days_active") else None
        )
    return f"{_or_default(quote(name), default)} AS {quote(name)}" if default is not None else quote(name)


def _sql_trait(model: Model, name: str) -> str:
    trait = model.traits[name]
    assert trait.sql
    return _or_default(f"({render(trait.sql, person_columns(model))})", trait.default)


def _or_default(value: str, default: float | int | str | bool | None) -> str:
    if default is None:
        return value
    return f"coalesce({value}, {literal(default) if isinstance(default, str) else repr(default).lower()})"
