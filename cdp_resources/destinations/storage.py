"""Where files of changes go: a folder, an object store, or an SFTP server. A file appears whole or not at all."""

import os
from pathlib import Path
from typing import Any, Protocol

import fsspec

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


class UnknownHostKey(OSError):
    """An SFTP server whose key is not in `~/.ssh/known_hosts`: it may be anybody."""


class Storage:
    """A folder behind a URL, opened when the first file is put."""

    def __init__(self, url: str, password: str | None = None) -> None:
        """Raises ``ValueError`` or ``ImportError`` for an unknown kind of storage."""
        self._url, self._password = url, password
        protocol = fsspec.utils.get_protocol(url)
        fsspec.get_filesystem_class(protocol)
        self._over_ssh = protocol in ("sftp", "ssh")
        self._opened: tuple[Any, str] | None = None

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Put a file in a folder below; one of the same name is replaced."""
        storage, root = self._open()
        path, unfinished = f"{root}/{folder}/{name}", f"{root}/{folder}/.{name}.unfinished"
        if "file" in storage.protocol:
            _put_locally(Path(path), Path(unfinished), content)
        elif self._over_ssh:
            storage.makedirs(f"{root}/{folder}", exist_ok=True)
            storage.pipe_file(unfinished, content)
            storage.mv(unfinished, path)
        else:
            # Object stores show an object once it is whole.
            storage.pipe_file(path, content)

    def close(self) -> None:
        """Let go of the connection, where there is one."""
        if self._over_ssh and self._opened:
            self._opened[0].ftp.close()
            self._opened[0].client.close()
        self._opened = None

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            options: dict[str, Any] = {"host_key_policy": _known_hosts_only()} if self._over_ssh else {}
            if self._password:
                options["password"] = self._password
            # Not fsspec's cached connection: it would keep the credentials and endpoint of an earlier run.
            storage, root = fsspec.core.url_to_fs(self._url, skip_instance_cache=True, **options)
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


def _known_hosts_only() -> Any:
    """fsspec would trust whatever key an unknown server shows."""
    import paramiko

    class KnownHostsOnly(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
            known = Path("~/.ssh/known_hosts").expanduser()
            if not known.is_file() or not paramiko.HostKeys(str(known)).check(hostname, key):
                raise UnknownHostKey(hostname)

    return KnownHostsOnly()
