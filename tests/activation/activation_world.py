"""A small world to activate: people, consents and segments in a lake, and a sync with its destination."""

import datetime as dt
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st

from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.sending import Sending
from cdp_assets.activation.work import Work
from cdp_model.model import CompanySettings, Model
from cdp_model.syncs import DestinationSettings, RequiredConsent, Sync
from cdp_model.traits import PERSON_COLUMNS, Segment, Trait
from cdp_resources.destinations.api import Api
from cdp_resources.destinations.webhook import Webhook
from cdp_resources.lake import CATALOG, SCHEMAS, Lake

SECRET_ENV = "TEST_WEBHOOK_SECRET"
TODAY = dt.date(2026, 9, 30)
NOON = dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC)


ENGINES: dict[str, duckdb.DuckDBPyConnection] = {}
"""By catalog and not in the resource, because Dagster copies resources."""


class QuickLake(Lake):
    """The same lake over one engine: loading the extensions for every connection is most of a small test."""

    @contextmanager
    def _connected(self, *_: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own, with its own temporary tables, to the shared engine."""
        if self.catalog not in ENGINES:
            ENGINES[self.catalog] = duckdb.connect(":memory:")
            self._attach_tables(ENGINES[self.catalog])
        with ENGINES[self.catalog].cursor() as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con

    def _only_writer(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _attach_tables(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._attach(engine, read_only=False)

    def empty(self) -> None:
        """Forget everything that was ever sent."""
        tables = ("deliveries", "rejections", "attempts", "approvals")
        drop = "; ".join(f"DROP TABLE IF EXISTS lake.activation.{table}" for table in tables)
        self.write(lambda con: con.execute(drop) and None)

    def close(self) -> None:
        """Close the engine."""
        engine = ENGINES.pop(self.catalog, None)
        if engine:
            engine.close()


class MemoryLake(QuickLake):
    """The same tables in plain DuckDB, for properties that need many examples and nothing of a lake."""

    def _attach_tables(self, engine: duckdb.DuckDBPyConnection) -> None:
        engine.execute(f"SET threads = 1; ATTACH ':memory:' AS {CATALOG}")
        for schema in SCHEMAS:
            engine.execute(f"CREATE SCHEMA {CATALOG}.{schema}")
        engine.execute(f"CREATE MACRO {CATALOG}.current_snapshot() AS TABLE SELECT 0 AS id")

    def _committed(self, con: duckdb.DuckDBPyConnection, note: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Without the note, which only a lake can keep."""
        return super()._committed(con, "")

    def exists(self) -> bool:
        """Always."""
        return True


@dataclass
class Person:
    """One profile. ``consent`` is (status, when) statements about marketing by e-mail."""

    email: str | None
    first_name: str = "Ada"
    spend: float = 1.5
    consent: list[tuple[str, dt.datetime]] = field(default_factory=lambda: [("granted", NOON)])
    member: bool = True
    suppressed: bool = False


KEYS = st.sampled_from(["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"])
STATEMENTS = st.sampled_from([1, 1, 1, 1, 0, 2, 3]).flatmap(
    lambda count: st.lists(
        st.tuples(
            st.sampled_from(["granted", "granted", "granted", "withdrawn"]),
            st.integers(0, 9).map(lambda days: NOON + dt.timedelta(days=days)),
        ),
        min_size=count,
        max_size=count,
    )
)
PEOPLE = st.builds(
    Person,
    email=st.one_of(KEYS, KEYS, KEYS, st.none()),
    first_name=st.sampled_from(["Ada", "Bo"]),
    consent=STATEMENTS,
    member=st.sampled_from([True, True, True, False]),
    suppressed=st.sampled_from([False] * 7 + [True]),
)
"""People of whom most may be sent."""


class Crash(BaseException):
    """The process dies."""


def crash_when_recording(_con: object, _sync: object, acknowledged: list[object], *_: object) -> None:
    """Die once there is something to record: the destination has the rows, and we don't know."""
    if acknowledged:
        raise Crash


@dataclass
class World:
    """Input tables as a dictionary of people; `save` writes them, `run` syncs."""

    lake: Lake
    model: Model
    people: dict[str, Person] = field(default_factory=dict)
    evaluated: bool = True
    as_of: dt.date = TODAY
    sleeps: list[float] = field(default_factory=list)
    gone: dict[str, list[tuple[str, dt.datetime]]] = field(default_factory=dict)
    """Statements of consent by people who are no more: what was said stays said."""

    def save(self) -> None:
        """Write every input table anew."""
        self.lake.write(self._save)

    def run(self, sync: str = "vips", allow_removals: bool = False, run_id: str = "run") -> Delivered:
        """Save, then sync with a destination that does not really wait."""
        self.save()
        sending = Sending(self.lake, self.model, sync, run_id, lambda _: None)
        return sending.run(self.open, allow_removals)

    def open(self, _: Work) -> Api:
        """The webhook destination, with its pauses written down."""
        settings = self.model.destinations["hub"]
        assert isinstance(settings, Webhook)
        return Api(settings, "vips", sleep=self.sleeps.append)

    def desired(self) -> dict[str, dict[str, Any]]:
        """What the destination ought to hold, computed the slow and obvious way."""
        wanted: dict[str, dict[str, Any]] = {}
        for person in (self.people[name] for name in sorted(self.people)):
            latest = max(person.consent, key=lambda said: (said[1], said[0] == "withdrawn"), default=("never", NOON))
            shares_with = [p for p in self.people.values() if p.email == person.email]
            withdrawn = [
                max(p.consent, key=lambda said: (said[1], said[0] == "withdrawn")) for p in shares_with if p.consent
            ]
            vetoed = any(p.suppressed for p in shares_with) or any(
                status == "withdrawn" and at >= latest[1] for status, at in withdrawn
            )
            if person.email and person.member and latest[0] == "granted" and not vetoed:
                wanted.setdefault(person.email, {"name": person.first_name, "spend": person.spend})
        return wanted

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one query on the lake."""
        with self.lake.reading() as con:
            return con.execute(sql).fetchall()

    def unanswered(self) -> list[tuple[Any, ...]]:
        """Keys of rows that were sent, and whose answer is not known."""
        return self.query("""
            SELECT destination_key FROM lake.activation.attempts AS a
            LEFT JOIN lake.activation.deliveries AS d USING (sync, destination, destination_key)
            WHERE a.revision >= coalesce(d.revision, 0)""")

    def _save(self, con: duckdb.DuckDBPyConnection) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in PERSON_COLUMNS.items())
        con.execute(f"CREATE OR REPLACE TABLE lake.profiles.profiles ({columns}, spend DOUBLE)")
        con.execute("""
            CREATE OR REPLACE TABLE lake.segments.memberships (as_of DATE, segment VARCHAR, person_id VARCHAR);
            CREATE OR REPLACE TABLE lake.segments.evaluations
                (as_of DATE, segment VARCHAR, members BIGINT, evaluated_at TIMESTAMPTZ);
            CREATE OR REPLACE TABLE lake.standardized.consents (consent_id VARCHAR, record_key VARCHAR,
                purpose VARCHAR, channel VARCHAR, status VARCHAR, basis VARCHAR, occurred_at TIMESTAMPTZ,
                source VARCHAR);
            CREATE OR REPLACE TABLE lake.identity.record_persons
                (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
            CREATE OR REPLACE TABLE lake.privacy.suppressions (person_id VARCHAR);
        """)
        people = list(self.people.items())
        _insert(
            con,
            "profiles.profiles (person_id, first_name, email, spend, as_of)",
            [(name, p.first_name, p.email, p.spend, self.as_of) for name, p in people],
        )
        _insert(
            con,
            "segments.memberships",
            [(self.as_of, "best", name) for name, p in people if p.member] + [(dt.date(2026, 9, 1), "best", "old")],
        )
        if self.evaluated:
            members = sum(p.member for _, p in people)
            _insert(con, "segments.evaluations", [(self.as_of, "best", members, NOON)])
        statements = [
            (f"{name}{n}{status}{at}", f"crm:{name}", "marketing", "email", status, "consent", at, "crm")
            for name, said in [*((name, p.consent) for name, p in people), *self.gone.items()]
            for n, (status, at) in enumerate(said)
        ]
        _insert(con, "standardized.consents", statements)
        _insert(con, "identity.record_persons", [(f"crm:{name}", name, NOON) for name, _ in people])
        _insert(con, "privacy.suppressions", [(name,) for name, p in people if p.suppressed])


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        marks = ", ".join(f"({', '.join('?' * len(rows[0]))})" for _ in rows)
        con.execute(f"INSERT INTO lake.{table} VALUES {marks}", [value for row in rows for value in row])


def model_with(destination: DestinationSettings, **sync: Any) -> Model:
    """A company with the segment `best`, the sync `vips` and one destination, `hub`."""
    settings = {
        "description": "Best customers",
        "segment": "best",
        "destination": "hub",
        "consent": RequiredConsent(purpose="marketing", channel="email"),
        "key": "email",
        "fields": {"name": "first_name", "spend": "spend"},
    }
    return Model(
        company=CompanySettings(name="test", owner="team:test", start_date=dt.date(2026, 6, 1)),
        sources={},
        traits={"spend": Trait(description="Spend in EUR", sql="1.0")},
        segments={"best": Segment(description="Best customers", all=["spend > 1"])},
        destinations={"hub": destination},
        syncs={"vips": Sync.model_validate(settings | sync)},
    )


def webhook(url: str, **settings: Any) -> Webhook:
    """Settings of the webhook at ``url``: two attempts, three rows a request."""
    defaults = {"type": "webhook", "url": url, "secret_env": SECRET_ENV, "batch_size": 3, "max_attempts": 2}
    return Webhook.model_validate(defaults | settings)


def quick_lake(folder: Path) -> QuickLake:
    """A new lake in a folder."""
    return QuickLake(catalog=f"sqlite:{folder}/catalog.sqlite", data_path=str(folder / "data"))
