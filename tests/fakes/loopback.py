"""A stand-in for a server that treats connections as no library would: bytes on loopback, cut where a test says."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

from helpers.waiting import PATIENCE

from fakes.transport import ACCEPTED, KEY, request
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.errors import SeedvrError


@asynccontextmanager
async def loopback(handle, scheme="http"):
    """The address of a server that treats each connection so; all are closed at the end."""
    tasks = set()

    async def treat(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side is gone
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    async with asyncio.timeout(PATIENCE):
        try:
            yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await asyncio.gather(*tasks)


def over_loopback(then, what):
    """What `what(gateway)` comes to where the server reads a request and then does `then`; the requests come second."""
    heads = []

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await reader.readexactly(int(length[0].partition(b":")[2]))
        heads.append(head)
        await then(reader, writer)

    async def run():
        async with loopback(handle) as url, Gateway(url, KEY) as client:
            return await what(client)

    try:
        return asyncio.run(run()), heads
    except SeedvrError as error:
        return error, heads


def submit(client):
    return client.submit(request())


def poll(client):
    return client.poll("job_1")


def saying(content, *, abort=False):
    """Write these bytes, then close, or reset, the connection."""

    async def then(_reader, writer):
        writer.write(content)
        await writer.drain()
        if abort:
            writer.transport.abort()

    return then


def http(body, status="202 Accepted", **headers):
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


BODY = json.dumps(ACCEPTED).encode()
