"""A transport over httpx: many clients of one connection each, as one with many gets slow with their number."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from seedvr_cli.gateway.answers import read_number
from seedvr_cli.gateway.certificates import certificate_trouble, is_own, is_refusal, load_certificates, trouble
from seedvr_cli.gateway.encoding import unpacked
from seedvr_cli.gateway.proxies import hide_proxies, proxy_for, proxy_trouble, refusal
from seedvr_cli.gateway.transport import (
    CONNECT_SECONDS,
    IDLE_SECONDS,
    LARGEST,
    CertificateRefused,
    Incoming,
    Lost,
    Reply,
    Unfit,
    Unreachable,
    Unsent,
    idle,
)
from seedvr_cli.values.trust import USUAL, Trust
from seedvr_cli.values.urls import is_loopback

# One pool of 64 connections takes three times the processor time of 64 pools of one.
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
# Seconds that a proxy has to let a request through.
PROXY_SECONDS = 2 * CONNECT_SECONDS
# Bytes: what is read at once, and how much of a body must be left for it to be worth while.
READ_BYTES = 1 << 18
LONG_BODY = 1 << 23

_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_LOST = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)  # httpx looks at where a redirect goes, too


class HttpxTransport:
    """`transport` answers in place of connections, for tests."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, *, trust: Trust = USUAL) -> None:
        self._transport = transport
        self._trust = trust
        self._ways: dict[str, _Way] = {}
        self._clients: dict[_Way, _Clients] = {}
        self._tidying: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self._close_clients()

    def prepare(self, url: str) -> None:
        """Make a client for such a URL; Unfit says what in the environment keeps it from being made."""
        if problem := (None if _is_local(url) else proxy_trouble()) or certificate_trouble(self._trust):
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
            response = await _send(client, request, proxy=self._way(url).proxy)
            with _translated():
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
            response = await _send(client, request, proxy=self._way(url).proxy)
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
        """Clients for such a URL, by the way to its server."""
        way = self._way(url)
        clients = self._clients.get(way)
        if clients is None:
            clients = self._clients[way] = _Clients(lambda: self._client(way))
        return clients

    def _way(self, url: str) -> "_Way":
        path = url.find("/", len("https://"))
        server = url if path < 0 else url[:path]
        way = self._ways.get(server)
        if way is None:
            way = self._ways[server] = _Way.to(url, self._trust)
        return way

    def _client(self, way: "_Way") -> httpx.AsyncClient:
        """Certificates, which take a while to load, only where they are needed."""
        trust, proxy = self._trust, None
        if way.proxy and self._transport is None:
            is_secure = way.proxy.startswith("https")
            proxy = httpx.Proxy(way.proxy, ssl_context=tls(trust) if is_secure else None)
        return httpx.AsyncClient(
            transport=self._transport,
            verify=tls(trust, is_own=way.is_own) if way.is_secure else False,
            proxy=proxy,
            limits=_LIMITS,
            trust_env=False,
        )


def _is_local(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Way:
    """What connections to a server have in common: TLS, the client's certificate, the proxy."""

    is_secure: bool
    is_own: bool
    proxy: str | None

    @classmethod
    def to(cls, url: str, trust: Trust) -> "_Way":
        return cls(url[:6].lower() == "https:", is_own(trust, url), proxy_for(url))


@cache
def tls(trust: Trust, *, is_own: bool = False) -> ssl.SSLContext:
    """Loading the certificates takes a while: once for all transports, and not for a gateway on this machine."""
    return load_certificates(trust, is_own=is_own)


class _Clients:
    """Lends the least busy client; makes another while all are busy, up to `LARGEST`."""

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        self._make = make
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


class _Sending:
    """Whether a request has begun to leave: before that the proxy alone is spoken to, which has so long for it."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self.is_begun = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".connect_tcp.started"):
            self._limit.reschedule(asyncio.get_running_loop().time() + PROXY_SECONDS)
        elif event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            self.is_begun = True
            self._limit.reschedule(None)


async def _send(client: httpx.AsyncClient, request: httpx.Request, *, proxy: str | None) -> httpx.Response:
    """Its answer, whose body is still to come."""
    if proxy is None:
        with _translated():
            return await client.send(request, stream=True)
    limit = asyncio.timeout(None)
    sending = request.extensions["trace"] = _Sending(limit)
    try:
        with _translated():
            async with limit:
                return await client.send(request, stream=True)
    except (Lost, TimeoutError) as error:
        if sending.is_begun:
            raise
        raise Unreachable(str(error) or "no connection in time") from error


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
    except ssl.SSLError as error:  # once connected, its own errors pass httpx by
        kind = CertificateRefused if is_refusal(str(error)) else Lost
        raise kind(_reason(error)) from error
    except httpx.ProxyError as error:
        status, words = re.match(r"\d{3}", str(error)), _reason(error)
        raise refusal(int(status[0]) if status else None, words, is_login="could not connect" not in words) from error
    except httpx.LocalProtocolError as error:
        raise Unsent(_reason(error)) from error
    except _LOST as error:
        raise Lost(_reason(error)) from error
    except Exception as error:
        if not type(error).__module__.startswith("socksio"):  # whose errors pass httpx by
            raise
        raise Unreachable(f"that is no SOCKS proxy: {_reason(error)}") from error


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
        except (httpcore.NetworkError, httpcore.TimeoutException, ssl.SSLError) as error:
            raise Lost(_reason(error)) from error
        if not chunk:
            raise Lost(f"it ended {left} of {length} bytes early")
        left -= len(chunk)
        yield chunk


def _reason(error: Exception) -> str:
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error))  # a number of the system's tells nobody anything
    return hide_proxies(said) or {"ReadTimeout": "no answer in time", "ConnectTimeout": "no connection in time"}.get(
        type(error).__name__, type(error).__name__
    )
