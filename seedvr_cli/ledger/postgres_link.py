"""One connection to a PostgreSQL, made anew where it breaks, and never in the clear to another machine.

Nothing is kept in the session, so that a pooler in transaction mode may stand between.
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import zip_longest
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from seedvr_cli.values.errors import LedgerAway, LedgerError, UsageError
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_loopback

# Seconds for which a server that is away is asked again, and between two attempts.
PATIENCE = 15.0
PAUSE = 0.5
# Seconds to make a connection, and for an answer over one that says nothing: it may lead nowhere by now.
CONNECT_SECONDS = 10
ANSWER_SECONDS = 10.0
# What the server says where it will say the same again; another attempt may lock the account.
_LASTING = re.compile(r"password authentication failed|no password supplied|no pg_hba\.conf entry|does not exist")
# What is said of a URL that is none, of which nothing is repeated.
_UNREAD = "the ledger's URL cannot be read: postgresql://HOST/DATABASE"
_SPELLING = "in a name or password / is written %2F, @ %40 and a blank %20; behind ? stand options of libpq alone"
# What a connection must be where others could listen.
_SAFE_MODES = frozenset({"require", "verify-ca", "verify-full"})

T = TypeVar("T")
# What becomes of a connection is told by our own errors.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
Connection = psycopg.AsyncConnection[Any]


class Link:
    """To the server of that URL, which libpq takes with its variables and files. `name` is for people.

    Raises UsageError where the URL is none, or all would go in the clear.
    """

    def __init__(self, url: str) -> None:
        self._conninfo, self.name = checked(url)
        self._connection: Connection | None = None
        self._away_until = 0.0
        # The instant of the last failure, and the error.
        self._failed: tuple[float, psycopg.Error | TimeoutError] | None = None
        self._asking = asyncio.Lock()

    async def ask(
        self, operation: Callable[[Connection], Awaitable[T]], *, seconds: float = ANSWER_SECONDS
    ) -> T:  # fmt: skip
        """Ask the server, over another connection where one broke or is silent; LedgerError where it stays away."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._asking:
            if self._failed is not None and self._failed[0] >= asked:  # who has waited behind that knows enough
                raise self.failure(self._failed[1])
            # Who asks right after others have waited in vain does not wait as long again.
            until = loop.time() + (PATIENCE if loop.time() > self._away_until else 0.0)
            while True:
                try:
                    connection = self._connection or await self.connect()
                    async with asyncio.timeout(seconds):
                        return await operation(connection)
                except (psycopg.OperationalError, TimeoutError) as error:
                    await self.drop()
                    if loop.time() + PAUSE > until or _LASTING.search(str(error)):
                        self._away_until = loop.time() + PATIENCE
                        self._failed = loop.time(), error
                        raise self.failure(error) from error
                    await asyncio.sleep(PAUSE)
                except psycopg.Error as error:
                    raise self.failure(error) from error
                except asyncio.CancelledError:
                    await self.drop()  # an answer may be on its way
                    raise

    async def connect(self) -> Connection:
        """A new connection. Raises psycopg.Error, and UsageError where others could listen, or names have no room."""
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        host, address = connection.info.host, connection.info.hostaddr
        if not connection.pgconn.ssl_in_use and not _is_near(address or host):  # a service file may name it
            await connection.close()
            raise UsageError(f"{self.name}: {host} would be told all in the clear",
                             hint="put sslmode=verify-full, or require, into the URL")  # fmt: skip
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in {"UTF8", "SQL_ASCII", None}:  # a pooler may not say
            await connection.close()
            raise UsageError(f"{self.name}: its encoding, {encoding}, has no room for most names",
                             hint="CREATE DATABASE seedvr ENCODING 'UTF8' TEMPLATE template0")  # fmt: skip
        self._connection = connection
        return connection

    async def drop(self) -> None:
        """Close what there is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    def failure(self, error: psycopg.Error | TimeoutError) -> LedgerError:
        """What it means for the user."""
        text = " ".join(redact(str(error)).split()) or "no answer"
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return LedgerError(
                f"{self.name}: {text}",
                hint="somebody who may make tables there runs 'seedvr ledger init' once, and grants the rest",
            )
        if _LASTING.search(text):
            hint = "look at the user, the password (PGPASSWORD, ~/.pgpass) and the database; 'seedvr doctor' looks too"
            return LedgerError(f"{self.name} cannot be used: {text}", hint=hint)
        away = "the same command goes on when it is there again"
        return LedgerAway(f"{self.name} cannot be used: {text}", hint=away)


def checked(url: str) -> tuple[str, str]:
    """What libpq gets, and a name for people; UsageError where it is no such URL, or all would go in the clear."""
    try:
        parts = urlsplit(url)
        scheme, hostname = parts.scheme, parts.hostname
    except ValueError:
        scheme, hostname = "", None
    if scheme not in {"postgresql", "postgres"}:  # psycopg's own error would show the password
        kinds = "postgresql://HOST/DATABASE, s3://BUCKET/PREFIX, gs://... or az://..."
        raise UsageError(f"the ledger's URL is not one of {kinds}")
    try:
        facts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise UsageError(_UNREAD, hint=_SPELLING) from error
    _check_login(url, str(facts.get("port") or ""))
    around = _surroundings(facts.get("service"))
    hosts = str(facts.get("host") or hostname or around.get("host", "")).split(",")
    addresses = str(facts.get("hostaddr") or around.get("hostaddr", "")).split(",")
    mode = facts.get("sslmode") or around.get("sslmode")
    if not all(map(_is_near, _places(hosts, addresses))):
        if mode is not None and mode not in _SAFE_MODES:
            raise UsageError(f"the ledger's URL: sslmode={mode} would send it all in the clear",
                             hint="sslmode=verify-full, or require")  # fmt: skip
        if mode is None:
            facts["sslmode"] = "require"
    facts.setdefault("connect_timeout", CONNECT_SECONDS)
    facts.setdefault("application_name", "seedvr")
    facts["client_encoding"] = "UTF8"  # by another, which a database may have, no text is known again
    place = f"{hosts[0] or 'localhost'}/{facts.get('dbname') or around.get('dbname', '')}"
    return make_conninfo("", **facts), f"the shared ledger {place}"


def _check_login(url: str, port: str) -> None:
    """UsageError where libpq would take a part of the password for a host, a port or a database, and name it."""
    server, _, database = url.partition("://")[2].partition("?")[0].partition("/")
    if server.count("@") > 1 or "@" in database or (port and not port.replace(",", "0").isdecimal()):
        raise UsageError(_UNREAD, hint=_SPELLING)


def _surroundings(service: Any) -> dict[str, str]:
    """What libpq takes of its variables and of the service's file where the URL does not say it."""
    before = os.environ.get("PGSERVICE")
    try:
        if service:
            os.environ["PGSERVICE"] = str(service)
        options = {one.keyword.decode(): one.val.decode(errors="replace") for one in Conninfo.get_defaults() if one.val}
    finally:
        if service:
            os.environ.pop("PGSERVICE")
            if before is not None:
                os.environ["PGSERVICE"] = before
    if options.get("sslmode") == "prefer" and not os.environ.get("PGSSLMODE"):  # as it is where nobody says anything
        del options["sslmode"]
    return options


def _places(hosts: list[str], addresses: list[str]) -> list[str]:
    """What is connected to, one after the other: an address, or where that is left out its host."""
    return [address or host for host, address in zip_longest(hosts, addresses, fillvalue="")]


def _is_near(address: str) -> bool:
    """Whether nobody could listen: this machine, or a socket of its."""
    return not address or address.startswith(("/", "@")) or is_loopback(address)
