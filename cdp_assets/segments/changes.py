"""`segments/changes`: who entered and left which segment on a day, and whose membership only changed its person."""

import datetime as dt
from collections.abc import Collection

import dagster as dg
import duckdb

from cdp_assets import charts
from cdp_assets.checks import Fact
from cdp_assets.metadata import has_table, same_columns, table_metadata
from cdp_assets.partitions import daily, days_condition, days_of
from cdp_assets.segments.comparison import (
    CHANGED_PERSONS,
    DIFFERENCE,
    NO_CHANGED_PERSONS,
    NOTED_DAYS,
    compare_query,
)
from cdp_assets.segments.memberships import MEMBERSHIP_DESCRIPTIONS
from cdp_assets.segments.pictures import entries_and_exits
from cdp_assets.segments.reasons import REASONS, explain
from cdp_assets.segments.renames import rename_changes
from cdp_assets.segments.tables import CHANGES, EVALUATIONS, ensure_tables
from cdp_model import Model
from cdp_resources.lake import Lake

CHANGE_DESCRIPTIONS = MEMBERSHIP_DESCRIPTIONS | {
    "person_id": "Whose membership began or ended",
    "change": "Against the evaluated day before. entered, exited: the person came or went. moved: the membership came "
    "with records of the other person. merged: it went on to the other person, who this one is now. split: it left "
    "with records that are the other person's now",
    "other_person_id": "Whose it was before (moved), or is now (merged, split)",
    "reason": "Of who entered or exited: the declared conditions that turned since the day before",
}
CHANGE_LINEAGE = same_columns("segments/memberships", MEMBERSHIP_DESCRIPTIONS)
CHANGE_LINEAGE["change"] = [("segments/memberships", column) for column in MEMBERSHIP_DESCRIPTIONS]
CHANGE_LINEAGE["other_person_id"] = [("identity/record_persons", "person_id")]
CHANGE_LINEAGE["reason"] = [("segments/memberships", "segment")]
CHANGES_ADD_UP = Fact(
    "changes_add_up",
    "For each segment and day: the members of the day before, and who came, without who went, are the members",
    f"""WITH sizes AS (
            SELECT segment, as_of, members,
                coalesce(lag(members) OVER (PARTITION BY segment ORDER BY as_of), 0) AS before
            FROM {EVALUATIONS}),
        moves AS (
            SELECT segment, as_of, sum(CASE WHEN change IN ('entered', 'moved') THEN 1 ELSE -1 END) AS net
            FROM {CHANGES} GROUP BY ALL)
        SELECT count(*) FROM sizes LEFT JOIN moves USING (segment, as_of)
        WHERE members <> before + coalesce(net, 0)""",
)


def changes_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `segments/changes`, a partition a day."""

    @dg.asset(
        key=["segments", "changes"],
        deps=[["segments", "memberships"]],
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[CHANGES_ADD_UP.spec(["segments", "changes"])],
        pool="lake",
        kinds={"duckdb"},
    )
    def changes(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Changes: one row for each membership that began or ended on a day.

        Each day against the evaluated day before it. Where identity changed between the two evaluations, a membership
        that went with the records is merged, split or moved, and nobody entered or exited. When an old day is made
        again, the next evaluated day is compared anew as well.
        """
        days = sorted(days_of(context))
        with lake.transaction(f"segments.changes {days[0]}..{days[-1]}") as con:
            compared = compare_days(con, days, model)
            metadata = table_metadata(con, "segments.changes", CHANGE_DESCRIPTIONS, lineage=CHANGE_LINEAGE)
            table = _changes_table(con, days[-1])
            picture = entries_and_exits(con, days[-1])
            checked = CHANGES_ADD_UP.result(con, ["segments", "changes"])
        return dg.MaterializeResult(
            metadata=metadata
            | {"days_compared": compared, "entered_and_exited": dg.MetadataValue.md(table)}
            | ({"entries_and_exits": charts.pictures([picture])} if picture else {}),
            check_results=[checked],
        )

    return changes


def compare_days(con: duckdb.DuckDBPyConnection, days: Collection[dt.date], model: Model | None = None) -> int:
    """Make the changes of ``days``, and of the evaluated day after them, anew; returns how many days were compared.

    With ``model`` entries and exits have their reasons.
    """
    ensure_tables(con)
    days = {*days, *(rename_changes(con, model) if model else ())}
    later = con.execute(f"SELECT min(as_of) FROM {EVALUATIONS} WHERE as_of > ?", [max(days)]).fetchone()
    wanted = sorted({*days, *([later[0]] if later and later[0] else [])})
    wanted_days = days_condition(wanted, "as_of")
    con.execute(f"DELETE FROM {CHANGES} WHERE {wanted_days}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE compared AS
        FROM (SELECT as_of, max(evaluated_at) AS made_at, lag(as_of) OVER days AS before,
                lag(max(evaluated_at)) OVER days AS before_made_at
            FROM {EVALUATIONS} GROUP BY as_of WINDOW days AS (ORDER BY as_of))
        WHERE {wanted_days}""")
    con.execute(CHANGED_PERSONS if has_table(con, "identity.record_history") else NO_CHANGED_PERSONS)
    con.execute(f"CREATE OR REPLACE TEMP TABLE differences ({DIFFERENCE})")
    each = f"SELECT as_of, before, as_of IN ({NOTED_DAYS}) FROM compared ORDER BY as_of"
    for day, before, noted in con.execute(each).fetchall():
        con.execute(f"INSERT INTO differences BY NAME {compare_query(day, before, noted)}")
    if model:
        con.execute(f"INSERT INTO {CHANGES} BY NAME {REASONS}", explain(con, model))
    else:
        con.execute(f"INSERT INTO {CHANGES} BY NAME FROM differences")
    return len(wanted)


def _changes_table(con: duckdb.DuckDBPyConnection, day: dt.date) -> str:
    counted = con.execute(
        f"""
        SELECT segment, count(*) FILTER (change = 'entered'), count(*) FILTER (change = 'exited'),
            count(*) FILTER (change NOT IN ('entered', 'exited'))
        FROM {CHANGES} WHERE as_of = ? GROUP BY segment ORDER BY segment
        """,
        [day],
    ).fetchall()
    rows = [f"| {segment} | {entered:,} | {exited:,} | {moved:,} |" for segment, entered, exited, moved in counted]
    return "\n".join([f"| segment on {day} | entered | exited | identity changed |", "|---|--:|--:|--:|", *rows])
