"""From the tracking plan to SQL: which rules each event breaks, as a part of the scan that makes events of raw rows.

Pure query building: no Dagster, no connection. A row gets `_cdp_violations`, a list of what it breaks or null, and the
properties without those that are dropped. Each row's properties are taken apart once, for the rules of its own event.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cdp_assets.standardized.plan_conditions import broken
from cdp_model.event_schemas import Rule
from cdp_model.tracking_plan import PlannedVersion, SourcePlan
from cdp_resources.lake import literal, quote

REASON = "tracking plan: "
UNPLANNED = 0
"""Number of the rule that an event is in the plan; the rules of events are counted from 1."""
OWN_COLUMNS = ("_cdp_event", "_cdp_version", "_cdp_sent", "_cdp_which", "_cdp_values")


@dataclass(frozen=True)
class Sent:
    """Where an event's name, version and properties are, as SQL over a raw row."""

    name: str
    version: str
    properties: str
    column: str | None
    """The raw column that the properties stand in, which every other expression reads; None: they are made."""


def numbered(plan: SourcePlan) -> Iterator[tuple[int, PlannedVersion, Rule]]:
    """Every rule of a source with its number."""
    number = UNPLANNED
    for version in plan.events:
        for rule in version.rules:
            number += 1
            yield number, version, rule


def held_against(plan: SourcePlan, sent: Sent, rows: str) -> str:
    """SELECT of the raw ``rows`` (a query), each with `_cdp_violations` and `_cdp_properties`."""
    properties = sent.properties
    if sent.column:  # what is no object is null here, and stays as it is in its column
        column = quote(sent.column)
        properties = f"CASE WHEN {column} IS NULL THEN '{{}}'::JSON WHEN starts_with(ltrim({column}), '{{') "
        properties += f"THEN TRY_CAST({column} AS JSON) END"
    taken = (
        f"SELECT *, {sent.name} AS _cdp_event, {sent.version} AS _cdp_version, {properties} AS _cdp_sent FROM ({rows})"
    )
    known = f"SELECT *, {_which(plan)} AS _cdp_which FROM ({taken})"
    apart = f"SELECT *, {_values(plan)} AS _cdp_values FROM ({known})"
    judged = f"SELECT *, {_violations(plan)} AS _cdp_violations FROM ({apart})"
    return _without_dropped(sent, judged)


def _which(plan: SourcePlan) -> str:
    """Number of the version that an event is held against, from 1; 0 for one that is not planned, null for none."""
    cases = []
    for number, version in enumerate(plan.events, start=1):
        said = f"_cdp_version = {literal(version.version)}"
        said = f"({said} OR _cdp_version IS NULL)" if version.latest else said
        cases.append(f"WHEN _cdp_event = {literal(version.event)} AND {said} THEN {number}")
    return f"CASE WHEN _error IS NOT NULL OR _cdp_event IS NULL THEN NULL {' '.join(cases)} ELSE 0 END"


def _values(plan: SourcePlan) -> str:
    cases = []
    for number, version in enumerate(plan.events, start=1):
        if pointers := ", ".join(literal(pointer(path)) for path in paths(version)):
            cases.append(f"WHEN {number} THEN json_extract(_cdp_sent, [{pointers}])")
    return f"CASE _cdp_which {' '.join(cases)} END" if cases else "NULL::JSON[]"


def paths(version: PlannedVersion) -> list[tuple[str, ...]]:
    """The properties that the rules of an event look at, those around them included."""
    found = {rule.path[:depth]: None for rule in version.rules for depth in range(1, len(rule.path) + 1)}
    return list(found)


def pointer(path: tuple[str, ...]) -> str:
    """A JSON pointer (RFC 6901), which DuckDB takes whatever signs a name has."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def _violations(plan: SourcePlan) -> str:
    """A list of {rule, sample, drop, reason}; null where nothing is broken, which is found out first."""
    cases = []
    if plan.unplanned != "allow":
        reason = literal(REASON + "the event is not in it") if plan.unplanned == "quarantine" else "NULL"
        cases.append(f"WHEN 0 THEN [{_violation(UNPLANNED, 'NULL', 'NULL', reason)}]")
    rules = list(numbered(plan))
    for number, version in enumerate(plan.events, start=1):
        values = {path: f"_cdp_values[{i}]" for i, path in enumerate(paths(version), start=1)}
        conditions, broke = [], []
        for rule_number, of, rule in rules:
            if of is version:
                condition = broken(rule, values)
                conditions.append(condition)
                broke.append(f"CASE WHEN {condition} THEN {_of_rule(rule_number, rule, values)} END")
        some, all_ = " OR ".join(f"({condition})" for condition in conditions), ", ".join(broke)
        found = f"list_filter([{all_}], lambda each: each IS NOT NULL)"
        cases.append(f"WHEN {number} THEN CASE WHEN {some} THEN {found} END")
    return f"CASE _cdp_which {' '.join(cases)} END"


def _of_rule(number: int, rule: Rule, values: dict[tuple[str, ...], str]) -> str:
    sample, drop = "NULL", "NULL"
    if rule.keyword == "additionalProperties":
        known = ", ".join(map(literal, rule.value)) or "NULL"
        within = values[rule.path] if rule.path else "_cdp_sent"
        others = f"list_filter(json_keys({within}), lambda name: coalesce(name NOT IN ({known}), true))"
        sample = f"array_to_string(list_transform({others}[:3], lambda name: {shown('name')}), ', ')"
        drop = f"array_to_string(list_transform({others}, lambda name: to_json(name)::VARCHAR || ':null'), ',')"
    elif rule.path and rule.keyword != "required" and rule.pii is None:
        sample = masked(f"{values[rule.path]} ->> '$'")
    if rule.path:
        drop = f"to_json({literal(rule.path[0])})::VARCHAR || ':null'"
    if rule.action != "drop" or rule.keyword == "required":  # of what is missing nothing can be dropped
        drop = "NULL"
    return _violation(number, sample, drop, literal(f"{REASON}{rule}") if rule.action == "quarantine" else "NULL")


def _violation(number: int, sample: str, drop: str, reason: str) -> str:
    texts = {"sample": sample, "drop": drop, "reason": reason}
    return "{" + ", ".join([f"'rule': {number}", *(f"'{key}': ({sql})::VARCHAR" for key, sql in texts.items())]) + "}"


def masked(text: str) -> str:
    """SQL of the shape of a text: which signs stood where, never which letters and digits."""
    return f"regexp_replace(regexp_replace(left({text}, 40), '\\p{{L}}', 'x', 'g'), '\\p{{N}}', '9', 'g')"


def shown(name: str) -> str:
    """SQL of a name that a sender gave; its shape only, unless it is such as a programmer gives."""
    usual = "'[\\p{L}_$][\\p{L}_$ :.-]{0,59}[0-9]{0,2}'"
    return f"CASE WHEN regexp_full_match({name}, {usual}) THEN {name} ELSE {masked(name)} END"


def _without_dropped(sent: Sent, judged: str) -> str:
    """The rows without properties that are dropped: the raw column itself is changed, so that all who read it agree."""
    drops = "list_filter(list_transform(_cdp_violations, lambda each: each.drop), lambda drop: drop IS NOT NULL)"
    patch = f"'{{' || array_to_string({drops}, ',') || '}}'"
    cleaned = f"json_merge_patch(coalesce(_cdp_sent, '{{}}'::JSON), {patch})"
    without = f"SELECT * EXCLUDE ({', '.join(OWN_COLUMNS)}), _cdp_sent AS _cdp_properties"
    changed = f"CASE WHEN len({drops}) > 0 THEN {cleaned}"
    if sent.column:
        column = quote(sent.column)
        replaced = f"{changed}::VARCHAR ELSE {column} END AS {column}"
        return f"SELECT * EXCLUDE ({', '.join(OWN_COLUMNS)}) REPLACE ({replaced}) FROM ({judged})"
    return f"{without.replace('_cdp_sent AS', f'{changed} ELSE _cdp_sent END AS')} FROM ({judged})"
