"""A real PostgreSQL on a socket of its own, which ends with the tests."""

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from helpers.waiting import PATIENCE, wait_for

_numbers = itertools.count()


class Server:
    """Gives databases of their own."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def pooled(self, url: str, pgbouncer: str, folder: Path) -> Iterator[str]:
        """The same database behind PgBouncer, which gives its few connections to another after each transaction."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        name, place = name_of(url), conninfo_to_dict(url)["host"]
        config = folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n{name} = host={place} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 3\n"
        )
        user = []
        if os.geteuid() == 0:  # as whom it does not run; and it has to get to its file
            user = ["-u", "nobody"]
            config.chmod(0o644)
            Path(place).chmod(0o711)
            for part in config.parents:
                if part.is_relative_to(tempfile.gettempdir()) and part != Path(tempfile.gettempdir()):
                    part.chmod(0o755)
        process = subprocess.Popen([pgbouncer, *user, config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: _listens(port) or process.poll() is not None)
            yield f"postgresql://me@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def database(self, how: str = "") -> str:
        """The URL of an empty one, made with these words."""
        name = f"test_{next(_numbers)}"
        self.do(f"CREATE DATABASE {name} {how}")
        return self.url.replace("/postgres?", f"/{name}?")

    def do(self, query: str, url: str | None = None) -> list[tuple]:
        """A statement of the administrator's."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []


def name_of(url: str) -> str:
    """The name of a database."""
    return str(conninfo_to_dict(url)["dbname"])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres() -> Iterator[Server]:
    """Starts it, and ends it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder that its user has none of
        if sys.version_info >= (3, 13):
            pytest.importorskip("pgserver", reason="pgserver, which brings PostgreSQL, has no wheel for this Python")
        import pgserver

        with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # a socket's path must be short
            server = pgserver.get_server(folder)
            try:
                yield Server(server.get_uri())
            finally:
                server.cleanup()
