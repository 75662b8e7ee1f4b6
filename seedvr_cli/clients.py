"""Many small httpx clients in place of a large one, whose pool gets slow with its number of connections."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

# httpcore looks for sniffio several times a request, and where it is not installed each look searches the disk for
# a quarter of a millisecond. None is Python's way to say that it is not there.
if "sniffio" not in sys.modules:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# Sixteen pools of four connections carry 2.5 times the requests of one pool of 64.
LARGEST = 16
CONNECTIONS_EACH = 4

LIMITS = httpx.Limits(max_connections=CONNECTIONS_EACH, max_keepalive_connections=CONNECTIONS_EACH)


class Clients:
    """Lends the least busy client; makes another while all are busy. `make` gives a new one with LIMITS."""

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

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()

    def _choose(self) -> int:
        for number, busy in enumerate(self._busy):
            if busy < CONNECTIONS_EACH:
                return number
        if len(self._clients) < LARGEST:
            self._clients.append(self._make())
            self._busy.append(0)
            return len(self._clients) - 1
        return self._busy.index(min(self._busy))
