"""Sources: where the sandbox fetches what it is to upscale, and what it refuses."""

import pytest
from fakes.site import site
from helpers.sandbox_client import run

from seedvr_cli.http.connection import Response
from seedvr_cli.sandbox import sources
from seedvr_cli.sandbox.http.outbound import Outbound
from seedvr_cli.sandbox.sources import SourceError, fetch, is_example


def test_fetching_over_http(tmp_path):
    """A source is fetched over http, redirects are followed, and the file is what the site sent."""

    async def main():
        async with site() as (origin, url):
            origin.answers = [Response(302, {"Location": "/b.png"}), Response(200, {}, b"content")]
            outbound = Outbound()
            await fetch(url + "/a.png", "image", tmp_path / "x" / "source", outbound)
            await outbound.close()
            assert [request.target for request in origin.requests] == ["/a.png", "/b.png"]
        assert (tmp_path / "x" / "source").read_bytes() == b"content"

    run(main())


def test_no_proxy_for_this_machine(tmp_path, monkeypatch):
    """A proxy in the environment is not asked for what is on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def main():
        async with site() as (origin, url):
            outbound = Outbound()
            await fetch(url + "/a.png", "image", tmp_path / "source", outbound)
            await outbound.close()
            assert len(origin.requests) == 1

    run(main())


def test_sources_that_cannot_be_had(tmp_path, monkeypatch):
    """A source that is not found, not reachable, too large, too slow, no file or no base64 is one clear line."""
    monkeypatch.setattr(sources, "LARGEST_SOURCE", 10)

    async def line(url: str) -> str:
        outbound = Outbound()
        with pytest.raises(SourceError) as caught:
            await fetch(url, "image", tmp_path / "source", outbound)
        await outbound.close()
        return str(caught.value)

    async def main():
        (tmp_path / "large").write_bytes(bytes(11))
        async with site() as (origin, url):
            origin.answers = [Response(404), Response(200, {}, bytes(11)), Response(302, {"Location": "/"})]
            assert "404" in await line(url)
            assert "larger than 200 MB" in await line(url)
            origin.answers += [Response(302, {"Location": "/"})] * 99
            assert "redirect" in await line(url)
            monkeypatch.setattr(sources, "LONGEST_FETCH", 0.5)
            origin.silent = True
            assert "seconds" in await line(url)
        monkeypatch.setattr(sources, "LONGEST_FETCH", 30.0)
        assert "cannot be fetched" in await line("http://127.0.0.1:9/a.png")
        assert "larger than 200 MB" in await line((tmp_path / "large").as_uri())
        assert "not a file" in await line(tmp_path.as_uri())
        assert r"\x00" in await line("file:///a%00b")
        assert "base64" in await line("data:image/png;base64,***")

    run(main())


def test_data_sources(tmp_path):
    """A data: URI stands for its content, as base64 or percent-encoded."""

    async def main():
        for url in ("data:image/png;base64,aGVsbG8=", "data:text/plain,h%65llo", "DATA:;BASE64,aGVsbG8="):
            await fetch(url, "image", tmp_path / "source", Outbound())
            assert (tmp_path / "source").read_bytes() == b"hello"

    run(main())


@pytest.mark.parametrize(
    ("url", "example"),
    [
        ("https://your-cdn.com/source.png", True),
        ("https://example.com/my-video.mp4", True),
        ("https://media.example.com/a.png", True),
        ("https://pub-582b7213209642b9b995c96c95a30381.r2.dev/vt_human.jpg", True),
        ("https://pub-582b7213209642b9b995c96c95a30381.r2.dev/other.jpg", False),
        ("https://notexample.com/a.png", False),
        ("https://example.com.evil.test/a.png", False),
        ("http://127.0.0.1/vt_human.jpg", False),
    ],
)
def test_examples(url, example):
    """The vendor's example hosts are known, and no others are taken for them."""
    assert is_example(url) is example
