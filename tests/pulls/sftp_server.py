"""A real SFTP server over a folder, on a port of this machine: user `cdp`, password `secret`."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == ("cdp", "secret")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, _username: str) -> str:
        return "password"

    def check_channel_request(self, _kind: str, _channel: int) -> int:
        return paramiko.OPEN_SUCCEEDED


def _files_of(folder: Path) -> type[paramiko.SFTPServerInterface]:
    class Files(paramiko.SFTPServerInterface):
        def _here(self, path: str) -> Path:
            return folder / self.canonicalize(path).lstrip("/")

        def list_folder(self, path: str) -> Any:
            if not self._here(path).is_dir():
                return paramiko.SFTP_NO_SUCH_FILE
            return [self._described(entry) for entry in self._here(path).iterdir()]

        def stat(self, path: str) -> Any:
            there = self._here(path)
            return self._described(there) if there.exists() else paramiko.SFTP_NO_SUCH_FILE

        lstat = stat

        def _described(self, path: Path) -> paramiko.SFTPAttributes:
            return paramiko.SFTPAttributes.from_stat(path.stat(), path.name)

        def open(self, path: str, _flags: int, _attributes: Any) -> Any:
            handle = paramiko.SFTPHandle(os.O_RDONLY)
            handle.readfile = self._here(path).open("rb")
            return handle

    return Files


@contextmanager
def sftp(folder: Path) -> Iterator[str]:
    """The server's address, without password."""
    listener = socket.create_server(("127.0.0.1", 0))
    key = paramiko.RSAKey.generate(2048)
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _files_of(folder))
            transports.append(transport)
            transport.start_server(server=_Login())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"sftp://cdp@127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()
