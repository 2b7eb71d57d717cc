"""What an asset says that takes what people decided from a file beside company.yaml."""

from collections.abc import Mapping
from typing import Any

import dagster as dg


def taken_file(
    metadata: Mapping[str, Any], counts: Mapping[str, int], check: str, unknown: Mapping[str, int | str], command: str
) -> dg.MaterializeResult:
    """The result of such an asset, and of its check ``check`` that everything in force is of a record that exists.

    ``counts``: in_force, in_file, taken_from_file, withdrawn_from_file. ``unknown``: how many are not, and on which
    lines of the file; ``command`` lists them.
    """
    return dg.MaterializeResult(
        metadata={**metadata, **counts},
        check_results=[
            dg.AssetCheckResult(
                passed=not any(unknown.values()),
                check_name=check,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"they wait for their records: list them with `{command}`",
                metadata=unknown,
            )
        ],
    )
