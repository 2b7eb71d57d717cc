"""What a run said that a command has made."""

import dagster as dg


def first_failure(result: dg.ExecuteInProcessResult) -> dg.DagsterEvent | None:
    """The event of the first step that failed; None where all went well, or none began."""
    return next((event for event in result.all_events if event.is_step_failure), None)


def why_it_failed(result: dg.ExecuteInProcessResult) -> str:
    """What the first step that failed said."""
    failed = first_failure(result)
    if failed is None:
        return "before its first step"
    data = failed.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error and error.cause:
        error = error.cause
    return error.message.partition(": ")[2].strip() if error else "it does not say why"
