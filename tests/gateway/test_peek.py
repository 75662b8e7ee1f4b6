"""The first bytes of a source, and what its server says of it."""

import asyncio

import pytest
from fakes.transport import KEY, URL, Script, media

from seedvr_cli.values.errors import NetworkError
from seedvr_cli.values.version import Version

MONDAY = "Mon, 02 Nov 2026 08:00:00 GMT"


def peeked(*answers, count=4):
    """What is seen there, and the script."""
    script = Script(*answers)

    async def run():
        async with script.gateway() as client:
            return await client.media.peek(URL, count)

    return asyncio.run(run()), script


@pytest.mark.parametrize(
    ("status", "headers", "version"),
    [
        (
            206,
            {"ETag": '"a"', "Content-Range": "bytes 0-3/1234", "Last-Modified": MONDAY},
            Version('"a"', 1234, MONDAY),
        ),
        (206, {"ETag": 'W/"a"', "Content-Range": "bytes 0-3/*"}, Version('W/"a"')),
        (206, {}, Version()),
        (200, {"Content-Length": "8"}, Version(None, 8)),
        (200, {"Content-Length": "many", "ETag": ""}, Version()),
        (200, {"Content-Encoding": "gzip", "ETag": '"z"'}, Version('"z"')),
        (206, {"Content-Encoding": "br", "Content-Range": "bytes 0-3/99"}, Version()),
        (200, {"ETag": f'"{KEY}"', "Content-Length": "8"}, Version('"***"', 8)),
    ],
)
def test_what_the_answer_says_of_the_file(status, headers, version):
    """ETag as it came, the length of the whole where it is not encoded, and the time; the key is nowhere kept."""
    answer = media(status, b"abcdefgh")
    answer.headers.pop("Content-Length") if "Content-Length" not in headers else None
    answer.headers.update(headers)
    seen, script = peeked(answer)
    assert (seen.status, seen.head[:4], seen.version) == (status, b"abcd", version)
    assert script.requests[0].headers["Range"] == "bytes=0-3"
    assert not any(KEY in value for value in script.requests[0].headers.values())


def test_what_is_not_given_has_no_version():
    """An answer that gives nothing is its status alone."""
    seen, _ = peeked(media(403, b"no", ETag='"a"'))
    assert (seen.status, seen.head, seen.version) == (403, b"", None)


def test_who_waits_too_long_has_no_answer():
    """The seconds that are given bound the whole look."""

    class Silent(Script):
        def __call__(self, heard):
            raise TimeoutError

    script = Silent()

    async def run():
        async with script.gateway() as client:
            await client.media.peek(URL, 4, seconds=0.5)

    with pytest.raises(NetworkError, match=r"0\.5 seconds"):
        asyncio.run(run())


def looked(answer, offset):
    """What is seen from that byte on, and the script."""
    script = Script(answer)

    async def run():
        async with script.gateway() as client:
            return await client.media.peek(URL, 4, offset=offset)

    return asyncio.run(run()), script


def test_a_part_further_on():
    """What is asked for is that part, and what comes is it, also where the file ends within it."""
    seen, script = looked(media(206, b"ij", Content_Range="bytes 8-9/10"), 8)
    assert (seen.status, seen.head, seen.version.length) == (206, b"ij", 10)
    assert script.requests[0].headers["Range"] == "bytes=8-11"
    seen, _ = looked(media(416, b""), 8)
    assert (seen.status, seen.head) == (416, b"")


@pytest.mark.parametrize(
    "answer",
    [media(200, b"abcdefghij"), media(206, b"abcd", Content_Range="bytes 0-3/10"), media(206, b"abcd")],
    ids=["the whole", "another part", "any part"],
)
def test_another_part_is_not_taken_for_it(answer):
    """A server that sends the whole file, another part, or does not say which, has no answer."""
    with pytest.raises(NetworkError, match=r"whole file|another range"):
        looked(answer, 8)
