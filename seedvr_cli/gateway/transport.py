"""What the gateway asks of an HTTP library: one request, one reply, and on failure whether it was ever sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

# Seconds to make a connection, TLS included.
CONNECT_SECONDS = 10.0
# Seconds after which an idle connection is not used again: the server may be closing it that very moment.
IDLE_SECONDS = 5.0
# Looks within that time at whether they are idle: a run that lacks file handles waits for them to be closed.
LOOKS = 5
# Connections of one transport.
LARGEST = 64


class Unsent(Exception):
    """The request provably never left: the URL cannot be asked, or the connection was never made."""


class Unreachable(Unsent):
    """The connection was never made."""


class ProxyRefused(Unsent):
    """The proxy on the way lets nothing through for whom we are: another try is answered the same."""


class CertificateRefused(Unsent):
    """The server wants a certificate of the client's, or another one: it has ended TLS before it read anything."""


class Unfit(Exception):
    """No request could ever be sent: proxies or certificates that were named cannot be used."""


class Lost(Exception):
    """Anything else: the request may have been read, and done."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. The names of `headers` are found in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content, read as UTF-8."""
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer whose body is still to come, with any Content-Encoding undone; its `headers` as in a Reply."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


async def idle(is_busy: Callable[[], bool]) -> None:
    """Returns once nothing was busy for a while: connections that are kept any longer only cost file handles."""
    quiet = 0
    while quiet < LOOKS:
        await asyncio.sleep(IDLE_SECONDS / LOOKS)
        quiet = 0 if is_busy() else quiet + 1


class Transport(Protocol):
    """Keeps connections, follows no redirect, keeps no cookie, tries nothing twice.

    `seconds` is the longest silence of the server. Both methods raise Unsent and Lost; so do the chunks.
    """

    def prepare(self, url: str) -> None:
        """Make and check what carries requests to such a URL, before anything depends on it. Raises Unfit."""
        ...

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, seconds: float, largest: int
    ) -> Reply:
        """Send a request once; its whole answer, which is Lost where it has more than `largest` bytes."""
        ...

    def open(self, url: str, headers: Mapping[str, str], *, seconds: float) -> AbstractAsyncContextManager[Incoming]:
        """GET a body that is streamed."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
