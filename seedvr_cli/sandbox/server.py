"""The sandbox as a server on this machine: the world behind HTTP, with results and webhooks made for real."""

import asyncio
import json
import os
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from seedvr_cli.http.connection import Answer, Connection, FilePart, Manners, Request, Response
from seedvr_cli.sandbox.http.outbound import Outbound
from seedvr_cli.sandbox.http.ranges import Span, Unsatisfiable, wanted_span
from seedvr_cli.sandbox.job import Job
from seedvr_cli.sandbox.reply import MediaPlan, Reply
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.sandbox.store import JobStore
from seedvr_cli.sandbox.webhooks import Herald
from seedvr_cli.sandbox.workshop import Workshop
from seedvr_cli.sandbox.world import World
from seedvr_cli.values.catalog import ERROR, STATUS_PATH, TERMINAL
from seedvr_cli.values.urls import is_loopback

# The only address: the sandbox reads local files and asks for no real key.
HOST = "127.0.0.1"
MEDIA_PATH = "/media/"
ACCEPTED_PATH = "/sandbox/accepted"
# Connections that may wait to be accepted: a batch opens many at once.
BACKLOG = 1024
# A picture as a data: URI fits; anything larger is a mistake.
MANNERS = Manners(name="seedvr-sandbox", largest_body=64 << 20, request_seconds=60.0)
# The results of instant jobs.
TINY_FOLDER = os.path.join(os.path.dirname(__file__), "tiny")


class Sandbox:
    """A gateway on this machine, while the `async with` block lasts.

    `folder` keeps jobs and results; another Sandbox on the same folder, later or at the same time, goes on with them.
    `port` 0 picks a free one. `on_line` gets one line a request, a result and a webhook call.
    Entering raises OSError where the port is not to be had.
    """

    def __init__(
        self,
        folder: Path,
        settings: SandboxSettings,
        *,
        port: int = 0,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self._on_line = on_line
        self._store = JobStore(str(folder))
        dice = Random(settings.seed)  # noqa: S311 - to be reproduced, not to be secret
        self._world = World(self._store, settings, time.time, dice)
        self._outbound = Outbound()
        self._connections: set[Connection] = set()
        self._port = port
        self._server: asyncio.Server
        self._workshop: Workshop
        self._herald: Herald

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    async def __aenter__(self) -> Self:
        self._workshop = Workshop(self._world, self._store, self._outbound, self._result_made)
        self._herald = Herald(
            self._world,
            self._store,
            self._workshop,
            self._outbound,
            view=lambda job: self._shown(job, self._world.view(job, self._address)),
            say=self._say,
        )
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._answer, self._connections, MANNERS), HOST, self._port, backlog=BACKLOG
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        # In this order: a job that is finished now would be told of, and nobody would wait for that.
        await self._workshop.close()
        await self._herald.close()
        await self._outbound.close()
        await asyncio.gather(*(connection.closed for connection in connections))
        await self._server.wait_closed()

    @property
    def _address(self) -> str:
        return f"{HOST}:{self._port}"

    def _answer(self, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        try:
            return self._route(request)
        except OSError as error:  # the disk is full, or somebody has removed the folder
            return self._respond(request, _json(500, {"error": "Internal Server Error", "message": str(error)}))

    def _route(self, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        path = request.target.partition("?")[0]
        if path.startswith("http://"):  # as to a proxy, which every server has to understand
            path = "/" + path.removeprefix("http://").partition("/")[2]
        headers = {"host": self._address, **request.headers}
        refusal = _refusal(headers)
        if refusal:
            return self._respond(request, _plain(403, refusal))
        if request.method in {"GET", "HEAD"}:
            if path.startswith(STATUS_PATH):
                return self._act(request, self._world.status(path.removeprefix(STATUS_PATH), headers), headers["host"])
            if path.startswith(MEDIA_PATH):
                return self._respond(request, self._media(request, path))
            if path == ACCEPTED_PATH:
                by_source = Counter(self._store.sources())
                return self._respond(request, _json(200, {"accepted": by_source.total(), "by_source": by_source}))
        elif request.method == "POST":
            return self._act(request, self._world.submit(path, headers, request.body), headers["host"])
        return self._respond(request, _json(404, {"error": "Not Found", "message": "Resource not found"}))

    def _act(self, request: Request, reply: Reply, host: str) -> Answer | Coroutine[Any, Any, Answer]:
        """Set the work going that the reply's job needs, and answer."""
        job, body = reply.job, reply.body
        if job:
            self._workshop.start(job)
            # Before the end, only the sandbox that took the job tells of it.
            if job.wants_webhook and (request.method == "POST" or self._world.word(job) in TERMINAL):
                self._herald.follow(job)
            if reply.held:
                return self._answer_at_end(request, job, host)
        if reply.cut:
            return self._respond(request, None, job.request_id if job else "")
        if isinstance(body, str):
            return self._respond(request, Response(reply.status, reply.headers, body.encode()))
        if job and reply.status == 200:
            body = self._shown(job, body)
        note = str(body.get("status") or body.get("message"))
        if job and request.method == "POST":
            note += " " + job.request_id
        response = _json(reply.status, body, reply.headers)
        return self._respond(request, replace(response, bytes_per_second=reply.bytes_per_second), note)

    async def _answer_at_end(self, request: Request, job: Job, host: str) -> Answer:
        """With the result itself (reference: sync_mode)."""
        while self._world.word(job) not in TERMINAL:
            try:
                job = await self._workshop.change(job.request_id)
            except KeyError:  # somebody has emptied the folder
                return self._respond(request, None, job.request_id)
        body = self._shown(job, self._world.view(job, host))
        return self._respond(request, _json(200, body), f"{body['status']} {job.request_id}")

    def _shown(self, job: Job, body: Mapping[str, Any]) -> dict[str, Any]:
        """The status body, with the result as a data: URI in place of its URL where that was asked for."""
        shown = dict(body)
        if job.inline and shown["output"]:
            with open(self._media_file(job), "rb") as file:
                content = b64encode(file.read()).decode()
            shown["output"] = {**shown["output"], "media_url": [f"data:{job.media_type};base64,{content}"]}
        return shown

    def _media(self, request: Request, path: str) -> Response:
        request_id, _, name = path.removeprefix(MEDIA_PATH).partition("/")
        job = self._store.get(request_id)
        if job is None or job.file is None or name not in job.media_names:
            return _json(404, {"error": "Not Found", "message": "No such file"})
        file = self._media_file(job)
        try:
            status = os.stat(file)
        except FileNotFoundError:
            return _json(404, {"error": "Not Found", "message": "No such file"})
        size, etag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        headers = {"Content-Type": job.shown_type, "ETag": etag, "Accept-Ranges": "bytes"}
        span, satisfiable = None, True
        try:
            span = wanted_span(request.headers, size, etag)
        except Unsatisfiable:
            satisfiable = False
        resumed = span is not None and span.start > 0
        plan = self._world.media(path, resumed=resumed) if request.method == "GET" else MediaPlan()
        if plan.instead:
            return Response(plan.instead.status, plan.instead.headers, str(plan.instead.body).encode())
        if plan.empty:
            return Response(200, headers)
        if not plan.ranges:
            del headers["Accept-Ranges"]
            span, satisfiable = None, True
        if not satisfiable:
            return Response(416, {"Content-Range": f"bytes */{size}"})
        if plan.moved:
            span = Span(0, size)
        start, length = (span.start, span.length) if span else (0, size)
        if span:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        stop_after = length // 2 if plan.cut else None
        return Response(206 if span else 200, headers, FilePart(file, start, length, stop_after), plan.bytes_per_second)

    def _media_file(self, job: Job) -> str:
        assert job.file
        return os.path.join(TINY_FOLDER if job.instant else self._store.media_folder(job.request_id), job.file)

    def _result_made(self, job: Job) -> None:
        self._herald.follow(job)
        self._say(f"{job.request_id} {ERROR}: {job.error}" if job.error else f"{job.request_id} made {job.file}")

    def _respond(self, request: Request, answer: Answer, note: str = "") -> Answer:
        if self._on_line:
            outcome = str(answer.status) if answer else "cut"
            self._say(f"{request.method} {request.target} {outcome} {note}".rstrip())
        return answer

    def _say(self, line: str) -> None:
        if self._on_line:
            self._on_line("".join(character if character.isprintable() else "?" for character in line))


def _refusal(headers: Mapping[str, str]) -> str | None:
    """A page in a browser must not have local files read through file: sources, whatever name it was made to have."""
    if "origin" in headers:
        return "The sandbox does not serve web pages"
    if not _is_here(headers["host"]):
        return "The sandbox answers to localhost and 127.0.0.1"
    return None


def _is_here(host: str) -> bool:
    """Whether a Host header names this machine."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode())


def _plain(status: int, text: str) -> Response:
    return Response(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())
