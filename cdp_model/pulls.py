"""The types of sources that are asked for their rows: an API, a database, a file at an address, a folder elsewhere.

Words are those of dlt's `rest_api`, which does the asking. Secrets are never here: only the names of their variables.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from cdp_model.behaviour import Duration
from cdp_model.declared import Declared, Variable

PULLED = "pulled"
"""Folder below the landing folder that pulls write to."""


class BearerAuth(Declared):
    """A token, sent as `Authorization: Bearer`."""

    type: Literal["bearer"]
    token_env: Variable = Field(description="Environment variable with the token")


class ApiKeyAuth(Declared):
    """A key in a header, a query parameter or a cookie."""

    type: Literal["api_key"]
    name: str = Field(description="Name of the header, parameter or cookie")
    api_key_env: Variable = Field(description="Environment variable with the key")
    location: Literal["header", "query", "cookie"] = "header"


class BasicAuth(Declared):
    """User name and password."""

    type: Literal["http_basic"]
    username_env: Variable = Field(description="Environment variable with the user name")
    password_env: Variable = Field(description="Environment variable with the password")


class ClientCredentialsAuth(Declared):
    """OAuth 2.0 client credentials: a token is fetched, and fetched again when it expires."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: str
    client_id_env: Variable = Field(description="Environment variable with the client's id")
    client_secret_env: Variable = Field(description="Environment variable with the client's secret")
    access_token_request_data: dict[str, str] = Field(default={}, description="More fields, such as scope")


Auth = Annotated[BearerAuth | ApiKeyAuth | BasicAuth | ClientCredentialsAuth, Field(discriminator="type")]


class SinglePage(Declared):
    """All rows come at once."""

    type: Literal["single_page"]


class HeaderLink(Declared):
    """The next page is in the header `Link`, as Shopify's."""

    type: Literal["header_link"]
    links_next_key: str = Field(default="next", description="Which link it is")


class JsonLink(Declared):
    """The address of the next page is in the answer."""

    type: Literal["json_link"]
    next_url_path: str = Field(description="JSON path to it, such as `links.next`")


class CursorPages(Declared):
    """A cursor in the answer is sent back for the next page, as HubSpot's."""

    type: Literal["cursor"]
    cursor_path: str = Field(description="JSON path to it, such as `paging.next.after`")
    cursor_param: str | None = Field(default=None, description="Query parameter that takes it")
    cursor_body_path: str | None = Field(default=None, description="… or key of the JSON body that takes it")

    @model_validator(mode="after")
    def _is_sent_back(self) -> "CursorPages":
        if (self.cursor_param is None) == (self.cursor_body_path is None):
            raise ValueError("the cursor is sent back as either `cursor_param` or `cursor_body_path`")
        return self


class HeaderCursor(Declared):
    """A cursor in a header of the answer is sent back for the next page."""

    type: Literal["header_cursor"]
    cursor_key: str = Field(description="Name of the header")
    cursor_param: str = Field(description="Query parameter that takes it")


class OffsetPages(Declared):
    """Rows are counted."""

    type: Literal["offset"]
    limit: int = Field(ge=1, description="Rows a page")
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: str | None = Field(
        default=None, description="JSON path to the number of all rows, if the answer has it"
    )


class NumberedPages(Declared):
    """Pages are counted."""

    type: Literal["page_number"]
    base_page: int = Field(default=1, description="Number of the first page")
    page_param: str = "page"
    total_path: str | None = Field(default=None, description="JSON path to the number of pages, if the answer has it")


Paginator = Annotated[
    SinglePage | HeaderLink | JsonLink | CursorPages | HeaderCursor | OffsetPages | NumberedPages,
    Field(discriminator="type"),
]


class Api(Declared):
    """A REST API that the source's streams are pulled from."""

    base_url: str = Field(description="Address that paths are below. `${VARIABLE:-default}` is expanded")
    headers: dict[str, str] = Field(default={}, description="Sent with each request; no secrets")
    auth: Auth | None = None
    paginator: Paginator | None = Field(default=None, description="How streams are paged that do not say it themselves")
    timeout_seconds: float = Field(default=60, gt=0)
    max_attempts: int = Field(
        default=5, ge=1, description="Attempts for each page on 429, 5xx and broken connections; `Retry-After` is kept"
    )


def _without_password(url: str) -> str:
    from urllib.parse import urlsplit

    if "$" not in url and urlsplit(url).password:
        raise ValueError("has a password: put it into an environment variable, and name that as `password_env`")
    return url


class Database(Declared):
    """A SQL database that the source's streams are pulled from."""

    url: Annotated[str, AfterValidator(_without_password)] = Field(
        description="SQLAlchemy's address without password, such as `postgresql+psycopg://reader@db.example.com/shop`, "
        "`mysql+pymysql://…`, `sqlite:////path/shop.db`. `${VARIABLE:-default}` is expanded"
    )
    password_env: Variable | None = Field(default=None, description="Environment variable with the password")


class ApiCursor(Declared):
    """Only rows changed since the last pull."""

    cursor_path: str = Field(
        description="Key of a row that grows with each change, such as `updated_at`; dots go deeper"
    )
    start_param: str | None = Field(
        default=None,
        description="Query parameter that takes the highest value so far. Left out: all rows are asked for, and those "
        "from before are left aside",
    )
    initial_value: str | int | None = Field(default=None, description="Where the first pull starts; left out: all rows")
    lag: Duration | None = Field(
        default=None, description="Ask again for rows this old, where some become visible late; a time cursor only"
    )


class TableCursor(Declared):
    """Only rows changed since the last pull."""

    column: str = Field(description="Column that grows with each change, such as `updated_at`")
    initial_value: str | int | None = Field(default=None, description="Where the first pull starts; left out: all rows")
    lag: Duration | None = Field(
        default=None, description="Read rows again that are this old: transactions commit late; a time cursor only"
    )


class Endpoint(Declared):
    """What is asked of the source's `api`."""

    path: str = Field(description="Below `base_url`")
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, str | int | float | bool] = Field(default={}, description="Query parameters")
    body: dict[str, Any] = Field(default={}, description="JSON body of a POST")
    data_selector: str = Field(default="$", description="JSON path to the rows in the answer, such as `results`")
    paginator: Paginator | None = Field(default=None, description="If it differs from the API's; left out: one page")
    incremental: ApiCursor | None = Field(default=None, description="Left out: all rows each time")


class Table(Declared):
    """What is read from the source's `database`."""

    name: str = Field(description="Table or view, with its schema if need be: `public.customers`")
    columns: list[str] | None = Field(default=None, description="Which columns are read; left out: all")
    incremental: TableCursor | None = Field(default=None, description="Left out: all rows each time")
    chunk_size: int = Field(default=10_000, ge=1, description="Rows fetched at once")


class Download(Declared):
    """One file at an address, such as a published sheet. It lands when it has changed."""

    url: str = Field(description="http(s) address. `${VARIABLE:-default}` is expanded")
    headers: dict[str, str] = Field(default={}, description="Sent with the request; no secrets")
    auth: Auth | None = None
    timeout_seconds: float = Field(default=60, gt=0)
    max_attempts: int = Field(default=5, ge=1, description="Attempts on 429, 5xx and broken connections")
