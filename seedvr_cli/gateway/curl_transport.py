"""A transport over libcurl, through pycurl: a tenth of the processor time of httpx for a request, and quick to load."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pycurl
from pycurl import AsyncCurlMulti

from seedvr_cli.gateway.certificates import (
    CERTIFICATES,
    certificate_trouble,
    certificates,
    is_own,
    load_certificates,
    trouble,
)
from seedvr_cli.gateway.curl_transfer import Transfer
from seedvr_cli.gateway.encoding import unpacked
from seedvr_cli.gateway.proxies import hide_proxies, proxy_for, proxy_trouble
from seedvr_cli.gateway.transport import (
    CONNECT_SECONDS,
    IDLE_SECONDS,
    LARGEST,
    Incoming,
    Lost,
    Reply,
    Unfit,
    Unsent,
    idle,
)
from seedvr_cli.values.trust import USUAL, Trust
from seedvr_cli.values.urls import is_loopback

# Bytes that libcurl reads at once.
READ_BYTES = 1 << 18


class CurlTransport:
    """Made and used within one event loop.

    libcurl sends a request again, on its own, where a connection that was used before dies under it. A POST may not
    be sent twice: each has a connection of its own, which later GETs may use.
    """

    def __init__(self, *, trust: Trust = USUAL) -> None:
        self._trust = trust
        self._turns = asyncio.Semaphore(LARGEST)
        self._curls: dict[bool, list[pycurl.Curl]] = {}  # those that carry nothing, by whether they show a certificate
        self._ways: dict[str, _Way] = {}
        self._multi: AsyncCurlMulti | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._tidying is not None:
            self._tidying.cancel()
        if self._multi is not None:
            await self._multi.aclose()
        for curls in self._curls.values():
            for curl in curls:
                curl.close()

    def prepare(self, url: str) -> None:
        """Look at the proxies and certificates that flags, settings and the environment name."""
        problem = None if _is_local(url) else proxy_trouble(knows_socks=True)
        if problem := problem or certificate_trouble(self._trust):
            raise Unfit(problem)
        if url.lower().startswith("https") and self._trust.bundle is None and any(map(os.environ.get, CERTIFICATES)):
            try:
                load_certificates(self._trust)
            except Exception as error:
                raise Unfit(trouble(error)) from error

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float, largest: int
    ) -> Reply:
        """Send a request once; its whole answer."""
        async with self._turns:
            with self._sent(method, url, headers, body, seconds=seconds, largest=largest) as transfer:
                with transfer.translated():
                    await transfer.ended
                content = b"".join(transfer.take())
                if "content-encoding" in transfer.headers:
                    content = await _unpacked(content, transfer.headers["content-encoding"], largest)
                return Reply(transfer.status, transfer.headers, content)

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str], *, seconds: float) -> AsyncIterator[Incoming]:
        """GET a body that is streamed."""
        async with self._turns:
            with self._sent("GET", url, headers, None, seconds=seconds, largest=None) as transfer:
                await transfer.begun()
                encoding = transfer.headers.get("content-encoding")
                yield Incoming(transfer.status, transfer.headers, unpacked(transfer.chunks(), encoding))

    @contextmanager
    def _sent(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        seconds: float,
        largest: int | None,
    ) -> Iterator[Transfer]:
        """A request under way, which ends with the block."""
        way = self._way_to(url)
        free = self._curls.setdefault(way.is_own, [])
        curl = free.pop() if free else _curl()
        transfer = Transfer(curl, seconds, largest)
        try:
            curl.setopt(pycurl.URL, url)
            for option, value in way.options:
                curl.setopt(option, value)
            curl.setopt(pycurl.HTTPHEADER, [*map(_header, headers.items()), "Expect:"])
            if method == "POST":
                curl.setopt(pycurl.POSTFIELDS, body or b"")
            else:
                curl.setopt(pycurl.HTTPGET, 1)
            curl.setopt(pycurl.FRESH_CONNECT, method != "GET")
        except (pycurl.error, ValueError) as error:
            raise Unsent(hide_proxies(str(error))) from error
        transfer.begin(self._connections().add_handle(curl))
        try:
            yield transfer
        finally:
            transfer.close()
            # Not before pycurl, which is told first, has let go of it: it would take the next request for this one.
            transfer.ended.add_done_callback(lambda _: free.append(curl))

    def _way_to(self, url: str) -> "_Way":
        """Which proxy and certificates there are on the way to the URL's server."""
        path = url.find("/", len("https://"))
        server = url if path < 0 else url[:path]
        way = self._ways.get(server)
        if way is None:
            with suppress(ValueError):
                if not urlsplit(url).hostname:
                    raise Unsent(f"{url[:200]!r} names no server")
            way = self._ways[server] = _Way.to(url, self._trust)
        return way

    def _connections(self) -> AsyncCurlMulti:
        if self._multi is None:
            self._multi = AsyncCurlMulti()
            self._multi.setopt(pycurl.M_MAXCONNECTS, LARGEST)
            self._tidying = asyncio.create_task(self._tidy(self._multi))
        return self._multi

    async def _tidy(self, multi: AsyncCurlMulti) -> None:
        await idle(lambda: bool(multi.futures()))
        self._multi = None
        await multi.aclose()


@dataclass(frozen=True, slots=True)
class _Way:
    """libcurl's options for a server; `is_own`: it is shown the client's certificate, which cannot be unset."""

    options: Sequence[tuple[int, str]]
    is_own: bool

    @classmethod
    def to(cls, url: str, trust: Trust) -> "_Way":
        own, proxy = is_own(trust, url), proxy_for(url) or ""
        is_secure = url[:6].lower() == "https:"
        file, folder = certificates(trust) if is_secure else (None, None)
        options = (
            # The name is looked up by the proxy, as httpx has it.
            (pycurl.PROXY, proxy.replace("socks5://", "socks5h://", 1)),
            (pycurl.NOPROXY, ""),  # libcurl would read the environment itself
            (pycurl.CAINFO, file),
            (pycurl.PROXY_CAINFO, file),
            (pycurl.CAPATH, folder),
            (pycurl.PROXY_CAPATH, folder),
            (pycurl.SSLCERT, trust.certificate if own else None),
            (pycurl.SSLKEY, (trust.key or trust.certificate) if own else None),
        )
        return cls([(option, value) for option, value in options if value is not None], own)


def _curl() -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(CONNECT_SECONDS * 1000))
    curl.setopt(pycurl.MAXAGE_CONN, int(IDLE_SECONDS))
    curl.setopt(pycurl.BUFFERSIZE, READ_BYTES)
    return curl


def _is_local(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _header(header: tuple[str, str]) -> bytes:
    name, value = header
    if "\r" in value or "\n" in value:
        raise Unsent(f"the header {name} has a line break in it")
    return (f"{name}: {value}" if value else f"{name};").encode()


async def _unpacked(content: bytes, encoding: str, largest: int) -> bytes:
    async def whole() -> AsyncIterator[bytes]:
        yield content

    pieces, size = [], 0
    async for piece in unpacked(whole(), encoding):
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise Lost(f"it has more than {largest} bytes")
    return b"".join(pieces)
