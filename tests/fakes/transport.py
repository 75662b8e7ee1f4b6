"""A stand-in for the network under the gateway's client: one scripted answer after the other."""

import asyncio
from datetime import UTC, datetime

import httpx

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.request import Source, build_request

BASE = "https://gateway.example"
KEY = "k-0123456789abcdef"
URL = "https://example.com/photo.jpg"
MEDIA = "https://cdn.example/v1/output.png"
NOW = datetime(2026, 5, 22, 13, 0, 0, tzinfo=UTC)
ACCEPTED = {"request_id": "job_1", "status": "QUEUED", "polling_url": f"{BASE}/v2/requests/status/job_1"}
COMPLETED = {
    "request_id": "job_1",
    "status": "COMPLETED",
    "model_id": "seedvr2-7b-upscale",
    "error": None,
    "output": {"media_url": [MEDIA], "media_type": "image/png"},
    "created_at": "2026-05-22T13:17:32.110Z",
    "updated_at": "2026-05-22 13:19:23",
    "completed_at": "2026-05-22 13:19:23",
}


def request(name="7b-image", **options):
    return build_request(ENDPOINTS[name], Source(URL, URL, URL, "photo.jpg"), options)


class Script:
    """A transport that answers one request after the other, and remembers them; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, heard):
        self.requests.append(heard)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        response = answer(heard) if callable(answer) else answer
        # Its body is read anew, as from a connection.
        return httpx.Response(response.status_code, headers=response.headers, stream=response.stream)

    def gateway(self, base=BASE, **more):
        return Gateway(base, KEY, now=lambda: NOW, connect=lambda: HttpxTransport(httpx.MockTransport(self)), **more)


def call(name, *answers, base=BASE, what=None):
    """The result of `submit` or `poll` against a script, or its exception; the script comes second."""
    script = Script(*answers)

    async def run():
        async with script.gateway(base) as client:
            return await (client.submit(what or request()) if name == "submit" else client.poll(what or "job_1"))

    try:
        return asyncio.run(run()), script
    except SeedvrError as error:
        return error, script


def answer(status, body=None, **headers):
    """An HTTP answer; anything but bytes and text goes as JSON."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes | str):
        return httpx.Response(status, content=body, headers=headers)
    return httpx.Response(status, json=body, headers=headers)


def media(status, body=b"", **headers):
    """An answer whose body is a stream, as that of a download is."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers={"Content-Length": str(len(body)), **headers}, stream=httpx.ByteStream(body))


def refusal(error="Unauthorized", message="Access denied"):
    return {"error": error, "message": message}


HTML = "<html><head><title>502</title><style>p{}</style></head><body><h1>Bad\n Gateway</h1></body></html>"


async def read_all(client, url=MEDIA, offset=0, etag=None, end=None):
    async with client.media.fetch(url, offset, etag, end) as stream:
        return stream, b"".join([chunk async for chunk in stream.chunks])


def fetched(*answers, url=MEDIA, offset=0, etag=None, end=None, base=BASE):
    """A stream's facts and its bytes, or the exception; the script comes second."""
    script = Script(*answers)

    async def run():
        async with script.gateway(base) as client:
            return await read_all(client, url, offset, etag, end)

    try:
        return asyncio.run(run()), script
    except SeedvrError as error:
        return error, script
