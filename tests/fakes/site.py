"""A stand-in for a server elsewhere that the sandbox calls: where sources come from, or webhooks go to."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from seedvr_cli.http.connection import Connection, Manners, Request, Response


class Site:
    """Another server on this machine, which records what it is asked and answers what it is told.

    While `silent`, its answers wait until it is `released`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        self.silent = False
        self.released = asyncio.Event()
        self._changed = asyncio.Event()

    def answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        self.requests.append(request)
        self._changed.set()
        if self.silent:
            return self._later()
        return self.answers.pop(0) if self.answers else Response(200)

    async def _later(self) -> Response:
        await self.released.wait()
        return Response(404)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.requests]

    async def asked(self, times: int) -> None:
        while len(self.requests) < times:
            self._changed.clear()
            await self._changed.wait()


MANNERS = Manners(name="site", largest_body=1 << 20, request_seconds=60.0)


@asynccontextmanager
async def site() -> AsyncIterator[tuple[Site, str]]:
    """A site and its URL."""
    made, connections = Site(), set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(made.answer, connections, MANNERS), "127.0.0.1", 0
    )
    try:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
            await connection.closed
