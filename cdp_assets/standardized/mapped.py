"""One declared mapping of one stream, and its expressions as SQL over the raw table.

Every expression stands in TRY: what it fails on in one row must not stop the others.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cdp_model.columns import mapped_expressions
from cdp_model.expressions import columns_of, render
from cdp_model.model import Model
from cdp_model.sources import ConsentMapping, EventMapping, Mapping, RateMapping, Source, Stream
from cdp_model.tracking_plan import SourcePlan, plan_of


@dataclass(frozen=True)
class Mapped:
    """One mapping of one stream, ``position`` counting from 0 among those of the same output."""

    source: Source
    stream_name: str
    stream: Stream
    output: str
    position: int
    mapping: Mapping
    plan: SourcePlan | None = None
    """What the tracking plan says of events."""

    @property
    def raw_name(self) -> str:
        """What the stream is called among all streams."""
        return f"{self.source.name}__{self.stream_name}"

    @property
    def raw_table(self) -> str:
        return f"raw.{self.raw_name}"

    @property
    def where(self) -> str:
        """Rows that the mapping is for. Lines that no reader could read count with the first mapping.

        A row for which that can't be told, because the expression fails, counts too: it goes to quarantine.
        """
        conditions = []
        if self.mapping.when:
            conditions.append(f"coalesce(TRY({self.sql(self.mapping.when)}), {self.fails(self.mapping.when)})")
        if isinstance(self.mapping, ConsentMapping | RateMapping):
            said = self.mapping.granted if isinstance(self.mapping, ConsentMapping) else self.mapping.rate
            conditions.append(f"TRY(({self.sql(said)}) IS NULL) IS DISTINCT FROM true")
        wanted = " AND ".join(["_error IS NULL", *conditions])
        return f"(({wanted}) OR _error IS NOT NULL)" if self.position == 0 else f"({wanted})"

    @property
    def device(self) -> str | None:
        """Expression of an event's device; by default what the stream's customers have as such an identifier."""
        if not isinstance(self.mapping, EventMapping):
            return None
        identifiers = self.stream.customers.identifiers if self.stream.customers else {}
        return self.mapping.device or identifiers.get("device")

    @property
    def payload(self) -> str | None:
        """The column with an event's own properties, by default the one of that name; None: the mapping makes them."""
        if not isinstance(self.mapping, EventMapping):
            return None
        return self.mapping.payload or ("properties" if "properties" in self.stream.columns else None)

    @property
    def fingerprint(self) -> str:
        """Changes when the mapping or the plan does, so that what was made or refused by an older one is made again."""
        made_of = f"{self.mapping.model_dump_json()}{self.stream.columns.keys()}{self.source.country}"
        made_of += repr(self.plan) if self.plan else ""
        return hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def sql(self, expression: str) -> str:
        return render(expression, self.stream.columns)

    def fails(self, expression: str) -> str:
        """True for a row on which the expression raises an error, such as a cast of what is no number."""
        return f"(TRY(({self.sql(expression)}) IS NULL) IS NULL)"

    def text(self, expression: str) -> str:
        """The value as text without spaces around it; null when nothing is left."""
        return f"nullif(trim(TRY({self.sql(expression)})::VARCHAR), '')"

    def value(self, expression: str | None, kind: str = "VARCHAR") -> str:
        """The value as a type; null when it is none of it."""
        if expression is None:
            return f"NULL::{kind}"
        return self.text(expression) if kind == "VARCHAR" else f"TRY_CAST(TRY({self.sql(expression)}) AS {kind})"

    def lineage(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """(output field, (raw asset, raw column)) for every column that the mapping reads."""
        asset = self.raw_table.replace(".", "/")
        expressions = dict(mapped_expressions(self.mapping))
        if self.device:
            expressions["device",] = self.device
        for path, expression in expressions.items():
            for column in columns_of(expression, self.stream.columns):
                yield str(path[0]), (asset, column)


def mappings(model: Model, output: str) -> list[Mapped]:
    """Every mapping to ``customers``, ``events``, ``consents`` or ``exchange_rates``, in declared order."""
    found = []
    for source, name, stream in model.streams():
        declared = getattr(stream, output)
        each = declared if isinstance(declared, list) else [declared] if declared else []
        plan = plan_of(model.tracking_plan, source.name) if output == "events" else None
        found += [Mapped(source, name, stream, output, i, mapping, plan) for i, mapping in enumerate(each)]
    return found
