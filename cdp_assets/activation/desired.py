"""Desired state: which rows a destination should hold now, and why every other person is left out.

Pure query building: no Dagster, no connection.
"""

from collections.abc import Mapping

from cdp_assets.profiles.consent import consent_states
from cdp_model.columns import person_columns
from cdp_model.expressions import columns_of, computed
from cdp_model.model import Model
from cdp_model.syncs import RequiredConsent, Sync, weight_of
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

PROFILES = f"{CATALOG}.profiles.profiles"
REASONS = {
    "suppressed": "asked to be left alone or forgotten",
    "consent_withdrawn": "the latest statement withdraws the consent",
    "consent_missing": "never gave the consent",
    "uncertain_identity": "is held together by a link weaker than `min_certainty` asks for",
    "no_key": "nothing the destination could know them by",
    "key_suppressed": "shares the key with somebody who is suppressed",
    "key_withdrawn": "shares the key with somebody who has withdrawn the consent since",
    "not_in_segment": "is not in the segment now",
    "duplicate_key": "another person with the same key is sent",
}
"""Why a person is left out, the gravest first. People outside the segment are not counted as left out."""


def columns_needed(sync: Sync, model: Model) -> dict[str, list[str]]:
    """For `key` and each field, the columns of the profile that its expression reads."""
    columns = person_columns(model)
    return {"key": columns_of(sync.key, columns)} | {f: columns_of(e, columns) for f, e in sync.fields.items()}


def field_types_query(sync: Sync, model: Model) -> str:
    """DESCRIBE of the mapped fields: name and type of each."""
    columns = person_columns(model)
    fields = ", ".join(f"{computed(sql, columns)} AS {quote(name)}" for name, sql in sync.fields.items())
    return f"DESCRIBE SELECT {fields} FROM {PROFILES}"


def candidates_query(sync: Sync, model: Model, types: Mapping[str, str], suppressions: bool) -> str:
    """SELECT of one row a profile: person_id, destination_key, fields, fingerprint, consent_id, member, reason.

    ``reason`` is null for the desired rows; their ``destination_key`` is unique, and only they have ``fields``, which
    are JSON, and a ``fingerprint``. ``types`` gives the SQL type of each field, ``suppressions`` says whether
    `privacy.suppressions` exists.

    Of several people with one key, the one with the smallest id is sent. Whoever shares a key shares its fate: when one
    of them is suppressed, or has withdrawn later than another granted, the key is sent for nobody.
    """
    reason = _reason(sync.consent)
    return f"""
        WITH people AS (
            SELECT p.*, coalesce(p.person_id IN ({_members(sync)}), false) AS member,
                s.person_id IS NOT NULL AS suppressed, u.person_id IS NOT NULL AS uncertain,
                c.granted, c.consent_id, c.said_at
            FROM ({mapped_query(sync, model, types)}) AS p
            LEFT JOIN ({_consents(sync.consent)}) AS c USING (person_id)
            LEFT JOIN ({_suppressed(suppressions)}) AS s USING (person_id)
            LEFT JOIN ({_uncertain(required_weight(sync, model))}) AS u USING (person_id)),
        -- numbers are grouped faster than texts: most keys are one person's, and need no second look
        perhaps_shared AS (
            SELECT hash(destination_key) AS hashed FROM people GROUP BY hashed HAVING count(destination_key) > 1),
        sharing AS (FROM people WHERE hash(destination_key) IN (FROM perhaps_shared)),
        keys AS (
            SELECT destination_key, bool_or(suppressed) AS key_suppressed,
                max(said_at) FILTER (NOT granted) AS key_withdrawn_at
            FROM sharing GROUP BY destination_key HAVING count(*) > 1),
        shared AS (
            FROM keys LEFT JOIN (
                SELECT destination_key, min(person_id) AS first_person FROM sharing JOIN keys USING (destination_key)
                WHERE {reason} IS NULL GROUP BY destination_key) USING (destination_key)),
        judged AS (
            SELECT person_id, destination_key, fields, consent_id, member,
                coalesce({reason}, if(person_id > first_person, 'duplicate_key', NULL)) AS reason
            FROM people LEFT JOIN shared USING (destination_key)),
        mapped AS (SELECT * REPLACE (if(reason IS NULL, {as_json("fields")}, NULL) AS fields) FROM judged)
        SELECT *, if(reason IS NULL, {FINGERPRINT}, NULL) AS fingerprint FROM mapped"""


def _reason(consent: RequiredConsent | None) -> str:
    """SQL: why a person is left out, the gravest reason first."""
    return f"""CASE WHEN suppressed THEN 'suppressed' {_consent_reasons(consent)}
            WHEN uncertain THEN 'uncertain_identity' WHEN destination_key IS NULL THEN 'no_key'
            WHEN key_suppressed THEN 'key_suppressed'
            {"WHEN key_withdrawn_at >= said_at THEN 'key_withdrawn'" if consent else ""}
            WHEN NOT member THEN 'not_in_segment' END"""


def required_weight(sync: Sync, model: Model) -> float | None:
    """The match weight that each person's weakest link must have: the stricter of the sync's and its destination's."""
    asked = (sync.min_certainty, model.destinations[sync.destination].min_certainty)
    return max((weight_of(certainty) for certainty in asked if certainty is not None), default=None)


def mapped_query(sync: Sync, model: Model, types: Mapping[str, str], profiles: str = PROFILES) -> str:
    """SELECT of person_id, destination_key and fields (a struct, see `as_json`) of every profile.

    Fields stand in the order of their names, so that moving a line is no change.
    """
    columns = person_columns(model)
    key = f"nullif(trim(CAST({computed(sync.key, columns)} AS VARCHAR)), '')"
    values = (
        f"{literal(name)}: {_value(computed(sync.fields[name], columns), types[name])}" for name in sorted(sync.fields)
    )
    return f"""
        SELECT person_id, {key} AS destination_key, {{{", ".join(values)}}} AS fields FROM {profiles}"""


def as_json(fields: str) -> str:
    """SQL: the text that a destination gets its fields from."""
    return f"CAST(to_json({fields}) AS VARCHAR)"


FINGERPRINT = "md5(to_json([destination_key, fields]))"
"""SQL: what tells whether a row is as it was acknowledged, from its key and its fields as JSON."""


def _value(sql: str, kind: str) -> str:
    """A field as JSON should carry it: times in ISO 8601, and floating point without the noise of its last digits.

    A sum of floating point numbers differs in its last bits from run to run; that is no change worth sending.
    """
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(({sql}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind.startswith("TIMESTAMP"):
        return f"strftime(({sql}), '%Y-%m-%dT%H:%M:%S.%f')"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isfinite({sql}) THEN CAST(printf('%.15g', CAST(({sql}) AS DOUBLE)) AS DOUBLE) END"
    return f"({sql})"


def _members(sync: Sync) -> str:
    if sync.segment is None:
        return f"SELECT person_id FROM {PROFILES}"
    segment = literal(sync.segment)
    return f"""
        SELECT person_id FROM {CATALOG}.segments.memberships WHERE segment = {segment}
        AND as_of = (SELECT max(as_of) FROM {CATALOG}.segments.evaluations WHERE segment = {segment})"""


def _consents(consent: RequiredConsent | None) -> str:
    if consent is None:
        return """
            SELECT NULL::VARCHAR AS person_id, true AS granted, NULL::VARCHAR AS consent_id,
                NULL::TIMESTAMPTZ AS said_at LIMIT 0"""
    return consent_states(topic=(consent.purpose, consent.channel))


def _consent_reasons(consent: RequiredConsent | None) -> str:
    if consent is None:
        return ""
    return "WHEN granted IS NULL THEN 'consent_missing' WHEN NOT granted THEN 'consent_withdrawn'"


def _suppressed(exists: bool) -> str:
    if not exists:
        return "SELECT NULL::VARCHAR AS person_id LIMIT 0"
    return f"SELECT DISTINCT person_id FROM {CATALOG}.privacy.suppressions WHERE person_id IS NOT NULL"


def _uncertain(weight: float | None) -> str:
    """Who is made of records that are not certainly one person's. One record is certainly one person's."""
    if weight is None:
        return "SELECT NULL::VARCHAR AS person_id LIMIT 0"
    return f"SELECT person_id FROM {CATALOG}.identity.persons WHERE weakest_link < {weight!r}"
