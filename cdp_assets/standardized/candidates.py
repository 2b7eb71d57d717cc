"""From a declared mapping to SQL: what each raw row would become, and every reason why it can't.

Pure query building: no Dagster, no connection.
"""

from dataclasses import dataclass

from cdp_assets.standardized.mapped import Mapped, mappings
from cdp_assets.standardized.planned import VIOLATIONS, Sent, held_against
from cdp_model.sources import ConsentMapping, CustomerMapping, EventMapping, RateMapping
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

__all__ = ["Mapped", "consent_candidates", "customer_candidates", "event_candidates", "mappings", "rate_candidates"]

TIME = "TIMESTAMP WITH TIME ZONE"
FUTURE_TOLERANCE_DAYS = 2
"""An event may be dated this long after the day of its file began: a day, and the widest time zone."""

RATE_DATES = ("DATE '1900-01-01'", "DATE '2199-12-31'")
"""First and last day that a rate can be of: a year with a digit too many would make a rate for each of its days."""

EVENT_FIELDS = {
    "occurred_at": TIME,
    "sent_at": TIME,
    "received_at": TIME,
    "revenue": "DECIMAL(18,4)",
    "currency": "VARCHAR",
    "order_id": "VARCHAR",
    "product_id": "VARCHAR",
    "quantity": "DOUBLE",
}
CUSTOMER_TEXTS = (
    "first_name",
    "last_name",
    "gender",
    "email",
    "phone",
    "street",
    "city",
    "region",
    "postal_code",
    "country",
)
CUSTOMER_FIELDS = {
    **dict.fromkeys(CUSTOMER_TEXTS, "VARCHAR"),
    "date_of_birth": "DATE",
    "created_at": TIME,
    "updated_at": TIME,
}
KIND_OF = {
    TIME: "a time",
    "DATE": "a date",
    "DECIMAL(18,4)": "a number",
    "DOUBLE": "a number",
    "BOOLEAN": "true or false",
}
WITH_INFINITY = {TIME, "DATE", "DOUBLE"}


@dataclass(frozen=True)
class Field:
    """One value of a candidate. ``strict``: a value that is not of its kind is a reason to reject the row."""

    name: str
    expression: str | None
    kind: str = "VARCHAR"
    required: bool = False
    strict: bool = True

    @property
    def typed(self) -> str:
        """Name of the column with the value as `TRY_CAST` gave it, which may be infinite."""
        return f"_cdp_{self.name}"

    @property
    def good(self) -> str:
        return f"coalesce(isfinite({self.typed}), false)" if self.kind in WITH_INFINITY else f"{self.typed} IS NOT NULL"


def event_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that the event mapping is for."""
    mapping = mapped.mapping
    assert isinstance(mapping, EventMapping)
    fields = [
        Field("id", mapping.id, required=True),
        Field("name", mapping.name_from, required=mapping.name is None),
        Field("record", mapping.record),
        Field("device", mapped.device, strict=mapping.device is not None),
        *(Field(f, getattr(mapping, f), kind, required=f == "occurred_at") for f, kind in EVENT_FIELDS.items()),
    ]
    others = {"properties": _json_object(mapped, mapping.properties)}
    if mapped.plan:
        others |= {"violations": "_cdp_violations", "refusals": "_cdp_refusals"}
        others |= {} if mapped.payload else {"properties": "_cdp_properties"}
    inner = _typed_rows(mapped, rows, fields, others)
    reasons, violations = _reasons(_future("occurred")), "violations" if mapped.plan else f"NULL::{VIOLATIONS}"
    reasons = f"list_concat({reasons}, coalesce(refusals, []))" if mapped.plan else reasons
    corrected = (
        "CASE WHEN sent_at IS NULL OR received_at IS NULL THEN occurred_at "
        "ELSE coalesce(TRY(received_at - (sent_at - occurred_at)), occurred_at) END"
    )
    return f"""
        SELECT {_origin(mapped)}, id AS key, id AS event_id,
            {literal(mapping.name) if mapping.name else "name"} AS event_name, {_record_key(mapped, "record")},
            device,
            least(occurred, coalesce(received_at, occurred)) AS occurred_at, received_at,
            revenue, upper(currency) AS currency,
            order_id, product_id, quantity, properties, {violations} AS violations, {reasons} AS reasons
        FROM (SELECT *, {corrected} AS occurred FROM ({inner}))"""


def consent_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that says something about a consent."""
    mapping = mapped.mapping
    assert isinstance(mapping, ConsentMapping)
    fields = [
        Field("record", mapping.record, required=True),
        Field("granted", mapping.granted, "BOOLEAN", required=True),
        Field("occurred_at", mapping.occurred_at, TIME, required=True),
    ]
    purpose, channel = literal(mapping.purpose), literal(mapping.channel)
    return f"""
        SELECT {_origin(mapped)},
            md5(concat_ws('|', record_key, {purpose}, {channel}, granted, epoch_us(occurred_at))) AS key,
            record_key, {purpose} AS purpose, {channel} AS channel,
            CASE WHEN granted THEN 'granted' ELSE 'withdrawn' END AS status,
            {literal(mapping.basis)} AS basis, occurred_at, {_reasons(_future("occurred_at"))} AS reasons
        FROM (SELECT *, {_record_key(mapped, "record")} FROM ({_typed_rows(mapped, rows, fields)}))"""


def rate_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that gives an exchange rate."""
    mapping = mapped.mapping
    assert isinstance(mapping, RateMapping)
    fields = [
        Field("date", mapping.date, "DATE", required=True),
        Field("currency", mapping.currency, required=True),
        Field("rate", mapping.rate, "DOUBLE", required=True),
    ]
    wrong = [
        "CASE WHEN NOT regexp_full_match(upper(currency), '[A-Z]{3}') THEN 'currency is not three letters' END",
        f"CASE WHEN date NOT BETWEEN {' AND '.join(RATE_DATES)} THEN 'date is out of the question' END",
        "CASE WHEN rate <= 0 THEN 'rate is not above 0' END",
    ]
    return f"""
        SELECT {_origin(mapped)}, date, upper(currency) AS currency, rate, {_reasons(*wrong)} AS reasons
        FROM ({_typed_rows(mapped, rows, fields)})"""


VERSION = f"""(coalesce(epoch_us(coalesce(updated_at, created_at, _day::{TIME})), 0)::HUGEINT * {1 << 16}
    + (_day - DATE '1970-01-01') + {1 << 15}) * {1 << 44} + raw_row"""
"""Orders the versions of a record: by time, day of the file, order of loading. One number is quicker than a sort."""


def customer_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that is a version of a customer record."""
    mapping = mapped.mapping
    assert isinstance(mapping, CustomerMapping)
    fields = [
        Field("id", mapping.id, required=True),
        Field("deleted", mapping.deleted, "BOOLEAN"),
        *(Field(f, getattr(mapping, f), kind, strict=False) for f, kind in CUSTOMER_FIELDS.items()),
    ]
    identifiers = ", ".join(f"{literal(kind)}: {mapped.text(sql)}" for kind, sql in mapping.identifiers.items())
    others = {
        "identifiers": "MAP {" + identifiers + "}" if identifiers else "MAP([]::VARCHAR[], []::VARCHAR[])",
        "attributes": _json_object(mapped, mapping.attributes),
    }
    born = f"CASE WHEN NOT {_is_future('date_of_birth')} THEN date_of_birth END AS date_of_birth"
    values = ", ".join(born if name == "date_of_birth" else name for name in CUSTOMER_FIELDS)
    return f"""
        SELECT {_origin(mapped)}, record_key, {values}, identifiers, attributes,
            coalesce(deleted, false) AS deleted, {_reasons()} AS reasons, {VERSION} AS version
        FROM (SELECT *, {_record_key(mapped, "id")} FROM ({_typed_rows(mapped, rows, fields, others)}))"""


def _typed_rows(mapped: Mapped, rows: str, fields: list[Field], others: dict[str, str] | None = None) -> str:
    """SELECT of the raw rows with every field under its name, and ``complaints`` about them.

    Values are computed in an inner query, so that only the doubtful ones are computed again to learn what is wrong.
    """
    typed = [f"{mapped.value(f.expression, f.kind)} AS {f.typed}" for f in fields]
    values = [f"CASE WHEN {f.good} THEN {f.typed} END AS {f.name}" for f in fields]
    values += [f"{sql} AS {name}" for name, sql in (others or {}).items()]
    complaints = [_complaint(mapped, f) for f in fields if f.strict and (f.expression or f.required)]
    when = mapped.mapping.when
    if when:
        complaints.append(
            f"CASE WHEN TRY({mapped.sql(when)}) THEN NULL "
            f"WHEN {mapped.fails(when)} THEN 'when could not be computed' END"
        )
    return f"""
        SELECT _cdp_row AS raw_row, _day, _error, _source_file, _extracted_at, {", ".join(values)},
            [{", ".join(complaints)}]::VARCHAR[] AS complaints
        FROM (SELECT *, {", ".join(typed)} FROM ({_raw_rows(mapped, rows)}))"""


def _raw_rows(mapped: Mapped, rows: str) -> str:
    """SELECT of the raw rows that a mapping is for, held against the tracking plan where there is one."""
    selected = f"SELECT *, rowid AS _cdp_row FROM {CATALOG}.{mapped.raw_table} WHERE {rows} AND {mapped.where}"
    return held_against(mapped.plan, sent(mapped), selected) if mapped.plan else selected


def sent(mapped: Mapped) -> Sent:
    """Where the tracking plan finds what it speaks of in rows of an event mapping."""
    mapping = mapped.mapping
    assert isinstance(mapping, EventMapping)
    return Sent(
        name=literal(mapping.name) if mapping.name else mapped.value(mapping.name_from),
        version=mapped.value(mapping.plan_version),
        properties=_json_object(mapped, mapping.properties),
        column=mapped.payload,
    )


def _complaint(mapped: Mapped, field: Field) -> str:
    """SQL of words about a value that fails, that is not of its kind, or that is missing and needed; else of null."""
    if field.kind == "VARCHAR":
        empty, failed = f"'{field.name} is empty'", f"'{field.name} could not be computed'"
        if field.required:
            return f"CASE WHEN {field.typed} IS NULL THEN {empty} END"
        return f"CASE WHEN {field.good} THEN NULL WHEN {mapped.fails(field.expression or '')} THEN {failed} END"
    wrong = f"'{field.name} is not {KIND_OF[field.kind]}'"
    if field.required or field.expression is None:
        return f"CASE WHEN {field.good} THEN NULL ELSE {wrong} END"
    return (
        f"CASE WHEN {field.good} THEN NULL WHEN {field.typed} IS NOT NULL THEN {wrong} "
        f"WHEN {mapped.text(field.expression)} IS NOT NULL THEN {wrong} "
        f"WHEN {mapped.fails(field.expression)} THEN {wrong} END"
    )


def _origin(mapped: Mapped) -> str:
    stream = literal(mapped.raw_name)
    return (
        f"{literal(mapped.source.name)} AS source, {stream} AS stream, {mapped.position} AS mapping, "
        "_day, _source_file, _extracted_at, raw_row"
    )


def _record_key(mapped: Mapped, field: str) -> str:
    return f"{literal(mapped.source.name + ':')} || {field} AS record_key"


def _future(time: str) -> str:
    return f"CASE WHEN {_is_future(time)} THEN 'occurred_at is in the future' END"


def _is_future(time: str) -> str:
    """SQL: a time, or a day, comes after the extract that tells of it."""
    return f"({time} > _day + INTERVAL {FUTURE_TOLERANCE_DAYS} DAYS)"


def _reasons(*more: str) -> str:
    """All reasons of a row as a list; a line that could not be read has only that one."""
    every = f"list_concat(complaints, [{', '.join(more)}]::VARCHAR[])"
    return f"""CASE WHEN _error IS NOT NULL THEN ['unreadable line: ' || _error]
        ELSE list_filter({every}, lambda reason: reason IS NOT NULL) END"""


def _json_object(mapped: Mapped, values: dict[str, str]) -> str:
    if not values:
        return "NULL::JSON"
    return "json_object(" + ", ".join(f"{literal(k)}, TRY({mapped.sql(v)})" for k, v in values.items()) + ")"
