"""The sandbox's server: real requests over loopback, real files, real webhooks."""

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from seedvr_cli.sandbox import sources, webhooks
from seedvr_cli.sandbox.http.connection import LARGEST_BODY, Connection, Request, Response
from seedvr_cli.sandbox.http.outbound import Outbound
from seedvr_cli.sandbox.server import TINY_FOLDER, Sandbox
from seedvr_cli.sandbox.sources import SourceError, fetch, is_example
from seedvr_cli.sandbox.store import JobStore
from seedvr_cli.sandbox.world import INSTANT_RESULTS, SandboxSettings
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.media import is_whole, measure, sniff_file

KEY = {"Ocp-Apim-Subscription-Key": "YOUR_API_KEY"}
EXAMPLE = "https://your-cdn.com/source.png"
SUBMIT = {name: endpoint.path for name, endpoint in ENDPOINTS.items()}
STATUS = "/v2/requests/status/"
# Seconds after which a test that waits for something has failed; none takes anywhere near as long.
PATIENCE = 60

run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run


@asynccontextmanager
async def sandbox(folder: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running sandbox, without latency and with instant results if nothing else is said."""
    lines = settings.pop("lines", None)
    chosen = SandboxSettings(**{"latency": 0.0, "instant": True, **settings})
    async with (
        asyncio.timeout(PATIENCE),
        Sandbox(folder, chosen, on_line=None if lines is None else lines.append) as server,
        httpx.AsyncClient(base_url=server.url, headers=KEY, trust_env=False, timeout=PATIENCE) as client,
    ):
        yield client


async def submit(client: httpx.AsyncClient, endpoint: str = "7b-image", headers: Any = None, **body: Any) -> str:
    key = ENDPOINTS[endpoint].source_key
    answer = await client.post(SUBMIT[endpoint], json={key: EXAMPLE, **body}, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["request_id"]


async def finished(client: httpx.AsyncClient, request_id: str) -> dict[str, Any]:
    while True:
        body = (await client.get(STATUS + request_id)).json()
        if body["status"] in {"COMPLETED", "FAILED", "ERROR"}:
            return body
        await asyncio.sleep(0.01)


async def media_url(client: httpx.AsyncClient, endpoint: str = "7b-image", **body: Any) -> str:
    done = await finished(client, await submit(client, endpoint, **body))
    assert done["status"] == "COMPLETED", done
    return done["output"]["media_url"][0]


def picture(path: Path, size: tuple[int, int] = (24, 16)) -> str:
    """The file: URL of a new picture."""
    Image.new("RGB", size, "teal").save(path)
    return path.as_uri()


async def raw(client: httpx.AsyncClient, content: bytes) -> bytes:
    """All that the server says to those bytes before it closes."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(content)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


class Site:
    """Another server on this machine, which records what it is asked and answers what it is told.

    While `silent`, its answers wait until it is `released`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        self.silent = False
        self.released = asyncio.Event()
        self._changed = asyncio.Event()

    def answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        self.requests.append(request)
        self._changed.set()
        if self.silent:
            return self._later()
        return self.answers.pop(0) if self.answers else Response(200)

    async def _later(self) -> Response:
        await self.released.wait()
        return Response(404)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.requests]

    async def asked(self, times: int) -> None:
        while len(self.requests) < times:
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def site() -> AsyncIterator[tuple[Site, str]]:
    """A site and its URL."""
    made, connections = Site(), set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(made.answer, connections), "127.0.0.1", 0
    )
    try:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
            await connection.closed


# Jobs, from submission to result


@pytest.mark.parametrize("endpoint", SUBMIT)
def test_a_job_of_each_endpoint(tmp_path, endpoint):
    """A job of each endpoint is submitted, polled, and its result downloaded with length, type and tag."""

    async def main():
        async with sandbox(tmp_path) as client:
            url = await media_url(client, endpoint)
            answer = await client.get(url)
            assert answer.status_code == 200
            assert int(answer.headers["Content-Length"]) == len(answer.content)
            assert answer.headers["ETag"].startswith('"')
            (tmp_path / "result").write_bytes(answer.content)
            assert sniff_file(str(tmp_path / "result")) == ("video/mp4" if endpoint == "3b-video" else "image/png")

    run(main())


@pytest.mark.parametrize(("media_type", "name"), sorted(set(INSTANT_RESULTS.values())))
def test_instant_results_are_real_media(media_type, name):
    """Every instant result is a whole file of the type that it is served as."""
    path = str(Path(TINY_FOLDER, name))
    assert sniff_file(path) == media_type
    assert is_whole(path, media_type)
    assert measure(path, media_type)


def test_a_picture_is_upscaled(tmp_path):
    """A local picture is upscaled for real, by the factor that was asked for and into the format."""

    async def main():
        source = picture(tmp_path / "a picture.png", (24, 16))
        async with sandbox(tmp_path / "s", instant=False) as client:
            url = await media_url(client, image_url=source, upscale_factor=3, output_format="jpeg")
            (tmp_path / "result").write_bytes((await client.get(url)).content)
        with Image.open(tmp_path / "result") as result:
            assert (result.format, result.size) == ("JPEG", (72, 48))

    run(main())


def test_the_vendors_examples_have_a_picture(tmp_path):
    """The example URLs of the vendor's page, behind which there is nothing, stand for a sample picture."""

    async def main():
        async with sandbox(tmp_path, instant=False) as client:
            url = await media_url(client, "3b-image", upscale_factor=1)
            assert len((await client.get(url)).content) > 1000

    run(main())


def test_three_at_once(tmp_path):
    """Jobs that come at the same time are all worked on."""

    async def main():
        source = picture(tmp_path / "a.png")
        async with sandbox(tmp_path / "s", instant=False) as client:
            ids = [await submit(client, image_url=source) for _ in range(3)]
            done = await asyncio.gather(*(finished(client, request_id) for request_id in ids))
            assert [body["status"] for body in done] == ["COMPLETED"] * 3

    run(main())


def test_a_bad_source_ends_in_error(tmp_path):
    """A source that is missing, or is no picture, makes the job end ERROR with one clear line."""

    async def main():
        (tmp_path / "text.png").write_text("no picture")
        async with sandbox(tmp_path / "s", instant=False) as client:
            for name in ("none.png", "text.png", ""):
                request_id = await submit(client, image_url=(tmp_path / name).as_uri())
                body = await finished(client, request_id)
                assert (body["status"], body["output"]) == ("ERROR", None)
                assert body["error"]
                assert "\n" not in body["error"]

    run(main())


def test_statuses(tmp_path):
    """200, 202, 400, 401, 402, 403, 404 and 429 reach the client, errors in the gateway's form."""

    async def main():
        async with sandbox(tmp_path, balance=1_000, rate_limit=6) as client:
            path, body = SUBMIT["7b-image"], {"image_url": EXAMPLE}
            answers = [
                await client.post(path, json=body),
                await client.get(STATUS + "nobody"),
                await client.post(path, json={}),
                await client.post(path, json=body),
                await client.post("/seedvr9/generate", json=body),
                await client.post(path, json=body, headers={"Ocp-Apim-Subscription-Key": "invalid"}),
                await client.post(path, json=body, headers={"Ocp-Apim-Subscription-Key": "forbidden"}),
            ]
            assert [answer.status_code for answer in answers] == [202, 404, 400, 402, 400, 401, 403]
            for answer in answers[1:]:
                assert set(answer.json()) == {"error", "message"}
            while answer.status_code != 429:
                answer = await client.get(STATUS + "nobody")
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.reason_phrase == "Too Many Requests"

    run(main())


def test_other_paths_are_not_found(tmp_path):
    """Paths and methods that mean nothing, and media that are not there, are answered 404."""

    async def main():
        async with sandbox(tmp_path) as client:
            url = await media_url(client)
            for method, path in [
                ("GET", "/"),
                ("GET", SUBMIT["7b-image"]),
                ("DELETE", STATUS),
                ("GET", url.replace("output.png", "output.jpg")),
                ("GET", "/media/"),
                ("GET", "/media/../jobs/x"),
                ("GET", STATUS + "..%2f..%2fx"),
            ]:
                assert (await client.request(method, path)).status_code == 404

    run(main())


def test_absolute_targets(tmp_path):
    """A request as it would be sent to a proxy, with the whole URL in its first line, is understood."""

    async def main():
        async with sandbox(tmp_path) as client:
            line = b"GET http://gateway.test/sandbox/accepted HTTP/1.1\r\nHost: gateway.test\r\n"
            assert (await raw(client, line + b"Connection: close\r\n\r\n")).endswith(
                b'{"accepted": 0, "by_source": {}}'
            )

    run(main())


def test_a_page_in_a_browser_is_refused(tmp_path):
    """A request with an Origin, which only browsers send, is refused: a page must not read local files."""

    async def main():
        async with sandbox(tmp_path) as client:
            answer = await client.post(SUBMIT["7b-image"], json={}, headers={"Origin": "https://a.example"})
            assert answer.status_code == 403

    run(main())


def test_accepted(tmp_path):
    """/sandbox/accepted counts the folder's jobs by source, asks for no key, and counts what was lost too."""

    async def main():
        async with sandbox(tmp_path, faults={"lost-submit": 0.5}, seed=4) as client:
            lost = 0
            for number in (1, 1, 2, 1, 2, 2, 2):
                try:
                    await submit(client, image_url=f"https://a.example/{number}.png")
                except httpx.TransportError:
                    lost += 1
            assert 0 < lost < 7
            del client.headers["Ocp-Apim-Subscription-Key"]
            assert (await client.get("/sandbox/accepted")).json() == {
                "accepted": 7,
                "by_source": {"https://a.example/1.png": 3, "https://a.example/2.png": 4},
            }

    run(main())


def test_lines(tmp_path):
    """Each request, and each result, is one line for whoever listens, without control characters."""

    async def main():
        lines: list[str] = []
        async with sandbox(tmp_path, instant=False, lines=lines) as client:
            await finished(client, await submit(client, image_url="file:///none/%1B%0A.png"))
            await client.get("/media/none")
        assert lines[0].startswith(f"POST {SUBMIT['7b-image']} 202 QUEUED seedvr2-7b-upscale_")
        assert any(line.endswith("200 ERROR") for line in lines)
        assert any(r"ERROR: the source '/none/\x1b\n.png'" in line for line in lines)
        assert all(line.isprintable() for line in lines)
        assert lines[-1] == "GET /media/none 404"

    run(main())


# sync_mode and answers that are complete at once


def test_sync_mode(tmp_path):
    """With sync_mode the submission is answered 200 with the result as a data: URI, and so are later polls."""

    async def main():
        source = picture(tmp_path / "a.png", (10, 10))
        async with sandbox(tmp_path / "s", instant=False, latency=0.05) as client:
            answer = await client.post(SUBMIT["3b-image"], json={"image_url": source, "sync_mode": True})
            body = answer.json()
            assert answer.status_code == 200
            assert body["status"] == "COMPLETED"
            head, _, content = body["output"]["media_url"][0].partition(",")
            assert head == "data:image/png;base64"
            (tmp_path / "result").write_bytes(base64.b64decode(content))
            assert measure(str(tmp_path / "result"), "image/png")
            assert (await client.get(STATUS + body["request_id"])).json() == body

    run(main())


def test_sync_mode_of_a_bad_source(tmp_path):
    """With sync_mode a job that ends ERROR says so in the answer to its submission."""

    async def main():
        async with sandbox(tmp_path, instant=False) as client:
            body = {"image_url": "file:///none.png", "sync_mode": True}
            answer = await client.post(SUBMIT["3b-image"], json=body)
            assert answer.status_code == 200
            assert answer.json()["status"] == "ERROR"

    run(main())


def test_instant_complete(tmp_path):
    """instant-complete answers a submission 200 with the finished job, whatever the latency is."""

    async def main():
        source = picture(tmp_path / "a.png")
        async with sandbox(tmp_path / "s", instant=False, latency=9999, faults={"instant-complete": 1}) as client:
            answer = await client.post(SUBMIT["7b-image"], json={"image_url": source})
            assert answer.status_code == 200
            assert answer.json()["status"] == "COMPLETED"
            assert (await client.get(answer.json()["output"]["media_url"][0])).status_code == 200

    run(main())


def test_a_client_that_no_longer_waits(tmp_path):
    """A held answer whose client has gone is forgotten, and the sandbox closes without it."""

    async def main():
        lines: list[str] = []
        async with sandbox(tmp_path, latency=9999, lines=lines) as client:
            body = {"image_url": EXAMPLE, "sync_mode": True}
            held = asyncio.create_task(client.post(SUBMIT["3b-image"], json=body))
            while not (await client.get("/sandbox/accepted")).json()["accepted"]:  # noqa: ASYNC110 - the other side of a network
                await asyncio.sleep(0.001)
            held.cancel()
            await asyncio.wait([held])
        assert not any(line.startswith("POST") for line in lines)

    run(main())


# HTTP


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
            held = f"POST {SUBMIT['3b-image']} HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: k\r\n"
            held += f"Content-Length: {len(body)}\r\n\r\n{body}"
            quick = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
            last = "GET /sandbox/accepted HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            answers = await raw(client, (quick + held + quick + quick + last).encode())
            assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"404", b"200", b"404", b"404", b"200"]

    run(main())


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY + 1), b"413"),
    ],
)
def test_requests_that_cannot_be_read(tmp_path, content, status):
    """A malformed or too large request is answered with the status for it, and the connection closed."""

    async def main():
        async with sandbox(tmp_path) as client:
            answer = await raw(client, content)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert b"Connection: close" in answer

    run(main())


def test_a_body_that_becomes_too_large(tmp_path):
    """A body without a length is refused when it passes the limit, and its client gets to read that."""

    async def main():
        async def endless():
            for _ in range(LARGEST_BODY // 1_000_000 + 9):
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
            writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 100")
            await reader.readline()
            writer.write(b"{}")
            assert (await reader.readline()).startswith(b"HTTP/1.1 401")
            writer.close()
            await writer.wait_closed()

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


# One folder, several sandboxes


def test_restart_on_the_same_folder(tmp_path):
    """Jobs outlive their sandbox: another on the same folder knows them, and serves their media under its own URL."""

    async def main():
        async with sandbox(tmp_path) as client:
            request_id = await submit(client)
            before = await finished(client, request_id)
        async with sandbox(tmp_path) as client:
            after = await finished(client, request_id)
            url = after["output"]["media_url"][0]
            assert url.startswith(str(client.base_url))
            assert (await client.get(url)).status_code == 200
            assert {**before, "output": None} == {**after, "output": None}

    run(main())


def test_unfinished_work_is_done_when_asked_for(tmp_path):
    """A job whose sandbox ended before the result is worked on by the one that is asked for it."""

    async def main():
        source = picture(tmp_path / "a.png")
        async with sandbox(tmp_path / "s", instant=False) as client:
            request_id = await submit(client, image_url=source)
        async with sandbox(tmp_path / "s", instant=False) as client:
            assert (await finished(client, request_id))["status"] == "COMPLETED"

    run(main())


def test_two_on_one_folder(tmp_path):
    """Two sandboxes on one folder share their jobs: what the one takes or finishes, the other shows."""

    async def main():
        source = picture(tmp_path / "a.png")
        async with (
            sandbox(tmp_path / "s", instant=False) as first,
            sandbox(tmp_path / "s", instant=False) as second,
        ):
            ids = [await submit(first, image_url=source) for _ in range(4)]
            for request_id in ids:
                one, other = await asyncio.gather(finished(first, request_id), finished(second, request_id))
                assert one["completed_at"] == other["completed_at"]
                assert one["status"] == other["status"] == "COMPLETED"
            assert (await second.get("/sandbox/accepted")).json()["accepted"] == 4

    run(main())


def test_a_held_answer_to_work_done_elsewhere(tmp_path):
    """A submission that is held is answered also when another sandbox on the folder makes the result."""

    async def main():
        async with sandbox(tmp_path, instant=False, latency=0.3) as first, sandbox(tmp_path) as second:
            body = {"image_url": picture(tmp_path / "a.png"), "sync_mode": True}
            held = asyncio.create_task(first.post(SUBMIT["3b-image"], json=body))
            store = JobStore(str(tmp_path))
            while not (ids := list(store)):  # noqa: ASYNC110 - the other side of a network
                await asyncio.sleep(0.01)
            await finished(second, ids[0])
            assert (await held).json()["status"] == "COMPLETED"

    run(main())


def test_a_folder_that_is_gone(tmp_path):
    """A sandbox whose folder was removed answers submissions 500, and goes on."""

    async def main():
        async with sandbox(tmp_path / "s") as client:
            (tmp_path / "s" / "jobs").rmdir()
            for _ in range(2):
                answer = await client.post(SUBMIT["7b-image"], json={"image_url": EXAMPLE})
                assert answer.status_code == 500

    run(main())


def test_a_folder_that_is_emptied(tmp_path):
    """Jobs that are deleted while they are worked on and waited for are let go without a sound."""

    async def main():
        async with sandbox(tmp_path, instant=False, latency=0.1) as client:
            headers = {"X-Webhook-URL": "http://127.0.0.1:9/"}
            request_id = await submit(client, headers=headers)
            body = {"image_url": EXAMPLE, "sync_mode": True}
            held = asyncio.create_task(client.post(SUBMIT["3b-image"], json=body))
            while len(found := list((tmp_path / "jobs").iterdir())) < 2:  # noqa: ASYNC110 - the other side of a network
                await asyncio.sleep(0.001)
            for path in found:
                path.unlink()
            assert (await client.get(STATUS + request_id)).status_code == 404
            with pytest.raises(httpx.RemoteProtocolError):
                await held

    run(main())


def test_a_port_in_use(tmp_path):
    """Entering a sandbox whose port is taken raises OSError."""

    async def main():
        async with sandbox(tmp_path) as client:
            with pytest.raises(OSError, match="in use"):
                async with Sandbox(tmp_path, SandboxSettings(), port=client.base_url.port):
                    pass

    run(main())


# Faults that only a server can show


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


def test_slow_media(tmp_path):
    """slow-media still delivers the whole file."""

    async def main():
        async with sandbox(tmp_path, faults={"slow-media": 1}) as client:
            answer = await client.get(await media_url(client))
            assert len(answer.content) == int(answer.headers["Content-Length"]) > 0

    run(main())


# Webhooks


def test_a_terminal_webhook(tmp_path):
    """In terminal mode the URL gets one POST, with the body of the status answer."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path) as client:
            request_id = await submit(client, headers={"X-Webhook-URL": url + "/hook?token=1"})
            await hook.asked(1)
            body = await finished(client, request_id)
        assert hook.bodies() == [body]
        assert hook.requests[0].target == "/hook?token=1"
        assert hook.requests[0].headers["content-type"] == "application/json"
        assert "ocp-apim-subscription-key" not in hook.requests[0].headers

    run(main())


def test_a_sync_webhook(tmp_path):
    """In sync mode the URL hears of the states on the way as well, in their order."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path, latency=0.6) as client:
            await submit(client, headers={"X-Webhook-URL": url, "X-Webhook-Mode": "sync"})
            words: list[str] = []
            while "COMPLETED" not in words:
                await hook.asked(len(words) + 1)
                words = [body["status"] for body in hook.bodies()]
        # A slow machine may be past PROCESSING before it gets to tell of it.
        assert words in (["QUEUED", "PROCESSING", "COMPLETED"], ["QUEUED", "COMPLETED"])

    run(main())


def test_a_webhook_after_real_work(tmp_path):
    """A webhook waits for the result, and hears of a source that cannot be had."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path / "s", instant=False) as client:
            headers = {"X-Webhook-URL": url}
            await submit(client, headers=headers, image_url=picture(tmp_path / "a.png"))
            await hook.asked(1)
            await submit(client, headers=headers, image_url="file:///none.png")
            await hook.asked(2)
        assert [body["status"] for body in hook.bodies()] == ["COMPLETED", "ERROR"]

    run(main())


@pytest.mark.parametrize(
    ("endpoint", "events", "heard"),
    [
        ("3b-image", None, ["completed"]),
        ("3b-image", ["completed"], ["completed"]),
        ("3b-image", ["*"], ["start", "output", "completed"]),
        ("3b-video", ["start", "output", "completed"], ["start", "output", "completed"]),
        ("3b-video", ["output"], ["output"]),
    ],
)
def test_a_body_webhook(tmp_path, endpoint, events, heard):
    """The body's webhook gets the status body with an event, as far as its filter lets events through."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path) as client:
            extra = {"webhook": url} | ({} if events is None else {"webhook_events_filter": events})
            request_id = await submit(client, endpoint, **extra)
            await hook.asked(len(heard))
        assert [body["event"] for body in hook.bodies()] == heard
        assert {body["request_id"] for body in hook.bodies()} == {request_id}

    run(main())


def test_both_webhooks(tmp_path):
    """A submission with both kinds of webhook has both called; a job that failed has no output to tell of."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path, faults={"fail": 1}) as client:
            extra = {"webhook": url + "/body", "webhook_events_filter": ["output", "completed"]}
            await submit(client, "3b-video", {"X-Webhook-URL": url + "/header"}, **extra)
            await hook.asked(2)
        assert [request.target for request in hook.requests] == ["/header", "/body"]
        assert [body.get("event") for body in hook.bodies()] == [None, "completed"]

    run(main())


def test_a_webhook_is_tried_again(tmp_path):
    """A call that is answered other than 2xx is tried again with the same body, a redirect among them."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path) as client:
            hook.answers = [Response(500), Response(302, {"Location": url + "/elsewhere"}), Response(404)]
            await submit(client, headers={"X-Webhook-URL": url})
            await hook.asked(4)
            await asyncio.sleep(0)
        assert len({request.body for request in hook.requests}) == 1
        assert {request.target for request in hook.requests} == {"/"}

    run(main())


def test_a_webhook_is_given_up(tmp_path):
    """A call that nobody answers is tried four times, and the job is none the worse."""

    async def main():
        lines: list[str] = []
        async with sandbox(tmp_path, lines=lines) as client:
            request_id = await submit(client, headers={"X-Webhook-URL": "http://127.0.0.1:9/"})
            while sum("webhook" in line for line in lines) < 4:  # noqa: ASYNC110 - the other side of a network
                await asyncio.sleep(0.01)
            assert (await finished(client, request_id))["status"] == "COMPLETED"
        assert sum("webhook" in line for line in lines) == 4

    run(main())


def test_duplicate_webhooks(tmp_path):
    """duplicate-webhook delivers the same body twice."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path, faults={"duplicate-webhook": 1}) as client:
            await submit(client, headers={"X-Webhook-URL": url})
            await hook.asked(2)
        assert len(hook.requests) == 2
        assert hook.requests[0].body == hook.requests[1].body

    run(main())


def test_a_webhook_of_a_sandbox_that_ended(tmp_path):
    """A webhook that was not called before its sandbox ended is called by the next that is asked for the job, once."""

    async def main():
        source = picture(tmp_path / "a.png")
        async with site() as (hook, url):
            async with sandbox(tmp_path / "s", instant=False, latency=9999) as client:
                request_id = await submit(client, headers={"X-Webhook-URL": url}, image_url=source)
            assert not hook.requests
            store = JobStore(str(tmp_path / "s"))
            job = store[request_id]
            job.due_at = job.created_at
            store[request_id] = job
            for _ in range(2):
                async with sandbox(tmp_path / "s", instant=False) as client:
                    await finished(client, request_id)
                    await hook.asked(1)
            assert len(hook.requests) == 1

    run(main())


def test_nothing_is_finished_while_it_closes(tmp_path, monkeypatch):
    """A sandbox that closes gives a call under way its time, and leaves unfinished jobs and their calls to the next."""
    monkeypatch.setattr(webhooks, "GRACE", 0.5)

    async def main():
        async with site() as (hook, hook_url), site() as (origin, origin_url):
            hook.silent = origin.silent = True
            async with sandbox(tmp_path, instant=False) as client:
                headers = {"X-Webhook-URL": hook_url}
                await submit(client, headers=headers, image_url="file:///none.png")
                await hook.asked(1)
                request_id = await submit(client, headers=headers, image_url=origin_url)
                await origin.asked(1)
                # The second source comes while the first call is still waited for.
                asyncio.get_running_loop().call_later(0.1, origin.released.set)
        job = JobStore(str(tmp_path))[request_id]
        assert (job.finished_at, job.announced) == (None, False)
        assert len(hook.requests) == 1

    run(main())


def test_a_stuck_job_has_no_end_to_tell(tmp_path):
    """A stuck job's webhook hears of its PROCESSING in sync mode, and of nothing more."""

    async def main():
        async with site() as (hook, url), sandbox(tmp_path, faults={"stuck": 1}) as client:
            await submit(client, headers={"X-Webhook-URL": url, "X-Webhook-Mode": "sync"})
            await hook.asked(1)
        assert [body["status"] for body in hook.bodies()] == ["PROCESSING"]

    run(main())


# Sources


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


# The command


def test_the_command_runs_until_a_signal(tmp_path):
    """The command prints its URL on standard output and its requests on standard error, and ends 143 by SIGTERM."""
    with command("--port", "0", "--folder", str(tmp_path), "--instant", "--latency", "0s") as process:
        ready = process.stdout.readline()
        assert ready.startswith("sandbox (not SeedVR2): ")
        url = ready.split()[-1]
        assert httpx.get(url + "/sandbox/accepted", trust_env=False).json()["accepted"] == 0
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert out == ""
    assert err == "sandbox (not SeedVR2): GET /sandbox/accepted 200\n"


def test_the_commands_port_is_taken(tmp_path):
    """A port that is in use is a usage error that names it and the way out."""
    with command("--port", "0", "--folder", str(tmp_path), "-q") as process:
        port = process.stdout.readline().strip().rpartition(":")[2]
        with command("--port", port, "--folder", str(tmp_path)) as second:
            _, err = second.communicate(timeout=PATIENCE)
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert port in err
    assert "--port 0" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fault", "lost-submitt"], "lost-submit?"),
        (["--fault", "fail=2"], "probability"),
        (["--fault", "fail=often"], "probability"),
        (["--latency", "soon"], "--latency"),
        (["--balance", "much"], "--balance"),
    ],
)
def test_the_commands_usage_errors(tmp_path, words, said):
    """A word that the command does not understand is a usage error that says what it would."""
    with command("--folder", str(tmp_path), *words) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert said in err


def command(*words: str) -> "subprocess.Popen[str]":
    """The command alone, with as much of the error boundary as it needs."""
    script = """
import sys, typer
from seedvr_cli.cli.sandbox import sandbox
from seedvr_cli.values.errors import SeedvrError
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(sandbox)
try:
    app()
except SeedvrError as error:
    print(error, error.hint, file=sys.stderr)
    sys.exit(error.exit_code)
"""
    return subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
