"""Jobs in a folder: they outlive their sandbox, and several sandboxes share them."""

import asyncio

import httpx
import pytest
from helpers.sandbox_client import EXAMPLE, STATUS, SUBMIT, finished, picture, run, sandbox, submit

from seedvr_cli.sandbox.store import JobStore


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
