"""Which value survives, slow and obvious: rule after rule, each leaves those records that it likes best."""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

from cdp_model.corrections import Correction
from cdp_model.survivorship import ADDRESS, RECORD_ATTRIBUTES, Rule, SourcePriority, Survivorship, VerifiedFirst

LONG_AGO = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Record:
    """A standardized record; ``verified`` is what the condition of `verified_first` says of it."""

    key: str
    person: str
    updated_at: dt.datetime | None = None
    verified: bool | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return self.key.split(":")[0]


def value(record: Record, attribute: str) -> Any:
    """A value; of the address all parts; None when there is nothing."""
    if attribute != "address":
        return record.values.get(attribute)
    parts = tuple(record.values.get(part) for part in ADDRESS)
    return parts if any(part is not None for part in parts) else None


def survivor(records: list[Record], corrections: list[Correction], attribute: str, rules: list[Rule]) -> Any:
    """Value, record key, source, time, rule that decided, and how many values there are; None when there is none."""
    held = [record for record in records if value(record, attribute) is not None]
    variants = count(held, attribute)
    corrected = [
        (c.corrected_at, with_corrections(record, corrections))
        for record in records
        for c in [newest(corrections, record.key, ADDRESS if attribute == "address" else (attribute,))]
        if c
    ]
    if corrected:
        at = max(at for at, _ in corrected)
        chosen = choose([record for time, record in corrected if time == at], attribute, rules)[0]
        return value(chosen, attribute), chosen.key, chosen.source, at, "correction", variants
    if not held:
        return None
    chosen, rule = choose(held, attribute, rules)
    return value(chosen, attribute), chosen.key, chosen.source, chosen.updated_at, rule, variants


def choose(records: list[Record], attribute: str, rules: list[Rule]) -> tuple[Record, str]:
    """The record whose value survives, and the rule after which nothing else could."""
    left, decided = records, "only_value"
    for rule in [*rules, "most_recent", "record_key"]:
        before = {value(record, attribute) for record in left}
        best = max(liking(rule, record, attribute, records) for record in left)
        left = [record for record in left if liking(rule, record, attribute, records) == best]
        if len(before) > 1 and len({value(record, attribute) for record in left}) == 1:
            decided = name(rule)
    (chosen,) = left
    return chosen, decided


def name(rule: Any) -> str:
    return str(rule) if isinstance(rule, str) else next(iter(rule.model_dump()))


def liking(rule: Any, record: Record, attribute: str, records: list[Record]) -> Any:
    if rule == "record_key":
        return record.key
    if rule == "most_recent":
        return record.updated_at or LONG_AGO
    if rule == "most_frequent":
        return sum(value(other, attribute) == value(record, attribute) for other in records)
    if rule == "most_complete" and attribute == "address":
        parts = sum(record.values.get(part) is not None for part in ("street", "postal_code", "city"))
        return parts >= 2, parts >= 1, record.values.get("country") is not None
    if rule == "most_complete":
        return sum(record.values.get(other) is not None for other in RECORD_ATTRIBUTES)
    if isinstance(rule, SourcePriority):
        return -rule.source_priority.index(record.source) if record.source in rule.source_priority else -99
    assert isinstance(rule, VerifiedFirst)
    return bool(record.verified)


def count(held: list[Record], attribute: str) -> int:
    if attribute != "address":
        return len({value(record, attribute) for record in held})
    whole = [record.values for record in held if record.values.get("postal_code") is not None]
    return max(len({(v.get("street"), v.get("postal_code")) for v in whole}), min(1, len(held)))


def newest(corrections: list[Correction], key: str, attributes: tuple[str, ...]) -> Correction | None:
    found = [c for c in corrections if c.record_key == key and c.attribute in attributes]
    return max(found, key=lambda c: c.corrected_at, default=None)


def with_corrections(record: Record, corrections: list[Correction]) -> Record:
    changed = dict(record.values)
    for attribute in RECORD_ATTRIBUTES:
        correction = newest(corrections, record.key, (attribute,))
        if correction:
            as_date = attribute == "date_of_birth" and correction.value is not None
            changed[attribute] = dt.date.fromisoformat(str(correction.value)) if as_date else correction.value
    return replace(record, values=changed)


def golden(records: list[Record], corrections: list[Correction], survivorship: Survivorship) -> dict[str, Any]:
    """For each person and attribute what ``survivor`` says."""
    people = {record.person for record in records}
    return {
        person: {
            attribute: survivor([r for r in records if r.person == person], corrections, attribute, rules)
            for attribute, rules in survivorship.rules().items()
        }
        for person in people
    }
