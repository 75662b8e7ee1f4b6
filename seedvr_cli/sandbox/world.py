"""The gateway as a pure state machine: requests in, replies out; clock, randomness and the jobs are handed in."""

import math
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from random import Random
from typing import Any
from uuid import UUID

from seedvr_cli.sandbox.checks import BadRequest, read_body, read_webhook
from seedvr_cli.sandbox.faults import Faults
from seedvr_cli.sandbox.job import QUEUED, STUCK, Job
from seedvr_cli.sandbox.reply import MediaPlan, Reply, cut, page, problem
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.values.catalog import (
    COMPLETED,
    ENDPOINTS,
    ERROR,
    FAILED,
    KEY_HEADER,
    STATUS_PATH,
    TERMINAL,
    Endpoint,
)

# Seconds over which the rate limit counts.
RATE_WINDOW = 1.0
# Bytes a second of the faults slow-media and slow-poll.
SLOW_MEDIA = 64 * 1024
SLOW_POLL = 10
# What object stores say of a signed URL that is too old.
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# Answers that have no body.
BODILESS = frozenset({204, 304})

# By output_format: what an instant job's result is, and which file of `tiny/` it is.
INSTANT_RESULTS = {
    "png": ("image/png", "picture.png"),
    "jpeg": ("image/jpeg", "picture.jpg"),
    "jpg": ("image/jpeg", "picture.jpg"),
    "webp": ("image/webp", "picture.webp"),
    "X264 (.mp4)": ("video/mp4", "clip-h264.mp4"),
    "H265 (.mp4)": ("video/mp4", "clip-h265.mp4"),
}

_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS.values()}


class World:
    """The contract of the reference over a mapping of jobs. `clock` gives seconds since 1970.

    Headers come with names in lower case. Nothing here blocks, and nothing is read or written but through `jobs`.
    """

    def __init__(
        self,
        jobs: MutableMapping[str, Job],
        settings: SandboxSettings,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._clock = clock
        self._random = random
        # Dice of their own for polls and downloads: how often a client asks must not change what jobs come to.
        self._faults, self._poll_faults, self._media_faults = (
            Faults(settings.faults, Random(random.getrandbits(64)))  # noqa: S311 - to be reproduced, not to be secret
            for _ in range(3)
        )
        self._asked: set[str] = set()
        self._recent: deque[float] = deque()
        self._balance = settings.balance
        self._unsettled: dict[str, int] = {}

    def submit(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a POST (reference: Image Upscale Request, Response Handling, Queue System Errors)."""
        refusal = self._refusal(headers)
        if refusal:
            return refusal
        endpoint = _BY_PATH.get(path)
        if endpoint is None:
            model = path.strip("/").partition("/")[0]
            return problem(400, "Model not found", f"Model '{model}' not found or is disabled")
        fault = self._submission_fault()
        if fault:
            return fault
        try:
            values = read_body(endpoint, body)
            webhook_url, webhook_mode = read_webhook(headers)
        except BadRequest as error:
            return problem(400, "Bad Request", str(error))
        price = _price(endpoint, values)
        if not self._can_pay(price):
            return problem(402, "Insufficient Balance", "Your wallet does not have enough balance.")
        job = self._new_job(endpoint, values, price)
        job.webhook_url, job.webhook_mode = webhook_url, webhook_mode
        at_once = self._faults.strike("instant-complete")
        if at_once:
            job.queued_until = job.due_at = job.created_at
        self._jobs[job.request_id] = job
        self._charge(job)
        return self._answer(job, headers, at_once=at_once)

    def status(self, request_id: str, headers: Mapping[str, str]) -> Reply:
        """Answer a GET of the status endpoint (reference: Retrieving Results)."""
        refusal = self._refusal(headers)
        if refusal:
            return refusal
        if self._poll_faults.strike("drop-poll"):
            return cut()
        if self._poll_faults.strike("html"):
            return page(502, "502 Bad Gateway")
        if self._poll_faults.strike("envelope"):
            return Reply(200, {}, {"status": "error", "message": "upstream timeout"})
        job = self._jobs.get(request_id)
        if job is None:
            return problem(404, "Not Found", f"Request '{request_id}' not found")
        speed = SLOW_POLL if self._poll_faults.strike("slow-poll") else None
        return Reply(200, {}, self.view(job, headers["host"]), job, bytes_per_second=speed)

    def media(self, path: str, *, resumed: bool) -> MediaPlan:
        """How this download of a file goes; `resumed` where it begins behind the file's first byte."""
        faults = self._media_faults
        if faults.strike("error-page"):
            return MediaPlan(instead=page(200, "Please wait"))
        if faults.strike("expired-url"):
            return MediaPlan(instead=Reply(403, {"Content-Type": "application/xml"}, EXPIRED))
        if faults.strike("empty-media"):
            return MediaPlan(empty=True)
        first = path not in self._asked
        self._asked.add(path)
        return MediaPlan(
            cut=first and not resumed and faults.strike("cut-media"),
            ranges=not faults.strike("no-range"),
            moved=resumed and faults.strike("moved-range"),
            bytes_per_second=SLOW_MEDIA if faults.strike("slow-media") else None,
        )

    def finish(
        self, request_id: str, *, file: str | None = None, media_type: str | None = None, error: str | None = None
    ) -> Job:
        """Store a job's result: the file's name and type, or, where none could be made, the error."""
        job = self._jobs[request_id]
        if job.finished_at is None:
            job.finished_at = self._clock()
            job.file, job.media_type, job.error = file, media_type, error
            if error is not None:
                job.fate = ERROR
            self._jobs[request_id] = job
        return job

    def word(self, job: Job) -> str:
        """The job's status now."""
        return job.word(self._clock())

    def view(self, job: Job, host: str) -> dict[str, Any]:
        """The job's status body now."""
        return job.view(self._clock(), host)

    def until_change(self, job: Job) -> float | None:
        """Seconds until the clock changes the job's status, or None where the result is waited for."""
        now = self._clock()
        change = job.next_change(now)
        return None if change is None else change - now

    def _refusal(self, headers: Mapping[str, str]) -> Reply | None:
        key = headers.get(KEY_HEADER.lower(), "").strip()
        if not key or key.startswith("invalid"):
            return problem(401, "Unauthorized", "Access denied due to missing or invalid subscription key.")
        if key.startswith("forbidden"):
            return problem(403, "Forbidden", "This subscription key may not use this model.")
        wait = self._over_rate()
        if wait:
            headers = {"Retry-After": str(math.ceil(wait))}
            return problem(429, "Too Many Requests", "The rate limit is exceeded. Try again later.", headers)
        return None

    def _submission_fault(self) -> Reply | None:
        """What goes wrong before a submission is accepted."""
        if self._faults.strike("drop-submit"):
            return cut()
        if self._faults.strike("server-error"):
            return problem(500, "Internal Server Error", "The sandbox was told to fail here")
        if self._faults.strike("busy"):
            return problem(503, "Service Unavailable", "The sandbox was told to be busy", {"Retry-After": "1"})
        return None

    def _over_rate(self) -> float:
        """Seconds until the next request is welcome; 0 counts this one."""
        limit = self._settings.rate_limit
        if limit is None:
            return 0.0
        now = self._clock()
        while self._recent and self._recent[0] <= now - RATE_WINDOW:
            self._recent.popleft()
        if len(self._recent) >= limit:
            return max(self._recent[0] + RATE_WINDOW - now, 0.001) if self._recent else RATE_WINDOW
        self._recent.append(now)
        return 0.0

    def _can_pay(self, price: int) -> bool:
        if self._balance is None or price <= self._balance:
            return True
        # Only where it matters: give back what jobs that ended ERROR had cost, and forget those that are paid for good.
        for request_id in list(self._unsettled):
            job = self._jobs.get(request_id)
            if job is None or self.word(job) in TERMINAL:
                micros = self._unsettled.pop(request_id)
                self._balance += micros if job and job.fate == ERROR else 0
        return price <= self._balance

    def _charge(self, job: Job) -> None:
        if self._balance is not None:
            self._balance -= job.price
            self._unsettled[job.request_id] = job.price

    def _new_job(self, endpoint: Endpoint, values: dict[str, Any], price: int) -> Job:
        settings, random = self._settings, self._random
        now = self._clock()
        latency = settings.latency * (1 + settings.spread * random.uniform(-1, 1))
        hidden = {endpoint.source_key, *(one.wire for one in endpoint.parameters if not one.changes_result)}
        job = Job(
            request_id=self._new_id(endpoint),
            endpoint=endpoint.name,
            source=values[endpoint.source_key],
            params={key: value for key, value in values.items() if key not in hidden},
            seed=values.get("seed", random.getrandbits(31)),
            price=price,
            created_at=now,
            queued_until=now + latency / 3,
            due_at=now + latency,
            fate=self._fate(),
            odd=self._faults.strike("odd-status"),
            copies=2 if self._faults.strike("two-files") else 1,
            bare=self._faults.strike("bare-video"),
            instant=settings.instant,
            inline=values.get("sync_mode") is True,
            body_webhook=values.get("webhook"),
            body_events=values.get("webhook_events_filter", ["completed"]),
            webhook_copies=2 if self._faults.strike("duplicate-webhook") else 1,
        )
        if job.fate in {FAILED, ERROR}:
            job.finished_at, job.error = now, f"The sandbox was told to end this job {job.fate}"
        elif job.instant and job.fate == COMPLETED:
            job.finished_at = now
            wanted = values.get("output_format", "X264 (.mp4)" if endpoint.kind == "video" else "png")
            job.media_type, job.file = INSTANT_RESULTS[wanted]
        return job

    def _new_id(self, endpoint: Endpoint) -> str:
        while True:
            request_id = f"{endpoint.model_id}_{UUID(int=self._random.getrandbits(128), version=4)}"
            # A seed used twice on one folder gives the same ids again.
            if request_id not in self._jobs:
                return request_id

    def _fate(self) -> str:
        for fault, fate in (("fail", FAILED), ("error", ERROR), ("stuck", STUCK)):
            if self._faults.strike(fault):
                return fate
        return COMPLETED

    def _answer(self, job: Job, headers: Mapping[str, str], *, at_once: bool) -> Reply:
        if self._faults.strike("lost-submit"):
            return cut(job)
        if self._faults.strike("ambiguous"):
            status = self._settings.ambiguous_status
            body = {"error": "Sandbox fault", "message": "The sandbox was told to leave it open"}
            return Reply(status, {}, "" if status in BODILESS else body, job)
        if self._faults.strike("garbled"):
            return Reply(202, {"Content-Type": "application/json"}, f'{{"request_id": "{job.request_id[:20]}', job)
        if at_once or job.inline:
            return Reply(200, {}, {}, job, held=True)
        body = {
            "request_id": job.request_id,
            "status": QUEUED,
            "polling_url": f"http://{headers['host']}{STATUS_PATH}{job.request_id}",
        }
        return Reply(202, {}, body, job)


def _price(endpoint: Endpoint, values: Mapping[str, Any]) -> int:
    """By the target where there is one; by the dearest row otherwise, since nobody has measured the source yet."""
    target = None if values.get("upscale_mode") == "factor" else values.get("target_resolution")
    return endpoint.price(target=target)
