"""Which person a cluster of records is, given who the records were before. Pure: dictionaries in, decisions out.

Only clusters that are new, changed or contested come here; the rest keep their person without a question.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["minted", "merged", "split", "moved", "retired"]


class Previous(NamedTuple):
    """The person a record belonged to; ``since`` is when that person was minted, as a sortable value."""

    person_id: str
    since: str


@dataclass(frozen=True, order=True)
class Change:
    """One row of `identity.person_changes`, without its id, time and run."""

    kind: Kind
    person_id: str
    other_person_id: str | None
    record_key: str | None
    reason: str


@dataclass(frozen=True)
class Decision:
    """The person of every cluster, by cluster, and what that changes."""

    persons: dict[str, str]
    changes: list[Change]


def grouped(
    rows: Iterable[tuple[str, object, str | None, str]],
) -> tuple[dict[str, list[str]], dict[str, Previous]]:
    """What ``decide`` needs, from rows of record, cluster (None: in none), former person (None: had none), since."""
    clusters: dict[str, list[str]] = defaultdict(list)
    previous: dict[str, Previous] = {}
    for record, cluster, person, since in rows:
        if cluster is not None:
            clusters[str(cluster)].append(record)
        if person is not None:
            previous[record] = Previous(person, since)
    return clusters, previous


def decide(
    clusters: Mapping[str, list[str]],
    previous: Mapping[str, Previous],
    mints: Mapping[str, int],
    prefix: str = "p",
) -> Decision:
    """Give each cluster the person that most of its records were; the oldest person, if equally many.

    ``clusters`` maps a cluster to its records and ``previous`` a record to its former person, including records that
    are in no cluster any more. Two clusters of one person's records leave it to the one with more of them. ``mints``
    counts how often a record has already given its name to a new person, so that no id is ever used twice.
    Households are decided in the same way from their people, with another ``prefix``.
    """
    overlap: dict[tuple[str, str], int] = defaultdict(int)
    age: dict[str, str] = {}
    for name, records in clusters.items():
        for record in records:
            if record in previous:
                person, since = previous[record]
                overlap[person, name] += 1
                age[person] = min(since, age.get(person, since))
    persons: dict[str, str] = {}
    kept: set[str] = set()
    for (person, name), _ in sorted(
        overlap.items(), key=lambda item: (-item[1], age[item[0][0]], item[0][0], min(clusters[item[0][1]]))
    ):
        if name not in persons and person not in kept:
            persons[name] = person
            kept.add(person)
    minted = {name: mint(min(records), mints, prefix) for name, records in clusters.items() if name not in persons}
    persons |= minted
    return Decision(persons, _changes(clusters, previous, persons, set(minted.values()), kept, overlap))


def mint(record_key: str, mints: Mapping[str, int], prefix: str = "p") -> str:
    """A new person id: a hash of its first record and of how often that record has been one before."""
    return prefix + hashlib.sha256(f"{record_key}\n{mints.get(record_key, 0)}".encode()).hexdigest()[:20]


def mint_sql(record_key: str, times: str, prefix: str = "p") -> str:
    """``mint`` as SQL over the columns of a record's key and of how often it has been one before (null: never)."""
    return f"'{prefix}' || left(sha256({record_key} || chr(10) || coalesce({times}, 0)), 20)"


NEW = "records that no person had"


def _changes(
    clusters: Mapping[str, list[str]],
    previous: Mapping[str, Previous],
    persons: Mapping[str, str],
    minted: set[str],
    kept: set[str],
    overlap: Mapping[tuple[str, str], int],
) -> list[Change]:
    changes: list[Change] = []
    heir: dict[str, str] = {}
    for (person, name), count in sorted(overlap.items(), key=lambda item: (item[1], item[0])):
        if person not in kept and count:
            heir[person] = persons[name]
    for person, heir_id in heir.items():
        changes.append(Change("merged", heir_id, person, None, "its records joined this person's"))
    for name, records in clusters.items():
        person = persons[name]
        origins = sorted({previous[r].person_id for r in records if r in previous} - {person})
        if person in minted:
            reason = "records left another person" if origins else NEW
            parent = next((origin for origin in origins if origin in kept), None)
            kind: Kind = "split" if parent else "minted"
            changes.append(Change(kind, person, parent, min(records), reason))
        for record in records:
            former = previous[record].person_id if record in previous else person
            if former == person or heir.get(former) == person:
                continue
            if person in minted and len(origins) == 1:
                continue
            changes.append(Change("moved", person, former, record, "links changed"))
    gone = {former.person_id for former in previous.values()} - kept - set(heir)
    changes += [Change("retired", person, None, None, "no record is left") for person in gone]
    return sorted(changes, key=lambda change: tuple(str(value) for value in vars(change).values()))
