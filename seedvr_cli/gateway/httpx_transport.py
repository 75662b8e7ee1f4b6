"""A transport over httpx: many clients of one connection each, as one with many gets slow with their number."""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache

import httpcore
import httpx

from seedvr_cli.gateway.transport import (
    CONNECT_SECONDS,
    IDLE_SECONDS,
    LARGEST,
    Incoming,
    Lost,
    Reply,
    Unreachable,
    Unsent,
)

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

    async def aclose(self) -> None:
        """Close all connections."""
        for clients in self._clients.values():
            await clients.aclose()

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float
    ) -> Reply:
        """Send a request once; its whole answer."""
        with self._lend(url) as client:
            request = _request(client, method, url, headers, body, seconds=seconds)
            with _translated():
                response = await client.send(request)
        return Reply(response.status_code, response.headers, response.content)

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

    @contextmanager
    def _lend(self, url: str) -> Iterator[httpx.AsyncClient]:
        scheme = url.partition(":")[0].lower()
        clients = self._clients.get(scheme)
        if clients is None:
            clients = self._clients[scheme] = _Clients(self._transport, tls() if scheme == "https" else None)
        with clients.lend() as client:
            yield client


@cache
def tls() -> ssl.SSLContext:
    """Loading the certificates takes a while: once for all transports, and not for a gateway on this machine."""
    return httpx.create_ssl_context()


class _Clients:
    """Lends the least busy client; makes another while all are busy, up to `LARGEST`."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None, tls: ssl.SSLContext | None) -> None:
        self._transport = transport
        self._tls = tls
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
            mounts={f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")},  # never through a proxy
        )


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
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    length = response.headers.get("Content-Length", "")
    left = int(length) if length.isdigit() and encoding == "identity" else 0
    chunks = response.aiter_raw() if encoding == "identity" else response.aiter_bytes()  # closes it once forgotten
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
    return str(error) or {"ReadTimeout": "no answer in time", "ConnectTimeout": "no connection in time"}.get(
        type(error).__name__, type(error).__name__
    )
