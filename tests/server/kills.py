"""Events sent to a collector that is killed again and again, each until it is acknowledged; then their tables."""

import signal
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
import requests

from cdp_assets.partitions import daily
from cdp_resources.lake import Lake
from tests.server.collector_process import WRITE_KEY, CollectorProcess
from tests.small_company import SmallCompany

BATCH = 5


def sent_through_kills(collector: CollectorProcess, kills: int, senders: int = 3, between: int = 20) -> set[str]:
    """Kill ``collector`` with SIGKILL whenever ``between`` more requests were acknowledged.

    Returns the ids of all events: each was acknowledged in the end.
    """
    acknowledged: set[str] = set()
    progress, enough = threading.Condition(), threading.Event()

    def send(sender: int) -> None:
        number = 0
        session = requests.Session()
        while not enough.is_set():
            ids = [f"{sender}-{number}-{i}" for i in range(BATCH)]
            number += 1
            batch = {"batch": [{"type": "track", "event": "Sent", "userId": "u", "messageId": name} for name in ids]}
            while True:
                with suppress(requests.RequestException):
                    answer = session.post(f"{collector.url}/v1/batch", json=batch, auth=(WRITE_KEY, ""), timeout=30)
                    if answer.status_code == 200:
                        break
                threading.Event().wait(0.02)  # as a client waits between attempts
            with progress:
                acknowledged.update(ids)
                progress.notify()

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            with progress:
                wanted = len(acknowledged) + between * BATCH
                assert progress.wait_for(partial(_reached, acknowledged, wanted), 60), "nothing arrives"
            collector.stop(signal.SIGKILL)
            collector.start()
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    return acknowledged


def _reached(names: set[str], wanted: int) -> bool:
    return len(names) >= wanted


def materialized(home: Path) -> tuple[SmallCompany, dg.ExecuteInProcessResult]:
    """Load and standardize what landed yesterday and today."""
    lake = Lake(catalog=f"sqlite:{home / 'catalog.sqlite'}", data_path=str(home / "data"))
    company = SmallCompany(home, lake)
    partitions = daily(company.model.company).get_partition_keys()[-2:]
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("CDP_LANDING", str(company.landing))
        result = dg.materialize(
            company.assets(),
            instance=instance,
            resources={"lake": lake},
            tags={
                "dagster/asset_partition_range_start": partitions[0],
                "dagster/asset_partition_range_end": partitions[-1],
            },
        )
    return company, result
