"""Rows of a REST API. dlt's client pages, retries, keeps to rate limits and authenticates."""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import requests

from cdp_model.pulls import Api, Auth, Endpoint, Paginator
from cdp_resources.environment import expand
from cdp_resources.sources.cursor import Cursor
from cdp_resources.sources.failures import PullFailed, why_not

Row = dict[str, Any]
COUNTED = ("offset", "page_number")
"""Pages that shift when a row before them goes: they are read again until a reading brings nothing new."""
MOST_ROUNDS = 5


def rows_of_endpoint(api: Api, endpoint: Endpoint, cursor: Cursor) -> Iterator[Row]:
    """An endpoint's rows as JSON gave them, all pages of them. Raises ``PullFailed``."""
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client import RESTClient

    asking = Client(raise_for_status=False, request_timeout=api.timeout_seconds, request_max_attempts=api.max_attempts)
    headers = {name: expand(text) for name, text in api.headers.items()}
    with asking.session as session:
        client = RESTClient(expand(api.base_url), headers, dlt_auth(api.auth), session=session)
        yield from _rows(client, endpoint, endpoint.paginator or api.paginator, cursor)


def _rows(client: Any, endpoint: Endpoint, declared: Paginator | None, cursor: Cursor) -> Iterator[Row]:
    if declared is None or declared.type not in COUNTED:
        for page in _pages(client, endpoint, declared, cursor):
            yield from page
        return
    known: set[bytes] = set()
    for _ in range(MOST_ROUNDS):
        before = len(known)
        for page in _pages(client, endpoint, declared, cursor):
            digests = {hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest(): row for row in page}
            yield from (row for digest, row in digests.items() if digest not in known)
            known.update(digests)
        if len(known) == before:
            return
    raise PullFailed(f"the pages changed in each of {MOST_ROUNDS} readings: pull at a quieter hour, or page by cursor")


def _pages(client: Any, endpoint: Endpoint, paginator: Paginator | None, cursor: Cursor) -> Iterator[list[Row]]:
    from dlt.sources.rest_api.config_setup import create_paginator

    answers = client.paginate(
        endpoint.path,
        endpoint.method,
        params=_params(endpoint, cursor),
        json=dict(endpoint.body) or None,
        paginator=create_paginator(_as_dlt(paginator) if paginator else "single_page"),
        data_selector=endpoint.data_selector,
        hooks={"response": [_refuse]},
    )
    before: list[Row] = []
    try:
        for page in answers:
            rows = list(page)
            _check_rows(rows, page.response, endpoint)
            if rows and rows == before:
                raise PullFailed("two pages in a row are the same: the API does not page as `paginator` says")
            before = rows
            yield rows
    except requests.RequestException as error:
        raise PullFailed(why_not(error)) from None  # its text has the address, and keys may be in that


def _as_dlt(paginator: Paginator) -> Any:
    """Without what is not declared, but for `total_path`: dlt would look for `total`."""
    declared = paginator.model_dump()
    return {name: value for name, value in declared.items() if value is not None or name == "total_path"}


def dlt_auth(auth: Auth | None) -> Any:
    """dlt's authentication for a declared one, with the secrets of the environment. Raises ``PullFailed``."""
    from dlt.sources.rest_api.config_setup import create_auth

    if auth is None:
        return None
    config: Any = {}
    for name, value in auth.model_dump().items():
        config[name.removesuffix("_env")] = secret(value) if name.endswith("_env") else value
    return create_auth(config)


def secret(variable: str) -> str:
    """The value of an environment variable. Raises ``PullFailed`` when there is none."""
    value = os.environ.get(variable)
    if not value:
        raise PullFailed(f"the environment variable {variable} is not set: put it into `.env`")
    return value


def _params(endpoint: Endpoint, cursor: Cursor) -> dict[str, Any]:
    params: dict[str, Any] = dict(endpoint.params)
    if endpoint.incremental and endpoint.incremental.start_param and cursor.asked_from is not None:
        params[endpoint.incremental.start_param] = cursor.asked_from
    return params


def _refuse(response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
    """An answer that is an error, or no JSON whatever its status says."""
    if response.status_code >= 400:
        raise requests.HTTPError(response=response)
    try:
        response.json()
    except requests.JSONDecodeError:
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "no content type"
        raise PullFailed(
            f"answered {response.status_code}, but not with JSON ({kind}): is it a page to log in, or of a proxy?"
        ) from None


def _check_rows(rows: list[Any], response: requests.Response, endpoint: Endpoint) -> None:
    if any(not isinstance(row, dict) for row in rows):
        raise PullFailed(f"`data_selector: {endpoint.data_selector}` does not lead to a list of objects")
    body = response.json()
    top = endpoint.data_selector.removeprefix("$.").partition(".")[0]
    if not rows and isinstance(body, dict) and top.isidentifier() and top not in body:
        raise PullFailed(
            f"the answer has no `{top}`, which `data_selector` names; it has: {', '.join(sorted(body)) or 'nothing'}"
        )
