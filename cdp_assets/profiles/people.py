"""People with their attributes and traits as of any day: one query, built from the declared model.

The same query makes today's traits and the segments of a day long past. It sees only events and consents from
before the day's end in the company's time zone. Pure query building: no Dagster, no connection.
"""

import datetime as dt
from collections.abc import Collection
from graphlib import TopologicalSorter

from cdp_assets.profiles import scores
from cdp_assets.profiles.aggregates import event_traits, with_moments
from cdp_assets.profiles.attribution import PERSONS, events_of_people, events_of_records, owners_of, users_in_order
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.consent import is_granted
from cdp_assets.profiles.money import lineage as money_lineage
from cdp_assets.profiles.money import with_reporting_money
from cdp_model.columns import needed_columns, person_columns
from cdp_model.expressions import columns_of, computed
from cdp_model.model import Model
from cdp_model.traits import (
    DAYS_SINCE,
    MOMENT_COLUMNS,
    PERSON_COLUMNS,
    TRAIT_EVENT_COLUMNS,
    ZERO_WITHOUT_EVENTS,
    Score,
    Trait,
)
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

ATTRIBUTES = [name for name in PERSON_COLUMNS if name != "as_of"]


def events_query(model: Model, until: dt.date, of: str | None = None, begins: bool = False) -> str:
    """SELECT of every event of a known record up to the end of a day, with its local time and its reporting money.

    ``of`` names a relation as ``owners_of`` gives it, with the records that are wanted; by default all are. ``begins``:
    see ``events_of_records``.
    """
    timezone = model.company.timezone
    events = with_moments(events_of_records(of, begins), timezone)
    return with_reporting_money(model, f"SELECT * FROM ({events}) WHERE occurred_at < {end_of(until, timezone)}")


def people_query(model: Model, as_of: dt.date, events: str | None = None) -> str:
    """SELECT of one row a person: attributes, ``as_of`` and every declared trait, as of the end of a day.

    ``events`` names a relation with the columns of ``events_query`` that many days can share.
    """
    ctes = seen_events(model, as_of, events)
    ctes["trait_values"] = values(model, as_of)
    return f"WITH {written(ctes)} FROM ({people_with(model, as_of, 'trait_values')})"


def seen_events(
    model: Model, as_of: dt.date, events: str | None = None, identified: str | None = None
) -> dict[str, str]:
    """The relations that ``values`` are made from, by name: ``seen``, the events of people to the end of a day, last.

    ``identified``: see ``device_users``.

    What is read more than once is read again, but only the columns that are needed: it would not fit into memory.
    """
    end = end_of(as_of, model.company.timezone)
    found = {} if events else {"owners": owners_of()}
    happened = f"SELECT * FROM {events} WHERE occurred_at < {end}" if events else events_query(model, as_of, "owners")
    return found | {
        "happened": happened,
        "users": users_in_order("happened", model.identity.max_household, identified),
        "seen": events_of_people("happened", "users"),
    }


def written(ctes: dict[str, str]) -> str:
    """Relations by name as the list that comes after WITH."""
    inlined = ("happened", "seen")
    return ", ".join(f"{name} AS {'NOT ' * (name in inlined)}MATERIALIZED ({sql})" for name, sql in ctes.items())


def values(model: Model, as_of: dt.date, persons: str = PERSONS) -> str:
    """SELECT of one row a person with events in ``seen`` or with consents: the traits that are made from these.

    ``persons``: a relation with the record_key and the person_id of all records of the people that are wanted.

    Without defaults, and with days in the place of days since, so that a value only changes where an event does, or
    where the day enters or leaves its window.
    """
    return f"""
        SELECT * FROM ({event_traits(model, as_of)})
        FULL JOIN ({consent_traits(model, as_of, persons)}) USING (person_id)"""


def people_with(
    model: Model,
    as_of: dt.date,
    values: str,
    also: Collection[str] = (),
    people: str | None = None,
    known: Collection[str] | None = None,
) -> str:
    """SELECT of one row a person, with the traits made from ``values``, and all others made from these in turn.

    ``also``: further columns of ``values``, as they are. ``people``: a relation of person_id; only these. ``known``:
    the attributes that ``values`` has of everybody, where no other is asked for and no golden record is to be read.
    """
    end = end_of(as_of, model.company.timezone)
    attributes = ", ".join(f"g.{quote(name)}" for name in (ATTRIBUTES if known is None else known))
    traits = [_value(name, trait, as_of) for name, trait in model.traits.items() if not trait.derived]
    columns = [attributes, f"DATE {literal(str(as_of))} AS as_of"]
    columns += [*map(quote, also), *traits]
    wanted = f"(FROM {CATALOG}.profiles.golden_records SEMI JOIN {people} USING (person_id))" if people else ""
    joined = (
        f"{wanted or f'{CATALOG}.profiles.golden_records'} AS g LEFT JOIN {values} AS trait_values USING (person_id)"
    )
    found = f"""
        SELECT {", ".join(columns)} FROM {joined if known is None else f"{values} AS g"}
        WHERE g.first_seen < {end} OR g.first_seen IS NULL"""
    for level in derived_levels(model):
        found = with_derived(model, level, found)
    return found


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


def consent_traits(model: Model, as_of: dt.date, persons: str = PERSONS) -> str:
    """SELECT of one row a person with consents: person_id and every trait that is made from these.

    ``persons``: a relation with the record_key and the person_id of all records of the people that are wanted.
    """
    columns = ["person_id"]
    for name, trait in model.traits.items():
        if trait.consent:
            columns.append(f"{is_granted((trait.consent.purpose, trait.consent.channel))} AS {quote(name)}")
    return f"""
        SELECT {", ".join(columns)} FROM {CATALOG}.standardized.consents JOIN {persons} AS persons USING (record_key)
        WHERE occurred_at < {end_of(as_of, model.company.timezone)} GROUP BY person_id"""


def _value(name: str, trait: Trait, as_of: dt.date) -> str:
    """The column of a trait over events or consents, with its default for people who have none of these."""
    value, default = quote(name), trait.default
    if trait.aggregate in DAYS_SINCE:
        value = f"DATE {literal(str(as_of))} - {value}"
    if default is None:
        default = False if trait.consent else 0 if trait.aggregate in ZERO_WITHOUT_EVENTS else None
    return f"{_or_default(value, default)} AS {quote(name)}"


def with_derived(model: Model, level: Collection[str], people: str) -> str:
    """``people``, a SELECT, with more traits: ``sql`` and ``score`` traits that need no other of the level.

    A score is found by where its groups begin. Ranking people would sort the whole table once for each score.
    """
    columns, thresholds, ranks = [], [], {}
    for name in level:
        trait = model.traits[name]
        if trait.sql:
            value = computed(trait.sql, person_columns(model))
        else:
            assert trait.score
            ranked, bins = quote(f"{name} ranked"), trait.score.bins
            ranks[ranked] = _ranked(model, trait.score)
            order = "ASC" if trait.score.best == "highest" else "DESC"
            begins = quote(f"{name} begins")
            thresholds.append(f"{scores.thresholds(ranked, bins, order)} AS {begins}")
            value = scores.group_of(ranked, bins, ">" if order == "ASC" else "<", begins)
        columns.append(f"{_or_default(value, trait.default)} AS {quote(name)}")
    if not columns:
        return people
    if not thresholds:
        return f"SELECT *, {', '.join(columns)} FROM ({people})"
    # a column of its own: the group is found with many comparisons
    ranked_by = ", ".join(f"{value} AS {column}" for column, value in ranks.items())
    return f"""
        WITH people AS NOT MATERIALIZED (SELECT *, {ranked_by} FROM ({people}))
        SELECT people.* EXCLUDE ({", ".join(ranks)}), {", ".join(columns)}
        FROM people, (SELECT {", ".join(thresholds)} FROM people)"""


def _ranked(model: Model, score: Score) -> str:
    """The value that people are ranked by; null for those who are not among them."""
    value = quote(score.of)
    return f"CASE WHEN {computed(score.among, person_columns(model))} THEN {value} END" if score.among else value


def _or_default(value: str, default: float | int | str | bool | None) -> str:
    if default is None:
        return value
    return f"coalesce({value}, {literal(default) if isinstance(default, str) else repr(default).lower()})"
