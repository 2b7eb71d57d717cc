"""Files that are elsewhere, copied into the landing folder: one at an address, or those of a folder or bucket."""

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import requests

from cdp_model.model import Source, Stream
from cdp_model.pulls import PULLED, Download
from cdp_resources.environment import expand
from cdp_resources.remote import UnknownHostKey, close_folder, open_folder
from cdp_resources.sources.api import dlt_auth, secret
from cdp_resources.sources.failures import PullFailed, why_not
from cdp_resources.sources.files import CHUNK, list_files
from cdp_resources.sources.pulled import Pulled, land, newest_state

VERSIONS = ".copied.json"


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


def copy_folder(source: Source, stream: Stream, landing: str, undated_day: dt.date, loaded: Collection[str]) -> Pulled:
    """Copy the files of a stream that are new or have changed in the source's folder. Raises ``PullFailed``."""
    remote, root = remote_folder(source)
    try:
        return _copied(source, stream, landing, undated_day, loaded, remote, root)
    finally:
        close_folder(remote)


def _copied(
    source: Source, stream: Stream, landing: str, undated_day: dt.date, loaded: Collection[str], remote: Any, root: str
) -> Pulled:
    own = f"{PULLED}/{source.name}"
    try:
        files = list_files(root, stream.files.removeprefix(f"{own}/"), undated_day, remote)
    except FileNotFoundError:
        raise PullFailed(f"there is no folder {source.folder}") from None
    here, base = fsspec.core.url_to_fs(landing)
    copied = 0
    versions = _versions(landing, own)
    for file in files:
        name, version = f"{own}/{file.name}", f"{file.size} {file.modified}"
        if versions.get(file.name) == version and (name in loaded or here.exists(f"{base.rstrip('/')}/{name}")):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "file"
            try:
                remote.get_file(file.url, str(path))
            except Exception as error:
                raise PullFailed(f"{file.name} could not be copied ({type(error).__name__}); pull again") from error
            land(landing, name, path)
        versions[file.name] = version
        copied += 1
        here.pipe_file(f"{base.rstrip('/')}/{own}/{VERSIONS}", json.dumps(versions).encode())
    return Pulled(copied, f"{own}/…" if copied else None)


def remote_folder(source: Source) -> tuple[Any, str]:
    """The file system and path of a source's folder. Raises ``PullFailed``."""
    assert source.folder
    password = secret(source.folder_password_env) if source.folder_password_env else None
    url = expand(source.folder)
    try:
        return open_folder(url, password)
    except UnknownHostKey as error:
        raise PullFailed(
            f"the SFTP server {error} is not in ~/.ssh/known_hosts, so it may be anybody: ask its owner for its key, "
            "and add it (`ssh-keyscan` prints the one that it shows)"
        ) from None
    except Exception as error:  # each protocol has errors of its own
        raise PullFailed(
            f"the folder can't be reached ({urlsplit(url).scheme or 'file'}, {type(error).__name__}: {error})"
        ) from None


def _versions(landing: str, own: str) -> dict[str, str]:
    """Size and time, where they come from, of the files that were copied."""
    storage, root = fsspec.core.url_to_fs(landing)
    path = f"{root.rstrip('/')}/{own}/{VERSIONS}"
    found: dict[str, str] = json.loads(storage.cat_file(path)) if storage.exists(path) else {}
    return found
