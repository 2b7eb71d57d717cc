"""A file at an address, copied into the landing folder when it has changed."""

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Collection
from pathlib import Path

import requests

from cdp_model.pulls import PULLED, Download
from cdp_model.sources import Source, Stream
from cdp_resources.environment import expand
from cdp_resources.sources.api import dlt_auth
from cdp_resources.sources.failures import PullFailed, why_not
from cdp_resources.sources.files import CHUNK
from cdp_resources.sources.pulled import Pulled, land, newest_state


def pull_download(
    source: Source, name: str, stream: Stream, landing: str, day: dt.date, loaded: Collection[str]
) -> Pulled:
    """Land the file at an address as one of ``day``, unless it is as it was. Raises ``PullFailed``."""
    assert stream.download
    folder = f"{PULLED}/{source.name}/{name}"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "file"
        content = fetch(stream.download, stream.format, path)
        before = newest_state(landing, folder, loaded)
        if before and json.loads(before).get("sha256") == content:
            return Pulled()
        ending = stream.files.rsplit("*.", 1)[-1]
        file = f"{folder}/{day}.{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}Z.{ending}"
        land(landing, file, path, json.dumps({"sha256": content}))
    return Pulled(1, file)


def fetch(download: Download, kind: str, path: Path) -> str:
    """Write what is at the address to ``path``; returns its SHA-256. Raises ``PullFailed``."""
    from dlt.sources.helpers.requests import Client

    client = Client(request_timeout=download.timeout_seconds, request_max_attempts=download.max_attempts)
    headers = {name: expand(text) for name, text in download.headers.items()}
    digest = hashlib.sha256()
    try:
        with client.get(expand(download.url), headers=headers, auth=dlt_auth(download.auth), stream=True) as response:
            with path.open("wb") as file:
                for chunk in response.iter_content(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            given = response.headers.get("Content-Type", "").partition(";")[0]
    except requests.RequestException as error:
        raise PullFailed(why_not(error)) from None
    with path.open("rb") as file:
        begin = file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if given == "text/html" or begin.startswith((b"<!doctype html", b"<html")):
        raise PullFailed(
            f"answered with a web page in place of {kind}: is it published, and is the address the file's?"
        )
    return digest.hexdigest()
