"""When a version of the linkage is made, and what it is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cdp_assets.identity.comparisons import FREQUENCY_COLUMNS
from cdp_assets.identity.evidence import normalisation_version, update_evidence
from cdp_assets.identity.in_use import promoted_model
from cdp_assets.identity.loading import load_all_records, prepare_records
from cdp_assets.identity.model_versions import Made, Version, kept_version
from cdp_assets.identity.soundness import doubts_of
from cdp_assets.identity.training import Trained, settings_hash, train
from cdp_assets.metadata import has_table
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake, present_snapshot
from cdp_resources.scratch_lake import ScratchLake

ESTABLISHED = """
SELECT 'established', md5(given), count(*) / sum(count(*)) OVER () AS frequency
FROM records WHERE given IS NOT NULL GROUP BY given
QUALIFY count(*) >= greatest(5, 0.0002 * sum(count(*)) OVER ())"""
"""First names of so many records that they are no misspellings."""
DATA_HASH = """
SELECT format('{:x}', bit_xor(md5_number(record_key || md5(concat_ws('|', evidence_hash, identifiers::VARCHAR)))))
FROM records"""
"""By MD5 alone: the same records have it with every release of DuckDB."""
GROWTH = 1.5
"""Where rules alone link, training is tried again when there are this many times more records."""


@dataclass(frozen=True)
class Due:
    """A version that must be made: why, from which settings, and whether it is put in use without a plan.

    ``like`` names a version whose parameters these settings would train again.
    """

    reason: str
    settings: IdentitySettings
    promotes: bool
    like: str | None = None


def version_due(known: Sequence[Version], declared: IdentitySettings, scorable: int, retrain: bool) -> Due | None:
    """Which version must be made now; None while there is one for the declared settings. ``known``: latest first."""
    used = next((version for version in known if version.promoted), None)
    if used is None:
        return Due("there is none yet", declared, promotes=True)
    is_declared = used.describes(declared)
    if retrain:
        return Due("asked for", declared, promotes=used.rules_only and is_declared)
    if used.rules_only and is_declared and scorable > GROWTH * used.training_rows:
        return Due("there was too little evidence before, and there is more now", declared, promotes=True)
    if any(version.describes(declared) for version in known):
        return None
    trained = [version for version in (used, *known) if version.settings_hash == settings_hash(declared)]
    like = next((version.model_version for version in trained if not version.rules_only), None)
    return Due("the settings or Splink changed", declared, promotes=False, like=like)


def make_version(lake: Lake, con: duckdb.DuckDBPyConnection, due: Due) -> Made:
    """Train what is due, on a scratch connection that reads the lake."""
    if due.like:
        return kept_version(con, due.like, due.settings)
    if has_table(con, "identity.linkage_models"):
        used = promoted_model(con).identity or due.settings
        if normalisation_version(used) != normalisation_version(due.settings):
            # the evidence in the lake is normalised by the settings in use: this version needs its own
            with ScratchLake.over(lake, copied=("evidence",)) as scratch:
                update_evidence(scratch, due.settings)
                with scratch.get_connection() as own:
                    return train_version(own, due.settings, scratch.snapshot)
    return train_version(con, due.settings, present_snapshot(con))


def train_version(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, snapshot: int | None) -> Made:
    """Train on the evidence that ``con`` sees."""
    prepare_records(con, None)
    load_all_records(con)
    trained = train(con, settings)
    frequencies = con.execute(_frequencies_sql()).to_arrow_table()
    row = con.execute(DATA_HASH).fetchone()
    return Made(trained, settings, frequencies, snapshot, row[0] if row else None)


def rules_only(made: Made) -> Made:
    """What links instead of a first model that is not sound."""
    doubts = "; ".join(str(doubt) for doubt in doubts_of(made.trained.diagnostics) if doubt.grave)
    trained = Trained(None, made.trained.records, {"unsound": f"version {made.version} is not sound: {doubts}"})
    return Made(trained, made.identity, made.frequencies, made.snapshot, made.data_hash)


def count_scorable(con: duckdb.DuckDBPyConnection) -> int:
    """How many records there are to train on."""
    row = con.execute("SELECT count(*) FROM lake.identity.evidence WHERE scorable").fetchone()
    return int(row[0]) if row else 0


def _frequencies_sql() -> str:
    """Frequencies of values seen at least twice, by hash: no personal data is kept. Null stands for any other value."""
    parts = [
        f"""SELECT '{column}' AS column_name, md5({column}) AS value_hash,
            count(*) / sum(count(*)) OVER () AS frequency
        FROM records WHERE scorable AND {column} IS NOT NULL GROUP BY {column} QUALIFY count(*) > 1
        UNION ALL SELECT '{column}', NULL, 1.0 / greatest(count({column}), 1) FROM records WHERE scorable"""
        for column in FREQUENCY_COLUMNS
    ]
    parts.append(ESTABLISHED)
    return " UNION ALL ".join(f"({part})" for part in parts)
