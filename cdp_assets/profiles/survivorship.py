"""From declared rules to SQL: which value of each attribute survives, where it came from, and which rule decided.

Each value that the records of a person hold gets a struct of what the rules say of it, in the order of the rules. The
greatest struct wins, and the first field in which the second differs from it names the rule that decided. Pure query
building: no Dagster, no connection.
"""

from collections.abc import Sequence

from cdp_assets.profiles.rectification import CORRECTIONS_IN_FORCE
from cdp_model.expressions import computed
from cdp_model.survivorship import (
    ADDRESS,
    RECORD_ATTRIBUTES,
    RECORD_COLUMNS,
    Rule,
    SourcePriority,
    Survivorship,
    rule_name,
)
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

NEVER = "'-infinity'::TIMESTAMPTZ"
"""Stands for a time that is not known, so that it comes before all others: null would be the greatest."""

ORIGIN = "STRUCT(record_key VARCHAR, source VARCHAR, updated_at TIMESTAMPTZ, rule VARCHAR, values BIGINT)"
"""Where a surviving value came from; in `provenance` by attribute. For a correction the time is when it was made."""

_PARTS = "(street IS NOT NULL)::INT + (postal_code IS NOT NULL)::INT + (city IS NOT NULL)::INT"
COMPLETE_ADDRESS = f"2 * least({_PARTS}, 2) + (country IS NOT NULL)::INT"
"""Two of street, postal code and city make an address; one is better than none; then a country counts."""
COMPLETE_RECORD = " + ".join(f"({name} IS NOT NULL)::INT" for name in RECORD_ATTRIBUTES)


def golden_records_query(survivorship: Survivorship, people: str | None = None) -> str:
    """SELECT of one row a person. Needs the table of corrections, empty as it may be.

    ``people`` names a relation of person_id with those that are wanted; by default all are.
    """
    wanted = f"SEMI JOIN {people} USING (person_id)" if people else ""
    declared = survivorship.rules()
    names = [name for name in declared if name != "address"]
    values = [f"{name}_survivors.value AS {name}" for name in names]
    values += [f"address_survivors.value.{part} AS {part}" for part in ADDRESS]
    survivors = ", ".join(f"{name}_survivors AS ({_survivors(name, rules)})" for name, rules in declared.items())
    joins = " ".join(f"LEFT JOIN {name}_survivors USING (person_id)" for name in declared)
    return f"""
        WITH records AS ({_records(wanted)}), corrected_records AS ({_corrected_records()}), {survivors}
        SELECT p.person_id, p.records, p.sources, households.household_id, {", ".join(values)},
            p.first_seen, p.last_seen,
            MAP {{{", ".join(f"'{name}': {name}_survivors.origin" for name in declared)}}} AS provenance,
            MAP {{{", ".join(f"'{name}': coalesce({name}_survivors.variants, 0)" for name in declared)}}} AS disagreeing
        FROM {CATALOG}.identity.persons AS p {wanted}
        LEFT JOIN {CATALOG}.identity.households AS households USING (person_id) {joins}"""


def _records(wanted: str) -> str:
    return f"""
        SELECT person_id, {", ".join(RECORD_COLUMNS)}
        FROM {CATALOG}.standardized.customers
        JOIN (FROM {CATALOG}.identity.record_persons {wanted}) USING (record_key)"""


def _corrected_records() -> str:
    """SELECT of the records that somebody corrected, as they should be; ``corrected``: when, by attribute."""
    replaced = ", ".join(
        f"CASE WHEN map_contains(corrected, '{name}') THEN correct['{name}']::{kind} ELSE {name} END AS {name}"
        for name, kind in RECORD_ATTRIBUTES.items()
    )
    return f"""
        SELECT * EXCLUDE (correct) REPLACE ({replaced}) FROM records JOIN (
            SELECT record_key, map_from_entries(list(row(attribute, value))) AS correct,
                map_from_entries(list(row(attribute, corrected_at))) AS corrected
            FROM ({CORRECTIONS_IN_FORCE}) GROUP BY record_key) USING (record_key)"""


def _candidates(attribute: str) -> str:
    """SELECT of the records that hold a value, and of those that were given one: they have ``corrected_at``."""
    parts = ADDRESS if attribute == "address" else (attribute,)
    times = ", ".join(f"corrected['{part}']" for part in parts)
    corrected_at = f"greatest({times})"
    return f"""
        SELECT *, {NEVER} AS corrected_at FROM records WHERE coalesce({", ".join(parts)}) IS NOT NULL
        UNION ALL
        SELECT * EXCLUDE (corrected), {corrected_at} AS corrected_at FROM corrected_records
        WHERE {corrected_at} IS NOT NULL"""


def _survivors(attribute: str, rules: Sequence[Rule]) -> str:
    """SELECT of person_id, value, ``variants`` (how many values the records hold) and origin.

    All records that hold the same value become one row, and then all values of a person.
    """
    address = attribute == "address"
    value = f"{{{', '.join(f'{part}: {part}' for part in ADDRESS)}}}" if address else attribute
    fields = {("updated_at" if rule == "most_recent" else f"rule_{i}"): rule for i, rule in enumerate(rules)}
    fields |= {"updated_at": "most_recent"}
    of_record = {name: _score(rule, address) for name, rule in fields.items() if rule != "most_frequent"}
    of_record |= {"record_key": "record_key", "source": "source"}
    # how many records hold a value is the same for each of them, so it can be put in its place afterwards
    order = {"corrected_at": "corrected_at"}
    order |= {name: "votes" if rule == "most_frequent" else f"best.{name}" for name, rule in fields.items()}
    order |= {"record_key": "best.record_key", "source": "best.source", "value": "value"}
    decided = " ".join(f"WHEN top[1].{name} <> top[2].{name} THEN '{rule_name(rule)}'" for name, rule in fields.items())
    variants = f"count(*) FILTER (corrected_at = {NEVER})"
    if address:  # one that lacks a part contradicts no other
        different = f"FILTER (corrected_at = {NEVER} AND value.postal_code IS NOT NULL)"
        variants = f"greatest(count(DISTINCT row(value.street, value.postal_code)) {different}, least({variants}, 1))"
    return f"""
        SELECT person_id, top[1].value AS value, variants, row(
            top[1].record_key, top[1].source,
            nullif(CASE WHEN corrected THEN top[1].corrected_at ELSE top[1].updated_at END, {NEVER}),
            CASE WHEN corrected THEN 'correction' WHEN len(top) = 1 THEN 'only_value' {decided} ELSE 'record_key' END,
            variants)::{ORIGIN} AS origin
        FROM (
            SELECT person_id, max({_struct(order)}, 2) AS top, {variants} AS variants,
                max(corrected_at) > {NEVER} AS corrected
            FROM (
                SELECT person_id, {value} AS value, corrected_at, count(*) AS votes, max({_struct(of_record)}) AS best
                FROM ({_candidates(attribute)}) GROUP BY ALL)
            GROUP BY person_id)"""


def _struct(fields: dict[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {sql}' for name, sql in fields.items())}}}"


def _score(rule: Rule, address: bool) -> str:
    """SQL over a record: the greater, the better its value is by a rule."""
    if rule == "most_recent":
        return f"coalesce(updated_at, {NEVER})"
    if isinstance(rule, str):
        return COMPLETE_ADDRESS if address else COMPLETE_RECORD
    if isinstance(rule, SourcePriority):
        least_first = ", ".join(map(literal, reversed(rule.source_priority)))
        return f"coalesce(list_position([{least_first}], source), 0)"
    return f"coalesce({computed(rule.verified_first, RECORD_COLUMNS)}, false)::INT"
