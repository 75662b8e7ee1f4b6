"""The gateway over HTTP: what each answer means for the user's money, and that the key stays with the gateway."""

import asyncio
import gzip
import json
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli import __version__
from seedvr_cli.gateway import aiohttp_transport as over_aiohttp
from seedvr_cli.gateway import answers, client
from seedvr_cli.gateway.aiohttp_transport import AiohttpTransport
from seedvr_cli.gateway.answers import parse_answer
from seedvr_cli.gateway.client import REDIRECTS, Gateway
from seedvr_cli.values.errors import Busy, NotSent
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.values.catalog import ENDPOINTS, KEY_HEADER, TERMINAL
from seedvr_cli.values.errors import (
    BalanceError,
    DeliveryError,
    GatewayError,
    KeyRefused,
    NetworkError,
    OutcomeUnknown,
    RangeRefused,
    RequestRefused,
    SeedvrError,
)
from seedvr_cli.values.request import Source, build_request
from seedvr_cli.values.urls import is_allowed_url

BASE = "https://gateway.example"
KEY = "k-0123456789abcdef"
URL = "https://example.com/photo.jpg"
MEDIA = "https://cdn.example/v1/output.png"
NOW = datetime(2026, 5, 22, 13, 0, 0, tzinfo=UTC)
ACCEPTED = {"request_id": "job_1", "status": "QUEUED", "polling_url": f"{BASE}/v2/requests/status/job_1"}
COMPLETED = {
    "request_id": "job_1",
    "status": "COMPLETED",
    "model_id": "seedvr2-7b-upscale",
    "error": None,
    "output": {"media_url": [MEDIA], "media_type": "image/png"},
    "created_at": "2026-05-22T13:17:32.110Z",
    "updated_at": "2026-05-22 13:19:23",
    "completed_at": "2026-05-22 13:19:23",
}
DEEP = b"[" * 200_000
# Seconds after which a test that waits for something has failed; none takes anywhere near as long.
PATIENCE = 30


def request(name="7b-image", **options):
    return build_request(ENDPOINTS[name], Source(URL, URL, URL, "photo.jpg"), options)


class Script:
    """A transport that answers one request after the other, and remembers them; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, heard):
        self.requests.append(heard)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(heard) if callable(answer) else answer

    def gateway(self, base=BASE, **more):
        return Gateway(base, KEY, now=lambda: NOW, connect=lambda: HttpxTransport(httpx.MockTransport(self)), **more)


def call(name, *answers, base=BASE, what=None):
    """The result of `submit` or `poll` against a script, or its exception; the script comes second."""
    script = Script(*answers)

    async def run():
        async with script.gateway(base) as client:
            return await (client.submit(what or request()) if name == "submit" else client.poll(what or "job_1"))

    try:
        return asyncio.run(run()), script
    except SeedvrError as error:
        return error, script


def answer(status, body=None, **headers):
    """An HTTP answer; anything but bytes and text goes as JSON."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes | str):
        return httpx.Response(status, content=body, headers=headers)
    return httpx.Response(status, json=body, headers=headers)


def media(status, body=b"", **headers):
    """An answer whose body is a stream, as that of a download is."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers={"Content-Length": str(len(body)), **headers}, stream=httpx.ByteStream(body))


def packed(_):
    """A download that the server compressed against our wish."""
    body = gzip.compress(b"picture")
    return media(200, body, content_encoding="gzip", etag='"abc"')


def refusal(error="Unauthorized", message="Access denied"):
    return {"error": error, "message": message}


HTML = "<html><head><title>502</title><style>p{}</style></head><body><h1>Bad\n Gateway</h1></body></html>"


# What is sent.


def test_a_submission_is_the_documented_request():
    """A submission is one POST of the JSON body to the endpoint's path, with the documented headers."""
    options = {"scale": 4, "format": "jpg", "webhook": "https://example.com/h", "webhook-mode": "sync"}
    result, script = call("submit", answer(202, ACCEPTED), what=request(**options))
    (sent,) = script.requests
    assert (sent.method, str(sent.url)) == ("POST", f"{BASE}/seedvr2-7b-upscale/image-request")
    assert json.loads(sent.content) == {"image_url": URL, "upscale_factor": 4, "output_format": "jpeg"}
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Cache-Control"] == "no-cache"
    assert sent.headers[KEY_HEADER] == KEY
    assert sent.headers["X-Webhook-URL"] == "https://example.com/h"
    assert sent.headers["X-Webhook-Mode"] == "sync"
    assert sent.headers["User-Agent"] == f"seedvr-cli/{__version__}"
    assert (result.request_id, result.status) == ("job_1", "QUEUED")


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_has_its_path(name):
    """A request goes to the path of its endpoint, below the path of the base URL if that has one."""
    for base in (BASE, "https://proxy.example/seedvr"):
        _, script = call("submit", answer(202, ACCEPTED), what=request(name), base=base)
        assert str(script.requests[0].url) == base + ENDPOINTS[name].path


def test_a_poll_is_the_documented_request():
    """A poll is one GET of the status path with the key."""
    result, script = call("poll", answer(200, COMPLETED))
    (sent,) = script.requests
    assert (sent.method, str(sent.url)) == ("GET", f"{BASE}/v2/requests/status/job_1")
    assert sent.headers[KEY_HEADER] == KEY
    assert result.status == "COMPLETED"


# What an answer means.


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_success_with_a_status_is_valid(status):
    """A submission may be answered with any 2xx, queued or completed at once."""
    for body in (ACCEPTED, COMPLETED):
        result, script = call("submit", answer(status, body))
        assert (result.request_id, result.status) == ("job_1", body["status"])
        assert len(script.requests) == 1


def test_a_result_at_once_is_a_result():
    """A synchronous answer carries its media as a data URI, which is kept as it is."""
    body = {**COMPLETED, "output": {"media_url": ["data:image/png;base64,AAAA"], "media_type": "image/png"}}
    result, _ = call("submit", answer(200, body), what=request("3b-image", sync=True))
    assert result.media_url == ("data:image/png;base64,AAAA",)


SUBMITTED = {
    "400": (answer(400, refusal("Model not found", "Model 'x' not found")), RequestRefused),
    "401": (answer(401, refusal()), KeyRefused),
    "402": (answer(402, refusal("Insufficient Balance", "Your wallet does not have enough balance.")), BalanceError),
    "403": (answer(403, refusal("Forbidden")), KeyRefused),
    "404": (answer(404, refusal("Not Found")), RequestRefused),
    "413": (answer(413, HTML), RequestRefused),
    "422": (answer(422, {"detail": "image_url is wrong"}), RequestRefused),
    "429": (answer(429, refusal("Too Many Requests")), Busy),
    "500": (answer(500, refusal("Internal Server Error")), GatewayError),
    "502": (answer(502, HTML), OutcomeUnknown),
    "503 with Retry-After": (answer(503, HTML, retry_after="5"), Busy),
    "503": (answer(503, HTML), OutcomeUnknown),
    "503 with nonsense": (answer(503, HTML, retry_after="soon"), OutcomeUnknown),
    "504": (answer(504, ""), OutcomeUnknown),
    "520": (answer(520, ""), OutcomeUnknown),
    "500 with Retry-After": (answer(500, "", retry_after="5"), GatewayError),
    "502 with Retry-After": (answer(502, "", retry_after="5"), OutcomeUnknown),
}
POLLED = {
    "400": (answer(400, refusal()), RequestRefused),
    "401": (answer(401, refusal()), KeyRefused),
    "402": (answer(402, refusal()), BalanceError),
    "403": (answer(403, refusal()), KeyRefused),
    "404": (answer(404, refusal()), RequestRefused),
    "429": (answer(429, refusal()), Busy),
    "500": (answer(500, refusal()), GatewayError),
    "502": (answer(502, HTML), GatewayError),
    "503 with Retry-After": (answer(503, HTML, retry_after="5"), Busy),
    "503": (answer(503, HTML), GatewayError),
    "504": (answer(504, ""), GatewayError),
}


@pytest.mark.parametrize(("reply", "kind"), SUBMITTED.values(), ids=SUBMITTED)
def test_what_an_answer_to_a_submission_means(reply, kind):
    """Each status has its exception, no answer is followed by another request, and its line names the status."""
    error, script = call("submit", reply)
    assert type(error) is kind
    assert len(script.requests) == 1
    assert f"HTTP {reply.status_code}" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(("reply", "kind"), POLLED.values(), ids=POLLED)
def test_what_an_answer_to_a_poll_means(reply, kind):
    """Each status has its exception, and none of them says that anything was submitted."""
    error, script = call("poll", reply)
    assert type(error) is kind
    assert len(script.requests) == 1
    assert f"HTTP {reply.status_code}" in error.message


def test_a_500_is_not_sent_again():
    """After a 500 the submission's fate is open, and the hint says what that means."""
    error, _ = call("submit", answer(500, refusal()))
    assert "may have been accepted" in error.hint
    assert "--new" in error.hint
    assert error.exit_code == 5


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Fri, 22 May 2026 13:00:30 GMT", 30.0),
        ("Fri, 22 May 2026 12:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_a_429_says_how_long_to_wait(header, wait):
    """Retry-After is honoured as seconds and as a date, of a submission and of a poll."""
    headers = {} if header is None else {"retry_after": header}
    for name in ("submit", "poll"):
        error, _ = call(name, answer(429, refusal(), **headers))
        assert (type(error), error.wait) == (Busy, wait)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer(400, refusal("Model not found", "Model 'x' is disabled")), "Model not found: Model 'x' is disabled"),
        (answer(400, {"error": "Bad Request"}), "Bad Request"),
        (answer(400, {"message": "no"}), "no"),
        (answer(400, {"detail": "no"}), "no"),
        (answer(400, {"error": "no", "message": "no"}), "no"),
        (answer(400, {"error": {"code": 3}}), '{"error":{"code":3}}'),
        (answer(400, ["no"]), '["no"]'),
        (answer(400, "plain\n  text"), "plain text"),
        (answer(400, HTML), "Bad Gateway"),
        (answer(400, "a\x1b[31mb"), "a\x1b[31mb"),
    ],
)
def test_what_a_refusal_says_is_shown_in_one_line(reply, text):
    """The gateway's own words are shown where there are any, as one line, and HTML without its tags."""
    error, _ = call("submit", reply)
    assert error.message == f"the gateway answered HTTP 400: {text}"


def test_a_refusal_that_says_nothing_has_its_status():
    """An empty body leaves the status to speak."""
    assert call("submit", answer(400, b""))[0].message == "the gateway answered HTTP 400"
    assert len(call("submit", answer(400, "x" * 10_000))[0].message) < 400


GARBAGE = {
    "nothing": b"",
    "HTML": HTML.encode(),
    "text": b"accepted",
    "half an answer": json.dumps(ACCEPTED).encode()[:-10],
    "a list": b"[]",
    "a number": b"202",
    "null": b"null",
    "nothing known": b'{"ok": true}',
    "an error": b'{"error": "x", "message": "y"}',
    "no words": b'{"request_id": 5, "status": 5}',
    "no text": b"\xff\xfe\x00\x01",
    "a deep list": DEEP,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("status", [200, 202])
def test_a_success_that_cannot_be_read_is_an_unknown_outcome(body, status):
    """A 2xx without a readable job was accepted perhaps: it is neither sent again nor taken for a refusal."""
    error, script = call("submit", answer(status, body))
    assert type(error) is OutcomeUnknown
    assert len(script.requests) == 1
    assert len(error.message) < 500


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_a_poll_that_cannot_be_read_is_the_gateways_failure(body):
    """A poll's answer without a readable job is a failure of the gateway, to be asked again."""
    error, _ = call("poll", answer(200, body))
    assert type(error) is GatewayError


def test_a_body_that_cannot_be_unpacked_is_an_unknown_outcome():
    """A 2xx whose compressed body is broken is an answer that was lost."""

    def broken(_):
        return httpx.Response(202, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))

    assert type(call("submit", broken)[0]) is OutcomeUnknown
    assert type(call("poll", broken)[0]) is NetworkError


def test_a_submission_without_an_id_is_an_answer():
    """An accepted job without a request id is an answer all the same: what to make of it is for others to say."""
    result, _ = call("submit", answer(202, {"status": "QUEUED"}))
    assert (result.request_id, result.status) == (None, "QUEUED")


# What a failure on the way means.

NOT_SENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout(""),
    httpx.PoolTimeout(""),
    httpx.UnsupportedProtocol("x"),
    httpx.ProxyError("407"),
    httpx.LocalProtocolError("x"),
]
LOST = [
    httpx.ReadTimeout(""),
    httpx.WriteTimeout(""),
    httpx.ReadError("reset"),
    httpx.WriteError("broken pipe"),
    httpx.CloseError("x"),
    httpx.RemoteProtocolError("cut"),
    httpx.DecodingError("x"),
    httpx.TooManyRedirects("x"),
]


@pytest.mark.parametrize("error", NOT_SENT, ids=lambda error: type(error).__name__)
def test_a_connection_that_was_never_made_submitted_nothing(error):
    """Without a connection nothing was submitted, and the error says which gateway could not be reached."""
    result, _ = call("submit", error)
    assert type(result) is NotSent
    assert BASE in result.message
    assert result.__cause__.__cause__ is error


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_whatever_else_breaks_leaves_the_outcome_unknown(error):
    """Once the connection is made any failure may have come after the gateway accepted."""
    result, script = call("submit", error)
    assert type(result) is OutcomeUnknown
    assert len(script.requests) == 1
    assert result.__cause__.__cause__ is error


def test_every_failure_of_the_library_is_foreseen():
    """Each exception that a request of httpx may raise is in one of the two lists above."""
    leaves, kinds = set(), [httpx.TransportError, httpx.DecodingError, httpx.TooManyRedirects]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if not kind.__subclasses__():
            leaves.add(kind)
    assert leaves == {type(error) for error in NOT_SENT + LOST}


@pytest.mark.parametrize("error", NOT_SENT + LOST, ids=lambda error: type(error).__name__)
def test_a_poll_that_fails_is_the_networks_failure(error):
    """A poll that fails on its way costs nothing, whatever the reason."""
    result, _ = call("poll", error)
    assert type(result) is NetworkError


# The same over real connections.


@pytest.fixture(params=[HttpxTransport, AiohttpTransport])
def wire(request, monkeypatch):
    """What carries requests over real connections: httpx, or aiohttp for large batches."""
    monkeypatch.setitem(Gateway.__init__.__kwdefaults__, "connect", request.param)


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
    "no HTTP": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no body": saying(http(b"", Content_Length=0)),
    "204": saying(http(b"", "204 No Content")),
}


@pytest.mark.parametrize("then", LOST_ON_THE_WIRE.values(), ids=LOST_ON_THE_WIRE)
def test_an_answer_that_is_lost_on_the_wire_is_unknown(then, wire):
    """Once the gateway has read a submission, whatever breaks leaves the outcome unknown, and it is sent once."""
    error, heads = over_loopback(then, submit)
    assert type(error) is OutcomeUnknown
    assert len(heads) == 1


@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
def test_a_used_connection_that_dies_under_a_submission_leaves_it_unknown(abort, wire):
    """A submission on a connection that has served before is sent once, too, whatever becomes of the connection."""
    heard = []

    async def then(reader, writer):
        writer.write(http(BODY, Content_Length=len(BODY)))
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head)
        if abort:
            writer.transport.abort()

    async def twice(client):
        await client.submit(request())
        return await client.submit(request())

    error, heads = over_loopback(then, twice)
    assert type(error) is OutcomeUnknown
    assert (len(heads), len(heard)) == (1, 1)


@pytest.mark.parametrize("then", LOST_ON_THE_WIRE.values(), ids=LOST_ON_THE_WIRE)
def test_a_poll_that_is_lost_on_the_wire_may_be_asked_again(then, wire):
    """A poll whose answer is lost is a failure of the network or the gateway."""
    error, _ = over_loopback(then, poll)
    assert type(error) in {NetworkError, GatewayError}


def test_a_whole_answer_on_the_wire_is_an_answer(wire):
    """The same server's whole answer is understood, with a length, in chunks, or to the end of the connection."""
    for content in (
        http(BODY, Content_Length=len(BODY)),
        http(f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http(BODY),
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


# Where the key goes.


def holders(script):
    """The origins that got the key."""
    return {f"{one.url.scheme}://{one.url.netloc.decode()}" for one in script.requests if KEY in str(one.headers.raw)}


async def read_all(client, url=MEDIA, offset=0, etag=None):
    async with client.fetch(url, offset, etag) as stream:
        return stream, b"".join([chunk async for chunk in stream.chunks])


def fetched(*answers, url=MEDIA, offset=0, etag=None, base=BASE):
    """A stream's facts and its bytes, or the exception; the script comes second."""
    script = Script(*answers)

    async def run():
        async with script.gateway(base) as client:
            return await read_all(client, url, offset, etag)

    try:
        return asyncio.run(run()), script
    except SeedvrError as error:
        return error, script


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place", ["https://elsewhere.example/", "http://gateway.example/", "/login", "//elsewhere.example"]
)
@pytest.mark.parametrize("name", ["submit", "poll"])
def test_the_key_follows_no_redirect(name, place, status):
    """A gateway that redirects is not followed, wherever to; a POST may have been done before it says so."""
    error, script = call(name, answer(status, "", location=place))
    assert type(error) is (OutcomeUnknown if name == "submit" and status in {301, 302, 303} else RequestRefused)
    assert "redirects" in error.message
    assert [one.url.host for one in script.requests] == ["gateway.example"]


def test_the_key_does_not_go_to_media():
    """Media are fetched without the key, from the CDN and from the gateway's own address."""
    for url in (MEDIA, f"{BASE}/files/output.png"):
        (_, body), script = fetched(media(200, b"picture"), url=url)
        assert body == b"picture"
        assert holders(script) == set()
        assert KEY_HEADER not in script.requests[0].headers


def test_the_key_does_not_go_where_media_redirect_to():
    """A media URL may redirect anywhere on https, even to the gateway, and the key goes along to none."""
    hops = [
        media(302, location="https://other.example/a"),
        media(307, location="/b"),
        media(301, location="//third.example/c"),
        media(303, location=f"{BASE}/v2/requests/status/job_1"),
        media(200, b"picture"),
    ]
    (_, body), script = fetched(*hops)
    assert body == b"picture"
    assert [str(one.url) for one in script.requests] == [
        MEDIA,
        "https://other.example/a",
        "https://other.example/b",
        "https://third.example/c",
        f"{BASE}/v2/requests/status/job_1",
    ]
    assert holders(script) == set()


def test_one_client_keeps_the_key_at_home():
    """In one run of submitting, polling and fetching, the key is seen by the gateway's origin alone."""
    script = Script(answer(202, ACCEPTED), answer(200, COMPLETED), media(302, location="https://other.example/x"),
                    media(200, b"picture"))  # fmt: skip

    async def run():
        async with script.gateway() as client:
            await client.submit(request())
            await client.poll("job_1")
            await read_all(client)

    asyncio.run(run())
    assert len(script.requests) == 4
    assert holders(script) == {BASE}


IDS = [
    "../../../elsewhere",
    "..",
    ".",
    "",
    "a/b",
    "a%2Fb",
    "//elsewhere.example/x",
    "https://elsewhere.example/x",
    "\\\\elsewhere.example",
    "@elsewhere.example",
    ":8443",
    "a?b=c",
    "a#b",
    "a b",
    "ä",
    "a\r\nX-Other: 1",
    "\0",
]


@settings(deadline=None)
@given(st.text(max_size=60))
@example("../../../elsewhere")
@example("//elsewhere.example/x")
@example("https://elsewhere.example/x")
def test_no_request_id_leads_elsewhere(request_id):
    """Whatever a request id says, the poll goes to the gateway's own origin."""
    _, script = call("poll", answer(200, COMPLETED), what=request_id or " ")
    assert {(one.url.scheme, one.url.host, one.url.port) for one in script.requests} <= {
        ("https", "gateway.example", None)
    }
    assert holders(script) <= {BASE}


@pytest.mark.parametrize("request_id", [one for one in IDS if one not in {"", ".", ".."}])
def test_a_request_id_is_one_part_of_the_path(request_id):
    """A request id stands in the path as it is, percent-encoded, and adds neither path nor query."""
    _, script = call("poll", answer(200, COMPLETED), what=request_id)
    path, question, query = script.requests[0].url.raw_path.decode().partition("?")
    assert (question, query) == ("", "")
    prefix, _, last = path.rpartition("/")
    assert prefix == "/v2/requests/status"
    assert unquote(last) == request_id


@pytest.mark.parametrize("request_id", ["\udcff", "job_\ud83d"])
def test_a_request_id_that_is_no_unicode_crashes_nothing(request_id):
    """Bytes of a command line that are no text, or half a character, make an id that the gateway does not know."""
    error, script = call("poll", answer(404, refusal()), what=request_id)
    assert type(error) is RequestRefused
    assert holders(script) <= {BASE}


def test_a_polling_url_is_not_asked():
    """The polling_url of an answer is another's word, and polls go to the configured gateway."""
    body = {**ACCEPTED, "polling_url": "https://elsewhere.example/steal"}
    result, script = call("submit", answer(202, body))
    assert "elsewhere" not in repr(result)
    assert holders(script) == {BASE}


def test_no_redirect_on_the_wire_takes_the_key_along(wire):
    """Over a real connection too, the gateway's redirects are not followed, and media get no key."""
    elsewhere = []

    async def steal(reader, writer):
        elsewhere.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(b"picture", "200 OK", Content_Length=7))

    async def run(what):
        async with loopback(steal) as other:
            result, heads = None, []

            async def handle(reader, writer):
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(http(b"", "307 Temporary Redirect", Location=f"{other}/x", Content_Length=0))

            async with loopback(handle) as url, Gateway(url, KEY) as client:
                with suppress(SeedvrError):
                    result = await what(client, url)
            return result, heads

    for what in (lambda client, _: submit(client), lambda client, _: poll(client)):
        result, heads = asyncio.run(run(what))
        assert result is None
        assert KEY.encode() in heads[0]
        assert elsewhere == []
    (_, body), heads = asyncio.run(run(lambda client, url: read_all(client, f"{url}/output.png", 3, '"a"')))
    assert body == b"picture"
    for head in (*heads, *elsewhere):
        assert KEY.encode() not in head
        assert b"range: bytes=3-\r\n" in head.lower()
        assert b'if-range: "a"\r\n' in head.lower()
    assert len(elsewhere) == 1


ECHOES = {
    "refusal": {"error": f"Key {KEY} is wrong", "message": f"no {KEY}"},
    "unknown form": {"errors": [f"{KEY}"]},
    "HTML": f"<html><body>{KEY_HEADER}: {KEY}</body></html>",
    "text": f"bad key {KEY}",
    "at the end of the excerpt": "x" * (answers.LONGEST_MESSAGE - 9) + KEY,
    "twice": f"{KEY}{KEY}",
}


@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 402, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize("name", ["submit", "poll"])
def test_an_answer_that_echoes_the_key_does_not_show_it(name, status):
    """An error body that repeats the key is shown without it, and without a part of it."""
    telling = []
    for echo, body in ECHOES.items():
        error, _ = call(name, answer(status, body))
        assert isinstance(error, SeedvrError)
        if KEY[:8] in f"{error} {error.hint}":
            telling.append(echo)
    assert telling == []


def test_a_job_that_echoes_the_key_does_not_show_it():
    """A job's own error is shown and recorded without the key, too."""
    body = {"request_id": "job_1", "status": "ERROR", "error": f"upstream refused {KEY}", "output": None}
    assert KEY not in repr(call("poll", answer(200, body))[0].error)
    assert KEY not in repr(call("submit", answer(200, body))[0].error)


def test_what_is_told_of_an_exchange_has_no_key():
    """The verbose lines name method, address and status, and nothing of the headers."""
    lines = []
    script = Script(answer(202, ACCEPTED), media(200, b"picture"))

    async def run():
        async with script.gateway(observe=lines.append) as client:
            await client.submit(request(webhook="https://example.com/h"))
            await read_all(client)

    asyncio.run(run())
    assert lines == [f"POST {BASE}/seedvr2-7b-upscale/image-request -> HTTP 202", f"GET {MEDIA} -> HTTP 200"]


def test_cookies_of_media_stay_where_they_were_set():
    """A cookie that the CDN sets is not sent to another host."""
    script = Script(media(302, location="https://other.example/x", set_cookie="a=b; Path=/"), media(200, b"x"))

    async def run():
        async with script.gateway() as client:
            await read_all(client)

    asyncio.run(run())
    assert "Cookie" not in script.requests[1].headers


# Media.


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/output.png",
        "http://127.0.0.1.example/output.png",
        "ftp://cdn.example/output.png",
        "file:///etc/passwd",
        "//cdn.example/output.png",
        "output.png",
        "javascript:alert(1)",
        "https://",
        "https://cdn.example/a b",
        "https://cdn.example/\r\nX: 1",
        "https://[::1",
        "",
    ],
)
def test_media_elsewhere_than_https_are_refused(url):
    """A media URL, or a redirect of one, that is neither https nor local is refused before a request is sent."""
    error, script = fetched(media(200, b"x"), url=url)
    assert type(error) is DeliveryError
    assert script.requests == []


@pytest.mark.parametrize(
    "place", ["http://elsewhere.example/x", "http://cdn.example/v1/output.png", "ftp://x/", "file:///etc/passwd"]
)
def test_media_do_not_redirect_to_plain_http(place):
    """A redirect of a media URL to plain http elsewhere, or to another scheme, is refused and not asked."""
    error, script = fetched(media(302, location=place), media(200, b"x"))
    assert type(error) is DeliveryError
    assert [str(one.url) for one in script.requests] == [MEDIA]


@pytest.mark.parametrize(
    "place", ["http://[", "https://[::1", "https://exa mple/", "https://a:b:c/", "http://\ud7ff..", "https://xn--/"]
)
def test_a_redirect_to_nonsense_crashes_nothing(place):
    """A redirect that is no URL is a failure of the delivery or the network."""
    error, _ = fetched(
        lambda _: httpx.Response(302, headers=[(b"Location", place.encode())], stream=httpx.ByteStream(b""))
    )
    assert isinstance(error, DeliveryError | NetworkError)


@pytest.mark.parametrize("place", ["http://[", "https://[::1", "https://exa mple/", "https://xn--/", "https://a:b:c/"])
def test_a_submission_that_is_answered_with_nonsense_was_sent(place):
    """A redirect that is no URL is an answer all the same: the submission was sent, and is not sent again."""
    error, script = call("submit", lambda _: httpx.Response(307, headers=[(b"Location", place.encode())]))
    assert type(error) in {RequestRefused, OutcomeUnknown}
    assert len(script.requests) == 1
    error, _ = call("poll", lambda _: httpx.Response(307, headers=[(b"Location", place.encode())]))
    assert type(error) in {RequestRefused, NetworkError, GatewayError}


def test_redirects_end():
    """A media URL that redirects for ever is given up."""
    error, script = fetched(media(302, location="/again"))
    assert type(error) is DeliveryError
    assert len(script.requests) == REDIRECTS + 1


def test_a_body_is_streamed_with_its_facts():
    """A media URL's body comes with its length and its strong ETag."""
    (stream, body), script = fetched(media(200, b"picture", etag='"abc"'))
    assert (stream.offset, stream.total, stream.etag, body) == (0, 7, '"abc"', b"picture")
    sent = script.requests[0].headers
    assert "Range" not in sent
    assert "If-Range" not in sent
    assert sent["Accept-Encoding"] == "identity"


def test_a_rest_is_asked_for_by_range():
    """From an offset on, a range is asked for, on the condition that the ETag still holds."""
    reply = media(206, b"ture", content_range="bytes 3-6/7", etag='"abc"')
    (stream, body), script = fetched(reply, offset=3, etag='"abc"')
    assert (stream.offset, stream.total, body) == (3, 7, b"ture")
    assert script.requests[0].headers["Range"] == "bytes=3-"
    assert script.requests[0].headers["If-Range"] == '"abc"'


def test_a_range_goes_along_with_redirects():
    """The range and its condition are sent to where a media URL redirects to."""
    hops = [media(302, location="https://other.example/x"), media(206, b"ture", content_range="bytes 3-6/7")]
    _, script = fetched(*hops, offset=3, etag='"abc"')
    assert [(one.headers["Range"], one.headers["If-Range"]) for one in script.requests] == [("bytes=3-", '"abc"')] * 2


def test_a_whole_body_in_place_of_a_rest_begins_at_zero():
    """A server that knows no ranges, or has another file by now, sends the whole, which says so."""
    (stream, body), _ = fetched(media(200, b"picture", etag='"new"'), offset=3, etag='"abc"')
    assert (stream.offset, stream.total, stream.etag, body) == (0, 7, '"new"', b"picture")


@pytest.mark.parametrize(
    "content_range", ["bytes 0-6/7", "bytes 2-6/7", "bytes 4-6/7", "bytes */7", "items 3-6/7", "", "bytes x-y/z"]
)
def test_another_range_than_asked_for_is_refused(content_range):
    """A server that answers with another part of the file is not believed."""
    error, _ = fetched(media(206, b"ture", content_range=content_range), offset=3, etag='"abc"')
    assert type(error) is DeliveryError


@pytest.mark.parametrize("content_range", ["bytes 3-6/*", "bytes 3-6"])
def test_a_range_without_a_total_has_that_of_its_length(content_range):
    """Where a range does not tell the file's length, its own length and beginning do."""
    (stream, _), _ = fetched(media(206, b"ture", content_range=content_range), offset=3)
    assert (stream.offset, stream.total) == (3, 7)


@pytest.mark.parametrize("etag", ['W/"abc"', ""])
def test_a_weak_etag_is_none(etag):
    """A weak ETag does not say that the bytes are the same, and so is no ground to resume on."""
    assert fetched(media(200, b"picture", etag=etag))[0][0].etag is None


def test_a_packed_body_is_unpacked():
    """A body that the server compressed against our wish is unpacked, and its length is not that of the file."""
    (stream, body), _ = fetched(packed)
    assert (stream.total, body) == (None, b"picture")


def test_a_packed_body_cannot_be_resumed():
    """The ETag of a compressed body is none, as the bytes that we count are not those that a range would count."""
    assert fetched(packed)[0][0].etag is None


def test_a_packed_body_on_the_wire_is_unpacked_once(wire):
    """Over a real connection a compressed body comes out as it was before."""
    content = gzip.compress(b"picture" * 100)
    then = saying(http(content, "200 OK", Content_Length=len(content), Content_Encoding="gzip"))
    (_, body), _ = over_loopback(then, lambda client: read_all(client, f"{client._base_url}/output.png"))
    assert body == b"picture" * 100


@pytest.mark.parametrize(
    "target",
    [
        "/v1/output.png?X-Amz-Credential=a%2F20260522%2Fauto&X-Amz-Signature=0f",
        "/v1/output.png?token=a%2Bb%3D%3D&x=%20",
        "/v1/a%2Fb%20c.png",
        "/v1/%7Euser/a+b.png",
        "/v1/output.png?",
        "/v1/a;b=c/(d)/e,f.png?a=b&a=c&d",
    ],
)
def test_a_signed_url_is_asked_for_as_it_is(target, wire):
    """A media URL is asked for letter by letter, or a signature in it would not hold."""
    then = saying(http(b"picture", "200 OK", Content_Length=7))
    _, heads = over_loopback(then, lambda client: read_all(client, client._base_url + target))
    assert heads[0].split(b" ")[1].decode().rstrip("?") == target.rstrip("?")


@given(st.from_regex(over_aiohttp._PLAIN, fullmatch=True).filter(is_allowed_url))
@example("http://127.0.0.1:80/a?b")
@example("https://cdn.example/a//b/%2F?c=%25&d=e?f/../g")
@example("https://cdn.example/../a")
def test_both_transports_ask_for_the_same(url):
    """What is asked for without a closer look is what httpx, which looks, would ask for."""
    ours, closely = over_aiohttp._address(url), httpx.URL(url)
    assert ours.raw_path_qs == closely.raw_path.decode().removesuffix("?")  # an empty query is as good as none
    assert (ours.host, ours.port) == (closely.host, closely.port if closely.port is not None else ours.port)


@pytest.mark.parametrize(("status", "kind"), [(416, RangeRefused), (408, NetworkError), (425, NetworkError),
                                              (429, NetworkError), (500, NetworkError), (503, NetworkError),
                                              (403, DeliveryError), (404, DeliveryError), (410, DeliveryError),
                                              (204, DeliveryError), (304, DeliveryError)])  # fmt: skip
def test_what_a_media_servers_answer_means(status, kind):
    """A busy media server is asked again, one that has not got the file is not."""
    error, _ = fetched(media(status), offset=3)
    assert type(error) is kind


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.ReadTimeout("")])
def test_a_download_that_breaks_may_be_taken_up_again(error):
    """A connection to the media server that breaks is the network's failure."""
    assert type(fetched(error)[0]) is NetworkError


def test_a_body_that_breaks_off_gives_what_came(wire):
    """A body cut on the wire gives its first bytes, and then a failure of the network."""
    got = []

    async def run(client):
        url = f"{client._base_url}/output.png"
        async with client.fetch(url) as stream:
            got.append(stream.total)
            async for chunk in stream.chunks:
                got.append(chunk)  # noqa: PERF401 - what came before the break counts

    error, heads = over_loopback(saying(http(b"picture", "200 OK", Content_Length=1000)), run)
    assert type(error) is NetworkError
    assert got == [1000, b"picture"]
    assert KEY.encode() not in heads[0]


@pytest.mark.parametrize("missing", [0, 1, 1 << 22])
def test_a_long_body_comes_whole_or_is_known_to_be_cut(missing, wire):
    """Most of a long body is read another way than a short one; it is whole, or a failure that says something."""
    content = bytes(range(256)) * (1 << 16)  # 16 MiB
    got = []

    async def run(client):
        async with client.fetch(f"{client._base_url}/output.png") as stream:
            async for chunk in stream.chunks:
                got.append(chunk)  # noqa: PERF401 - what came before the break counts

    sent = content[: len(content) - missing]
    error, _ = over_loopback(saying(http(sent, "200 OK", Content_Length=len(content))), run)
    assert b"".join(got) == sent
    assert (error is None) == (missing == 0)
    if missing:
        assert type(error) is NetworkError
        assert error.message.removeprefix("the download broke: ")


@pytest.mark.parametrize("error", [OSError(28, "No space"), TimeoutError("No space"), ValueError("No space")])
def test_an_error_of_the_reader_stays_his_own(error, wire):
    """What goes wrong with the bytes that came is not taken for a failure of the network."""

    async def run(client):
        async with client.fetch(f"{client._base_url}/output.png") as stream:
            async for _ in stream.chunks:
                raise error

    with pytest.raises(type(error), match="No space"):
        over_loopback(saying(http(b"picture", "200 OK", Content_Length=7)), run)


# Answers.


def test_an_answer_has_all_its_fields():
    """A documented answer is understood whole, both timestamps as UTC."""
    parsed = parse_answer(COMPLETED)
    assert (parsed.request_id, parsed.status, parsed.media_url, parsed.media_type, parsed.error) == (
        "job_1",
        "COMPLETED",
        (MEDIA,),
        "image/png",
        None,
    )
    assert parsed.created_at == datetime(2026, 5, 22, 13, 17, 32, 110_000, tzinfo=UTC)
    assert parsed.completed_at == datetime(2026, 5, 22, 13, 19, 23, tzinfo=UTC)
    assert parsed.extra == {}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("WARMING_UP", "WARMING_UP"),
        ("completed", "COMPLETED"),
        (" Error ", "ERROR"),
        ("CANCELLED", "CANCELLED"),
        ("", ""),
    ],
)
def test_an_unknown_word_is_kept_and_still_running(word, status):
    """A status that the reference does not know is kept as text; only the three known ends are ends."""
    parsed = parse_answer({**COMPLETED, "status": word})
    assert parsed.status == status
    assert (parsed.status in TERMINAL) == (status in {"COMPLETED", "FAILED", "ERROR"})


@pytest.mark.parametrize("status", [None, 5, {}, ["COMPLETED"]])
def test_a_missing_word_is_a_job_that_waits(status):
    """An answer with a request id and no status is a job that was accepted."""
    assert parse_answer({"request_id": "job_1", "status": status}).status == "QUEUED"
    assert parse_answer({"request_id": "job_1"}).status == "QUEUED"


@pytest.mark.parametrize(
    ("output", "urls"),
    [
        ({"media_url": MEDIA}, (MEDIA,)),
        ({"media_url": [MEDIA, MEDIA + "?2"]}, (MEDIA, MEDIA + "?2")),
        ({"media_url": [MEDIA, None, 5, {"url": "x"}]}, (MEDIA,)),
        ({"media_url": []}, ()),
        ({"media_url": None}, ()),
        ({"media_url": {"url": MEDIA}}, ()),
        ({}, ()),
        (None, ()),
        ([MEDIA], ()),
        (MEDIA, ()),
    ],
)
def test_media_urls_come_in_several_forms(output, urls):
    """media_url may be a list or one URL; what is no text in it is left out."""
    assert parse_answer({**COMPLETED, "output": output}).media_url == urls


@pytest.mark.parametrize(
    ("error", "text"),
    [(None, None), ("no", "no"), ({"code": 3}, '{"code": 3}'), (["a"], '["a"]'), (False, "false"), (5, "5")],
)
def test_an_error_is_text_or_none(error, text):
    """A job's error may be missing, text, or JSON, which is kept as text."""
    assert parse_answer({**COMPLETED, "error": error}).error == text
    assert parse_answer({"request_id": "job_1", "status": "FAILED"}).error is None


def test_extra_fields_pass_through():
    """Fields that the reference does not know are kept as they are, those of the output apart."""
    body = {**COMPLETED, "eta": 5, "nested": {"a": [1]}}
    body["output"] = {**COMPLETED["output"], "width": 640}
    assert parse_answer(body).extra == {"eta": 5, "nested": {"a": [1]}, "output": {"width": 640}}


@pytest.mark.parametrize(
    "body", [None, True, 5, "text", [], [COMPLETED], {}, {"status": 5}, {"request_id": 5}, {"error": "x"}]
)
def test_what_is_no_job_is_none(body):
    """JSON that is not about a job is no answer."""
    assert parse_answer(body) is None


TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*COMPLETED, "polling_url", "other"]), ANY_JSON))
def test_no_answer_crashes_the_reading(body):
    """Whatever JSON the gateway sends, it is read or not, and what is read has the types that it should have."""
    parsed = parse_answer(body)
    if parsed is not None:
        assert isinstance(parsed.status, str)
        assert parsed.request_id is None or isinstance(parsed.request_id, str)
        assert parsed.error is None or isinstance(parsed.error, str)
        assert parsed.media_type is None or isinstance(parsed.media_type, str)
        assert all(isinstance(url, str) for url in parsed.media_url)


@pytest.mark.parametrize("field", ["request_id", "status", "error", "media_type", "media_url"])
def test_what_is_read_can_be_recorded(field):
    """Half a character, as JSON may carry it, is no text that could be written down, and is replaced."""
    cut = json.loads('"cut \\ud83d"')
    body = json.loads(json.dumps(COMPLETED))
    if field in body:
        body[field] = cut
    else:
        body["output"][field] = [cut] if field == "media_url" else cut
    parsed = parse_answer(body)
    texts = [parsed.request_id, parsed.status, parsed.error, parsed.media_type, *parsed.media_url]
    for text in texts:
        assert text is None or text.encode("utf-8")


# Connections.


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
