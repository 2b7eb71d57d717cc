"""Facts that hold for every good table: a query counts what breaks the fact, and the check passes when nothing does."""

from dataclasses import dataclass

import dagster as dg
import duckdb


@dataclass(frozen=True)
class Fact:
    """A check that counts offending rows. ``query`` gives one number; 0 passes."""

    name: str
    description: str
    query: str
    blocking: bool = False

    def spec(self, asset: list[str]) -> dg.AssetCheckSpec:
        """The check as Dagster knows it before it ran."""
        return dg.AssetCheckSpec(self.name, asset=asset, description=self.description, blocking=self.blocking)

    def result(self, con: duckdb.DuckDBPyConnection, asset: list[str]) -> dg.AssetCheckResult:
        """Run it on the tables as they are in this transaction."""
        row = con.execute(self.query).fetchone()
        offending = int(row[0]) if row else 0
        return dg.AssetCheckResult(
            passed=offending == 0,
            asset_key=asset,
            check_name=self.name,
            severity=dg.AssetCheckSeverity.ERROR if self.blocking else dg.AssetCheckSeverity.WARN,
            metadata={"offending_rows": offending},
        )
