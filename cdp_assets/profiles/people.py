"""People with their attributes and traits as of any day: one query, built from the declared model.

The same query makes today's traits and the segments of a day long past. It sees only events and consents from
before the day's end in the company's time zone. Pure query building: no Dagster, no connection.
"""

import datetime as dt
from collections.abc import Collection
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from cdp_assets.profiles.aggregates import event_traits, moments
from cdp_assets.profiles.attribution import events_of_people, events_of_records
from cdp_assets.profiles.consent import consent_states
from cdp_assets.profiles.money import lineage as money_lineage
from cdp_assets.profiles.money import with_reporting_money
from cdp_model.crosscheck import needed_columns, person_columns
from cdp_model.expressions import columns_of, render
from cdp_model.model import Model
from cdp_model.traits import DAYS_SINCE, MOMENT_COLUMNS, PERSON_COLUMNS, TRAIT_EVENT_COLUMNS, ZERO_WITHOUT_EVENTS, Trait
from cdp_resources.lake import CATALOG, literal, quote

ATTRIBUTES = [name for name in PERSON_COLUMNS if name != "as_of"]


def end_of(day: dt.date, timezone: str) -> str:
    """SQL for the first moment after ``day`` in a time zone, daylight saving included."""
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone))
    return f"TIMESTAMPTZ {literal(midnight.astimezone(dt.UTC).isoformat())}"


def events_query(model: Model, until: dt.date) -> str:
    """SELECT of every event of a known record up to the end of a day, with its local time and its reporting money."""
    return with_reporting_money(
        model,
        f"""
        SELECT *, {moments(model.company.timezone)}
        FROM ({events_of_records()}) WHERE occurred_at < {end_of(until, model.company.timezone)}""",
    )


def people_query(model: Model, as_of: dt.date, events: str | None = None, behaviour: str | None = None) -> str:
    """SELECT of one row a person: attributes, ``as_of`` and every declared trait, as of the end of a day.

    ``events`` names a relation with the columns of ``events_query`` that many days can share; ``behaviour`` one of
    people that has the columns of ``event_traits``, and perhaps others, already.
    """
    end = end_of(as_of, model.company.timezone)
    ctes = []
    if behaviour is None:
        happened = f"SELECT * FROM {events} WHERE occurred_at < {end}" if events else events_query(model, as_of)
        ctes = [
            f"happened AS ({happened})",
            f"seen AS ({events_of_people('happened', model.identity.max_household)})",
            f"event_traits AS ({event_traits(model, as_of)})",
        ]
    ctes += [
        f"consents AS ({consent_states(end)})",
        f"consent_traits AS (SELECT {_consent_traits(model)} FROM consents GROUP BY person_id)",
    ]
    made = ", ".join(quote(name) for name in ["person_id", *(n for n, t in model.traits.items() if t.aggregate)])
    further = f", e.* EXCLUDE ({made})" if behaviour else ""
    attributes = ", ".join(f"g.{quote(name)}" for name in ATTRIBUTES)
    traits = ", ".join(_value(name, trait, as_of) for name, trait in model.traits.items() if not trait.derived)
    people = f"""
        SELECT {attributes}, DATE {literal(str(as_of))} AS as_of{further}{"," if traits else ""} {traits}
        FROM {CATALOG}.profiles.golden_records AS g
        LEFT JOIN {behaviour or "event_traits"} AS e USING (person_id) LEFT JOIN consent_traits USING (person_id)
        WHERE g.first_seen < {end} OR g.first_seen IS NULL"""
    for level in derived_levels(model):
        computed = ", ".join(f"{derived_trait(model, name)} AS {quote(name)}" for name in level)
        people = f"SELECT *, {computed} FROM ({people})"
    return f"WITH {', '.join(ctes)} {people}"


def derived_levels(model: Model) -> list[list[str]]:
    """The ``sql`` and ``score`` traits in groups that can be computed together, each after those that it needs."""
    derived = [name for name, trait in model.traits.items() if trait.derived]
    needs = {name: {other for other in needed_columns(model, name) if other in derived} for name in derived}
    sorter, levels = TopologicalSorter(needs), []
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        levels.append(ready)
        sorter.done(*ready)
    return levels


def inputs(model: Model, names: Collection[str]) -> set[str]:
    """Traits, with all traits and attributes that they are made from."""
    found, waiting = set(names), list(names)
    while waiting:
        name = waiting.pop()
        more = set(needed_columns(model, name)) - found if name in model.traits else set()
        found |= more
        waiting += more
    return found


def only(model: Model, names: Collection[str]) -> Model:
    """The model with no other traits than these and those that they are made from: less to compute."""
    needed = inputs(model, names)
    return model.model_copy(update={"traits": {n: t for n, t in model.traits.items() if n in needed}})


def trait_sources(model: Model, trait: Trait) -> list[tuple[str, str]]:
    """The (asset, column) pairs that a trait is made from, for column lineage."""
    if trait.consent:
        return [("standardized/consents", column) for column in ("purpose", "channel", "status", "occurred_at")]
    used = {"event_name", "occurred_at"} if trait.aggregate else set()
    for expression in (trait.where, trait.of):
        used |= set(columns_of(expression, TRAIT_EVENT_COLUMNS)) - {*MOMENT_COLUMNS} if expression else set()
    money = money_lineage(model) if "revenue_reporting" in used else []
    return [*(("standardized/events", column) for column in sorted(used - {"revenue_reporting"})), *money]


def _consent_traits(model: Model) -> str:
    columns = ["person_id"]
    for name, trait in model.traits.items():
        if trait.consent:
            purpose, channel = literal(trait.consent.purpose), literal(trait.consent.channel)
            columns.append(f"bool_or(granted) FILTER (purpose = {purpose} AND channel = {channel}) AS {quote(name)}")
    return ", ".join(columns)


def _value(name: str, trait: Trait, as_of: dt.date) -> str:
    """The column of a trait over events or consents, with its default for people who have none of these."""
    value, default = quote(name), trait.default
    if trait.aggregate in DAYS_SINCE:
        value = f"DATE {literal(str(as_of))} - {value}"
    if default is None:
        default = False if trait.consent else 0 if trait.aggregate in ZERO_WITHOUT_EVENTS else None
    return f"{_or_default(value, default)} AS {quote(name)}"


def derived_trait(model: Model, name: str) -> str:
    """SQL of an `sql` or `score` trait over people who have the columns that it needs."""
    trait = model.traits[name]
    if trait.sql:
        return _or_default(f"({render(trait.sql, person_columns(model))})", trait.default)
    score = trait.score
    assert score
    value = quote(score.of)
    if score.among:
        value = f"CASE WHEN {render(score.among, person_columns(model))} THEN {value} END"
    worst_first = "ASC" if score.best == "highest" else "DESC"
    worse = f"(rank() OVER (ORDER BY {value} {worst_first} NULLS LAST) - 1)"
    group = f"1 + {score.bins} * {worse} // count({value}) OVER ()"
    return _or_default(f"CASE WHEN {value} IS NOT NULL THEN {group} END", trait.default)


def _or_default(value: str, default: float | int | str | bool | None) -> str:
    if default is None:
        return value
    return f"coalesce({value}, {literal(default) if isinstance(default, str) else repr(default).lower()})"
