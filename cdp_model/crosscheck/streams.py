"""What is wrong with streams: expressions over columns they do not have, ways that lead nowhere."""

from collections.abc import Iterator

from cdp_model.collecting import file_mistake
from cdp_model.columns import mapped_expressions
from cdp_model.crosscheck.references import refusals
from cdp_model.documents import KeyPath
from cdp_model.expressions import did_you_mean
from cdp_model.pulls import PULLED, Endpoint, Table
from cdp_model.sources import Mapping, Source, Stream

RESERVED = {"_day", "_extracted_at", "_extract_id", "_source_file", "_error", "_line"}
"""Columns that every raw table has of its own."""


def stream_mistakes(stream: Stream) -> Iterator[tuple[KeyPath, str]]:
    """Expressions, events and columns that cannot be."""
    columns = list(stream.columns)
    mappings: list[tuple[KeyPath, Mapping]] = []
    if stream.customers:
        mappings.append((("customers",), stream.customers))
    for output in ("events", "consents", "exchange_rates"):
        mappings += [((output, i), mapping) for i, mapping in enumerate(getattr(stream, output))]
    for prefix, mapping in mappings:
        for path, expression in mapped_expressions(mapping):
            yield from (((*prefix, *path), message) for message in refusals(expression, columns))
    for i, event in enumerate(stream.events):
        if (event.name is None) == (event.name_from is None):
            yield ("events", i), "an event has either `name` or `name_from`"
        if event.payload and event.payload not in columns:
            yield ("events", i, "payload"), f"unknown column `{event.payload}`{did_you_mean(event.payload, columns)}"
    if stream.day:
        yield from ((("day",), message) for message in refusals(stream.day, columns))
    elif "{date}" not in stream.files and "*" in stream.files:
        yield ("files",), "a pattern of several files needs `{date}`, so that each file has its day"
    if stream.collect and (mistake := file_mistake(stream.files, stream.format)):
        yield ("files",), mistake
    lowered = [column.lower() for column in columns]
    for column in columns:
        if lowered.count(column.lower()) > 1:
            yield ("columns", column), f"`{column}` differs from another column only by case"
        if column.lower() in RESERVED:
            yield ("columns", column), f"`{column}` is a name the platform uses itself"


def pull_mistakes(source: Source, stream: Stream) -> Iterator[tuple[KeyPath, str]]:
    """A stream comes by exactly one way, and that way leads somewhere."""
    if not stream.files:
        yield ("files",), "is missing, and needed"
    ways = [way for way in ("endpoint", "table", "download") if getattr(stream, way)]
    if ways and not stream.files.startswith(f"{PULLED}/"):
        yield ("files",), f"a stream with `{ways[0]}` has no `files`: they are where the pull puts them"
    for way in ways[1:]:
        yield (way,), f"the stream has `{ways[0]}` already: rows come by one way"
    for way, whole in (("endpoint", "api"), ("table", "database")):
        if getattr(stream, way) and getattr(source, whole) is None:
            yield (way,), f"the source has no `{whole}` to ask"
    if "format" not in stream.model_fields_set and not (stream.endpoint or stream.table):
        yield ("format",), "is missing, and needed"
    elif stream.format != "ndjson" and (stream.endpoint or stream.table):
        yield ("format",), "rows of an API or a database are kept as ndjson: leave `format` out"
    cursor = stream.asked.incremental if isinstance(stream.asked, Endpoint | Table) else None
    if cursor and cursor.lag and isinstance(cursor.initial_value, int):
        key = "endpoint" if stream.endpoint else "table"
        yield (key, "incremental", "lag"), "needs a cursor of times, and `initial_value` is a number"
