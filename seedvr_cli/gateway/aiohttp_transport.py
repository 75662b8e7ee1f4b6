"""A transport over aiohttp, for large batches: a quarter of httpx's processor time. It knows no proxies."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property

import aiohttp
import httpx
import yarl

from seedvr_cli.gateway.encoding import unpacked
from seedvr_cli.gateway.environment import trouble
from seedvr_cli.gateway.httpx_transport import tls
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
)

# Bytes of one header line; others allow it, and a submission's answer is not to be lost over a long cookie.
LONGEST_HEADER = 1 << 16

# A URL that is asked for as it stands, to the letter; to look closer takes httpx long.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?(?!.*/\.)/(?:[\w\-.~:/?@!$&()*+,;=]|%[0-9A-F]{2})*", re.ASCII)

# All that aiohttp raises before a connection stands. What it says of one that dies later is none of these, which the
# tests hold it to: a POST that was read and then taken for "never sent" would be paid twice.
_UNREACHABLE = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError, aiohttp.ConnectionTimeoutError)
_LOST = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class AiohttpTransport:
    """Made and used within one event loop."""

    def __init__(self) -> None:
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        if "_session" in self.__dict__:
            await self._session.close()

    def prepare(self, url: str) -> None:
        """It knows no proxies; what else it needs are the certificates."""
        if url.lower().startswith("https"):
            try:
                tls()
            except Exception as error:
                raise Unfit(trouble(error)) from error

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float, largest: int
    ) -> Reply:
        """Send a request once; its whole answer."""
        with _translated():
            response = await self._ask(method, url, headers, body, seconds)
            try:
                content = await _content(response, largest)
            finally:
                response.close()  # one that was read to its end has left the connection to others already
        return Reply(response.status, response.headers, content)

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str], *, seconds: float) -> AsyncIterator[Incoming]:
        """GET a body that is streamed."""
        with _translated():
            response = await self._ask("GET", url, headers, None, seconds)
        try:
            yield Incoming(response.status, response.headers, _chunks(response))
        finally:
            response.close()  # one that was read to its end has left the connection to others already

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> aiohttp.ClientResponse:
        timeout = self._timeouts.get(seconds)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=seconds)
            self._timeouts[seconds] = timeout
        address = _address(url)
        secure = tls() if address.scheme == "https" else True
        return await self._session.request(
            method, address, headers=headers, data=body, timeout=timeout, allow_redirects=False, ssl=secure
        )

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=LARGEST, keepalive_timeout=IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )


def _address(url: str) -> yarl.URL:
    """As httpx would ask for it: signed URLs break where they are quoted anew."""
    try:
        address = yarl.URL(url if _PLAIN.fullmatch(url) else str(httpx.URL(url)), encoded=True)
    except (httpx.InvalidURL, ValueError) as error:
        raise Unsent(str(error)) from error
    if address.scheme not in {"http", "https"} or not address.raw_host:
        raise Unreachable(f"{url[:200]!r} names no server")
    return address


async def _content(response: aiohttp.ClientResponse, largest: int) -> bytes:
    chunks, size = [], 0
    async for chunk in _body(response):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise Lost(f"it has more than {largest} bytes")
    return b"".join(chunks)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with _translated():
        async for chunk in _body(response):
            yield chunk


def _body(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    return unpacked(response.content.iter_any(), response.headers.get("Content-Encoding"))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        raise Unreachable(_reason(error)) from error
    except aiohttp.InvalidURL as error:
        raise Unsent(_reason(error)) from error
    except _LOST as error:
        raise Lost(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.SocketTimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or str(error)
    return " ".join(str(error).replace("\\n", " ").split()) or type(error).__name__
