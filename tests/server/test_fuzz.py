"""The collector against its own description: every answer is one that it describes, and none is an error of ours."""

import base64
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_server.openapi import DESCRIPTION
from tests.server.collector_process import WRITE_KEY, CollectorProcess

KEY = "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
BRIEFLY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
schema = schemathesis.openapi.from_dict(DESCRIPTION)


@schema.include(path_regex="track|alias|batch|webhooks|health").parametrize()
@BRIEFLY
def test_every_answer_is_described(case: Any, collector: CollectorProcess) -> None:
    response = case.call(base_url=collector.url, headers={"authorization": KEY})
    assert response.status_code < 500
    if case.operation.path != "/metrics":
        case.validate_response(
            response,
            checks=[
                schemathesis.checks.not_a_server_error,
                schemathesis.specs.openapi.checks.status_code_conformance,
                schemathesis.specs.openapi.checks.content_type_conformance,
                schemathesis.specs.openapi.checks.response_schema_conformance,
            ],
        )


@given(
    body=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f'{{"batch": [{text}]}}'.encode()),
    coding=st.sampled_from(["", "gzip", "br", "identity"]),
    kind=st.sampled_from(["application/json", "text/plain", "text/html", ""]),
    path=st.sampled_from(["/v1/batch", "/v1/track", "/webhooks/desk/tickets", "/webhooks/x/y"]),
)
@BRIEFLY
def test_bytes_of_any_kind_are_answered(
    collector: CollectorProcess, body: bytes, coding: str, kind: str, path: str
) -> None:
    answer = collector.post(path, body, headers={"content-encoding": coding, "content-type": kind})
    assert answer.status_code in {200, 400, 401, 404, 415}
    assert answer.json()["success"] is (answer.status_code == 200)
