"""What another version of the linkage would change, for people, segments, deliveries and labels.

Works on a scratch lake, before and after the version is put in use there, with the queries that the assets use.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import duckdb

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.difference import Removals, removal_storm
from cdp_assets.activation.work import read_work
from cdp_assets.identity.accuracy import LINKABLE, measure, truth_file
from cdp_assets.identity.weights import to_weight
from cdp_assets.metadata import has_table
from cdp_assets.profiles.predicted import ensure_tables
from cdp_assets.profiles.profiles import query as profiles_query
from cdp_assets.profiles.rectification import ensure_table as ensure_corrections
from cdp_assets.profiles.survivorship import golden_records_query
from cdp_assets.profiles.traits import latest_day
from cdp_assets.profiles.traits import query as traits_query
from cdp_assets.segments.evaluation import evaluate
from cdp_assets.segments.memberships import latest_evaluation
from cdp_model import Model
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import CATALOG
from cdp_resources.scratch_lake import ScratchLake
from cdp_resources.sql import literal

REBUILT = ("profiles.golden_records", "profiles.traits", "profiles.profiles", "segments.memberships")
EVALUATED = ("segments.evaluations", *REBUILT)
EXAMPLES = 4
"""People shown for each kind of change."""
RECORDS = 6
"""Records shown for each of them."""


@dataclass
class Observed:
    """One state of the world. Rows stay in the scratch database, as ``people_<name>`` and ``members_<name>``."""

    name: str
    people: int
    labels: dict[str, float]
    syncs: dict[str, dict[str, int]] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)


def evaluated_day(scratch: ScratchLake) -> dt.date | None:
    """The day to compare segments on: the latest that was evaluated. Frees the names of the tables that are rebuilt."""
    with scratch.get_connection() as con:
        day = latest_evaluation(con)
        if day is not None:
            con.execute("; ".join(f"DROP VIEW IF EXISTS {CATALOG}.{table}" for table in EVALUATED))
    return day


def observe(scratch: ScratchLake, name: str, model: Model, settings: IdentitySettings, day: dt.date | None) -> Observed:
    """Look at people, labels, segments of ``day`` and what every sync would send. Without a day, at people alone."""
    with scratch.get_connection() as con:
        con.execute(f"CREATE OR REPLACE TABLE people_{name} AS FROM {CATALOG}.identity.record_persons")
        people = con.execute(f"SELECT count(DISTINCT person_id) FROM people_{name}").fetchone()
        observed = Observed(name, people[0] if people else 0, labels(con, settings))
        if day is None:
            return observed
        if model.predictions:
            ensure_tables(con)
        ensure_corrections(con)
        today = latest_day(con, model)
        queries = (
            golden_records_query(model.profiles.attributes),
            traits_query(model, today),
            profiles_query(model, today),
            "FROM members",
        )
        for table, query in zip(REBUILT, queries, strict=True):
            if query is queries[-1]:
                evaluate(con, model, day)
            con.execute(f"CREATE OR REPLACE TABLE {CATALOG}.{table} AS {query}")
        con.execute(f"CREATE OR REPLACE TABLE members_{name} AS FROM {CATALOG}.segments.memberships")
        con.execute(
            f"""CREATE OR REPLACE TABLE {CATALOG}.segments.evaluations AS
            SELECT {literal(str(day))}::DATE AS as_of, segment, count(person_id) AS members
            FROM (SELECT unnest(?::VARCHAR[]) AS segment) LEFT JOIN {CATALOG}.segments.memberships USING (segment)
            GROUP BY segment""",
            [list(model.segments)],
        )
    for sync in model.syncs:
        _observe_sync(scratch, model, sync, observed)
    return observed


def _observe_sync(scratch: ScratchLake, model: Model, sync: str, observed: Observed) -> None:
    with scratch.reading() as con:
        if not has_table(con, "activation.deliveries"):
            observed.stopped[sync] = "nothing was ever sent"
            return
        try:
            work = read_work(con, model, sync, dt.datetime.now(dt.UTC), limit=0, allow_removals=True)
        except SyncStopped as stopped:
            observed.stopped[sync] = str(stopped)
            return
        if work.stopped:
            observed.stopped[sync] = work.stopped
            return
        changes = "SELECT change, count(*) FROM difference WHERE change <> 'handover' GROUP BY change"
        observed.syncs[sync] = {"add": 0, "update": 0, "remove": 0} | dict(con.execute(changes).fetchall())
    counted = Removals(observed.syncs[sync]["remove"], work.held, observed.people)
    storm = removal_storm(counted, model.syncs[sync].max_removal_share)
    if storm:
        observed.stopped[sync] = storm


def labels(con: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> dict[str, float]:
    """How right people are where that is known: against the truth of CDP_TRUTH, and against people's decisions.

    Decisions outrank the model, so people always agree with them: here links are asked what they would say themselves.
    """
    found: dict[str, float] = {}
    path = truth_file()
    if path and path.exists():
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE truth AS
            FROM read_parquet({literal(str(path))}) SEMI JOIN ({LINKABLE}) USING (record_key)"""
        )
        found |= measure(con, "truth", f"{CATALOG}.identity.record_persons")
    if has_table(con, "identity.overrides_in_force"):
        row = con.execute(AGREEING, {"threshold": to_weight(settings.link_threshold)}).fetchone()
        if row and row[0] is not None:
            found["decisions"] = round(row[0], 5)
    return found


AGREEING = """
SELECT avg(((decision = 'same') = coalesce(links.match_weight >= $threshold AND links.veto IS NULL, false))::INT)
FROM lake.identity.overrides_in_force LEFT JOIN lake.identity.links USING (left_key, right_key)
"""


def compare(con: duckdb.DuckDBPyConnection, before: Observed, after: Observed, run_id: str) -> dict[str, Any]:
    """Everything that differs, in numbers, with masked examples. ``run_id`` marks the changes in `person_changes`."""
    changes = "FROM lake.identity.person_changes WHERE run_id = $run_id"
    kinds = con.execute(f"SELECT kind, count(*) {changes} GROUP BY kind ORDER BY kind", {"run_id": run_id}).fetchall()
    ids = con.execute(
        f"""SELECT count(DISTINCT id) FROM (
            SELECT unnest([person_id, other_person_id]) AS id {changes}) WHERE id IS NOT NULL""",
        {"run_id": run_id},
    ).fetchone()
    moved = con.execute(
        """SELECT count(*) FROM people_before AS b JOIN people_after AS a USING (record_key)
        WHERE a.person_id <> b.person_id"""
    ).fetchone()
    return {
        "people": {"before": before.people, "after": after.people},
        "changes": dict(kinds),
        "ids_affected": ids[0] if ids else 0,
        "records_affected": moved[0] if moved else 0,
        "labels": {name: [before.labels.get(name), value] for name, value in after.labels.items()},
        "segments": _segments(con),
        "syncs": {
            name: {change: [before.syncs.get(name, {}).get(change, 0), count] for change, count in counts.items()}
            for name, counts in after.syncs.items()
        },
        "stopped": after.stopped,
        "examples": _examples(con, run_id),
    }


def _segments(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    if not con.execute("FROM duckdb_tables() WHERE table_name = 'members_after'").fetchone():
        return {}
    rows = con.execute(
        """SELECT segment, count(b.person_id), count(a.person_id), count(*) FILTER (b.person_id IS NULL),
            count(*) FILTER (a.person_id IS NULL)
        FROM members_before AS b FULL JOIN members_after AS a USING (segment, person_id)
        GROUP BY segment ORDER BY segment"""
    ).fetchall()
    return {name: dict(zip(("before", "after", "entering", "leaving"), sizes, strict=True)) for name, *sizes in rows}


def _examples(con: duckdb.DuckDBPyConnection, run_id: str) -> list[dict[str, Any]]:
    """A few people of each kind of change, with what little of their records tells them apart: initials and years."""
    found = con.execute(
        """SELECT kind, person_id, other_person_id FROM lake.identity.person_changes WHERE run_id = $run_id
        QUALIFY row_number() OVER (PARTITION BY kind ORDER BY person_id, other_person_id, record_key) <= $limit
        ORDER BY kind, person_id""",
        {"run_id": run_id, "limit": EXAMPLES},
    ).fetchall()
    return [
        {
            "kind": kind,
            "person": person,
            "other": other,
            "records": con.execute(MASKED, {"ids": [person, other], "limit": RECORDS}).fetchall(),
        }
        for kind, person, other in found
    ]


MASKED = """
SELECT split_part(record_key, ':', 1) AS source,
    concat_ws(' ', upper(left(first_name, 1)) || '.', upper(left(last_name, 1)) || '.', left(date_of_birth, 4),
        left(email, 1) || '…@', left(postal_code, 2) || '…') AS masked,
    b.person_id AS before, a.person_id AS after
FROM people_before AS b FULL JOIN people_after AS a USING (record_key)
LEFT JOIN lake.identity.evidence USING (record_key)
WHERE list_contains($ids, a.person_id) OR list_contains($ids, b.person_id)
ORDER BY after NULLS LAST, before NULLS LAST, record_key LIMIT $limit
"""
