"""`standardized/violations`: what broke the tracking plan, by rule and day; `checked_events` says out of how many."""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.metadata import has_table, same_columns, table_metadata
from cdp_assets.standardized.mapped import Mapped
from cdp_assets.standardized.planned import UNPLANNED, numbered, pointer
from cdp_assets.usual import Usual, usual_counts
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sql import literal

KEY = ["standardized", "violations"]
VIOLATIONS, CHECKED = f"{CATALOG}.standardized.violations", f"{CATALOG}.standardized.checked_events"
HISTORY_DAYS = 28
SHOWN = 50
FEW = 20
"""So many violations of a rule in a day are never a jump."""

COLUMNS = {
    "source": "VARCHAR",
    "stream": "VARCHAR",
    "event_name": "VARCHAR",
    "plan_version": "VARCHAR",
    "property": "VARCHAR",
    "rule": "VARCHAR",
    "action": "VARCHAR",
    "events": "BIGINT",
    "samples": "VARCHAR[]",
    "event_ids": "VARCHAR[]",
    "_day": "DATE",
}
DESCRIPTIONS = {
    "source": "The source that sent them",
    "stream": "The stream they came with",
    "event_name": "The event; its shape only, where a sender gave a name that is none of a programmer",
    "plan_version": "The version of the plan that they were held against; null where no plan has the event",
    "property": "The property; empty for the properties as a whole, `[]` for the items of a list",
    "rule": "The keyword that they broke; `unplanned` where no plan has the event",
    "action": "What was done: report, drop or quarantine",
    "events": "How many rows as received",
    "samples": "Up to three values by their shape: `x` for a letter, `9` for a digit; none of personal properties",
    "event_ids": "Up to three of the events",
    "_day": "The day of their file",
}
LINEAGE = {
    **same_columns("standardized/events", ["source", "event_name", "_day"]),
    "event_ids": [("standardized/events", "event_id")],
}
CHECK = dg.AssetCheckSpec(
    "violations_do_not_jump",
    asset=KEY,
    description="On the latest day of each stream no rule was broken far more often than on the 28 days before",
)


def note_violations(con: duckdb.DuckDBPyConnection, mapped: Sequence[Mapped], anew: str | None) -> None:
    """Count what the temporary table ``candidates`` says. Called by events, in their transaction.

    Of days that are made ``anew`` (a condition) nothing else counts; all others had rows before.
    """
    planned = [m for m in mapped if m.plan]
    if not planned and not has_table(con, "standardized.violations"):
        return
    _ensure_tables(con)
    sources = ", ".join(sorted({literal(m.source.name) for m in planned})) or "NULL"
    con.register("plan_rules", _rules(planned))
    others = "list_filter(json_keys(within), lambda name: NOT list_contains(known, name))"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE checked_now AS
        SELECT source, stream, _day, count(*) AS events, count(violations) AS violating
        FROM candidates WHERE source IN ({sources}) GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE violations_now AS
        SELECT source, stream, coalesce(event, {shown("event_name")}) AS event_name, plan_version, property, rule,
            action, count(*) AS events, min(DISTINCT sample, 3) AS samples, min(event_id, 3) AS event_ids, _day
        FROM (
            SELECT *, CASE WHEN rule = 'additionalProperties'
                THEN array_to_string(list_transform({others}[:3], lambda name: {shown("name")}), ', ')
                WHEN with_sample THEN {masked("within ->> '$'")} END AS sample
            FROM (
                SELECT c.* EXCLUDE (source), r.*, json_extract(c.violations.sent, r.pointer) AS within
                FROM (FROM candidates WHERE violations IS NOT NULL) AS c
                JOIN plan_rules AS r ON r.source = c.source AND r.version_number = c.violations.version
                    AND (r.word IS NULL OR c.violations.words[r.word] & r.bit <> 0)))
        GROUP BY ALL
    """)
    con.unregister("plan_rules")
    days = anew or "_day IN (SELECT _day FROM candidates)"
    for table, now in ((CHECKED, "checked_now"), (VIOLATIONS, "violations_now")):
        if not anew:
            con.execute(f"INSERT INTO {now} BY NAME FROM {table} WHERE {days}")
        con.execute(f"DELETE FROM {table} WHERE {days}")
    con.execute(f"""
        INSERT INTO {CHECKED} BY NAME
        SELECT source, stream, _day, sum(events) AS events, sum(violating) AS violating FROM checked_now GROUP BY ALL;
        INSERT INTO {VIOLATIONS} BY NAME
        SELECT * EXCLUDE (events, samples, event_ids), sum(events) AS events,
            coalesce(list_sort(list_distinct(flatten(list(samples))))[:3], []) AS samples,
            list_sort(flatten(list(event_ids)))[:3] AS event_ids
        FROM violations_now GROUP BY ALL
    """)


def masked(text: str) -> str:
    """SQL of the shape of a text: which signs stood where, never which letters and digits."""
    return f"regexp_replace(regexp_replace(left({text}, 40), '\\p{{L}}', 'x', 'g'), '\\p{{N}}', '9', 'g')"


def shown(name: str) -> str:
    """SQL of a name that a sender gave; its shape only, unless it is such as a programmer gives."""
    usual = "'[\\p{L}_$][\\p{L}_$ :.-]{0,59}[0-9]{0,2}'"
    return f"CASE WHEN regexp_full_match({name}, {usual}) THEN {name} ELSE {masked(name)} END"


def _rules(planned: Sequence[Mapped]) -> pa.Table:
    """The rules of all sources as a table, for what their bits mean."""
    rows: list[dict[str, Any]] = []
    for name, plan in {m.source.name: m.plan for m in planned if m.plan}.items():
        unplanned = {"rule": "unplanned", "action": plan.unplanned, "property": "", "pointer": "", "with_sample": False}
        rows.append({"source": name, "version_number": UNPLANNED, **unplanned})
        for each in numbered(plan):
            rule, version = each.rule, each.version
            rows.append(
                {"source": name, "version_number": each.version_number, "word": each.word, "bit": each.bit}
                | {"event": version.event, "plan_version": version.version, "property": rule.property}
                | {"rule": rule.keyword, "action": rule.action, "pointer": pointer(rule.path)}
                | {"known": rule.value if rule.keyword == "additionalProperties" else []}
                | {"with_sample": bool(rule.path) and rule.pii is None}
            )
    texts = ("source", "event", "plan_version", "property", "rule", "action", "pointer")
    columns = [(text, pa.string()) for text in texts]
    columns += [("version_number", pa.int32()), ("word", pa.int32()), ("bit", pa.int64())]
    columns += [("with_sample", pa.bool_()), ("known", pa.list_(pa.string()))]
    return pa.Table.from_pylist(rows, pa.schema(columns))


def _ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {VIOLATIONS} ({columns});
        CREATE TABLE IF NOT EXISTS {CHECKED} (source VARCHAR, stream VARCHAR, _day DATE, events BIGINT,
            violating BIGINT)
    """)


def violations_assets(model: Model) -> list[dg.AssetsDefinition]:
    """The asset that reports what broke the plan, where there is a plan."""

    @dg.asset(key=KEY, deps=[["standardized", "events"]], check_specs=[CHECK], kinds={"duckdb"}, pool="lake")
    def violations(lake: Lake) -> dg.MaterializeResult:
        """What broke the tracking plan: one row for each rule of an event, stream and day.

        Filled by events in their own transaction, of all rows as received. This asset reports it, and warns of rules
        that are broken far more often than before. Samples show the shape of values, never the values.
        """
        with lake.transaction("standardized.violations") as con:
            _ensure_tables(con)
            metadata = table_metadata(con, "standardized.violations", DESCRIPTIONS, lineage=LINEAGE)
            metadata |= {"by_rule": dg.MetadataValue.md(by_rule(con)), "by_day": dg.MetadataValue.md(by_day(con))}
            found = jumps(con)
        result = dg.AssetCheckResult(
            check_name=CHECK.name,
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(found[:5]) or None,
            metadata={"jumps": len(found)},
        )
        return dg.MaterializeResult(metadata=metadata, check_results=[result])

    return [violations] if model.tracking_plan else []


def by_rule(con: duckdb.DuckDBPyConnection) -> str:
    """The rules broken in the latest 28 days, as Markdown. A name that a sender gave can't break the table."""
    rows = con.execute(f"""
        SELECT source, event_name, property, rule, action, sum(events),
            coalesce(sum(events) FILTER (_day = last), 0),
            array_to_string(list_sort(list_distinct(flatten(list(samples))))[:3], ' · ')
        FROM {VIOLATIONS} JOIN (SELECT source, max(_day) AS last FROM {CHECKED} GROUP BY source) USING (source)
        WHERE _day > last - {HISTORY_DAYS}
        GROUP BY ALL ORDER BY sum(events) DESC, source, event_name, property, rule LIMIT {SHOWN}
    """).fetchall()
    heading = [
        "source",
        "event",
        "property",
        "rule",
        "what was done",
        "events in 28 days",
        "on the last day",
        "such as",
    ]
    return _markdown(heading, rows)


def by_day(con: duckdb.DuckDBPyConnection) -> str:
    """How many events of each source were held against the plan lately, as Markdown."""
    rows = con.execute(f"""
        SELECT _day, source, sum(events), sum(violating), printf('%.1f %%', 100.0 * sum(violating) / sum(events))
        FROM {CHECKED} GROUP BY ALL ORDER BY _day DESC, source LIMIT {SHOWN}
    """).fetchall()
    return _markdown(["day", "source", "events", "with violations", "share"], rows)


def _markdown(heading: Sequence[str], rows: Collection[tuple[Any, ...]]) -> str:
    cells = [[f"{value:,}" if isinstance(value, int) else _cell(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heading, ["---"] * len(heading), *cells]) if rows else "none"


def _cell(value: object) -> str:
    return " ".join(str("" if value is None else value).replace("|", "\\|").split())


def jumps(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Rules that were broken far more often on a stream's latest day than before, in words without values."""
    rows = con.execute(f"""
        WITH days AS (
            SELECT stream, _day, max(_day) OVER (PARTITION BY stream) AS last FROM {CHECKED}
            QUALIFY _day >= last - {HISTORY_DAYS}),
        broken AS (
            SELECT stream, _day, event_name, property, rule, sum(events) AS events FROM {VIOLATIONS} GROUP BY ALL),
        rules AS (SELECT DISTINCT b.stream, event_name, property, rule FROM broken AS b JOIN days AS d
                  ON d.stream = b.stream AND d._day = b._day AND d._day = d.last)
        SELECT stream, event_name, property, rule, last, coalesce(max(events) FILTER (_day = last), 0)::BIGINT,
            coalesce(list(coalesce(events, 0)::BIGINT) FILTER (_day < last), [])
        FROM rules JOIN days USING (stream) LEFT JOIN broken USING (stream, _day, event_name, property, rule)
        GROUP BY ALL ORDER BY ALL
    """).fetchall()
    found = []
    for stream, event, name, rule, day, count, history in rows:
        if (usual := jumped(count, history)) is not None:
            found.append(f"{stream}, {event}: {name or 'properties'} ({rule}) {count:,} times on {day}, usual: {usual}")
    return found


def jumped(count: int, history: Sequence[int]) -> Usual | None:
    """What was usual, if a count is far above it; None before there is a history."""
    usual = usual_counts(history, least=FEW)
    return usual if usual and count > usual.high else None
