"""A sandbox within this process, and a client of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from helpers.waiting import PATIENCE
from seedvr_cli.sandbox.server import Sandbox
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.values.catalog import ENDPOINTS

KEY = {"Ocp-Apim-Subscription-Key": "YOUR_API_KEY"}
EXAMPLE = "https://your-cdn.com/source.png"
SUBMIT = {name: endpoint.path for name, endpoint in ENDPOINTS.items()}
STATUS = "/v2/requests/status/"
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
