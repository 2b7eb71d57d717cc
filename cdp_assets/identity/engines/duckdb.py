"""Splink in this process: its tables live beside ours in the scratch database, so nothing is copied."""

import logging
from typing import Any

import duckdb
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.internals.database_api import DatabaseAPI
from splink.internals.splink_dataframe import SplinkDataFrame


class DuckDBEngine:
    """See ``Engine``."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def linker(self, model: dict[str, Any] | SettingsCreator, table: str) -> Linker:
        return quiet_linker(DuckDBAPI(self.con), table, model)

    def register(self, linker: Linker, table: str) -> SplinkDataFrame:
        return linker._db_api.register(table)

    def relation(self, found: SplinkDataFrame) -> str:
        return found.physical_name

    def settings(self, linker: Linker) -> dict[str, Any]:
        return linker.misc.save_model_to_json()


def quiet_linker(api: DatabaseAPI[Any], table: str, model: dict[str, Any] | SettingsCreator) -> Linker:
    """A Splink linker over ``table`` of its backend, that logs errors only."""
    linker = Linker(api.register(table), model, log_level=None, validate_settings=False)
    logging.getLogger("splink").setLevel(logging.ERROR)
    return linker
