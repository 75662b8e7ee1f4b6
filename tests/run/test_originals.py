"""Sources that are fetched for a look."""

import asyncio
import os

import pytest
from fakes.media import body

from seedvr_cli.run import originals
from seedvr_cli.run.originals import AHEAD, LARGEST_PICTURE, LARGEST_VIDEO, Originals, Wanted, wanted_urls
from seedvr_cli.values.errors import DeliveryError, NetworkError
from seedvr_cli.values.job import Job


class Server:
    """What is fetched, by URL: bytes, or an exception. `asked` are the URLs."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def fetch(self, url):
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened():
            self.asked.append(url)
            answer = self.answers.get(url, b"content")
            if isinstance(answer, Exception):
                raise answer
            yield answer(0, None) if callable(answer) else body(answer)(0, None)

        return opened()


def taken(folder, server, wanted, urls):
    """What each of these URLs in turn comes to: its bytes, or what is wrong; and the files that were there then."""

    async def run():
        made = Originals(server.fetch, str(folder), wanted)
        found = []
        for url in urls:
            async with made.taken(url) as (path, trouble):
                await asyncio.sleep(0.01)
                with open(path or os.devnull, "rb") as file:
                    found.append((file.read() if path else trouble, len(os.listdir(folder))))
        await made.aclose()
        return found

    return asyncio.run(run())


def test_a_source_is_fetched_once_and_kept_while_it_is_needed(tmp_path):
    """A URL that stands twice is fetched once, and its file is gone after the last look."""
    server = Server()
    found = taken(tmp_path, server, {"a": Wanted(2, 99), "b": Wanted(1, 99)}, ["a", "b", "a"])
    assert [content for content, _ in found] == [b"content"] * 3
    assert sorted(server.asked) == ["a", "b"]
    assert os.listdir(tmp_path) == []


def test_some_are_fetched_ahead(tmp_path):
    """No more files are there at a time than are fetched ahead, however many sources there are."""
    urls = [str(number) for number in range(4 * AHEAD)]
    found = taken(tmp_path, Server(), {url: Wanted(1, 99) for url in urls}, urls)
    assert max(count for _, count in found) == AHEAD
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("answer", [b"x" * 100, body(b"x" * 100, total=None), body(b"x", total=100)])
def test_a_source_that_is_too_large(answer, tmp_path):
    """A source larger than its limit is given up, whether its size is told before or not."""
    found = taken(tmp_path, Server(a=answer), {"a": Wanted(1, 99)}, ["a"])
    assert found == [("it is larger than 99 bytes", 0)]


@pytest.mark.parametrize(
    "error", [NetworkError("the download broke: cut"), DeliveryError("it is gone"), OSError("odd")]
)
def test_trouble_is_told(error, tmp_path):
    """What goes wrong with one source is told, and the others go on."""
    found = taken(tmp_path, Server(a=error), {"a": Wanted(1, 99), "b": Wanted(1, 99)}, ["a", "b"])
    assert found[0][0] == str(error)
    assert found[1][0] == b"content"


def test_a_source_that_drips_is_given_up(tmp_path, monkeypatch):
    """A source that does not end in time is given up."""
    monkeypatch.setattr(originals, "LONGEST_FETCH", 0.05)

    async def drip():
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    def slow(_offset, _etag):
        return originals.Stream(0, None, None, drip())

    ((trouble, count),) = taken(tmp_path, Server(a=slow), {"a": Wanted(1, 99999)}, ["a"])
    assert trouble == "no end after 0.05 seconds"
    assert count == 0


def test_which_sources_are_wanted():
    """URLs are, each as often as it stands, and a video may be larger; local files and objects are not."""

    def job(source, endpoint="7b-image"):
        return Job(key="k", gateway="g", endpoint=endpoint, source=source, name="n", params={}, output=None, price=1,
                   profile="default", id=1, state="completed")  # fmt: skip

    a, b = "https://example.com/a.png", "https://example.com/b.mp4"
    jobs = [job(a), job(b, "3b-video"), job("photo.jpg"), job(None), job("s3://bucket/a.png"), job(a)]
    assert wanted_urls(jobs) == {a: Wanted(2, LARGEST_PICTURE), b: Wanted(1, LARGEST_VIDEO)}
