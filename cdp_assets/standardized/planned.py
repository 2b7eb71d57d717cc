"""From the tracking plan to SQL: which rules each event breaks, as a part of the scan that makes events of raw rows.

Pure query building: no Dagster, no connection. The properties of a row are taken apart once, for the rules of its own
event. What is broken is kept as bits: to tell more of it is left to those rows that break something.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdp_assets.standardized.plan_conditions import Value, broken, others
from cdp_model.event_schemas import Rule
from cdp_model.tracking_plan import PlannedVersion, SourcePlan
from cdp_resources.sql import literal, quote

REASON = "tracking plan: "
BITS = 60
"""Rules in a word."""

UNPLANNED = 0
"""Stands for the version of an event that is in no plan; the others are counted from 1."""

VIOLATIONS = "STRUCT(version INTEGER, words BIGINT[], sent JSON)"
"""What an event breaks: of which version, which of its rules, and what was sent; null where it breaks nothing."""

SENT, VERSION = "_cdp_sent", "_cdp_planned"


@dataclass(frozen=True)
class Sent:
    """Where an event's name, version and properties are, as SQL over a raw row."""

    name: str
    version: str
    properties: str
    column: str | None
    """The raw column that the properties stand in, which every other expression reads; None: they are made."""


@dataclass(frozen=True)
class Numbered:
    """One rule of a source and the bit that says it is broken, ``word`` counting from 1."""

    version_number: int
    version: PlannedVersion
    word: int
    bit: int
    rule: Rule

    @property
    def is_broken(self) -> str:
        """SQL over the words of a row."""
        return f"({_word(self.word)} & {self.bit}) <> 0"


def numbered(plan: SourcePlan) -> Iterator[Numbered]:
    """Every rule of a source, in order."""
    for number, version in enumerate(plan.events, start=1):
        for i, rule in enumerate(version.rules):
            yield Numbered(number, version, i // BITS + 1, 1 << i % BITS, rule)


def held_against(plan: SourcePlan, sent: Sent, rows: str) -> str:
    """SELECT of the raw ``rows`` (a query) without the properties that the plan drops, and with more columns:

    `_cdp_violations` (``VIOLATIONS``), `_cdp_refusals` (texts: why the event is kept out; null for none), and, where
    the properties stand in no column, `_cdp_properties`.
    """
    properties = sent.properties
    if sent.column:  # what is no object is null here, and stays as it is in its column
        column = quote(sent.column)
        properties = f"CASE WHEN {column} IS NULL THEN '{{}}'::JSON WHEN starts_with(ltrim({column}), '{{') "
        properties += f"THEN TRY_CAST({column} AS JSON) END"
    named = f"SELECT *, {sent.name} AS _cdp_event, {sent.version} AS _cdp_version, {properties} AS {SENT} FROM ({rows})"
    known = f"SELECT *, {_version(plan)} AS {VERSION} FROM ({named})"
    types, texts = _of_properties(plan, "json_type"), _of_properties(plan, "json_extract_string")
    apart = f"SELECT *, {types} AS _cdp_types, {texts} AS _cdp_texts FROM ({known})"
    flat = f"SELECT *{_flat(plan)} FROM ({apart})"
    words = ", ".join(f"{_bits(plan, word)} AS {_word(word)}" for word in range(1, _words(plan) + 1))
    return _outcome(plan, sent, f"SELECT *, {words} FROM ({flat})")


def _version(plan: SourcePlan) -> str:
    """Number of the version that an event is held against; null for what is no event at all."""
    cases = []
    for number, version in enumerate(plan.events, start=1):
        said = f"_cdp_version = {literal(version.version)}"
        said = f"({said} OR _cdp_version IS NULL)" if version.latest else said
        cases.append(f"WHEN _cdp_event = {literal(version.event)} AND {said} THEN {number}")
    return f"CASE WHEN _error IS NOT NULL OR _cdp_event IS NULL THEN NULL {' '.join(cases)} ELSE {UNPLANNED} END"


def _of_properties(plan: SourcePlan, function: str) -> str:
    """A list with something of each property that the rules of a row's event look at. One call reads the JSON once."""
    cases = {}
    for number, version in enumerate(plan.events, start=1):
        if pointers := ", ".join(literal(pointer(path)) for path in _paths(version)):
            cases[number] = f"{function}({SENT}, [{pointers}])"
    return _by_version(cases, "NULL::VARCHAR[]")


def _paths(version: PlannedVersion) -> list[tuple[str, ...]]:
    """The properties that the rules of an event look at, those around them included."""
    return list({rule.path[:depth]: None for rule in version.rules for depth in range(1, len(rule.path) + 1)})


def _flat(plan: SourcePlan) -> str:
    """The items of both lists as columns of their own: of lists the rows of each event are slow to pick."""
    most = max(len(_paths(version)) for version in plan.events)
    return "".join(f", _cdp_types[{i}] AS _cdp_type_{i}, _cdp_texts[{i}] AS _cdp_text_{i}" for i in range(1, most + 1))


def pointer(path: Sequence[str]) -> str:
    """A JSON pointer (RFC 6901), which DuckDB takes whatever signs a name has."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def _bits(plan: SourcePlan, word: int) -> str:
    """The sum of the bits of the rules that a row breaks."""
    values = [
        {
            path: Value(f"_cdp_type_{i}", f"_cdp_text_{i}", f"json_extract({SENT}, {literal(pointer(path))})")
            for i, path in enumerate(_paths(version), start=1)
        }
        for version in plan.events
    ]
    cases: dict[int, list[str]] = {}
    for each in numbered(plan):
        if each.word == word:
            condition = broken(each.rule, values[each.version_number - 1], SENT)
            cases.setdefault(each.version_number, []).append(f"CASE WHEN {condition} THEN {each.bit} ELSE 0 END")
    return _by_version({number: f"({' + '.join(bits)})::BIGINT" for number, bits in cases.items()}, "0::BIGINT")


def _outcome(plan: SourcePlan, sent: Sent, judged: str) -> str:
    """The last step: what is dropped, what is refused, what is told."""
    words = [_word(word) for word in range(1, _words(plan) + 1)]
    own = ["_cdp_event", "_cdp_version", "_cdp_types", "_cdp_texts", SENT, VERSION, *words]
    own += [column.rpartition(" ")[2] for column in _flat(plan).split(", ")[1:]]
    some = " OR ".join(f"{word} <> 0" for word in words)
    told = f"WHEN {some} THEN {{'version': {VERSION}, 'words': [{', '.join(words)}], 'sent': {SENT}}}"
    if plan.unplanned != "allow":
        told += f" WHEN {VERSION} = {UNPLANNED} THEN {{'version': {UNPLANNED}, 'words': [], 'sent': NULL}}"
    added = f"(CASE {told} END)::{VIOLATIONS} AS _cdp_violations, {_refusals(plan)} AS _cdp_refusals"
    if sent.column is None:
        return (
            f"SELECT * EXCLUDE ({', '.join(own)}), {added}, {_cleaned(plan, SENT)} AS _cdp_properties FROM ({judged})"
        )
    column = quote(sent.column)
    return f"""SELECT * EXCLUDE ({", ".join(own)}) REPLACE ({_cleaned(plan, column, "::VARCHAR")} AS {column}), {added}
        FROM ({judged})"""


def _refusals(plan: SourcePlan) -> str:
    cases = {UNPLANNED: f"[{literal(REASON + 'the event is not in it')}]"} if plan.unplanned == "quarantine" else {}
    refusing: dict[int, list[Numbered]] = {}
    for each in numbered(plan):
        if each.rule.action == "quarantine":
            refusing.setdefault(each.version_number, []).append(each)
    for number, rules in refusing.items():
        reasons = (f"CASE WHEN {each.is_broken} THEN {literal(REASON + str(each.rule))} END" for each in rules)
        listed = f"list_filter([{', '.join(reasons)}], lambda reason: reason IS NOT NULL)"
        cases[number] = f"CASE WHEN {_any(rules)} THEN {listed} END"
    return _by_version(cases, "NULL::VARCHAR[]")


def _cleaned(plan: SourcePlan, properties: str, kind: str = "") -> str:
    """The properties without those that break a rule which drops: what is missing can't be dropped.

    ``kind``: a cast to the type of ``properties``, where that is not JSON.
    """
    dropping: dict[int, list[Numbered]] = {}
    for each in numbered(plan):
        if each.rule.action == "drop" and each.rule.keyword != "required":
            dropping.setdefault(each.version_number, []).append(each)
    cases = {}
    for number, rules in dropping.items():
        nulls = (f"CASE WHEN {each.is_broken} THEN {_null(each.rule)} END" for each in rules)
        patch = f"'{{' || concat_ws(',', {', '.join(nulls)}) || '}}'"
        merged = f"json_merge_patch(coalesce({SENT}, '{{}}'::JSON), {patch}){kind}"
        cases[number] = f"CASE WHEN {_any(rules)} THEN {merged} ELSE {properties} END"
    return _by_version(cases, properties)


def _null(rule: Rule) -> str:
    """The part of a JSON merge patch that takes the property of a rule away; null where that is all of them."""
    if rule.path:
        return f"to_json({literal(rule.path[0])})::VARCHAR || ':null'"
    if rule.keyword != "additionalProperties":
        return "NULL"
    return f"array_to_string(list_transform({others(rule, SENT)}, lambda name: to_json(name)::VARCHAR || ':null'), ',')"


def _by_version(cases: dict[int, str], otherwise: str) -> str:
    listed = " ".join(f"WHEN {number} THEN {sql}" for number, sql in cases.items())
    return f"CASE {VERSION} {listed} ELSE {otherwise} END" if listed else otherwise


def _any(rules: Sequence[Numbered]) -> str:
    return " OR ".join(each.is_broken for each in rules)


def _word(number: int) -> str:
    return f"_cdp_word_{number}"


def _words(plan: SourcePlan) -> int:
    return max(each.word for each in numbered(plan))
