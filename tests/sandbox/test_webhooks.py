"""Webhooks: who is called, with what, how often, and by which sandbox."""

import asyncio

import pytest
from fakes.site import site
from helpers.sandbox_client import finished, picture, run, sandbox, submit

from seedvr_cli.http.connection import Response
from seedvr_cli.sandbox import webhooks
from seedvr_cli.sandbox.store import JobStore


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


@pytest.mark.slow  # it waits between its calls
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


@pytest.mark.slow  # it waits between its calls
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
