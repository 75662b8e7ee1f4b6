"""A transport over httpx: many clients of one connection each, as one with many gets slow with their number."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import cache
from urllib.parse import urlsplit

import httpcore
import httpx

from seedvr_cli.gateway.answers import read_number
from seedvr_cli.gateway.encoding import unpacked
from seedvr_cli.gateway.environment import load_certificates, proxy_trouble, trouble
from seedvr_cli.gateway.transport import (
    CONNECT_SECONDS,
    IDLE_SECONDS,
    LARGEST,
    Incoming,
    Lost,
    Reply,
    Unfit,
    Unreachable,
    Unsent,
    idle,
)
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_loopback

# One pool of 64 connections takes three times the processor time of 64 pools of one.
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
# Bytes: what is read at once, and how much of a body must be left for it to be worth while.
READ_BYTES = 1 << 18
LONG_BODY = 1 << 23

_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_UNSENT = (httpx.ProxyError, httpx.LocalProtocolError)
_LOST = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)  # httpx looks at where a redirect goes, too


class HttpxTransport:
    """`transport` answers in place of connections, for tests."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._clients: dict[str, _Clients] = {}
        self._tidying: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self._close_clients()

    def prepare(self, url: str) -> None:
        """Make a client for such a URL; Unfit says what in the environment keeps it from being made."""
        if not _is_local(url) and (problem := proxy_trouble()):
            raise Unfit(problem)
        try:
            self._pool(url).warm()
        except Exception as error:
            raise Unfit(trouble(error)) from error

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float, largest: int
    ) -> Reply:
        """Send a request once; its whole answer."""
        with self._lend(url) as client:
            request = _request(client, method, url, headers, body, seconds=seconds)
            with _translated():
                response = await client.send(request, stream=True)
                try:
                    content = await _content(response, largest)
                finally:
                    await response.aclose()
        return Reply(response.status_code, response.headers, content)

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str], *, seconds: float) -> AsyncIterator[Incoming]:
        """GET a body that is streamed."""
        with self._lend(url) as client:
            request = _request(client, "GET", url, headers, None, seconds=seconds)
            with _translated():
                response = await client.send(request, stream=True)
            try:
                yield Incoming(response.status_code, response.headers, _chunks(response, seconds))
            finally:
                await response.aclose()

    def _lend(self, url: str) -> AbstractContextManager[httpx.AsyncClient]:
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())
        return self._pool(url).lend()

    async def _tidy(self) -> None:
        await idle(lambda: any(clients.are_busy for clients in self._clients.values()))
        await self._close_clients()

    async def _close_clients(self) -> None:
        old, self._clients = self._clients, {}
        for clients in old.values():
            await clients.aclose()

    def _pool(self, url: str) -> "_Clients":
        """Clients for such a URL: those for this machine use no proxy, and certificates only where they need them."""
        scheme, is_local = url.partition(":")[0].lower(), _is_local(url)
        name = f"{scheme}, local" if is_local else scheme
        clients = self._clients.get(name)
        if clients is None:
            context = tls() if scheme == "https" else None
            clients = self._clients[name] = _Clients(self._transport, context, is_local=is_local)
        return clients


def _is_local(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


@cache
def tls() -> ssl.SSLContext:
    """Loading the certificates takes a while: once for all transports, and not for a gateway on this machine."""
    return load_certificates()


class _Clients:
    """Lends the least busy client; makes another while all are busy, up to `LARGEST`."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None, tls: ssl.SSLContext | None, *, is_local: bool
    ) -> None:  # fmt: skip
        self._transport = transport
        self._tls = tls
        self._is_local = is_local
        self._clients: list[httpx.AsyncClient] = []
        self._busy: list[int] = []

    @contextmanager
    def lend(self) -> Iterator[httpx.AsyncClient]:
        """A client for one request."""
        number = self._choose()
        self._busy[number] += 1
        try:
            yield self._clients[number]
        finally:
            self._busy[number] -= 1

    @property
    def are_busy(self) -> bool:
        return any(self._busy)

    def warm(self) -> None:
        """Have a client, so that what keeps one from being made shows."""
        if not self._clients:
            self._clients.append(self._make())
            self._busy.append(0)

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()

    def _choose(self) -> int:
        for number, busy in enumerate(self._busy):
            if not busy:
                return number
        if len(self._clients) < LARGEST:
            self._clients.append(self._make())
            self._busy.append(0)
            return len(self._clients) - 1
        return self._busy.index(min(self._busy))

    def _make(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport,
            verify=self._tls or False,
            limits=_LIMITS,
            trust_env=not self._is_local,
        )


async def _content(response: httpx.Response, largest: int) -> bytes:
    chunks, size = [], 0
    async for chunk in unpacked(response.aiter_raw(), response.headers.get("Content-Encoding")):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise Lost(f"it has more than {largest} bytes")
    return b"".join(chunks)


def _request(
    client: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float
) -> httpx.Request:
    client.cookies.clear()
    timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS, pool=None)
    try:
        request = client.build_request(method, url, headers=headers, content=body, timeout=timeout)
        _ = request.url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Unsent(_reason(error)) from error
    return request


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        raise Unreachable(_reason(error)) from error
    except _UNSENT as error:
        raise Unsent(_reason(error)) from error
    except _LOST as error:
        raise Lost(_reason(error)) from error


async def _chunks(response: httpx.Response, seconds: float) -> AsyncIterator[bytes]:
    """The body as it comes; most of a long one is read past the protocol's layers, as it is nothing but bytes."""
    encoding = response.headers.get("Content-Encoding")
    length = 0 if encoding else read_number(response.headers.get("Content-Length", "")) or 0
    left = length
    chunks = unpacked(response.aiter_raw(), encoding)  # closes it once forgotten
    with _translated():
        async for chunk in chunks:
            left -= len(chunk)
            yield chunk
            if left > LONG_BODY and "network_stream" in response.extensions:
                break
        else:
            return
    connection = response.extensions["network_stream"]
    while left:
        try:
            chunk = await connection.read(min(READ_BYTES, left), timeout=seconds)
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise Lost(_reason(error)) from error
        if not chunk:
            raise Lost(f"it ended {left} of {length} bytes early")
        left -= len(chunk)
        yield chunk


def _reason(error: Exception) -> str:
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error))  # a number of the system's tells nobody anything
    return redact(said) or {"ReadTimeout": "no answer in time", "ConnectTimeout": "no connection in time"}.get(
        type(error).__name__, type(error).__name__
    )
