"""Whether the rows of each stream keep arriving, and about as many as usual: checks of raw streams, from the ledger.

Not Dagster's freshness policies: those look at when an asset was materialized, and a run that finds no file
materializes it just as well. What matters is when rows last came.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.raw.extracts import LEDGER
from cdp_assets.usual import LEAST_DAYS, Usual, usual_counts
from cdp_model.arrivals import Arrivals
from cdp_model.model import Model
from cdp_model.sources import Stream
from cdp_resources.lake import Lake, LakeMissing
from cdp_resources.sources.cursor import lag_of

HISTORY = dt.timedelta(weeks=8)
FEWEST_ARRIVALS = 8
"""Hours with new rows, before it is known how long a stream is usually silent."""
PATIENCE = 1.5
"""A silence may be so many times as long as the usual ones, and an hour."""
CHECKS = {
    "rows_keep_arriving": "New rows came within the time that is declared, or that this stream is usually silent",
    "row_counts_are_usual": "The latest whole day with files has as many rows as declared, or as such days have",
}


@dataclass(frozen=True)
class Verdict:
    """What a check says; ``passed`` is None where there is too little to judge by."""

    passed: bool | None
    said: str


def checks(model: Model) -> list[dg.AssetChecksDefinition]:
    """Two checks of each stream that is watched, which need no materialization to run."""
    watched = {("raw", f"{source.name}__{name}"): stream for source, name, stream in model.streams()}
    watched = {key: stream for key, stream in watched.items() if stream.arrivals.watched}
    specs = [
        dg.AssetCheckSpec(name, asset=list(key), description=description)
        for key in watched
        for name, description in CHECKS.items()
    ]
    if not specs:
        return []

    @dg.multi_asset_check(name="arrivals_of_streams", specs=specs, can_subset=True)
    def arrivals(context: dg.AssetCheckExecutionContext, lake: Lake) -> Iterator[dg.AssetCheckResult]:
        """Looks at the ledger of loaded files only, so that it may run every hour."""
        now = dt.datetime.now(dt.UTC)
        zone = ZoneInfo(model.company.timezone)
        verdicts: dict[tuple[str, ...], dict[str, Verdict]] = {}
        for selected in context.selected_asset_check_keys:
            key = tuple(selected.asset_key.path)
            if key not in verdicts:
                verdicts[key] = judged(lake, ".".join(key), watched[key[0], key[1]], now, zone)
            yield _result(selected, verdicts[key][selected.name])

    return [arrivals]


def judged(lake: Lake, table: str, stream: Stream, now: dt.datetime, zone: ZoneInfo) -> dict[str, Verdict]:
    """The verdicts on one stream, by check."""
    try:
        with lake.reading() as con:
            known = has_table(con, "raw.extracts")
            arrivals = arrivals_of(con, table, now) if known else []
            rows = rows_by_day(con, table, now.date()) if known and not stream.day else {}
    except LakeMissing:
        arrivals, rows = [], {}
    return {
        "rows_keep_arriving": silence(arrivals, now, stream.arrivals),
        "row_counts_are_usual": Verdict(None, "no verdict: one file has the rows of many days")
        if stream.day
        else volume(rows, now.astimezone(zone).date(), stream.arrivals),
    }


def _result(key: dg.AssetCheckKey, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=verdict.passed is not False,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.said,
        metadata={"verdict": {None: "none yet", True: "as usual", False: "unusual"}[verdict.passed]},
    )


def silence(arrivals: Sequence[dt.datetime], now: dt.datetime, declared: Arrivals) -> Verdict:
    """Whether the latest of ``arrivals`` (sorted) is too long ago.

    Learned: the second longest silence, so that one outage is not taken to be usual.
    """
    within = lag_of(declared.within) if declared.within else None
    if not arrivals:
        return Verdict(False if within else None, "no rows have come yet")
    quiet = now - arrivals[-1]
    if within:
        return Verdict(quiet <= within, f"silent for {_long(quiet)}; declared: at most {declared.within}")
    hours = sorted({arrival.replace(minute=0, second=0, microsecond=0) for arrival in arrivals})
    if len(hours) < FEWEST_ARRIVALS:
        return Verdict(None, f"no verdict: rows came in {len(hours)} different hours, {FEWEST_ARRIVALS} are needed")
    usual = sorted(later - earlier for earlier, later in pairwise(hours))[-2]
    most = usual * PATIENCE + dt.timedelta(hours=1)
    return Verdict(quiet <= most, f"silent for {_long(quiet)}; usually for up to {_long(usual)}")


def volume(rows: Mapping[dt.date, int], today: dt.date, declared: Arrivals) -> Verdict:
    """Whether the latest day with files before ``today`` has as many rows as such days have.

    Learned from the same weekday of eight weeks, or from the last four weeks where there are too few of them.
    """
    day = max((day for day in rows if day < today), default=None)
    if day is None:
        return Verdict(None, "no verdict: no whole day has files yet")
    told = f"{rows[day]:,} rows on {day:%A}, {day}"
    if declared.rows:
        low, high = declared.rows
        return Verdict(low <= rows[day] <= high, f"{told}; declared: {low:,} to {high:,}")
    first = max(min(rows), day - HISTORY)
    before = [first + dt.timedelta(days=i) for i in range((day - first).days)]
    same = [rows.get(each, 0) for each in before if each.weekday() == day.weekday()]
    lately = [rows.get(each, 0) for each in before[-28:]]
    usual = _usual(same, lately)
    if usual is None:
        return Verdict(None, f"{told}; no verdict: {len(before)} days before it, a week is needed")
    return Verdict(usual.holds(rows[day]), f"{told}; usual: {usual}")


def _usual(same: Sequence[int], lately: Sequence[int]) -> Usual | None:
    if len(same) >= LEAST_DAYS:
        return usual_counts(same)
    return usual_counts(lately) if len(lately) >= 7 else None


def _long(time: dt.timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def arrivals_of(con: duckdb.DuckDBPyConnection, table: str, now: dt.datetime) -> list[dt.datetime]:
    """When new rows of a stream were loaded: each hour once, and the latest time; of the last eight weeks."""
    rows = con.execute(
        f"""SELECT max(extracted_at) FROM {LEDGER} WHERE stream = ? AND rows > 0 AND extracted_at > ?
            GROUP BY date_trunc('hour', extracted_at) ORDER BY 1""",
        [table, now - HISTORY],
    ).fetchall()
    return [time for (time,) in rows]


def rows_by_day(con: duckdb.DuckDBPyConnection, table: str, today: dt.date) -> dict[dt.date, int]:
    """Rows of a stream's files by their day, of each file as it was loaded last; of the latest days with files."""
    rows = con.execute(
        f"""
        SELECT day, sum(rows)::BIGINT FROM (
            SELECT file, day, arg_max(rows, extracted_at) AS rows FROM {LEDGER} WHERE stream = ? AND day <= ?
            GROUP BY file, day)
        GROUP BY day ORDER BY day DESC LIMIT {HISTORY.days + 2}
        """,
        [table, today + dt.timedelta(days=1)],
    ).fetchall()
    return dict(rows)
