"""From real clients through a collector that is killed, to the tables: everything once, nothing invented."""

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.server.collector_process import WRITE_KEY, CollectorProcess
from tests.server.kills import materialized, sent_through_kills
from tests.small_company import SmallCompany, broken_facts

KILLS = 3


def python_sdks(url: str) -> None:
    """What SDKs of Segment and RudderStack send."""
    import rudderstack.analytics as rudder
    import segment.analytics as segment

    errors: list[Any] = []
    segment.write_key, segment.host, segment.gzip = WRITE_KEY, url, True
    rudder.write_key, rudder.dataPlaneUrl, rudder.gzip = WRITE_KEY, url, True
    for sdk in (segment, rudder):
        sdk.on_error = lambda error, _items: errors.append(error)
    segment.identify("ada", {"firstName": "Ada", "lastName": "Lovell", "email": "ada@example.com"}, anonymous_id="d1")
    bought = {"revenue": 12.5, "currency": "EUR", "order_id": "o1"}
    hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    segment.track("ada", "Order Completed", bought, timestamp=hour_ago)
    segment.page(anonymous_id="d1", category="Home", name="Start")
    rudder.track(anonymous_id="d2", event="Rudder Turned", properties={"degrees": 5})
    for sdk in (segment, rudder):
        sdk.shutdown()
    assert not errors


@dataclass
class Road:
    """What was sent, and the company with its tables."""

    company: SmallCompany
    result: dg.ExecuteInProcessResult
    through_kills: set[str]


@pytest.fixture(scope="module")
def road(start_collector: Callable[..., CollectorProcess]) -> Road:
    collector = start_collector()
    ids = sent_through_kills(collector, KILLS)
    python_sdks(collector.url)
    collector.post("/v1/track", {"anonymousId": "d9", "event": "Opted Out"}, headers={"sec-gpc": "1"})
    future = {"type": "track", "event": "Future", "userId": "u", "timestamp": "2999-01-01T00:00:00Z"}
    wrong_clock = future | {"event": "Wrong Clock", "sentAt": "2999-01-01T01:00:00Z"}
    strange = future | {"event": "Nul \0", "timestamp": None, "properties": {"category": "a\0b \U0001f600"}}
    bad = ["no object", future, {"type": "track", "userId": "u"}]
    collector.post("/v1/batch", {"batch": [*bad, wrong_clock, strange]})
    collector.stop()
    return Road(*materialized(collector.home), ids)


def test_every_acknowledged_event_is_there_once_and_none_is_invented(road: Road) -> None:
    found = road.company.query("SELECT event_id FROM lake.standardized.events WHERE event_name = 'Sent'")
    assert len(found) == len(road.through_kills)
    assert {event_id for (event_id,) in found} == road.through_kills
    assert not broken_facts(road.result)


def test_events_of_sdks_arrive_with_time_money_and_person(road: Road) -> None:
    (bought,) = road.company.query("""
        SELECT record_key, revenue, currency, order_id, epoch(received_at - occurred_at)
        FROM lake.standardized.events WHERE event_name = 'Order Completed'
    """)
    assert bought[:4] == ("app:u:ada", 12.5, "EUR", "o1")
    assert 3590 < bought[4] < 3720
    names = {name for (name,) in road.company.query("SELECT event_name FROM lake.standardized.events")}
    assert names >= {"Identified", "Page Viewed", "Rudder Turned"}


def test_traits_make_a_customer_with_account_and_device(road: Road) -> None:
    assert road.company.query("""
        SELECT first_name, last_name, email FROM lake.standardized.customers WHERE record_key = 'app:u:ada'
    """) == [("Ada", "Lovell", "ada@example.com")]
    assert road.company.query("""
        SELECT identifier_type, identifier_value FROM lake.standardized.identifiers
        WHERE record_key = 'app:u:ada' ORDER BY ALL
    """) == [("account_id", "ada"), ("device", "d1"), ("email", "ada@example.com")]


def test_global_privacy_control_is_a_statement_of_consent(road: Road) -> None:
    assert road.company.query("""
        SELECT record_key, purpose, status, basis FROM lake.standardized.consents
    """) == [("app:a:d9", "sale_and_sharing", "withdrawn", "global_privacy_control")]


def test_bad_events_are_in_quarantine_with_their_reasons(road: Road) -> None:
    reasons = road.company.query("""
        SELECT payload::VARCHAR, reasons FROM lake.standardized.quarantine WHERE output = 'events' ORDER BY reasons
    """)
    assert [found for _, found in reasons] == [
        ["occurred_at is in the future"],
        ["unreadable line: a track call has no event"],
        ["unreadable line: an event is an object"],
    ]
    assert json.loads(json.loads(reasons[1][0])) == {"type": "track", "userId": "u"}


def test_refused_lines_are_a_warning_of_the_raw_stream_and_fields_that_nobody_sent_are_none(road: Road) -> None:
    (check,) = [c for c in road.result.get_asset_check_evaluations() if c.asset_key.path[-1] == "app__calls"]
    assert check.description == "2 lines could not be read"


def test_a_wrong_clock_is_put_right_and_strange_characters_do_no_harm(road: Road) -> None:
    ((minutes,),) = road.company.query("""
        SELECT round(epoch(received_at - occurred_at) / 60) FROM lake.standardized.events
        WHERE event_name = 'Wrong Clock'
    """)
    assert minutes == 60
    assert road.company.one("SELECT count(*) FROM lake.standardized.events WHERE event_name LIKE 'Nul%'") == 1


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Segment's SDK of Node, installed as package.json says."""
    if not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    shutil.copy(Path(__file__).with_name("package.json"), folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    if done.returncode:
        pytest.skip(f"npm could not install Segment's SDK of Node: {done.stderr[-200:]}")
    return folder


def test_the_sdk_of_node_is_acknowledged(collector: CollectorProcess, node_folder: Path) -> None:
    script = f"""
        const {{ Analytics }} = require('@segment/analytics-node')
        const sdk = new Analytics({{ writeKey: '{WRITE_KEY}', host: '{collector.url}', maxRetries: 0 }})
        sdk.on('error', error => {{ console.error(error); process.exitCode = 1 }})
        sdk.identify({{ userId: 'n1', traits: {{ email: 'n@example.com' }} }})
        sdk.track({{ anonymousId: 'd1', event: 'Node Event', properties: {{ a: 1 }} }})
        sdk.closeAndFlush()
    """
    subprocess.run(["node", "-e", script], cwd=node_folder, check=True, timeout=60)
    collector.stop()
    assert [line["type"] for line in collector.lines()] == ["identify", "track"]
