"""`segments/memberships` and `segments/evaluations`: who is in which segment on a day, and how many."""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets import charts
from cdp_assets.identity.following import require
from cdp_assets.metadata import has_table, table_metadata
from cdp_assets.partitions import daily, days_condition, days_of
from cdp_assets.predictions.clusters import told_of
from cdp_assets.profiles import predicted
from cdp_assets.segments.conditions import membership_lineage
from cdp_assets.segments.coverage import COVERAGE_CHECK, windows_are_covered
from cdp_assets.segments.evaluation import walk
from cdp_assets.segments.guards import judge
from cdp_assets.segments.pictures import sizes_and_people
from cdp_assets.segments.renames import rename_days
from cdp_assets.segments.sizes import SIZE_CHECKS, size_results, sizes_of
from cdp_assets.segments.tables import EVALUATIONS, FIRST_EVALUATIONS, MEMBERSHIPS, TURNED, ensure_tables
from cdp_assets.standardized import exchange_rates
from cdp_model import Model
from cdp_resources.lake import CATALOG, Lake

MEMBERSHIP_DESCRIPTIONS = {
    "as_of": "The day, to its end",
    "segment": "Name of the segment",
    "person_id": "Who was in it",
}


def memberships_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `segments/memberships`, a partition a day."""

    @dg.asset(
        key=["segments", "memberships"],
        deps=[
            ["profiles", "golden_records"],
            ["identity", "record_persons"],
            ["standardized", "customers"],
            ["standardized", "events"],
            ["standardized", "consents"],
            *exchange_rates.assets_of(model),
            *predicted.assets_of(model),
        ],
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[*SIZE_CHECKS, COVERAGE_CHECK],
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
            note_first(con, days)
            covered = windows_are_covered(con, model, days[-1])
            waiting = judge(con, model, days)
            sizes = sizes_of(con, days[-1])
            pictures = sizes_and_people(con, model, days[-1])
            words = _words(con, model, days[-1])
            metadata = table_metadata(
                con, "segments.memberships", MEMBERSHIP_DESCRIPTIONS, lineage=membership_lineage(model)
            )
        return dg.MaterializeResult(
            metadata=metadata
            | {
                "sizes": dg.MetadataValue.md(_sizes_table(words, sizes, days[-1])),
                "pictures": charts.pictures(pictures),
            },
            check_results=[*size_results(model, sizes, waiting, days[-1]), covered],
        )

    return memberships


def evaluate_days(con: duckdb.DuckDBPyConnection, model: Model, days: list[dt.date]) -> None:
    """Make the memberships of ``days`` anew."""
    ensure_tables(con)
    rename_days(con, model)
    earlier = con.execute(f"SELECT max(as_of) FROM {EVALUATIONS} WHERE as_of < ?", [min(days)]).fetchone()
    before = earlier[0] if earlier else None
    these_days = days_condition(days, "as_of")
    for table in (MEMBERSHIPS, EVALUATIONS):
        con.execute(f"DELETE FROM {table} WHERE {these_days}")
    con.execute(f"DELETE FROM {TURNED}")
    for day, compared in walk(con, model, days, before):
        if day in days:
            con.execute(f"INSERT INTO {MEMBERSHIPS} FROM members")
            con.execute(
                f"""INSERT INTO {EVALUATIONS}
                SELECT ?, name, coalesce(members, 0), now() FROM (SELECT unnest(?::VARCHAR[]) AS name)
                LEFT JOIN (SELECT segment AS name, count(*) AS members FROM members GROUP BY ALL) USING (name)""",
                [day, list(model.segments)],
            )
            if before:
                con.execute(
                    f"""INSERT INTO {TURNED} BY NAME SELECT $day AS as_of, $before AS before, now() AS evaluated_at, *
                    FROM (FROM turned WHERE $compared OR segment IS NULL UNION ALL BY NAME
                        SELECT max(evaluated_at) AS before_evaluated_at FROM {EVALUATIONS}
                        WHERE $compared AND as_of = $before)""",
                    {"day": day, "before": before, "compared": compared},
                )
            before = day


def note_first(con: duckdb.DuckDBPyConnection, days: list[dt.date]) -> None:
    """Keep which snapshot of the lake this evaluation of ``days`` reads, of days that were never evaluated before."""
    con.execute(
        f"""
        INSERT INTO {FIRST_EVALUATIONS}
        SELECT as_of, (SELECT id FROM {CATALOG}.current_snapshot()), now() FROM (SELECT unnest(?::DATE[]) AS as_of)
        WHERE as_of NOT IN (SELECT as_of FROM {FIRST_EVALUATIONS})
        """,
        [days],
    )


def latest_evaluation(con: duckdb.DuckDBPyConnection) -> dt.date | None:
    """The latest day whose segments were evaluated; None before the first."""
    if not has_table(con, "segments.evaluations"):
        return None
    row = con.execute(f"SELECT max(as_of) FROM {EVALUATIONS}").fetchone()
    return row[0] if row else None


def _words(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> dict[str, str]:
    """Who is in each segment, in words: as declared, and of clusters as found."""
    return {name: segment.description for name, segment in model.segments.items()} | told_of(con, model, day)


def _sizes_table(words: dict[str, str], sizes: dict[str, int], day: dt.date) -> str:
    rows = [f"| {name} | {size:,} | {words[name]} |" for name, size in sorted(sizes.items())]
    return "\n".join([f"| segment on {day} | people | who |", "|---|--:|---|", *rows])
