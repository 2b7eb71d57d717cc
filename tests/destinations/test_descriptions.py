"""The kit itself: a request or an answer that a vendor does not describe is noticed."""

import requests

from tests.destinations.descriptions import description, proto_schema
from tests.destinations.vendor import Reply, Vendor

UPSERT = "/crm/v3/objects/contacts/batch/upsert"


def violations(body: object, answer: object = None) -> list[str]:
    """What is said of one request to HubSpot and its answer."""
    api = description(UPSERT, files=("hubspot/v3-contacts.json",))
    good = {
        "status": "COMPLETE",
        "results": [],
        "startedAt": "2026-09-30T12:00:00Z",
        "completedAt": "2026-09-30T12:00:00Z",
    }
    with Vendor(api, lambda _: Reply(200, answer or good), ("accept", "*/*")) as vendor:
        requests.post(vendor.url + UPSERT, json=body, timeout=5)
        return vendor.violations


def test_a_described_request_and_answer_pass() -> None:
    assert violations({"inputs": [{"id": "a", "properties": {"x": "1"}}]}) == []


def test_what_is_missing_or_of_the_wrong_type_is_told() -> None:
    (told,) = violations({"inputs": [{"id": 1, "properties": {"x": 1}}]})
    assert "is not of type 'string'" in told
    (told,) = violations({"inputs": []}, answer={"status": "COMPLETE"})
    assert "'completedAt' is a required property" in told


def test_protocol_buffers_become_a_schema() -> None:
    schema = proto_schema("google", "IngestAudienceMembersRequest")
    assert schema["required"] == ["destinations", "audienceMembers"]
    member = schema["properties"]["audienceMembers"]["items"]
    identifier = member["properties"]["userData"]["properties"]["userIdentifiers"]["items"]
    assert set(identifier["properties"]) == {"emailAddress", "phoneNumber", "address"}
    assert identifier["properties"]["address"]["required"] == ["givenName", "familyName", "regionCode", "postalCode"]
    assert "CONSENT_GRANTED" in member["properties"]["consent"]["properties"]["adUserData"]["enum"]
    account = schema["properties"]["destinations"]["items"]["properties"]["operatingAccount"]
    assert "GOOGLE_ADS" in account["properties"]["accountType"]["enum"]
