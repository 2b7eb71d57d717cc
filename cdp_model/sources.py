"""`sources/`: systems that know customers, their streams, and what rows mean."""

from typing import Literal

from pydantic import Field

from cdp_model.arrivals import Arrivals
from cdp_model.collecting import Collected
from cdp_model.declared import Declared, Variable
from cdp_model.names import Name, Owner
from cdp_model.pulls import PULLED, Api, Database, Download, Endpoint, Table

Expression = str
"""One scalar DuckDB expression over the stream's columns. All raw columns are text; nested values are JSON text."""


class Column(Declared):
    """One column of a stream."""

    description: str = Field(default="", description="What it holds")
    pii: bool = Field(default=False, description="Personal data: tagged in the catalogue, masked in samples")


class CsvOptions(Declared):
    """How a CSV file is written."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1, description="Empty when values are never quoted")
    encoding: Literal["utf-8", "utf-16", "latin-1"] = "utf-8"


class CustomerMapping(Declared):
    """How a row of the stream becomes a record about a customer."""

    when: Expression | None = Field(default=None, description="Only rows for which this is true")
    id: Expression = Field(description="The record's id in this source; `record_key` is `source:id`")
    deleted: Expression | None = Field(
        default=None, description="True when this version says that the source has deleted the record"
    )
    merge: Literal["replace", "fill"] = Field(
        default="replace",
        description="`replace`: the latest row is the whole record. `fill`: each field keeps its latest value, "
        "for streams whose rows carry only some of them, such as events",
    )
    first_name: Expression | None = None
    last_name: Expression | None = None
    date_of_birth: Expression | None = Field(
        default=None, description="A DATE, or text as YYYY-MM-DD; null when it has not come yet"
    )
    gender: Expression | None = None
    email: Expression | None = None
    phone: Expression | None = Field(
        default=None, description="As written; read with the record's country, or the source's `country`"
    )
    street: Expression | None = None
    city: Expression | None = None
    region: Expression | None = None
    postal_code: Expression | None = None
    country: Expression | None = Field(default=None, description="Code or name, in any common language")
    identifiers: dict[Name, Expression] = Field(
        default={},
        description="Other identifiers of the record by type, such as account_id, loyalty_id, device. "
        "E-mail and phone are identifiers already",
    )
    attributes: dict[Name, Expression] = Field(default={}, description="Anything else worth keeping, by name")
    created_at: Expression | None = None
    updated_at: Expression | None = Field(
        default=None, description="When this version was written; decides which version is the latest"
    )


class EventMapping(Declared):
    """How a row of the stream becomes something that a customer did."""

    when: Expression | None = Field(default=None, description="Only rows for which this is true")
    name: str | None = Field(default=None, description="The event's name, such as Order Completed")
    name_from: Expression | None = Field(default=None, description="… or the expression that gives it")
    id: Expression = Field(description="Unique id of the event within this source: duplicates are dropped by it")
    record: Expression | None = Field(
        default=None,
        description="Id of the customer record in this source that did it; null when nobody known",
    )
    device: Expression | None = Field(
        default=None,
        description="Id of the browser or phone it was done on. Left out: the identifier `device` of the stream's "
        "`customers`. Tells who was using it where several people do",
    )
    occurred_at: Expression = Field(description="When it happened, by the clock of the device that saw it")
    sent_at: Expression | None = Field(
        default=None, description="When it was sent, by the same clock: corrects clocks that are wrong"
    )
    received_at: Expression | None = Field(default=None, description="When it was received, by a right clock")
    revenue: Expression | None = None
    currency: Expression | None = None
    order_id: Expression | None = None
    product_id: Expression | None = None
    quantity: Expression | None = None
    properties: dict[str, Expression] = Field(default={}, description="Everything else, by name")
    payload: str | None = Field(
        default=None,
        description="Column with the event's own properties as JSON, which a tracking plan speaks of. Left out: the "
        "column `properties`, where the stream has one, else the `properties` that are made here",
    )
    plan_version: Expression | None = Field(
        default=None,
        description="The version of the tracking plan that the event says it follows; null or left out: the latest",
    )


class ConsentMapping(Declared):
    """How a row of the stream becomes a statement of consent."""

    when: Expression | None = Field(default=None, description="Only rows for which this is true")
    record: Expression = Field(description="Id of the customer record in this source that it is about")
    purpose: Name = Field(description="What for, such as marketing")
    channel: Name = Field(description="Through what, such as email, sms, phone, post")
    granted: Expression = Field(description="true: granted, false: withdrawn, null: says nothing")
    basis: Name = Field(default="consent", description="Legal basis")
    occurred_at: Expression


class RateMapping(Declared):
    """How a row of the stream becomes the exchange rate of a currency from a day on."""

    when: Expression | None = Field(default=None, description="Only rows for which this is true")
    date: Expression = Field(description="The day (a DATE) from which it holds, until the next rate of the currency")
    currency: Expression = Field(description="The other currency (ISO 4217)")
    rate: Expression = Field(
        description="What one unit of it is worth in the reporting currency; null says nothing. Where a bank says how "
        "much of it one unit of yours buys: `1 / usd::double`"
    )


Mapping = CustomerMapping | EventMapping | ConsentMapping | RateMapping


class Stream(Declared):
    """One kind of extract of a source, and what its rows mean."""

    description: str = Field(description="What one row is")
    files: str = Field(
        default="",
        description="Files below the landing folder; `{date}` stands for the day (YYYY-MM-DD), `*` for anything. "
        "Without {date}, a file belongs to `start_date`'s partition. Needed, unless the stream is pulled: "
        "`endpoint`, `table` or `download`",
    )
    format: Literal["csv", "ndjson", "json", "parquet"] = Field(
        default="ndjson",
        description="ndjson: one object a line; json: one array of objects. Gzip is recognised by `.gz`. "
        "Needed with `files` and `download`",
    )
    endpoint: Endpoint | None = Field(default=None, description="Pull the rows from the source's `api`")
    table: Table | None = Field(default=None, description="Pull the rows from the source's `database`")
    download: Download | None = Field(default=None, description="Pull a file from an address")
    csv: CsvOptions = CsvOptions()
    columns: dict[str, Column | str | None] = Field(
        min_length=1, description="The columns that expressions may use. Others are kept in raw all the same"
    )
    day: Expression | None = Field(
        default=None,
        description="For one file that holds many days: the day of a row (a DATE). Each partition loads its own rows",
    )
    collect: Collected | None = Field(
        default=None, description="Its files are written by the collector, from what is sent to it over HTTP"
    )
    arrivals: Arrivals = Field(default=Arrivals(), description="How often its rows come, and how many")
    customers: CustomerMapping | None = None
    events: list[EventMapping] = Field(default=[])
    consents: list[ConsentMapping] = Field(default=[])
    exchange_rates: list[RateMapping] = Field(default=[])

    @property
    def asked(self) -> Endpoint | Table | Download | None:
        """What is asked of the source to get rows; none where files land by themselves, or are copied."""
        return self.endpoint or self.table or self.download

    def column(self, name: str) -> Column:
        """The declared column, whichever way it was written."""
        declared = self.columns[name]
        if isinstance(declared, Column):
            return declared
        return Column(description=declared or "")


class Source(Declared):
    """`sources/<name>.yaml`: a system that knows customers, or the exchange rates of their money."""

    name: Name
    description: str
    owner: Owner | None = Field(default=None, description="Who answers for the source, if not the company's owner")
    country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="Reads phone numbers and addresses of records without a country (ISO 3166)",
    )
    api: Api | None = Field(default=None, description="The API that streams with `endpoint` are pulled from")
    database: Database | None = Field(
        default=None, description="The database that streams with `table` are pulled from"
    )
    folder: str | None = Field(
        default=None,
        description="Folder, bucket or server (`s3://…`, `sftp://…`) that `files` are copied from, if they do not "
        "land by themselves. `${VARIABLE:-default}` is expanded",
    )
    folder_password_env: Variable | None = Field(
        default=None, description="Environment variable with the password of an `sftp://` folder"
    )
    schema_: Literal["evolve", "freeze"] = Field(
        default="evolve",
        alias="schema",
        description="`evolve`: columns that are not declared are kept in raw, and new ones are reported. `freeze`: "
        "files with columns that are not declared are not loaded until they are",
    )
    streams: dict[Name, Stream] = Field(min_length=1)

    def model_post_init(self, _context: object) -> None:
        """Pulled streams have their files where the pull puts them."""
        for name, stream in self.streams.items():
            files = None
            if stream.asked and not stream.files:
                files = f"{PULLED}/{self.name}/{name}/{{date}}.*.{stream.format}{_gz(stream)}"
            elif self.folder and stream.files:
                files = f"{PULLED}/{self.name}/{stream.files}"
            if files:
                self.streams[name] = stream.model_copy(update={"files": files})

    @property
    def pulls(self) -> dict[str, Stream]:
        """The streams that something must be fetched for."""
        return {name: stream for name, stream in self.streams.items() if stream.asked or self.folder}


def _gz(stream: Stream) -> str:
    return "" if stream.download and not stream.download.url.endswith(".gz") else ".gz"
