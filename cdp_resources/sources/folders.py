"""Files of a folder, bucket or server, copied into the landing folder when they are new or have changed."""

import datetime as dt
import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from cdp_model.pulls import PULLED
from cdp_model.sources import Source, Stream
from cdp_resources.environment import expand
from cdp_resources.remote import UnknownHostKey, close_folder, open_folder
from cdp_resources.sources.api import secret
from cdp_resources.sources.failures import PullFailed
from cdp_resources.sources.files import LandedFile, list_files
from cdp_resources.sources.pulled import Pulled, land

VERSIONS = ".copied.json"


def copy_folder(source: Source, stream: Stream, landing: str, undated_day: dt.date, loaded: Collection[str]) -> Pulled:
    """Copy the files of a stream that are new or have changed in the source's folder. Raises ``PullFailed``."""
    own, copied = f"{PULLED}/{source.name}", 0
    here, base = fsspec.core.url_to_fs(landing)
    with remote_folder(source) as (remote, root):
        for file in new_files(source, stream, landing, undated_day, loaded, remote, root):
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch) / "file"
                try:
                    remote.get_file(file.url, str(path))
                except Exception as error:
                    raise PullFailed(f"{file.name} could not be copied ({type(error).__name__}); pull again") from error
                land(landing, f"{own}/{file.name}", path)
            copied += 1
            versions = _versions(landing, own) | {file.name: _version(file)}
            here.pipe_file(f"{base.rstrip('/')}/{own}/{VERSIONS}", json.dumps(versions).encode())
    return Pulled(copied, f"{own}/…" if copied else None)


def new_files(
    source: Source, stream: Stream, landing: str, undated_day: dt.date, loaded: Collection[str], remote: Any, root: str
) -> list[LandedFile]:
    """Files of a stream that were not copied as they are now. Raises ``PullFailed``. See ``remote_folder``."""
    own = f"{PULLED}/{source.name}"
    try:
        files = list_files(root, stream.files.removeprefix(f"{own}/"), undated_day, remote)
    except FileNotFoundError:
        raise PullFailed(f"there is no folder {source.folder}") from None
    here, base = fsspec.core.url_to_fs(landing)
    versions = _versions(landing, own)
    return [
        file
        for file in files
        if versions.get(file.name) != _version(file)
        or not (f"{own}/{file.name}" in loaded or here.exists(f"{base.rstrip('/')}/{own}/{file.name}"))
    ]


@contextmanager
def remote_folder(source: Source) -> Iterator[tuple[Any, str]]:
    """The file system and path of a source's folder. Raises ``PullFailed``."""
    assert source.folder
    password = secret(source.folder_password_env) if source.folder_password_env else None
    url = expand(source.folder)
    try:
        storage, root = open_folder(url, password)
    except UnknownHostKey as error:
        raise PullFailed(
            f"the SFTP server {error} is not in ~/.ssh/known_hosts, so it may be anybody: ask its owner for its key, "
            "and add it (`ssh-keyscan` prints the one that it shows)"
        ) from None
    except Exception as error:  # each protocol has errors of its own
        raise PullFailed(
            f"the folder can't be reached ({urlsplit(url).scheme or 'file'}, {type(error).__name__}: {error})"
        ) from None
    try:
        yield storage, root
    finally:
        close_folder(storage)


def _version(file: LandedFile) -> str:
    return f"{file.size} {file.modified}"


def _versions(landing: str, own: str) -> dict[str, str]:
    """Size and time, where they come from, of the files that were copied."""
    storage, root = fsspec.core.url_to_fs(landing)
    path = f"{root.rstrip('/')}/{own}/{VERSIONS}"
    found: dict[str, str] = json.loads(storage.cat_file(path)) if storage.exists(path) else {}
    return found
