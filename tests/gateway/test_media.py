"""Media: which URLs are asked, how a body and its rest come, and what breaks on the way."""

import asyncio
import gzip

import httpx
import pytest
from fakes.loopback import http, over_loopback, saying
from fakes.transport import KEY, MEDIA, call, fetched, media, read_all

from seedvr_cli.gateway.answers import read_number
from seedvr_cli.gateway.encoding import PIECE, unpacked
from seedvr_cli.gateway.media import REDIRECTS
from seedvr_cli.values.errors import (
    DeliveryError,
    GatewayError,
    MediaGone,
    NetworkError,
    OutcomeUnknown,
    RangeRefused,
    RequestRefused,
)


def packed(_):
    """A download that the server compressed against our wish."""
    body = gzip.compress(b"picture")
    return media(200, body, content_encoding="gzip", etag='"abc"')


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
    ("url", "asked"),
    [
        ("https://cdn.example/a b.png", "https://cdn.example/a%20b.png"),
        (" https://cdn.example/ä.png ", "https://cdn.example/%C3%A4.png"),
        ("https://cdn.example/\r\nX: 1", "https://cdn.example/%0D%0AX:%201"),
        ("https://cdn.example/a%20b.png?sig=%2B", "https://cdn.example/a%20b.png?sig=%2B"),
    ],
)
def test_what_may_not_stand_in_a_media_url_is_encoded(url, asked):
    """Blanks and other bytes are percent-encoded; what is encoded stays to the letter."""
    _, script = fetched(media(200, b"x"), url=url)
    assert [str(one.url) for one in script.requests] == [asked]


def test_a_hosted_gateway_leads_to_no_loopback():
    """A media URL on this machine is for a gateway on this machine alone."""
    error, script = fetched(media(200, b"x"), url="http://127.0.0.1:8080/a.png")
    assert "on this machine" in error.message
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
    assert type(error) is RangeRefused


def test_a_part_is_asked_for_to_its_end():
    """A part with an end is asked for with it, and is that very part."""
    reply = media(206, b"tur", content_range="bytes 3-5/7", etag='"abc"')
    (stream, body), script = fetched(reply, offset=3, etag='"abc"', end=6)
    assert (stream.offset, stream.total, stream.etag, stream.has_ranges, body) == (3, 7, '"abc"', True, b"tur")
    assert script.requests[0].headers["Range"] == "bytes=3-5"


@pytest.mark.parametrize(
    ("content_range", "length"),
    [("bytes 3-6/7", 4), ("bytes 3-4/7", 2), ("bytes 2-5/7", 3), ("bytes 3-/7", 3), ("bytes 3-5/7", 4), ("", 3)],
)
def test_another_part_than_asked_for_is_refused(content_range, length):
    """A server that answers with a longer or shorter part, or whose headers do not agree, is not believed."""
    reply = media(206, b"picture"[:length], content_range=content_range)
    assert type(fetched(reply, offset=3, etag='"abc"', end=6)[0]) is RangeRefused


@pytest.mark.parametrize(
    ("headers", "has_ranges"),
    [
        ({"accept_ranges": "bytes"}, True),
        ({"accept_ranges": "Bytes "}, True),
        ({"accept_ranges": "none"}, False),
        ({}, False),
        ({"accept_ranges": "bytes", "content_encoding": "gzip"}, False),
    ],
)
def test_a_server_says_whether_it_can_send_parts(headers, has_ranges):
    """Only a server that says so is asked for parts, and never for parts of what it packed."""
    assert fetched(media(200, b"picture", **headers))[0][0].has_ranges is has_ranges


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("\xb2", None),
        ("\u0663", None),
        ("3" * 5000, None),
        ("-1", None),
        ("", None),
        ("1e3", None),
    ],
)
def test_a_length_is_plain_digits(text, number):
    """Digits of other scripts, and thousands of them, are no count of bytes."""
    assert read_number(text) == number


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


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "aws-chunked", "gzip, gzip"])
def test_a_body_that_is_only_said_to_be_packed_is_taken_as_it_is(encoding):
    """Objects are often stored with the encoding of what they were made from: a picture's first bytes tell better."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(9)
    (_, body), _ = fetched(media(200, picture, content_encoding=encoding))
    assert body == picture


def test_one_byte_is_no_packed_body():
    """A body too short to tell is what it is."""
    assert fetched(media(200, b"\x1f", content_encoding="gzip"))[0][1] == b"\x1f"


def test_a_packed_body_that_is_cut_is_a_break():
    """A compressed download that ends early is no file."""
    error, _ = fetched(media(200, gzip.compress(b"picture")[:-6], content_encoding="gzip"))
    assert type(error) is NetworkError


def test_a_packed_body_is_unpacked_in_small_pieces():
    """What unpacks to a thousand times its size never stands in memory whole."""
    content, sizes = gzip.compress(bytes(64 << 20)), []

    async def pieces():
        async def chunks():
            yield content

        sizes.extend([len(piece) async for piece in unpacked(chunks(), "gzip")])

    asyncio.run(pieces())
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= PIECE


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


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.ReadTimeout("")])
def test_a_download_that_breaks_may_be_taken_up_again(error):
    """A connection to the media server that breaks is the network's failure."""
    assert type(fetched(error)[0]) is NetworkError


def test_a_body_that_breaks_off_gives_what_came(wire):
    """A body cut on the wire gives its first bytes, and then a failure of the network."""
    got = []

    async def run(client):
        url = f"{client._base_url}/output.png"
        async with client.media.fetch(url) as stream:
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
        async with client.media.fetch(f"{client._base_url}/output.png") as stream:
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
        async with client.media.fetch(f"{client._base_url}/output.png") as stream:
            async for _ in stream.chunks:
                raise error

    with pytest.raises(type(error), match="No space"):
        over_loopback(saying(http(b"picture", "200 OK", Content_Length=7)), run)


@pytest.mark.parametrize(("status", "kind"), [(416, RangeRefused), (408, NetworkError), (425, NetworkError),
                                              (429, NetworkError), (500, NetworkError), (503, NetworkError),
                                              (403, MediaGone), (404, MediaGone), (410, MediaGone),
                                              (204, DeliveryError), (304, DeliveryError)])  # fmt: skip
def test_what_a_media_servers_answer_means(status, kind):
    """A busy media server is asked again, one that has not got the file is not."""
    error, _ = fetched(media(status), offset=3)
    assert type(error) is kind
