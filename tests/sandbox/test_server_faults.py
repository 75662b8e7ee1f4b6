"""Faults that only a server can show: cut, garbled and slow answers."""

import httpx
import pytest
from helpers.sandbox_client import EXAMPLE, STATUS, SUBMIT, finished, media_url, run, sandbox, submit

from seedvr_cli.http.connection import CHUNK, Response
from seedvr_cli.sandbox import world
from seedvr_cli.sandbox.store import JobStore


@pytest.mark.parametrize(("fault", "accepted"), [("drop-submit", 0), ("lost-submit", 1)])
def test_cut_submissions(tmp_path, fault, accepted):
    """drop-submit and lost-submit cut the connection without a byte of an answer; the latter has accepted the job."""

    async def main():
        async with sandbox(tmp_path, faults={fault: 1}) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await submit(client)
            assert (await client.get("/sandbox/accepted")).json()["accepted"] == accepted

    run(main())


def test_garbled(tmp_path):
    """Garbled answers 202 with something that claims to be JSON and is not."""

    async def main():
        async with sandbox(tmp_path, faults={"garbled": 1}) as client:
            answer = await client.post(SUBMIT["7b-image"], json={"image_url": EXAMPLE})
            assert (answer.status_code, answer.headers["Content-Type"]) == (202, "application/json")
            with pytest.raises(ValueError):
                answer.json()

    run(main())


def test_refused_submissions(tmp_path):
    """server-error answers 500, and busy 503 with Retry-After."""

    async def main():
        async with sandbox(tmp_path / "a", faults={"server-error": 1}) as client:
            assert (await client.post(SUBMIT["7b-image"], json={"image_url": EXAMPLE})).status_code == 500
        async with sandbox(tmp_path / "b", faults={"busy": 1}) as client:
            answer = await client.post(SUBMIT["7b-image"], json={"image_url": EXAMPLE})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")

    run(main())


def test_bad_polls(tmp_path):
    """Html answers polls with a page and 502, and drop-poll cuts the connection."""

    async def main():
        async with sandbox(tmp_path, faults={"html": 1}) as client:
            request_id = await submit(client)
            answer = await client.get(STATUS + request_id)
            assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        async with sandbox(tmp_path, faults={"drop-poll": 1}) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(STATUS + request_id)

    run(main())


@pytest.mark.parametrize("fault", ["fail", "error"])
def test_bad_ends(tmp_path, fault):
    """Fail and error end jobs without any work on them."""

    async def main():
        async with sandbox(tmp_path, instant=False, faults={fault: 1}) as client:
            body = await finished(client, await submit(client, image_url="file:///none.png"))
            assert body["status"] == {"fail": "FAILED", "error": "ERROR"}[fault]
            assert "none.png" not in body["error"]

    run(main())


def test_stuck_and_odd_jobs(tmp_path):
    """A stuck job is still PROCESSING when it is long due, and odd-status shows a word that nobody knows."""

    async def main():
        async with sandbox(tmp_path, faults={"stuck": 1}) as client:
            request_id = await submit(client)
            assert (await client.get(STATUS + request_id)).json()["status"] == "PROCESSING"
        async with sandbox(tmp_path, latency=9999, instant=False, faults={"odd-status": 1}) as client:
            request_id = await submit(client)
            assert (await client.get(STATUS + request_id)).json()["status"] == "QUEUED"
            store = JobStore(str(tmp_path))
            job = store[request_id]
            job.queued_until = 0.0
            store[request_id] = job
            assert (await client.get(STATUS + request_id)).json()["status"] == "WARMING_UP"

    run(main())


def test_two_files(tmp_path):
    """two-files gives two URLs, and both can be downloaded."""

    async def main():
        async with sandbox(tmp_path, faults={"two-files": 1}) as client:
            urls = (await finished(client, await submit(client, "3b-image")))["output"]["media_url"]
            assert [url.rpartition("/")[2] for url in urls] == ["output.ext", "output-2.ext"]
            assert [(await client.get(url)).status_code for url in urls] == [200, 200]

    run(main())


def test_cut_media(tmp_path):
    """cut-media ends the first download half way under the full length, and a resumed one gets the rest."""

    async def main():
        async with sandbox(tmp_path, faults={"cut-media": 1}) as client:
            url = await media_url(client)
            received = b""
            async with client.stream("GET", url) as answer:
                size, etag = int(answer.headers["Content-Length"]), answer.headers["ETag"]
                chunks = answer.aiter_raw()
                while len(received) < size // 2:
                    received += await anext(chunks)
                with pytest.raises(httpx.RemoteProtocolError):
                    await anext(chunks)
            rest = await client.get(url, headers={"Range": f"bytes={len(received)}-", "If-Range": etag})
            assert rest.status_code == 206
            assert received + rest.content == (await client.get(url)).content

    run(main())


def test_useless_media(tmp_path):
    """error-page answers downloads 200 with a page, and empty-media 200 with nothing, every time."""

    async def main():
        async with sandbox(tmp_path, faults={"error-page": 1}) as client:
            url = await media_url(client)
            for _ in range(2):
                answer = await client.get(url)
                assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
                assert b"<html>" in answer.content
        async with sandbox(tmp_path, faults={"empty-media": 1}) as client:
            url = await media_url(client)
            for _ in range(2):
                answer = await client.get(url)
                assert (answer.status_code, answer.content) == (200, b"")

    run(main())


def test_no_range(tmp_path):
    """no-range answers every range, even one behind the end, with the whole file."""

    async def main():
        async with sandbox(tmp_path, faults={"no-range": 1}) as client:
            url = await media_url(client)
            whole = (await client.get(url)).content
            for wanted in ("bytes=10-", "bytes=99999-"):
                answer = await client.get(url, headers={"Range": wanted})
                assert (answer.status_code, answer.content) == (200, whole)
                assert "Accept-Ranges" not in answer.headers

    run(main())


@pytest.mark.parametrize("status", [304, 307, 408, 409, 425, 460, 499])
def test_ambiguous(tmp_path, status):
    """Ambiguous answers a submission with its status, over a connection that goes on, and has accepted the job."""

    async def main():
        async with sandbox(tmp_path, faults={"ambiguous": 1}, ambiguous_status=status) as client:
            answer = await client.post(SUBMIT["7b-image"], json={"image_url": EXAMPLE})
            assert answer.status_code == status
            assert (await client.get("/sandbox/accepted")).json()["accepted"] == 1

    run(main())


def test_odd_polls(tmp_path, monkeypatch):
    """Envelope answers polls with another object, and slow-poll with the job, a little at a time."""
    monkeypatch.setattr(world, "SLOW_POLL", 100_000)

    async def main():
        async with sandbox(tmp_path, faults={"envelope": 1}) as client:
            answer = await client.get(STATUS + await submit(client))
            assert (answer.status_code, answer.json()) == (200, {"status": "error", "message": "upstream timeout"})
        async with sandbox(tmp_path, faults={"slow-poll": 1}) as client:
            request_id = await submit(client)
            for _ in range(2):
                assert (await client.get(STATUS + request_id)).json()["request_id"] == request_id

    run(main())


def test_a_slow_answer_comes_in_small_pieces():
    """What is slow comes some eight times a second, whatever it is; what is not comes in large chunks."""
    assert [len(piece) for piece in Response(200, {}, b"x" * 20, 64).pieces()] == [8, 8, 4]
    assert [len(piece) for piece in Response(200, {}, b"xyz", 1).pieces()] == [1, 1, 1]
    assert [len(piece) for piece in Response(200, {}, b"x" * (CHUNK + 1)).pieces()] == [CHUNK, 1]


def test_expired_url(tmp_path):
    """expired-url answers downloads 403."""

    async def main():
        async with sandbox(tmp_path, faults={"expired-url": 1}) as client:
            answer = await client.get(await media_url(client))
            assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")

    run(main())


def test_moved_range(tmp_path):
    """moved-range answers a rest with the whole file, as a range from its first byte."""

    async def main():
        async with sandbox(tmp_path, faults={"moved-range": 1}) as client:
            url = await media_url(client)
            whole = (await client.get(url)).content
            answer = await client.get(url, headers={"Range": "bytes=10-"})
            assert (answer.status_code, answer.content) == (206, whole)
            assert answer.headers["Content-Range"] == f"bytes 0-{len(whole) - 1}/{len(whole)}"

    run(main())


def test_slow_media(tmp_path):
    """slow-media still delivers the whole file."""

    async def main():
        async with sandbox(tmp_path, faults={"slow-media": 1}) as client:
            answer = await client.get(await media_url(client))
            assert len(answer.content) == int(answer.headers["Content-Length"]) > 0

    run(main())
