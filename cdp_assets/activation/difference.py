"""The difference between desired and acknowledged state: the work of a sync, and when it is too much to be true.

Pure: a query and a decision. A row at a destination is known by its key, so a merge, a split or a new e-mail address
is just another difference.
"""

import datetime as dt
from dataclasses import dataclass

from cdp_model.syncs import Sync
from cdp_resources.sql import literal

FEW_REMOVALS = 10
"""So few removals never stop a run, whatever their share."""

CHANGES = ("remove", "add", "update")
"""What is done to a row that is there no more, that is new, and that has changed."""

REMOVALS = "change IN ('remove', 'exited')"
"""SQL: changes after which the destination holds the row no more, or knows that the person has left."""

EVENTS = "change IN ('entered', 'exited')"
"""SQL: what a sync that appends events sends."""

WITHOUT_WAITING = f"""{REMOVALS} AND why IN
    ('suppressed', 'key_suppressed', 'consent_withdrawn', 'key_withdrawn', 'consent_missing', 'person_gone')"""
"""SQL: what is sent even while a jump of the segment keeps everything else back. Whoever withdrew waits for nobody."""

SENT = "change <> 'handover' AND NOT held_back"
"""SQL: the part of the difference that a run would send."""

RETRY_REJECTED_AFTER = "INTERVAL 1 DAY"
"""A refused row is sent again when its content has changed, or after this time."""


def difference_query(name: str, sync: Sync, since: dt.datetime) -> str:
    """SELECT of one row a change, from the tables ``candidates`` (desired) and ``held`` (acknowledged).

    ``change`` is what is sent, or `handover`: the same row now belongs to another person, and nothing needs to be sent.
    ``why`` says why a row is removed; ``held_back`` is true while a refusal of it is fresh. A row with an unanswered
    attempt is sent again, under the same id while its content is the same.

    `upsert` keeps rows of people who left the segment or lost their key. It removes like `mirror` who withdrew
    consent, is suppressed, no longer exists or is now there under another key. `full_refresh` also sends what was
    acknowledged before ``since``. `append_events` says who entered and exited instead, and nothing of changed fields.
    """
    since_then = f"TIMESTAMPTZ {literal(since.isoformat())}"
    kept = "AND coalesce(p.reason, '') NOT IN ('not_in_segment', 'no_key')" if sync.mode == "upsert" else ""
    stale = {
        "append_events": "false",
        "full_refresh": f"h.acked_at < {since_then} OR d.fingerprint <> h.fingerprint",
    }.get(sync.mode, "d.fingerprint <> h.fingerprint")
    gone, new, again = ("exited", "entered", "entered") if sync.mode == "append_events" else CHANGES
    return f"""
        WITH desired AS (SELECT * FROM candidates WHERE reason IS NULL),
        changing AS (SELECT * FROM (
            SELECT destination_key, coalesce(d.person_id, h.person_id) AS person_id, d.fields, d.consent_id,
                coalesce(d.fingerprint, h.fingerprint, '') AS fingerprint,
                h.revision, h.attempted_revision, h.attempted_payload, h.attempted_at, h.waits_since,
                greatest(h.acked_at, h.attempted_at) AS last_told_at,
                CASE WHEN d.fingerprint IS NULL THEN '{gone}'
                    WHEN NOT coalesce(h.acknowledged, false) THEN '{new}'
                    WHEN {stale} OR h.uncertain THEN '{again}'
                    WHEN d.person_id <> h.person_id THEN 'handover' END AS change
            FROM desired AS d FULL JOIN held AS h USING (destination_key)
            WHERE d.fingerprint IS NOT NULL OR h.acknowledged OR h.uncertain) WHERE change IS NOT NULL),
        leaving AS (
            SELECT c.*,
                CASE WHEN p.person_id IS NULL THEN 'person_gone' ELSE coalesce(p.reason, 'key_changed') END AS why
            FROM changing AS c LEFT JOIN (
                FROM candidates WHERE person_id IN (SELECT person_id FROM changing WHERE change = '{gone}')) AS p
                USING (person_id)
            WHERE change = '{gone}' {kept}),
        compared AS (FROM leaving UNION ALL BY NAME SELECT * FROM changing WHERE change <> '{gone}'),
        numbered AS ({numbered("compared")}),
        refused AS (
            SELECT payload_hash, max(last_seen) AS last_seen FROM my_rejections
            WHERE resolved_at IS NULL GROUP BY payload_hash)
        SELECT numbered.*,
            coalesce(refused.last_seen > $now - {RETRY_REJECTED_AFTER}, false) AS held_back,
            {idempotency_id(name, sync)} AS idempotency_id
        FROM numbered LEFT JOIN refused USING (payload_hash)"""


def numbered(changes: str) -> str:
    """SELECT of changes with their payload hash, and the number of the change that comes after what was acknowledged.

    ``changes`` has change, destination_key, fingerprint, revision, attempted_revision, _payload and _at. An event is
    the same event, told at the same time, whatever the fields are when it is sent again.
    """
    return f"""
        SELECT * EXCLUDE (revision, attempted_at),
            coalesce(attempted_payload = payload_hash, false) AS attempted_before,
            CASE WHEN attempted_payload = payload_hash THEN attempted_revision
                ELSE coalesce(attempted_revision + 1, revision, 0) END AS revision,
            CASE WHEN attempted_payload = payload_hash THEN attempted_at END AS told_at
        FROM (SELECT *, md5(to_json([change, destination_key, if({EVENTS}, '', fingerprint)])) AS payload_hash
            FROM {changes} WHERE change IS NOT NULL)"""


def idempotency_id(name: str, sync: Sync) -> str:
    """SQL: the same for the same change to the same acknowledged state, for ever."""
    return f"""
        md5(to_json([{literal(name)}, {literal(sync.destination)}, payload_hash, CAST(revision AS VARCHAR)]))"""


@dataclass(frozen=True)
class Removals:
    """How many rows a run would remove unapproved, of how many the destination holds, and the number of profiles."""

    removals: int
    held: int
    people: int


def removal_storm(counted: Removals, max_share: float) -> str | None:
    """Why a run must stop before it removes so much; None when it may go on."""
    if counted.people == 0 and (counted.removals or not counted.held):
        return "profiles.profiles is empty, which is an accident more often than the truth"
    if counted.removals > FEW_REMOVALS and counted.removals > max_share * counted.held:
        share = counted.removals / counted.held
        return (
            f"{counted.removals:,} of {counted.held:,} rows ({share:.0%}) would be removed, "
            f"and `max_removal_share` allows {max_share:.0%}"
        )
    return None
