"""Meta's audiences: hashed rows, sessions, and counts of entries that are not valid."""

import hashlib
import json
from typing import Any

import pytest

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import vendor_file
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply, Request


def sha(text: str) -> str:
    """Hex of the SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


class TestMetaAudience(DestinationContract):
    """An audience by hashed e-mail address. https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users"""

    declared = {"type": "meta_audience", "token_env": "META_TOKEN", "audience_id": "77"}
    secrets = {"META_TOKEN": "EAAB"}
    credentials = ("authorization", "Bearer EAAB")

    def begin(self) -> None:
        self.described = json.loads(vendor_file("meta/CustomAudience.json").read_text())["apis"]

    def key_of(self, hashed: str) -> str:
        return next(self.key(n) for n in range(20) if sha(self.key(n)) == hashed)

    def expected(self, row: Row) -> Any:
        return {"FN": sha(row.fields["first_name"].lower())}

    def reply(self, request: Request) -> Reply:
        assert request.path == "/77/users"
        (known,) = (api for api in self.described if api.get("endpoint") == "users" and api["method"] == request.method)
        body = request.json
        assert set(body) <= {parameter["name"] for parameter in known["params"]}
        schema, data, session = body["payload"]["schema"], body["payload"]["data"], body["session"]
        assert session["batch_seq"] == 1
        assert session["last_batch_flag"] is True
        assert session["estimated_num_total"] == len(data)
        people = {self.key_of(values[0]): dict(zip(schema[1:], values[1:], strict=True)) for values in data}
        if self.vendor.poison & set(people):
            return _error(400, 100, "Invalid parameter: a person is not valid")
        valid = {key: person for key, person in people.items() if key not in self.vendor.bad}
        for key, person in valid.items():
            if request.method == "POST":
                self.vendor.held[key] = person
            else:
                self.vendor.held.pop(key, None)
        counts = {"num_received": len(valid), "num_invalid_entries": len(people) - len(valid)}
        samples = {"invalid_entry_samples": dict.fromkeys(self.vendor.bad & set(people), "")}
        return Reply(200, {"audience_id": "77", "session_id": str(session["session_id"]), **counts, **samples})

    def test_everything_but_the_external_id_is_hashed_and_unknown_values_are_blank(self) -> None:
        one = {"first_name": "Mary", "date_of_birth": "1997-02-16", "external_id": "C-1", "phone": "+1 650 555 1212"}
        self.vendor.reply = lambda _: Reply(200, {"num_received": 2, "num_invalid_entries": 0})
        self.send([*self.rows(1, **one), Row("add", self.key(2), {"country": "us", "first_name": "?"}, "p", "i")])
        payload = self.vendor.requests[0].json["payload"]
        people = [dict(zip(payload["schema"], values, strict=True)) for values in payload["data"]]
        hashed = {
            "EMAIL": self.key(1),
            "PHONE": "16505551212",
            "FN": "mary",
            "DOBY": "1997",
            "DOBM": "02",
            "DOBD": "16",
        }
        assert people[0] == {**{key: sha(text) for key, text in hashed.items()}, "COUNTRY": "", "EXTERN_ID": "C-1"}
        assert {key for key, value in people[1].items() if value} == {"EMAIL", "COUNTRY"}

    def test_a_key_that_is_none_is_rejected_without_asking(self) -> None:
        outcomes = self.send([Row("add", "no address", {}, "p", "i"), *self.rows(1)])
        assert [outcome.status for outcome in outcomes] == ["rejected", "acknowledged"]
        assert outcomes[0].error == "the key is no email that Meta takes"

    def test_sessions_differ_even_for_the_same_people(self) -> None:
        self.send(self.rows(1))
        self.send(self.rows(1))
        sessions = {request.json["session"]["session_id"] for request in self.vendor.requests}
        assert len(sessions) == 2

    @pytest.mark.parametrize(("code", "requests"), [(190, 1), (200, 1), (2650, 1), (17, 2), (80003, 2)])
    def test_errors_about_the_account_reject_nobody(self, code: int, requests: int) -> None:
        self.vendor.reply = lambda _: _error(400, code, "not about people")
        assert self.statuses(self.rows(1, 2)) == ["retry_later"] * 2
        assert len(self.vendor.requests) == requests


def _error(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}})
