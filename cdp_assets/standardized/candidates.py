"""From a declared mapping to SQL: what each raw row would become, and every reason why it can't.

Pure query building: no Dagster, no connection.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cdp_model.crosscheck import mapped_expressions
from cdp_model.expressions import columns_of, render
from cdp_model.model import ConsentMapping, CustomerMapping, EventMapping, Model, Source, Stream
from cdp_resources.lake import CATALOG, literal

Mapping = CustomerMapping | EventMapping | ConsentMapping

TIME = "TIMESTAMP WITH TIME ZONE"
FUTURE_TOLERANCE_DAYS = 2
"""An event may be dated this long after the day of its file began: a day, and the widest time zone."""

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
BLANKS = "".join(map(chr, [*range(9, 14), 0x20, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F]))
BLANKS += "\u3000\ufeff"
"""Unicode's spaces, and the zero-width ones: DuckDB's `trim` leaves tabs and line ends."""


@dataclass(frozen=True)
class Mapped:
    """One mapping of one stream, ``position`` counting from 0 among those of the same output."""

    source: Source
    stream_name: str
    stream: Stream
    output: str
    position: int
    mapping: Mapping

    @property
    def raw_table(self) -> str:
        return f"raw.{self.source.name}__{self.stream_name}"

    @property
    def where(self) -> str:
        """Rows that the mapping is for. Lines that no reader could read count with the first mapping.

        A row for which that can't be told, because the expression fails, counts too: it goes to quarantine.
        """
        conditions = []
        if self.mapping.when:
            conditions.append(f"coalesce(TRY({self.sql(self.mapping.when)}), {self.fails(self.mapping.when)})")
        if isinstance(self.mapping, ConsentMapping):
            conditions.append(f"TRY(({self.sql(self.mapping.granted)}) IS NULL) IS DISTINCT FROM true")
        wanted = " AND ".join(["_error IS NULL", *conditions])
        return f"(({wanted}) OR _error IS NOT NULL)" if self.position == 0 else f"({wanted})"

    @property
    def fingerprint(self) -> str:
        """Changes when the mapping does, so that records made by an older one are made again."""
        made_of = f"{self.mapping.model_dump_json()}{self.stream.columns.keys()}{self.source.country}"
        return hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def sql(self, expression: str) -> str:
        return render(expression, self.stream.columns)

    def fails(self, expression: str) -> str:
        """True for a row on which the expression raises an error, such as a cast of what is no number."""
        return f"(TRY(({self.sql(expression)}) IS NULL) IS NULL)"

    def text(self, expression: str | None) -> str:
        if expression is None:
            return "NULL::VARCHAR"
        return f"nullif(trim(TRY({self.sql(expression)})::VARCHAR, {literal(BLANKS)}), '')"

    def typed(self, expression: str | None, kind: str) -> str:
        if kind == "VARCHAR" or expression is None:
            return self.text(expression) if kind == "VARCHAR" else f"NULL::{kind}"
        value = f"TRY_CAST(TRY({self.sql(expression)}) AS {kind})"
        return f"CASE WHEN isfinite({value}) THEN {value} END" if kind in WITH_INFINITY else value

    def key(self, expression: str | None) -> str:
        return f"{literal(self.source.name + ':')} || {self.text(expression)}" if expression else "NULL::VARCHAR"

    def lineage(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """(output field, (raw asset, raw column)) for every column that the mapping reads."""
        asset = self.raw_table.replace(".", "/")
        for path, expression in mapped_expressions(self.mapping):
            for column in columns_of(expression, self.stream.columns):
                yield str(path[0]), (asset, column)


RAW = "rowid AS raw_row, _day, _error, _source_file, _extracted_at"


def mappings(model: Model, output: str) -> list[Mapped]:
    """Every mapping to ``customers``, ``events`` or ``consents``, in declared order."""
    found = []
    for source, name, stream in model.streams():
        declared = getattr(stream, output)
        each = declared if isinstance(declared, list) else [declared] if declared else []
        found += [Mapped(source, name, stream, output, i, mapping) for i, mapping in enumerate(each)]
    return found


def event_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that the event mapping is for."""
    mapping = mapped.mapping
    assert isinstance(mapping, EventMapping)
    name = literal(mapping.name) if mapping.name else mapped.text(mapping.name_from)
    fields = {field: mapped.typed(getattr(mapping, field), kind) for field, kind in EVENT_FIELDS.items()}
    properties = _json_object(mapped, mapping.properties)
    inner = f"""
        SELECT {RAW}, {mapped.text(mapping.id)} AS event_id, {name} AS event_name,
            {mapped.key(mapping.record)} AS record_key, {properties} AS properties,
            {", ".join(f"{sql} AS {field}" for field, sql in fields.items())},
            {_complaints(mapped, EVENT_FIELDS, required={"occurred_at"})} AS complaints
        FROM {CATALOG}.{mapped.raw_table} WHERE {rows} AND {mapped.where}"""
    corrected = (
        "CASE WHEN sent_at IS NULL OR received_at IS NULL THEN occurred_at "
        "ELSE coalesce(TRY(received_at - (sent_at - occurred_at)), occurred_at) END"
    )
    future = f"_day + INTERVAL {FUTURE_TOLERANCE_DAYS} DAYS"
    reasons = [
        *_unreadable(),
        "CASE WHEN event_id IS NULL THEN 'id is empty' END",
        "CASE WHEN event_name IS NULL THEN 'name is empty' END",
        f"CASE WHEN occurred > {future} THEN 'occurred_at is in the future' END",
    ]
    return f"""
        SELECT {_origin(mapped)}, event_id AS key, event_id, event_name, record_key,
            least(occurred, coalesce(received_at, occurred)) AS occurred_at, received_at,
            revenue, upper(currency) AS currency,
            order_id, product_id, quantity, properties, {_reasons(reasons)} AS reasons
        FROM (SELECT *, {corrected} AS occurred FROM ({inner}))"""


def consent_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that says something about a consent."""
    mapping = mapped.mapping
    assert isinstance(mapping, ConsentMapping)
    inner = f"""
        SELECT {RAW}, {mapped.key(mapping.record)} AS record_key,
            {mapped.typed(mapping.granted, "BOOLEAN")} AS granted,
            {mapped.typed(mapping.occurred_at, TIME)} AS occurred_at,
            {_complaints(mapped, {"granted": "BOOLEAN", "occurred_at": TIME}, required={"granted", "occurred_at"})}
                AS complaints
        FROM {CATALOG}.{mapped.raw_table} WHERE {rows} AND {mapped.where}"""
    reasons = [
        *_unreadable(),
        "CASE WHEN record_key IS NULL THEN 'record is empty' END",
        f"CASE WHEN occurred_at > _day + INTERVAL {FUTURE_TOLERANCE_DAYS} DAYS THEN 'occurred_at is in the future' END",
    ]
    purpose, channel = literal(mapping.purpose), literal(mapping.channel)
    return f"""
        SELECT {_origin(mapped)},
            md5(concat_ws('|', record_key, {purpose}, {channel}, granted, epoch_us(occurred_at))) AS key,
            record_key, {purpose} AS purpose, {channel} AS channel,
            CASE WHEN granted THEN 'granted' ELSE 'withdrawn' END AS status,
            {literal(mapping.basis)} AS basis, occurred_at,
            {_reasons(reasons)} AS reasons
        FROM ({inner})"""


VERSION = f"""(coalesce(epoch_us(coalesce(updated_at, created_at, _day::{TIME})), 0)::HUGEINT * {1 << 16}
    + (_day - DATE '1970-01-01') + {1 << 15}) * {1 << 44} + raw_row"""
"""Orders the versions of a record: by time, day of the file, and order of loading. One number is quicker than a sort."""


def customer_candidates(mapped: Mapped, rows: str) -> str:
    """SELECT of one row for each raw row of ``rows`` (a condition) that is a version of a customer record."""
    mapping = mapped.mapping
    assert isinstance(mapping, CustomerMapping)
    fields = {field: mapped.typed(getattr(mapping, field), kind) for field, kind in CUSTOMER_FIELDS.items()}
    identifiers = ", ".join(f"{literal(kind)}: {mapped.text(sql)}" for kind, sql in mapping.identifiers.items())
    inner = f"""
        SELECT {RAW}, {mapped.key(mapping.id)} AS record_key,
            {", ".join(f"{sql} AS {field}" for field, sql in fields.items())},
            {"MAP {" + identifiers + "}" if identifiers else "MAP([]::VARCHAR[], []::VARCHAR[])"} AS identifiers,
            {_json_object(mapped, mapping.attributes)} AS attributes,
            coalesce({mapped.typed(mapping.deleted, "BOOLEAN")}, false) AS deleted,
            {_complaints(mapped, {"deleted": "BOOLEAN"}, required=set())} AS complaints
        FROM {CATALOG}.{mapped.raw_table} WHERE {rows} AND {mapped.where}"""
    reasons = [*_unreadable(), "CASE WHEN record_key IS NULL THEN 'id is empty' END"]
    return f"""
        SELECT {_origin(mapped)}, record_key, {", ".join(CUSTOMER_FIELDS)}, identifiers, attributes, deleted,
            {_reasons(reasons)} AS reasons, {VERSION} AS version
        FROM ({inner})"""


def _origin(mapped: Mapped) -> str:
    stream = literal(f"{mapped.source.name}__{mapped.stream_name}")
    return (
        f"{literal(mapped.source.name)} AS source, {stream} AS stream, {mapped.position} AS mapping, "
        "_day, _source_file, _extracted_at, raw_row"
    )


def _complaints(mapped: Mapped, fields: dict[str, str], required: set[str]) -> str:
    """SQL of a list: for each field, words where its expression fails, where its value is not of its type, or where
    there is none but one is needed; null where all is well.
    """
    complaints = []
    for name in ("when", "record"):
        expression = getattr(mapped.mapping, name, None)
        if expression:
            complaints.append(f"CASE WHEN {mapped.fails(expression)} THEN '{name} could not be computed' END")
    for field, kind in fields.items():
        expression = getattr(mapped.mapping, field)
        if expression is None:
            continue
        if kind == "VARCHAR":
            complaints.append(f"CASE WHEN {mapped.fails(expression)} THEN '{field} could not be computed' END")
            continue
        wrong = f"({mapped.typed(expression, kind)}) IS NULL"
        if field not in required:
            wrong += f" AND ({mapped.text(expression)} IS NOT NULL OR {mapped.fails(expression)})"
        complaints.append(f"CASE WHEN {wrong} THEN '{field} is not {KIND_OF[kind]}' END")
    return f"[{', '.join(complaints)}]::VARCHAR[]"


def _unreadable() -> list[str]:
    return ["CASE WHEN _error IS NOT NULL THEN 'unreadable line: ' || _error END"]


def _reasons(reasons: list[str]) -> str:
    """All reasons of a row as a list; a line that could not be read has only that one."""
    rest = f"list_concat([{', '.join(reasons[1:])}], complaints)"
    return f"CASE WHEN _error IS NOT NULL THEN [{reasons[0]}] ELSE list_filter({rest}, lambda r: r IS NOT NULL) END"


def _json_object(mapped: Mapped, values: dict[str, str]) -> str:
    if not values:
        return "NULL::JSON"
    return "json_object(" + ", ".join(f"{literal(k)}, TRY({mapped.sql(v)})" for k, v in values.items()) + ")"
