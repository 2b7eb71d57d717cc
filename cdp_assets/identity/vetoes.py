"""Which pairs must not be one person, whatever their weight: the scratch table ``vetoes``, by vetoes.sql."""

from pathlib import Path

import duckdb

from cdp_assets.identity.conditions import CONDITIONS, spelled_out
from cdp_assets.identity.in_use import Model
from cdp_assets.identity.reliability import DOUBTFUL, RELIABLE, is_reliable, near_number, weight_of
from cdp_model.identity import IdentitySettings

TABLES = """
CREATE OR REPLACE TABLE judged (id_l BIGINT, id_r BIGINT);
CREATE OR REPLACE TABLE vetoes (id_l BIGINT, id_r BIGINT, veto VARCHAR)"""
"""``judged``: the pairs that were looked at, with a veto or without."""


def veto_pairs(con: duckdb.DuckDBPyConnection, model: Model, settings: IdentitySettings) -> None:
    """Add to ``vetoes`` those of pairs that were not judged yet. Needs ``scores``, and what asserted.sql makes."""
    con.execute(
        """CREATE OR REPLACE TABLE pairs AS
        SELECT * FROM (
            SELECT id_l, id_r FROM scores UNION SELECT id_l, id_r FROM asserted UNION SELECT id_l, id_r FROM identical)
        ANTI JOIN judged USING (id_l, id_r);
        INSERT INTO judged FROM pairs"""
    )
    if not con.execute("FROM pairs LIMIT 1").fetchone():
        return
    values = {
        "generation_years": settings.generation_years,
        "reliable_birth": is_reliable(model.settings, "date_of_birth"),
        "reliable": RELIABLE,
        "doubtful": DOUBTFUL,
        "reliable_name": is_reliable(model.settings, "first_name"),
    }
    conditions = {
        **CONDITIONS,
        "near_number": near_number(model.settings),
        "birth_weight": weight_of(model.settings, "date_of_birth"),
        "middle_weight": weight_of(model.settings, "middle_name"),
        "email_weight": weight_of(model.settings, "email"),
        "phone_weight": weight_of(model.settings, "phone"),
    }
    # a condition in the same statement would be worked out apart from the column that it is about
    text = spelled_out(Path(__file__).with_name("vetoes.sql").read_text(encoding="utf-8"), conditions)
    con.execute(f"CREATE OR REPLACE TABLE judgements AS {text}", values)
    con.execute("INSERT INTO vetoes FROM judgements WHERE veto IS NOT NULL")
