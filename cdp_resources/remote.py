"""Folders behind a URL, opened anew each time: local ones, object stores, and SFTP servers that are known."""

from pathlib import Path
from typing import Any

import fsspec

OVER_SSH = ("sftp", "ssh")


class UnknownHostKey(OSError):
    """An SFTP server whose key is not in `~/.ssh/known_hosts`: it may be anybody."""


def open_folder(url: str, password: str | None = None) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises what the store's library does, or ``UnknownHostKey``.

    Not fsspec's cached connection: it would keep the credentials and endpoint of an earlier run.
    """
    options: dict[str, Any] = {"host_key_policy": _known_hosts_only()} if is_over_ssh(url) else {}
    if password:
        options["password"] = password
    storage, root = fsspec.core.url_to_fs(url, skip_instance_cache=True, **options)
    return storage, root


def is_over_ssh(url: str) -> bool:
    """Whether the URL is of an SFTP server."""
    return fsspec.utils.get_protocol(url) in OVER_SSH


def close_folder(storage: Any) -> None:
    """Let go of the connection, where there is one."""
    if hasattr(storage, "ftp"):
        storage.ftp.close()
        storage.client.close()


def _known_hosts_only() -> Any:
    """fsspec would trust whatever key an unknown server shows."""
    import paramiko

    class KnownHostsOnly(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
            known = Path("~/.ssh/known_hosts").expanduser()
            if not known.is_file() or not paramiko.HostKeys(str(known)).check(hostname, key):
                raise UnknownHostKey(hostname)

    return KnownHostsOnly()
