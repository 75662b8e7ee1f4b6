"""Both transports over real connections: whatever breaks on the wire leaves the user's money safe."""

import asyncio
import json
import random
import socket
from urllib.parse import urlsplit

import pytest
from fakes.loopback import BODY, http, loopback, over_loopback, poll, saying, submit
from fakes.transport import COMPLETED, KEY, request

from seedvr_cli.gateway import client
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.errors import GatewayError, NetworkError, NotSent, OutcomeUnknown

LOST_ON_THE_WIRE = {
    "closed without an answer": saying(b""),
    "reset without an answer": saying(b"", abort=True),
    "closed within the status line": saying(b"HTTP/1.1 20"),
    "closed within the headers": saying(b"HTTP/1.1 202 Accepted\r\nContent-Le"),
    "closed within the body": saying(http(BODY[:20], Content_Length=len(BODY))),
    "reset within the body": saying(http(BODY[:20], Content_Length=len(BODY)), abort=True),
    "closed within a chunk": saying(http(b"50\r\n" + BODY[:20], Transfer_Encoding="chunked")),
    "closed before the last chunk": saying(http(b"2\r\n{}\r\n", Transfer_Encoding="chunked")),
    "half an answer without a length": saying(http(BODY[:20])),
    "a status line that runs on": saying(b"HTTP/1.1 200FFFF\r\nContent-Length: 2\r\n\r\n{}"),
    "a status line with other bytes": saying(b"HTTP/1.1 202\xefAccepted\r\nContent-Length: 2\r\n\r\n{}"),
    "no HTTP": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no body": saying(http(b"", Content_Length=0)),
    "204": saying(http(b"", "204 No Content")),
}


@pytest.mark.parametrize("then", LOST_ON_THE_WIRE.values(), ids=LOST_ON_THE_WIRE)
def test_an_answer_that_is_lost_on_the_wire_is_unknown(then, wire, capfd):
    """Once the gateway has read a submission, whatever breaks leaves the outcome unknown, and it is sent once."""
    error, heads = over_loopback(then, submit)
    assert capfd.readouterr().err == ""
    assert type(error) is OutcomeUnknown
    assert len(heads) == 1


ANSWERS = [
    http(BODY, Content_Length=len(BODY), ETag='"a"'),
    http(f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200 OK\r\n\r\n" + BODY,
    http(b"", "429 Too Many Requests", Retry_After=1, Content_Length=0),
    http(b"hello", "200 OK", Content_Encoding="gzip", Content_Length=5),
]
STRAY = [
    b"\r\n", b"\0", b":", b"HTTP/1.1 ", b"\xff\xfe", b"x" * 70_000, b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n", b"Transfer-Encoding: gzip\r\n", b"Set-Cookie: " + b"z" * 200_000 + b"\r\n",
    b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"HTTP/1.1 200 OK\r\n",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_wire_brings_was_sent_once(seed, wire, capfd):
    """Any bytes in answer to a submission are an answer, a refusal or an unknown outcome, and nothing is printed."""
    dice = random.Random(seed)
    for _ in range(60):
        content = bytearray(dice.choice(ANSWERS))
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(content) + 1)
            match dice.randrange(4):
                case 0:
                    content[place:place] = dice.choice(STRAY)
                case 1:
                    del content[place : place + dice.randrange(1, 12)]
                case 2:
                    content[place : place + 1] = bytes([dice.randrange(256)])
                case _:
                    del content[place:]
        outcome, heads = over_loopback(saying(bytes(content)), submit)
        assert len(heads) == 1
        assert type(outcome) is not NotSent, content
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("first", [submit, poll])
@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
def test_a_submission_is_not_sent_again_where_a_used_connection_dies(abort, first, wire):
    """A submission where a connection has served before is sent once, too, whatever becomes of the connection."""
    heard = []  # on a connection that has served before

    async def then(reader, writer):
        writer.write(http(BODY, Content_Length=len(BODY)))
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head)
        if abort:
            writer.transport.abort()

    async def twice(client):
        await first(client)
        return await client.submit(request())

    outcome, heads = over_loopback(then, twice)
    assert len(heads) + len(heard) == 2
    assert type(outcome) is OutcomeUnknown if heard else outcome.request_id == "job_1"


@pytest.mark.parametrize("then", LOST_ON_THE_WIRE.values(), ids=LOST_ON_THE_WIRE)
def test_a_poll_that_is_lost_on_the_wire_may_be_asked_again(then, wire):
    """A poll whose answer is lost is a failure of the network or the gateway."""
    error, _ = over_loopback(then, poll)
    assert type(error) in {NetworkError, GatewayError}


def test_a_whole_answer_on_the_wire_is_an_answer(wire):
    """The same server's whole answer is understood: with a length, or two equal ones, in chunks, or to the end."""
    for content in (
        http(BODY, Content_Length=len(BODY)),
        http(f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http(BODY),
        http(BODY, Content_Length=f"{len(BODY)}\r\nContent-Length: {len(BODY)}"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(BODY, "200 OK", Content_Length=len(BODY)),
    ):
        for what in (submit, poll):
            result, heads = over_loopback(saying(content), what)
            assert result.request_id == "job_1"
            assert len(heads) == 1


def test_an_answer_that_never_comes_is_unknown(wire, monkeypatch):
    """A gateway that reads a submission and stays silent leaves its outcome unknown."""
    monkeypatch.setattr(client, "SUBMIT_SECONDS", 0.05)
    monkeypatch.setattr(client, "POLL_SECONDS", 0.05)

    async def then(reader, _writer):
        await reader.read()  # until the other side gives up

    error, heads = over_loopback(then, submit)
    assert type(error) is OutcomeUnknown
    assert "no answer in time" in error.message
    assert len(heads) == 1
    assert type(over_loopback(then, poll)[0]) is NetworkError


def test_a_refused_connection_submitted_nothing(wire):
    """Where nobody listens, nothing was submitted."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"  # bound, but nobody listens

        async def run():
            async with Gateway(base, KEY) as client:
                await client.submit(request())

        with pytest.raises(NotSent, match=base):
            asyncio.run(run())


def test_a_port_without_tls_submitted_nothing(wire):
    """Where the server speaks no TLS, no request was sent."""
    heads = []

    async def handle(reader, writer):
        heads.append(await reader.read(100))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def run():
        async with loopback(handle, "https") as url, Gateway(url, KEY) as client:
            await client.submit(request())

    with pytest.raises(NotSent):
        asyncio.run(run())
    assert KEY.encode() not in b"".join(heads)


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a..invalid", "xn--.invalid"])
def test_a_host_that_cannot_be_is_never_sent_to(host):
    """A gateway whose name no resolver takes is one that could not be reached."""

    async def run():
        async with Gateway(f"https://{host}", KEY) as client:
            await client.submit(request())

    with pytest.raises(NotSent):
        asyncio.run(run())


def test_a_name_that_is_not_known_is_told_without_a_number(wire):
    """What the resolver says of a name that it does not know begins with its words, not with their number."""

    async def run():
        async with Gateway("https://gateway.invalid", KEY) as client:
            await client.submit(request())

    with pytest.raises(NotSent, match=r"^cannot reach https://gateway\.invalid: [A-Z]"):
        asyncio.run(run())


def test_a_connection_is_used_again(wire):
    """Polls of one run share a connection."""
    connections = []

    async def handle(reader, writer):
        connections.append(0)
        body = json.dumps(COMPLETED).encode()
        while await reader.readuntil(b"\r\n\r\n"):
            connections[-1] += 1
            writer.write(http(body, "200 OK", Content_Length=len(body)))

    async def run():
        async with loopback(handle) as url, Gateway(url, KEY) as client:
            for _ in range(5):
                await client.poll("job_1")

    asyncio.run(run())
    assert connections == [5]


def test_this_machine_is_not_asked_through_a_proxy(monkeypatch):
    """A gateway on this machine is reached directly, whatever proxy the environment names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    result, heads = over_loopback(saying(http(BODY, Content_Length=len(BODY))), submit)
    assert result.request_id == "job_1"
    assert urlsplit(heads[0].split(b" ")[1].decode()).scheme == ""
