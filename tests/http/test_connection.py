"""HTTP as the sandbox speaks it: ranges, heads, bodies of any size, and requests that cannot be read."""

import asyncio
import base64
import json
import os
import re
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers.sandbox_client import EXAMPLE, SUBMIT, finished, media_url, picture, raw, run, sandbox, submit
from helpers.waiting import PATIENCE
from PIL import Image

from seedvr_cli.http import connection
from seedvr_cli.http.connection import Connection, FilePart, Response
from seedvr_cli.sandbox import server as sandbox_server
from seedvr_cli.sandbox.server import MANNERS
from seedvr_cli.sandbox.store import JobStore


def test_ranges(tmp_path):
    """One range is answered 206, a range with another file's tag 200 with the whole, one behind the end 416."""

    async def main():
        async with sandbox(tmp_path) as client:
            url = await media_url(client)
            whole = await client.get(url)
            content, etag, size = whole.content, whole.headers["ETag"], len(whole.content)
            assert whole.headers["Accept-Ranges"] == "bytes"

            part = await client.get(url, headers={"Range": "bytes=10-"})
            assert (part.status_code, part.content) == (206, content[10:])
            assert part.headers["Content-Range"] == f"bytes 10-{size - 1}/{size}"
            part = await client.get(url, headers={"Range": "bytes=-5"})
            assert (part.status_code, part.content) == (206, content[-5:])

            same = await client.get(url, headers={"Range": "bytes=10-", "If-Range": etag})
            assert (same.status_code, same.content) == (206, content[10:])
            other = await client.get(url, headers={"Range": "bytes=10-", "If-Range": '"other"'})
            assert (other.status_code, other.content) == (200, content)

            beyond = await client.get(url, headers={"Range": f"bytes={size}-"})
            assert (beyond.status_code, beyond.content) == (416, b"")
            assert beyond.headers["Content-Range"] == f"bytes */{size}"

    run(main())


def test_head(tmp_path):
    """HEAD is answered as GET is, without the body, and the connection goes on."""

    async def main():
        async with sandbox(tmp_path) as client:
            url = await media_url(client)
            for _ in range(2):
                head, whole = await client.head(url), await client.get(url)
                assert head.content == b""
                assert head.headers == whole.headers
            assert (await client.head("/sandbox/accepted")).status_code == 200

    run(main())


def test_a_large_file_is_streamed(tmp_path):
    """A file of many chunks arrives whole, over a connection that is used again."""

    async def main():
        content = bytes(range(256)) * 4096 * 9
        async with sandbox(tmp_path) as client:
            request_id = await submit(client)
            store = JobStore(str(tmp_path))
            job = store[request_id]
            job.instant, job.file = False, "output.png"
            folder = Path(store.media_folder(request_id))
            folder.mkdir()
            (folder / "output.png").write_bytes(content)
            store[request_id] = job
        async with sandbox(tmp_path) as client:
            url = (await finished(client, request_id))["output"]["media_url"][0]
            for start in (0, 1_000_000):
                answer = await client.get(url, headers={"Range": f"bytes={start}-"})
                assert answer.content == content[start:]
            gone = await client.send(client.build_request("GET", url), stream=True)
            await gone.aclose()
            assert (await client.get(url)).content == content

    run(main())


def test_pipelining(tmp_path):
    """Requests that are sent without waiting are answered in their order."""

    async def main():
        async with sandbox(tmp_path, latency=0.05) as client:
            body = json.dumps({"image_url": EXAMPLE, "sync_mode": True})
            held = f"POST {SUBMIT['3b-image']} HTTP/1.1\r\nHost: localhost\r\nOcp-Apim-Subscription-Key: k\r\n"
            held += f"Content-Length: {len(body)}\r\n\r\n{body}"
            quick = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
            last = "GET /sandbox/accepted HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            answers = await raw(client, (quick + held + quick + quick + last).encode())
            assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"404", b"200", b"404", b"404", b"200"]

    run(main())


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (MANNERS.largest_body + 1), b"413"),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (MANNERS.largest_body + 1), b"413"),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"400"),
    ],
)
def test_requests_that_cannot_be_read(tmp_path, content, status):
    """A malformed or too large request is answered with the status for it, and the connection closed."""

    async def main():
        async with sandbox(tmp_path) as client:
            answer = await raw(client, content)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert b"Connection: close" in answer
            assert answer.endswith(b"\r\n\r\n") == content.startswith(b"HEAD")

    run(main())


def test_a_body_that_becomes_too_large(tmp_path):
    """A body without a length is refused when it passes the limit, and its client gets to read that."""

    async def main():
        async def endless():
            for _ in range(MANNERS.largest_body // 1_000_000 + 9):
                yield b" " * 1_000_000

        async with sandbox(tmp_path) as client:
            assert (await client.post(SUBMIT["7b-image"], content=endless())).status_code == 413

    run(main())


def test_a_large_body_is_taken(tmp_path):
    """A source of megabytes, as a data: URI, is taken, counted by its digest and still polled quickly."""

    async def main():
        Image.effect_noise((1200, 1200), 90).save(tmp_path / "a.png")
        content = (tmp_path / "a.png").read_bytes()
        uri = "data:image/png;base64," + base64.b64encode(content).decode()
        assert len(uri) > 1_000_000
        async with sandbox(tmp_path / "s", instant=False) as client:
            assert await media_url(client, image_url=uri, upscale_factor=1)
            (source,) = (await client.get("/sandbox/accepted")).json()["by_source"]
            assert len(source) < 100
        assert all(path.stat().st_size < 10_000 for path in (tmp_path / "s" / "jobs").iterdir())

    run(main())


def test_expect_continue(tmp_path):
    """A client that asks first whether to send its body is told to go on."""

    async def main():
        async with sandbox(tmp_path) as client:
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(b"POST /x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 100")
            await reader.readline()
            writer.write(b"{}")
            assert (await reader.readline()).startswith(b"HTTP/1.1 401")
            writer.close()
            await writer.wait_closed()

    run(main())


@pytest.mark.parametrize("begun", [b"", b"GET /sandbox/acc", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n"])
def test_a_request_that_never_ends_is_timed_out(tmp_path, monkeypatch, begun):
    """A client that connects and says nothing, or not all of it, is let go after a while."""
    monkeypatch.setattr(sandbox_server, "MANNERS", replace(MANNERS, request_seconds=0.05))

    async def main():
        async with sandbox(tmp_path) as client:
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(begun)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    run(main())


def test_a_client_that_waits_for_its_answer_is_not_timed_out():
    """However long an answer takes, its client is not let go; between two requests it is."""
    impatient = replace(MANNERS, request_seconds=0.0)

    async def main():
        waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        async def answer():
            return await waiting

        class Wire(asyncio.Transport):
            aborted = False

            def set_write_buffer_limits(self, high=None, low=None):
                pass

            def is_closing(self):
                return False

            def write(self, data):
                pass

            def resume_reading(self):
                pass

            def abort(self):
                self.aborted = True

        wire, client = Wire(), Connection(lambda _: answer(), set(), impatient)
        client.connection_made(wire)
        client.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client._watch.cancel()
        client._close_if_idle()
        assert not wire.aborted
        client._watch.cancel()
        waiting.set_result(Response(200))
        await client._task
        client._close_if_idle()
        assert wire.aborted
        client.connection_lost(None)

    run(main())


def test_a_client_that_takes_nothing_is_timed_out(tmp_path, monkeypatch):
    """A client that asks for a large file and reads none of it does not keep the server busy for ever."""
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.05)
    large = tmp_path / "large"
    large.write_bytes(b"")
    os.truncate(large, 1 << 30)

    async def main():
        loop = asyncio.get_running_loop()
        made: asyncio.Future[Connection] = loop.create_future()
        part = Response(200, {}, FilePart(str(large), 0, 1 << 30))

        def make():
            made.set_result(Connection(lambda _: part, set(), MANNERS))
            return made.result()

        server = await loop.create_server(make, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await (await made).closed
        server.close()
        await server.wait_closed()

    run(main())


def test_it_closes_with_clients_connected(tmp_path):
    """The sandbox closes with idle clients, half a request and unfinished jobs, and leaves no task behind."""

    async def main():
        async with sandbox(tmp_path / "s", instant=False, latency=9999) as client:
            headers = {"X-Webhook-URL": "http://127.0.0.1:9/", "X-Webhook-Mode": "terminal"}
            await submit(client, headers=headers, image_url=picture(tmp_path / "a.png"))
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(b"GET /sandbox/acc")
            await asyncio.sleep(0)
        assert await reader.read() == b""
        writer.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_who_says_nothing_makes_room(tmp_path):
    """Where all connections are taken by clients that wait, the oldest of them goes, and a new one is answered."""

    async def main():
        loop, connections = asyncio.get_running_loop(), set()
        few = replace(MANNERS, connections=3)
        server = await loop.create_server(lambda: Connection(lambda _: Response(204), connections, few), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        silent = [await asyncio.open_connection(*address) for _ in range(3)]
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        with suppress(ConnectionError):
            assert await silent[0][0].read() == b""
        for _, other in (*silent, (reader, writer)):
            other.close()
        server.close()

    run(main())


def test_many_at_once_who_say_nothing_make_room_as_well():
    """However many come before the loop turns, no more stay than may be open."""

    async def main():
        connections, few = set(), replace(MANNERS, connections=3)
        made = [Connection(lambda _: Response(204), connections, few) for _ in range(10)]
        for one in made:
            one.connection_made(Mock(spec=asyncio.Transport))
        assert connections == set(made[-3:])
        for one in made:
            assert one._transport.abort.called == (one in made[:-3])
            one._watch.cancel()

    run(main())


def test_who_sends_no_more_gets_its_answer():
    """A client that closes its side behind the request still hears what becomes of it."""

    async def main():
        begun, go = asyncio.Event(), asyncio.Event()

        async def answer():
            begun.set()
            await go.wait()
            return Response(204)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(lambda _: answer(), set(), MANNERS), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        writer.write_eof()
        await begun.wait()
        await asyncio.sleep(0)
        go.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 204")
        writer.close()
        server.close()

    run(main())


def test_a_handshake_that_fails_leaves_nothing():
    """A connection that never comes to be, as its TLS does not, waits for nothing."""

    async def main():
        loop = asyncio.get_running_loop()
        timers = []
        loop.call_later = lambda *timer: timers.append(timer)
        Connection(lambda _: Response(204), set(), MANNERS)
        assert timers == []

    run(main())
