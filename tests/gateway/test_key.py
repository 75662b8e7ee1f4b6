"""The key stays with the gateway: no redirect, no id, no echo and no media server gets it."""

import asyncio
from contextlib import suppress
from urllib.parse import unquote

import pytest
from fakes.loopback import http, loopback, over_loopback, poll, saying, submit
from fakes.transport import (
    ACCEPTED,
    BASE,
    COMPLETED,
    KEY,
    MEDIA,
    Script,
    answer,
    call,
    fetched,
    media,
    read_all,
    refusal,
    request,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli.gateway import answers
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.catalog import KEY_HEADER
from seedvr_cli.values.errors import NetworkError, NotFound, OutcomeUnknown, RequestRefused, SeedvrError


def holders(script):
    """The origins that got the key."""
    return {f"{one.url.scheme}://{one.url.netloc.decode()}" for one in script.requests if KEY in str(one.headers.raw)}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place", ["https://elsewhere.example/", "http://gateway.example/", "/login", "//elsewhere.example"]
)
@pytest.mark.parametrize("name", ["submit", "poll"])
def test_the_key_follows_no_redirect(name, place, status):
    """A gateway that redirects is not followed, wherever to; a POST may have been done before it says so."""
    error, script = call(name, answer(status, "", location=place))
    assert type(error) is (OutcomeUnknown if name == "submit" else RequestRefused)
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
    assert type(error) is NotFound
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


def test_headers_that_echo_the_key_do_not_show_it():
    """The key is hidden where media redirect to it, where an ETag has it, and in what is told of that."""
    lines = []
    script = Script(media(302, location=f"/{KEY}/a.png"), media(200, b"picture", etag=f'"{KEY}"'))

    async def run():
        async with script.gateway(observe=lines.append) as client:
            return (await read_all(client))[0].etag

    assert asyncio.run(run()) == '"***"'
    assert lines == [f"GET {MEDIA} -> HTTP 302", "GET https://cdn.example/***/a.png -> HTTP 200"]
    for place in (f"http://elsewhere.example/{KEY}", f"https://[{KEY}"):
        error, _ = fetched(media(302, location=place))
        assert KEY not in f"{error} {error.hint}"


@pytest.mark.parametrize("name", ["submit", "poll"])
def test_no_http_that_echoes_the_key_shows_it(wire, name):
    """What a library says of an answer that is no HTTP quotes it, without the key."""
    error, _ = over_loopback(saying(f"{KEY}: no HTTP\r\n\r\n".encode()), {"submit": submit, "poll": poll}[name])
    assert isinstance(error, OutcomeUnknown | NetworkError)
    assert KEY not in error.message


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
