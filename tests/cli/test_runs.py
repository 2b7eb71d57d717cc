"""A command whose run fails says what the run said."""

import dagster as dg
import pytest

from cdp_cli.runs import why_it_failed


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("links are older: materialize them first"), "links are older: materialize them first"),
        (dg.Failure("People were left as they are", allow_retries=False), "People were left as they are"),
    ],
)
def test_the_reason_of_the_first_failed_step_is_told(error: Exception, said: str) -> None:
    @dg.asset
    def record_persons() -> None:
        raise error

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([record_persons], instance=instance, raise_on_error=False)
    assert why_it_failed(result) == said
