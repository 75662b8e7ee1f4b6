"""The sandbox's server: jobs from submission to result, over loopback."""

import asyncio
import base64
from pathlib import Path

import httpx
import pytest
from helpers.sandbox_client import EXAMPLE, STATUS, SUBMIT, finished, media_url, picture, raw, run, sandbox, submit
from PIL import Image

from seedvr_cli.sandbox.server import TINY_FOLDER, Sandbox
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.sandbox.world import INSTANT_RESULTS
from seedvr_cli.values.media import measure, sniff_file
from seedvr_cli.values.structure import is_whole


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
            line = b"GET http://localhost/sandbox/accepted HTTP/1.1\r\nHost: localhost\r\n"
            assert (await raw(client, line + b"Connection: close\r\n\r\n")).endswith(
                b'{"accepted": 0, "by_source": {}}'
            )

    run(main())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8787", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("sandbox.localhost", 200),
        ("[::1]:8787", 200),
        ("rebound.example", 403),
        ("rebound.example:8787", 403),
        ("127.0.0.1.rebound.example", 403),
        ("localhost@rebound.example", 403),
        ("10.0.0.1", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(tmp_path, host, status):
    """A browser that was told that a page's own name is this machine asks under that name, and gets nothing."""

    async def main():
        async with sandbox(tmp_path) as client:
            answer = await client.get("/sandbox/accepted", headers={"Host": host})
            assert answer.status_code == status
            body = {"image_url": "file:///etc/hostname"}
            answer = await client.post(SUBMIT["7b-image"], json=body, headers={"Host": host})
            assert (answer.status_code == 403) == (status == 403)

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


def test_a_port_in_use(tmp_path):
    """Entering a sandbox whose port is taken raises OSError."""

    async def main():
        async with sandbox(tmp_path) as client:
            with pytest.raises(OSError, match="in use"):
                async with Sandbox(tmp_path, SandboxSettings(), port=client.base_url.port):
                    pass

    run(main())
