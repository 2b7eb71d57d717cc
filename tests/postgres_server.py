"""A real Postgres server of our own, for the tests that need one."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), reverse=True)
PG_CTL = shutil.which("pg_ctl") or (str(FOUND[0]) if FOUND else None)

needs_postgres = pytest.mark.skipif(PG_CTL is None, reason="no Postgres server (initdb, pg_ctl) on this machine")


def as_postgres(*command: str) -> None:
    """Run a command of Postgres, which refuses to run as root."""
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    assert PG_CTL
    binary = str(Path(PG_CTL).resolve().parent / command[0])
    done = subprocess.run([*drop, binary, *command[1:]], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


def psql(server: str, *statements: str) -> None:
    """Run statements as the server's owner, whose password is `secret`."""
    assert PG_CTL
    binary = str(Path(PG_CTL).resolve().parent / "psql")
    told = os.environ | {"PGPASSWORD": "secret"}
    for statement in statements:
        subprocess.run([binary, "-q", server, "-c", statement], check=True, capture_output=True, env=told)


@contextmanager
def postgres() -> Iterator[str]:
    """A libpq string, without password, of a server of our own."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg") as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (Path(home) / "password").write_text("secret")
        if os.geteuid() == 0:
            for path in (Path(home), Path(home) / "password"):
                shutil.chown(path, "nobody", "nogroup")
        authentication = ["--auth=scram-sha-256", f"--pwfile={home}/password"]
        as_postgres("initdb", "-D", f"{home}/data", "-U", "cdp", "--no-sync", *authentication)
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
        as_postgres("pg_ctl", "-D", f"{home}/data", "-o", options, "-l", f"{home}/log", "-w", "start")
        yield f"dbname=postgres host=127.0.0.1 port={port} user=cdp"
        as_postgres("pg_ctl", "-D", f"{home}/data", "-m", "immediate", "-w", "stop")
