"""Calls back, for real: the gateway's own webhooks by header, and those in the body of 3B."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from seedvr_cli.sandbox.http.outbound import Outbound
from seedvr_cli.sandbox.job import QUEUED, STUCK, Job
from seedvr_cli.sandbox.store import JobStore
from seedvr_cli.sandbox.workshop import Workshop
from seedvr_cli.sandbox.world import World
from seedvr_cli.values.catalog import COMPLETED, TERMINAL

# Seconds. The reference: "respond 200 OK within a few seconds".
ANSWER_TIMEOUT = 5.0
# Seconds before each further attempt, after a failure or an answer that is not 2xx.
RETRY_AFTER = (0.1, 0.3, 0.9)
# Seconds that deliveries under way get when the sandbox closes.
GRACE = 2.0


class Herald:
    """Follows jobs that have a webhook, one task each. `view` gives the status body, `say` takes a line for the log."""

    def __init__(
        self,
        world: World,
        store: JobStore,
        workshop: Workshop,
        outbound: Outbound,
        *,
        view: Callable[[Job], dict[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self._world = world
        self._store = store
        self._workshop = workshop
        self._outbound = outbound
        self._view = view
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._last_words: set[asyncio.Task[None]] = set()

    def follow(self, job: Job) -> None:
        """Tell of a job from now on, unless it has no webhook or that is under way here already."""
        if job.wants_webhook and job.request_id not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._follow(job))
            self._tasks[job.request_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.request_id, None))

    async def close(self) -> None:
        """Let the calls about finished jobs end, within the grace, and drop the others."""
        tasks = list(self._tasks.values())
        for task in tasks:
            if task not in self._last_words:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, job: Job) -> None:
        # KeyError: somebody has emptied the folder.
        with suppress(KeyError):
            await self._tell_all(job)

    async def _tell_all(self, job: Job) -> None:
        told, started = None, False
        while True:
            word = self._world.word(job)
            if word in TERMINAL:
                break
            if word != told and job.webhook_mode == "sync":
                await self._call(job, job.webhook_url, self._view(job))
            told = word
            if word != QUEUED and not started:
                await self._tell(job, "start")
                started = True
            if job.fate == STUCK and self._world.until_change(job) is None:
                return
            job = await self._workshop.change(job.request_id)
        if job.announced:
            return
        # Before the calls: a second process on the folder must not repeat them.
        job.announced = True
        self._store[job.request_id] = job
        task = asyncio.current_task()
        assert task
        self._last_words.add(task)
        try:
            await self._call(job, job.webhook_url, self._view(job))
            for event in ("start",) * (not started) + ("output",) * (word == COMPLETED) + ("completed",):
                await self._tell(job, event)
        finally:
            self._last_words.discard(task)

    async def _tell(self, job: Job, event: str) -> None:
        """Call the webhook of the body, if its filter lets the event through (reference: webhook_events_filter)."""
        if "*" in job.body_events or event in job.body_events:
            await self._call(job, job.body_webhook, {**self._view(job), "event": event})

    async def _call(self, job: Job, url: str | None, body: dict[str, Any]) -> None:
        if url is not None:
            for _ in range(job.webhook_copies):
                await self._deliver(url, body)

    async def _deliver(self, url: str, body: dict[str, Any]) -> None:
        import httpx

        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        shown = url.partition("?")[0]
        for pause in (*RETRY_AFTER, None):
            try:
                answer = await self._outbound.client().post(
                    url, content=content, headers=headers, timeout=ANSWER_TIMEOUT, follow_redirects=False
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                self._say(f"webhook {shown} {body['status']}: {type(error).__name__}")
            else:
                self._say(f"webhook {shown} {body['status']}: {answer.status_code}")
                if answer.is_success:
                    return
            if pause is not None:
                await asyncio.sleep(pause)
