"""`segments/memberships` and `segments/changes`: who is in which segment on a day, and who came and went."""

import datetime as dt
from collections.abc import Collection

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.identity.following import require
from cdp_assets.metadata import has_table, same_columns, table_metadata
from cdp_assets.partitions import daily, days_condition, days_of
from cdp_assets.profiles.people import events_query
from cdp_assets.segments.conditions import membership_lineage, memberships_query
from cdp_model import Model
from cdp_resources.lake import CATALOG, Lake

MEMBERSHIPS = f"{CATALOG}.segments.memberships"
CHANGES = f"{CATALOG}.segments.changes"
EVALUATIONS = f"{CATALOG}.segments.evaluations"

MEMBERSHIP_DESCRIPTIONS = {
    "as_of": "The day, to its end",
    "segment": "Name of the segment",
    "person_id": "Who was in it",
}
CHANGE_DESCRIPTIONS = MEMBERSHIP_DESCRIPTIONS | {"change": "entered or exited, against the evaluated day before"}


CHANGE_LINEAGE = same_columns("segments/memberships", MEMBERSHIP_DESCRIPTIONS)
CHANGE_LINEAGE["change"] = [("segments/memberships", column) for column in MEMBERSHIP_DESCRIPTIONS]
CHANGES_ADD_UP = Fact(
    "changes_add_up",
    "For each segment and day: the members of the day before, more who entered, less who exited, are the members",
    f"""WITH sizes AS (
            SELECT segment, as_of, members,
                coalesce(lag(members) OVER (PARTITION BY segment ORDER BY as_of), 0) AS before
            FROM {EVALUATIONS}),
        moves AS (
            SELECT segment, as_of, count(*) FILTER (change = 'entered') - count(*) FILTER (change = 'exited') AS net
            FROM {CHANGES} GROUP BY ALL)
        SELECT count(*) FROM sizes LEFT JOIN moves USING (segment, as_of)
        WHERE members <> before + coalesce(net, 0)""",
)


def segment_assets(model: Model) -> list[dg.AssetsDefinition]:
    """Memberships and changes, a partition a day."""
    days_of_company = daily(model.company)

    @dg.asset(
        key=["segments", "memberships"],
        deps=[
            ["profiles", "golden_records"],
            ["identity", "record_persons"],
            ["standardized", "customers"],
            ["standardized", "events"],
            ["standardized", "consents"],
        ],
        partitions_def=days_of_company,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                "sizes_are_as_expected",
                asset=["segments", "memberships"],
                description="On the latest day made, each segment's size is in its declared `expected_size`",
            )
        ],
        pool="lake",
        kinds={"duckdb"},
    )
    def memberships(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Memberships: one row for each person in each segment on each day.

        People, traits and consents as of the end of the day, with the identities and late data known now. All
        segments of a day share one scan.
        """
        days = sorted(days_of(context))
        with lake.transaction(f"segments.memberships {days[0]}..{days[-1]}") as con:
            require(con, "profiles.golden_records")
            evaluate_days(con, model, days)
            sizes = _sizes(con, days[-1])
            metadata = table_metadata(
                con, "segments.memberships", MEMBERSHIP_DESCRIPTIONS, lineage=membership_lineage(model)
            )
        outside = _outside(model, sizes)
        return dg.MaterializeResult(
            metadata=metadata | {"sizes": dg.MetadataValue.md(_sizes_table(model, sizes, days[-1]))},
            check_results=[
                dg.AssetCheckResult(
                    check_name="sizes_are_as_expected",
                    passed=not outside,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(outside) or "every declared size holds",
                    metadata={"as_of": str(days[-1])},
                )
            ],
        )

    @dg.asset(
        key=["segments", "changes"],
        deps=[["segments", "memberships"]],
        partitions_def=days_of_company,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[CHANGES_ADD_UP.spec(["segments", "changes"])],
        pool="lake",
        kinds={"duckdb"},
    )
    def changes(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Changes: one row for each person who entered or left a segment on a day.

        Each day against the evaluated day before it. When an old day is made again, the next evaluated day is
        compared anew as well.
        """
        days = sorted(days_of(context))
        with lake.transaction(f"segments.changes {days[0]}..{days[-1]}") as con:
            compared = compare_days(con, days)
            metadata = table_metadata(con, "segments.changes", CHANGE_DESCRIPTIONS, lineage=CHANGE_LINEAGE)
            table = _changes_table(con, days[-1])
            checked = CHANGES_ADD_UP.result(con, ["segments", "changes"])
        return dg.MaterializeResult(
            metadata=metadata | {"days_compared": compared, "entered_and_exited": dg.MetadataValue.md(table)},
            check_results=[checked],
        )

    return [memberships, changes]


def evaluate_days(con: duckdb.DuckDBPyConnection, model: Model, days: list[dt.date]) -> None:
    """Make the memberships of ``days`` anew."""
    ensure_tables(con)
    these_days = days_condition(days, "as_of")
    for table in (MEMBERSHIPS, EVALUATIONS):
        con.execute(f"DELETE FROM {table} WHERE {these_days}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE members AS SELECT * FROM {MEMBERSHIPS} WHERE false")
    events = None
    if len(days) > 1:
        events = "events_of_people"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {events} AS {events_query(model, max(days))}")
    for day in days:
        con.execute(f"INSERT INTO members {memberships_query(model, day, events)}")
    con.execute("DROP TABLE IF EXISTS events_of_people")
    con.execute(f"INSERT INTO {MEMBERSHIPS} SELECT * FROM members ORDER BY as_of, segment, person_id")
    for day in days:
        names = [name for name, s in model.segments.items() if not s.expires or s.expires >= day]
        con.execute(
            f"""
            INSERT INTO {EVALUATIONS}
            SELECT ?, name, count(person_id), now() FROM (SELECT unnest(?::VARCHAR[]) AS name)
            LEFT JOIN members ON segment = name AND as_of = ? GROUP BY name
            """,
            [day, names, day],
        )


def compare_days(con: duckdb.DuckDBPyConnection, days: Collection[dt.date]) -> int:
    """Make the changes of ``days``, and of the evaluated day after them, anew; returns how many days were compared."""
    ensure_tables(con)
    later = con.execute(f"SELECT min(as_of) FROM {EVALUATIONS} WHERE as_of > ?", [max(days)]).fetchone()
    wanted = sorted({*days, *([later[0]] if later and later[0] else [])})
    wanted_days = days_condition(wanted, "as_of")
    con.execute(f"DELETE FROM {CHANGES} WHERE {wanted_days}")
    con.execute(f"""
        INSERT INTO {CHANGES}
        WITH evaluated AS (
            SELECT as_of, lag(as_of) OVER (ORDER BY as_of) AS before FROM (SELECT DISTINCT as_of FROM {EVALUATIONS})),
        compared AS (SELECT * FROM evaluated WHERE {wanted_days}),
        now_in AS (SELECT m.* FROM {MEMBERSHIPS} AS m JOIN compared USING (as_of)),
        was_in AS (
            SELECT compared.as_of, m.segment, m.person_id
            FROM {MEMBERSHIPS} AS m JOIN compared ON m.as_of = compared.before)
        SELECT as_of, segment, person_id, 'entered' FROM now_in ANTI JOIN was_in USING (as_of, segment, person_id)
        UNION ALL
        SELECT as_of, segment, person_id, 'exited' FROM was_in ANTI JOIN now_in USING (as_of, segment, person_id)
    """)
    return len(wanted)


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the three tables where they are missing."""
    con.execute(f"CREATE TABLE IF NOT EXISTS {MEMBERSHIPS} (as_of DATE, segment VARCHAR, person_id VARCHAR)")
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {CHANGES} (as_of DATE, segment VARCHAR, person_id VARCHAR, change VARCHAR)"
    )
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {EVALUATIONS}
            (as_of DATE, segment VARCHAR, members BIGINT, evaluated_at TIMESTAMP WITH TIME ZONE)
    """)


def latest_evaluation(con: duckdb.DuckDBPyConnection) -> dt.date | None:
    """The latest day whose segments were evaluated; None before the first."""
    if not has_table(con, "segments.evaluations"):
        return None
    row = con.execute(f"SELECT max(as_of) FROM {EVALUATIONS}").fetchone()
    return row[0] if row else None


def _sizes(con: duckdb.DuckDBPyConnection, day: dt.date) -> dict[str, int]:
    return dict(con.execute(f"SELECT segment, members FROM {EVALUATIONS} WHERE as_of = ?", [day]).fetchall())


def _outside(model: Model, sizes: dict[str, int]) -> list[str]:
    found = []
    for name, size in sizes.items():
        expected = model.segments[name].expected_size
        if expected and not expected[0] <= size <= expected[1]:
            found.append(f"{name} has {size:,} people, expected {expected[0]:,} to {expected[1]:,}")
    return found


def _sizes_table(model: Model, sizes: dict[str, int], day: dt.date) -> str:
    rows = [f"| {name} | {size:,} | {model.segments[name].description} |" for name, size in sorted(sizes.items())]
    return "\n".join([f"| segment on {day} | people | who |", "|---|--:|---|", *rows])


def _changes_table(con: duckdb.DuckDBPyConnection, day: dt.date) -> str:
    counted = con.execute(
        f"""
        SELECT segment, count(*) FILTER (change = 'entered'), count(*) FILTER (change = 'exited')
        FROM {CHANGES} WHERE as_of = ? GROUP BY segment ORDER BY segment
        """,
        [day],
    ).fetchall()
    rows = [f"| {segment} | {entered:,} | {exited:,} |" for segment, entered, exited in counted]
    return "\n".join([f"| segment on {day} | entered | exited |", "|---|--:|--:|", *rows])
