"""Where files of changes go: a folder, an object store, or an SFTP server. A file appears whole or not at all."""

import os
from pathlib import Path
from typing import Any, Protocol

import fsspec

from cdp_resources.remote import close_folder, is_over_ssh, open_folder

OUTAGES = ("botocore", "aiobotocore", "aiohttp", "paramiko")
"""Libraries whose errors say that the storage could not be reached or refused."""


class Puts(Protocol):
    """Where files can be put."""

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Put a file in a folder below; one of the same name is replaced."""
        ...

    def close(self) -> None:
        """Let go of the connection, where there is one."""
        ...


class Storage:
    """A folder behind a URL, opened when the first file is put."""

    def __init__(self, url: str, password: str | None = None) -> None:
        """Raises ``ValueError`` or ``ImportError`` for an unknown kind of storage."""
        self._url, self._password = url, password
        fsspec.get_filesystem_class(fsspec.utils.get_protocol(url))
        self._opened: tuple[Any, str] | None = None

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Put a file in a folder below; one of the same name is replaced."""
        storage, root = self._open()
        path, unfinished = f"{root}/{folder}/{name}", f"{root}/{folder}/.{name}.unfinished"
        if "file" in storage.protocol:
            _put_locally(Path(path), Path(unfinished), content)
        elif is_over_ssh(self._url):
            storage.makedirs(f"{root}/{folder}", exist_ok=True)
            storage.pipe_file(unfinished, content)
            storage.mv(unfinished, path)
        else:
            # Object stores show an object once it is whole.
            storage.pipe_file(path, content)

    def close(self) -> None:
        """Let go of the connection, where there is one."""
        if self._opened:
            close_folder(self._opened[0])
        self._opened = None

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            storage, root = open_folder(self._url, self._password)
            self._opened = storage, root.rstrip("/")
        return self._opened


def is_outage(error: Exception) -> bool:
    """Whether the storage could not be reached or refused, rather than our own mistake."""
    return isinstance(error, OSError) or type(error).__module__.startswith(OUTAGES)


def _put_locally(path: Path, unfinished: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
