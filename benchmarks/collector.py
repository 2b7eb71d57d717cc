"""`python -m benchmarks.collector`: what durability costs the collector, how soon it answers, and what kills lose.

The baseline is an empty application on the same framework that only reads the body. Both serve the same requests in
turns, so that a busy machine slows both; CPU seconds of the server stand beside requests a second.
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server.collector_process import WRITE_KEY, CollectorProcess, free_port, new_home
from tests.server.kills import materialized, sent_through_kills

KEY = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
ROUNDS = 5
CONNECTIONS = 128
EMPTY = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def read(request):
    await request.body()
    return Response(b'{"success":true}', media_type="application/json")

app = Starlette(routes=[Route("/v1/batch", read, methods=["POST"]), Route("/v1/track", read, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


def main() -> None:
    """Measure and print a report in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--requests", type=int, default=3_000, help="requests a round and server; 0: only kills")
    chosen = parser.parse_args()
    if chosen.requests:
        speed(chosen.requests)
    if chosen.kills:
        kills(chosen.kills)


def speed(requests: int) -> None:
    """Throughput beside the empty app, then the time to an acknowledgement."""
    with tempfile.TemporaryDirectory() as folder:
        collector = CollectorProcess(new_home(Path(folder)))
        collector.start()
        port = free_port()
        with empty_app(port) as empty:
            throughput(collector, (port, empty.pid), requests)
        latency(collector.port)
        collector.stop()


@contextmanager
def empty_app(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The baseline at ``port``."""
    process = subprocess.Popen([sys.executable, "-c", EMPTY, str(port)])
    try:
        while process.poll() is None:
            try:
                asyncio.run(sent(port, [request(1, 1)], connections=1))
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def throughput(collector: CollectorProcess, empty: tuple[int, int], requests: int) -> None:
    """Requests a second and CPU a request of both servers, in turns."""
    assert collector.process
    servers = {"collector": (collector.port, collector.process.pid), "empty app": empty}
    print("| events a request | server | requests a second | server CPU a request, µs | p50, ms | p99, ms |")
    print("|--:|---|--:|--:|--:|--:|")
    for events, count in ((1, requests), (20, requests // 3), (100, requests // 10)):
        rates: dict[str, list[float]] = {name: [] for name in servers}
        cpu: dict[str, list[float]] = {name: [] for name in servers}
        waits: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, (port, pid) in servers.items():
                calls = [request(number, events) for number in range(count)]
                before, start = cpu_seconds(pid), time.perf_counter()
                waits[name] += asyncio.run(sent(port, calls, CONNECTIONS))
                rates[name].append(count / (time.perf_counter() - start))
                cpu[name].append((cpu_seconds(pid) - before) / count * 1e6)
        for name in servers:
            p50, p99 = percentiles(waits[name])
            rate, work = statistics.median(rates[name]), statistics.median(cpu[name])
            print(f"| {events} | {name} | {rate:,.0f} | {work:,.0f} | {p50:.1f} | {p99:.1f} |")
        share = statistics.median(rates["collector"]) / statistics.median(rates["empty app"])
        work = statistics.median(cpu["empty app"]) / statistics.median(cpu["collector"])
        print(f"\n{events} events a request: {share:.0%} of the empty app's rate, {work:.0%} by CPU seconds\n")


def latency(port: int) -> None:
    """Time to the acknowledgement at steady rates of single calls."""
    print("| events a second | p50, ms | p99, ms |\n|--:|--:|--:|")
    for rate in (10, 100, 1_000):
        p50, p99 = percentiles(asyncio.run(paced(port, rate, seconds=5)))
        print(f"| {rate:,} | {p50:.1f} | {p99:.1f} |")
    print()


def kills(count: int) -> None:
    """Kill under load, load what landed, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        collector = CollectorProcess(new_home(Path(folder)))
        collector.start()
        acknowledged = sent_through_kills(collector, count)
        collector.stop()
        lines = len(collector.lines())
        company, _ = materialized(collector.home)
        found = [event for (event,) in company.query("SELECT event_id FROM lake.standardized.events")]
    print(f"{count} kills: {len(acknowledged):,} events acknowledged, {lines:,} lines landed (unacknowledged ones were")
    print(f"sent again), {len(found):,} in standardized.events; {len(acknowledged - set(found))} lost, ", end="")
    print(f"{len(found) - len(set(found))} twice, {len(set(found) - acknowledged)} invented")


def request(number: int, events: int) -> bytes:
    """An HTTP request with ``events`` calls of about 500 bytes."""
    calls = [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"{os.getpid()}-{number}-{i}-{time.perf_counter_ns()}",
            "anonymousId": "7f0c2d3e-8f1a-4b55-9a30-1f2e3d4c5b6a",
            "userId": None,
            "properties": {"product_id": "P1234", "category": "Kitchen", "price": 19.95, "currency": "GBP"},
            "context": {"page": {"path": "/p/p1234", "url": "https://shop.example/p/p1234"}, "locale": "en-GB"},
            "timestamp": "2026-03-01T10:00:00.000Z",
        }
        for i in range(events)
    ]
    path = "/v1/track" if events == 1 else "/v1/batch"
    body = json.dumps(calls[0] if events == 1 else {"batch": calls}).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}authorization: Basic {KEY}\r\n\r\n".encode() + body


async def sent(port: int, calls: list[bytes], connections: int) -> list[float]:
    """Send requests over ``connections``, each the next as soon as it has its answer. Returns milliseconds."""
    requests = iter(calls)
    waits: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for data in requests:
            waits.append(await asked(reader, writer, data))
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return waits


async def paced(port: int, rate: int, seconds: int) -> list[float]:
    """Send single calls at ``rate`` a second, whether or not earlier ones were answered. Returns milliseconds."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one(data: bytes) -> float:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        wait = await asked(reader, writer, data)
        idle.append((reader, writer))
        return wait

    start, tasks = time.perf_counter(), []
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(request(number, 1))))
    return await asyncio.gather(*tasks)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> float:
    """Milliseconds from a request to its whole answer, which must be a 200."""
    start = time.perf_counter()
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n", 1)[0], head
    await reader.readexactly(len(b'{"success":true}'))
    return (time.perf_counter() - start) * 1e3


def percentiles(waits: list[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    ordered = sorted(waits)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with its threads (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
