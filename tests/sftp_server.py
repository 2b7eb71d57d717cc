"""A real SFTP server over a local folder, on a port of this machine, for one user with a password."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import paramiko
import pytest

USER, PASSWORD = "cdp", "p@ss/word"


class _Files(paramiko.SFTPServerInterface):
    """Serves the folder that stands in ``root``."""

    root: Path

    def _local(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._local(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def list_folder(self, path: str) -> Any:
        try:
            return [paramiko.SFTPAttributes.from_stat(e.stat(), e.name) for e in self._local(path).iterdir()]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        if not flags & os.O_WRONLY:
            reading = paramiko.SFTPHandle(flags)
            reading.readfile = self._local(path).open("rb")
            return reading
        handle = paramiko.SFTPHandle(flags)
        file = os.fdopen(os.open(self._local(path), flags | os.O_CREAT, 0o600), "wb")
        handle.writefile = file
        return handle

    def mkdir(self, path: str, attr: Any) -> int:
        self._local(path).mkdir()
        return paramiko.SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        self._local(oldpath).replace(self._local(newpath))
        return paramiko.SFTP_OK


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class SftpServer:
    """Runs while it is entered."""

    def __init__(self, root: Path) -> None:
        self.key = paramiko.ECDSAKey.generate()
        self._files = type("Files", (_Files,), {"root": root})
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Its address, without password."""
        return f"sftp://{USER}@127.0.0.1:{self.port}"

    @property
    def known_hosts(self) -> str:
        """The line of `known_hosts` that makes it known."""
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def __enter__(self) -> "SftpServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for transport in self._transports:
            transport.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, self._files)
            transport.start_server(server=_Login())
            self._transports.append(transport)


@contextmanager
def known_sftp_server(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    """A server over ``root``, which is made, that whoever is at ``home`` knows."""
    monkeypatch.setenv("HOME", str(home))
    (home / ".ssh").mkdir()
    root.mkdir(parents=True, exist_ok=True)
    with SftpServer(root) as server:
        (home / ".ssh" / "known_hosts").write_text(server.known_hosts)
        yield server
