"""Many httpx clients of one connection in place of one with many, whose pool gets slow with their number."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.request import getproxies

import httpx

if TYPE_CHECKING:
    import ssl

# httpcore looks for sniffio several times a request, and where it is not installed each look searches the disk for
# a quarter of a millisecond. None is Python's way to say that it is not there.
if "sniffio" not in sys.modules:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# One pool of 64 connections takes three times the processor time of 64 pools of one.
LARGEST = 64
LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class Clients:
    """Lends the least busy client; makes another while all are busy, up to `largest`. `make` gives a new one."""

    def __init__(self, make: Callable[[], httpx.AsyncClient], largest: int = LARGEST) -> None:
        self._make = make
        self._largest = largest
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
        """Close all connections."""
        for client in self._clients:
            await client.aclose()

    def _choose(self) -> int:
        for number, busy in enumerate(self._busy):
            if not busy:
                return number
        if len(self._clients) < self._largest:
            self._clients.append(self._make())
            self._busy.append(0)
            return len(self._clients) - 1
        return self._busy.index(min(self._busy))


def has_fast_transport() -> bool:
    """Whether aiohttp can carry GETs: it is an extra, and it does not know httpx's proxies."""
    return not getproxies() and find_spec("httpx_aiohttp") is not None


def fast_transport(tls: "ssl.SSLContext | bool") -> httpx.AsyncBaseTransport:
    """aiohttp's connections behind httpx's face, for the GETs of large batches.

    Never for a submission: it says "never connected" of a connection that died after the POST was read, and taken at
    its word that would pay twice.
    """
    from httpx_aiohttp import AiohttpTransport

    return AiohttpTransport(verify=tls, limits=httpx.Limits(max_connections=LARGEST))
