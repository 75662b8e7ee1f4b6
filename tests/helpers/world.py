"""The sandbox's world without a server, its clock in the hands of a test."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from seedvr_cli.sandbox.job import Job
from seedvr_cli.sandbox.reply import Reply
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.sandbox.world import World
from seedvr_cli.values.catalog import ENDPOINTS

# 2026-05-22T13:17:32.110Z, as in the reference's examples.
START = 1779455852.110
HEADERS = {"host": "127.0.0.1:8787", "ocp-apim-subscription-key": "YOUR_API_KEY"}
PICTURE = {"image_url": "https://your-cdn.com/source.png"}
VIDEO = {"video_url": "https://example.com/my-video.mp4"}


class WorldBench:
    """A world with its jobs, and the hands on its clock."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.jobs: dict[str, Job] = {}
        chosen = SandboxSettings(**{"latency": 30.0, "instant": True, **settings})
        self.world = World(self.jobs, chosen, lambda: self.now, Random(1))

    def submit(
        self, body: Mapping[str, Any] = PICTURE, endpoint: str = "7b-image", headers: Mapping[str, str] = {}
    ) -> Reply:
        content = json.dumps(body).encode()
        return self.world.submit(ENDPOINTS[endpoint].path, {**HEADERS, **headers}, content)

    def accepted(self, body: Mapping[str, Any] = PICTURE, endpoint: str = "7b-image", **headers: str) -> str:
        reply = self.submit(body, endpoint, headers)
        assert reply.job, reply
        return reply.job.request_id

    def poll(self, request_id: str, after: float = 0.0) -> dict[str, Any]:
        self.now += after
        reply = self.world.status(request_id, HEADERS)
        assert reply.status == 200
        return dict(reply.body)

    def refused(self, body: Any, endpoint: str = "7b-image", **headers: str) -> str:
        reply = self.submit(body, endpoint, headers)
        assert reply.status == 400
        assert not self.jobs
        assert reply.body["error"] == "Bad Request"
        return reply.body["message"]
