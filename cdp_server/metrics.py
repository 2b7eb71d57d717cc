"""What the collector counts, as Prometheus reads it."""

from contextlib import AbstractContextManager, nullcontext

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

OUTCOMES = ("accepted", "refused", "duplicate", "suppressed")


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        self.untimed: AbstractContextManager[None] = nullcontext()
        self.events = Counter(
            "cdp_collector_events",
            "Events by what became of them: refused ones are kept, and go to quarantine",
            ["source", "stream", "outcome"],
            registry=self._registry,
        )
        self.answers = Counter(
            "cdp_collector_answers", "Answers to requests that brought events", ["status"], registry=self._registry
        )
        self.commit_seconds = Histogram(
            "cdp_collector_commit_seconds",
            "Time to make a group of events durable",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=self._registry,
        )
        self.requests_in_progress = Gauge(
            "cdp_collector_requests_in_progress", "Requests that are being read or written", registry=self._registry
        )

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
