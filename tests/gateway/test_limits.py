"""Limits of what carries requests: connections, sizes, lengths of time, and what can be asked for at all."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from fakes.loopback import BODY, http, loopback, over_loopback, poll, saying, submit
from fakes.transport import KEY, fetched, media, read_all, request
from helpers.waiting import PATIENCE

from seedvr_cli.gateway import client, curl_transport, httpx_transport, transport
from seedvr_cli.gateway import media as media_client
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.curl_transport import CurlTransport
from seedvr_cli.gateway.httpx_transport import LONG_BODY, HttpxTransport
from seedvr_cli.gateway.transport import Unsent
from seedvr_cli.values.errors import DeliveryError, NetworkError, NotSent, OutcomeUnknown

TRANSPORTS = pytest.mark.parametrize("make", [HttpxTransport, CurlTransport])


@asynccontextmanager
async def opened(make):
    """A transport that is closed at the end."""
    transport = make()
    try:
        yield transport
    finally:
        await transport.aclose()


# Connections.


def test_no_more_connections_than_are_allowed(wire, monkeypatch):
    """Requests beyond the limit wait for a connection, and are answered all the same."""
    for module in (curl_transport, httpx_transport):
        monkeypatch.setattr(module, "LARGEST", 2)
    names = [f"job_{number}" for number in range(6)]

    async def run():
        connections, both = [], asyncio.Event()

        async def handle(reader, writer):
            connections.append(writer)
            if len(connections) == 2:
                both.set()
            while head := await reader.readuntil(b"\r\n\r\n"):
                await both.wait()  # who is alone waits for the other one
                name = head.split(b" ")[1].rpartition(b"/")[2].decode()
                body = json.dumps({"request_id": name, "status": "QUEUED"}).encode()
                writer.write(http(body, "200 OK", Content_Length=len(body)))

        async with loopback(handle) as url, Gateway(url, KEY) as gateway:
            answers = await asyncio.gather(*map(gateway.poll, names))
            return [answer.request_id for answer in answers], len(connections)

    assert asyncio.run(run()) == (names, 2)


def test_idle_connections_are_closed(wire, monkeypatch):
    """Connections that nobody uses any more are let go of, and the next request makes a new one."""
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0.01)
    ended = asyncio.Queue()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(b'{"request_id": "job_1", "status": "QUEUED"}', "200 OK", Content_Length=43))
        ended.put_nowait(await reader.read())  # until the other side lets go

    async def run():
        async with loopback(handle) as url, Gateway(url, KEY) as gateway:
            for _ in range(2):
                await gateway.poll("job_1")
                async with asyncio.timeout(PATIENCE):
                    assert await ended.get() == b""

    asyncio.run(run())


def test_connections_are_lent_on_and_on(wire):
    """Many readers, each of whom asks again as soon as its last byte has come, all get their bytes."""
    body = b"picture"

    async def handle(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(http(body, "200 OK", Content_Length=len(body)))

    async def run():
        async with loopback(handle) as url, Gateway(url, KEY) as gateway:

            async def read(count):
                return [(await read_all(gateway, f"{url}/a"))[1] for _ in range(count)]

            return await asyncio.gather(*(read(20) for _ in range(30)))

    assert asyncio.run(run()) == [[body] * 20] * 30


# Sizes.


def test_a_submissions_answer_of_any_size_is_not_read(wire, monkeypatch):
    """An answer that does not end is given up, and as it may have accepted, its outcome is unknown."""
    monkeypatch.setattr(client, "LARGEST_ANSWER", 100)
    content = b" " * 1000 + BODY
    error, heads = over_loopback(saying(http(content, Content_Length=len(content))), submit)
    assert type(error) is OutcomeUnknown
    assert "more than 100 bytes" in error.message
    assert len(heads) == 1


def test_a_polls_answer_of_any_size_is_not_read(wire, monkeypatch):
    """A status that does not end is a failure of the network, and may be asked for again."""
    monkeypatch.setattr(client, "LARGEST_SYNC_ANSWER", 100)
    error, _ = over_loopback(saying(http(b" " * 1000 + BODY, "200 OK")), poll)
    assert type(error) is NetworkError
    assert "more than 100 bytes" in error.message


def test_an_answer_that_carries_the_result_may_be_large(wire, monkeypatch):
    """A synchronous submission has the picture in its answer, and so another limit than others."""
    monkeypatch.setattr(client, "LARGEST_ANSWER", 100)
    content = BODY[:-1] + b', "output": {"media_url": ["data:image/png;base64,%s"]}}' % (b"A" * 4000)
    then = saying(http(content, "200 OK", Content_Length=len(content)))
    result, _ = over_loopback(then, lambda gateway: gateway.submit(request("3b-image", sync=True)))
    assert len(result.media_url[0]) > 4000


def test_a_long_body_waits_for_its_reader(wire, monkeypatch):
    """What nobody takes is not fetched into memory, and a reader that takes its time is no silent server."""
    monkeypatch.setattr(media_client, "MEDIA_SECONDS", 0.5)
    piece, count, sent = bytes(1 << 20), 64, []

    async def then(_reader, writer):
        writer.write(http(b"", "200 OK", Content_Length=len(piece) * count))
        for number in range(count):
            writer.write(piece)
            await writer.drain()
            sent.append(number)

    async def run(gateway):
        async with gateway.media.fetch(f"{gateway._base_url}/output.png") as stream:
            chunks = aiter(stream.chunks)
            size = len(await anext(chunks))
            loop = asyncio.get_running_loop()
            until = loop.time() + 0.7
            while loop.time() < until:  # noqa: ASYNC110 - time has to pass
                await asyncio.sleep(0)
            halfway = len(sent)
            async for chunk in chunks:
                size += len(chunk)
            return halfway, size

    (halfway, size), _ = over_loopback(then, run)
    assert halfway < count // 2
    assert size == len(piece) * count


@TRANSPORTS
def test_a_long_submission_is_sent_at_once(make):
    """No server is asked first whether it wants a long body: what it answered to that would be one answer too many."""
    body, heads = b" " * (2 << 20), []

    async def handle(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(len(body))
        writer.write(http(BODY, Content_Length=len(BODY)))

    async def run():
        async with loopback(handle) as url, opened(make) as carrier:
            return await carrier.exchange("POST", url, {}, body, seconds=PATIENCE, largest=1000)

    assert asyncio.run(run()).content == BODY
    assert b"expect" not in heads[0].lower()


# Lengths of time.


def test_a_submissions_answer_that_drips_ends(wire, monkeypatch):
    """However an answer comes, the whole of it is waited for so long and no longer; its outcome is unknown."""
    monkeypatch.setattr(client, "WHOLE_ANSWER", 0.05 / client.SUBMIT_SECONDS)

    async def then(reader, writer):
        writer.write(http(BODY[:10], Content_Length=len(BODY)))
        await reader.read()  # until the other side gives up

    error, heads = over_loopback(then, submit)
    assert type(error) is OutcomeUnknown
    assert error.message == "the gateway's answer to the submission was lost: no answer in time"
    assert len(heads) == 1


def test_a_poll_takes_no_longer_than_it_may(wire):
    """A poll that is given less time than usual ends then, and says how long that was."""

    async def then(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await reader.read()

    error, _ = over_loopback(then, lambda gateway: gateway.poll("job_1", seconds=0.05))
    assert type(error) is NetworkError
    assert any(words in error.message for words in ("no whole answer in 0.05 seconds", "no answer in time"))


def test_a_server_that_is_silent_where_tls_begins_submitted_nothing(wire, monkeypatch):
    """A connection counts from when it is safe: a server that takes it and says nothing was sent nothing."""
    for module in (curl_transport, httpx_transport):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.05)
    heard = []

    async def handle(reader, _writer):
        heard.append(await reader.read())

    async def run():
        async with loopback(handle, "https") as url, Gateway(url, KEY) as gateway:
            await gateway.submit(request())

    with pytest.raises(NotSent, match="no connection in time"):
        asyncio.run(run())
    assert KEY.encode() not in b"".join(heard)


def test_a_long_body_that_falls_silent_is_taken_up_again(wire, monkeypatch):
    """In the middle of a long body too, silence is a failure of the network, and the bytes that came are kept."""
    monkeypatch.setattr(media_client, "MEDIA_SECONDS", 0.2)
    sent = bytes(range(256)) * 4096

    async def then(reader, writer):
        writer.write(http(sent, "200 OK", Content_Length=len(sent) + LONG_BODY))
        await reader.read()

    error, got = _broken_off(then)
    assert type(error) is NetworkError
    assert "no answer in time" in error.message
    assert got
    assert sent.startswith(got)


def test_a_long_body_that_is_reset_is_taken_up_again(wire):
    """A connection that is reset in the middle of a long body is a failure of the network that says something."""
    sent = bytes(range(256)) * 4096
    error, got = _broken_off(saying(http(sent, "200 OK", Content_Length=len(sent) + LONG_BODY), abort=True))
    assert type(error) is NetworkError
    assert error.message.removeprefix("the download broke: ")
    assert sent.startswith(got)


def _broken_off(then):
    """The failure of a download from such a server, and the bytes that came before it."""
    got = bytearray()

    async def run(gateway):
        async with gateway.media.fetch(f"{gateway._base_url}/output.png") as stream:
            async for chunk in stream.chunks:
                got.extend(chunk)

    error, _ = over_loopback(then, run)
    return error, bytes(got)


# What can be asked for at all.


@pytest.mark.parametrize("url", ["https://[::1", "https://a:port/", "https:///a.png"])
@TRANSPORTS
def test_what_is_no_address_is_never_sent(url, make):
    """A URL without a host or with a port that is none is refused before any connection."""

    async def exchange():
        async with opened(make) as transport:
            await transport.exchange("POST", url, {}, b"{}", seconds=1.0, largest=100)

    async def stream():
        async with opened(make) as transport, transport.open(url, {}, seconds=1.0):
            pytest.fail("nobody can answer that")

    for attempt in (exchange, stream):
        with pytest.raises(Unsent) as caught:
            asyncio.run(attempt())
        assert str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://ä..example/a.png",
        f"https://{'ä' * 64}.example/a.png",
        "https://xn--/a.png",
        "https://cdn.example/" + "a" * 70_000,
    ],
    ids=["empty label", "long label", "no label", "long path"],
)
def test_a_media_url_that_cannot_be_asked_for_is_a_failed_delivery(url):
    """What is no URL to a library, or no host to IDNA, is said in a short line, with the hint that it is paid for."""
    error, script = fetched(media(200, b"x"), url=url)
    assert type(error) is DeliveryError
    assert "cannot be read" in error.message
    assert len(error.message) < 300
    assert "it is paid for" in error.hint
    assert script.requests == []


def test_a_transport_that_was_not_used_is_closed_in_peace():
    """A run that had nothing to ask leaves nothing behind, whatever would have carried its requests."""

    async def run(make):
        async with opened(make):
            pass
        async with Gateway("https://gateway.example", KEY, connect=make):
            pass

    for make in (HttpxTransport, CurlTransport):
        asyncio.run(run(make))


def test_headers_are_found_in_any_case(wire):
    """What a server calls its headers does not matter, and a long cookie in front of them loses nothing."""
    content = b"HTTP/1.1 200 OK\r\nset-cookie: a=" + b"x" * 20_000 + b'\r\neTaG: "abc"\r\ncontent-length: 3\r\n\r\nabc'
    (stream, body), _ = over_loopback(saying(content), lambda gateway: read_all(gateway, f"{gateway._base_url}/a"))
    assert (stream.etag, stream.total, body) == ('"abc"', 3, b"abc")
