"""`segments/memberships_as_known`: who was in which segment by what was known when the day was first evaluated."""

import dagster as dg

from cdp_assets.metadata import same_columns, table_metadata
from cdp_assets.partitions import daily, days_condition, days_of
from cdp_assets.segments.knowledge import NotKnownAnyMore, known_when_first_evaluated, people_known
from cdp_assets.segments.memberships import MEMBERSHIP_DESCRIPTIONS
from cdp_assets.segments.tables import AS_KNOWN
from cdp_model import Model
from cdp_resources.lake import Lake

KEY = ["segments", "memberships_as_known"]
DESCRIPTIONS = MEMBERSHIP_DESCRIPTIONS | {
    "person_id": "Who was in it, by the id of that time",
    "known_at": "When the day was first evaluated",
    "snapshot": "The DuckLake snapshot that this evaluation read",
}


def memberships_as_known_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `segments/memberships_as_known`, a partition a day, made only when somebody asks for it."""

    @dg.asset(
        key=KEY,
        deps=[["segments", "memberships"]],
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="lake",
        kinds={"duckdb"},
    )
    def memberships_as_known(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Memberships as we knew them then: one row for each person in each segment on each day.

        Today's definitions, asked of the snapshot of the lake that the first evaluation of the day read: without late
        data, and with the people of that time. `segments/memberships` is the same by what is known now.
        """
        days = sorted(days_of(context))
        try:
            with lake.reading() as con:
                known = {day: known_when_first_evaluated(con, day) for day in days}
            with lake.transaction(f"segments.memberships_as_known {days[0]}..{days[-1]}") as con:
                con.execute(
                    f"""CREATE TABLE IF NOT EXISTS {AS_KNOWN}
                    (as_of DATE, segment VARCHAR, person_id VARCHAR, known_at TIMESTAMPTZ, snapshot BIGINT)"""
                )
                con.execute(f"DELETE FROM {AS_KNOWN} WHERE {days_condition(days, 'as_of')}")
                for day, knowledge in known.items():
                    with people_known(lake, model, day, knowledge) as then:
                        con.register("members_then", then.execute("FROM members").to_arrow_table())
                    con.execute(
                        f"INSERT INTO {AS_KNOWN} SELECT as_of, segment, person_id, ?, ? FROM members_then",
                        [knowledge.at, knowledge.snapshot],
                    )
                lineage = same_columns("segments/memberships", MEMBERSHIP_DESCRIPTIONS)
                metadata = table_metadata(con, "segments.memberships_as_known", DESCRIPTIONS, lineage=lineage)
        except NotKnownAnyMore as gone:
            raise dg.Failure(str(gone), allow_retries=False) from gone
        return dg.MaterializeResult(metadata=metadata)

    return memberships_as_known
