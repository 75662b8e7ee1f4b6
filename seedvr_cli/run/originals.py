"""Sources behind URLs, fetched for a look at them: once each, some ahead of their turn, and gone after the last."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from seedvr_cli.values.answer import Stream
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.job import Job
from seedvr_cli.values.size import show_size
from seedvr_cli.values.urls import is_object_url

# Fetched at once, and kept at the most for those whose turn has not come.
AHEAD = 6
# Seconds for all of a source, and bytes, of a picture and of a video.
LONGEST_FETCH = 60.0
LARGEST_PICTURE, LARGEST_VIDEO = 64 << 20, 256 << 20

Fetch = Callable[[str], AbstractAsyncContextManager[Stream]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How often a source is taken, and the bytes that it may have."""

    uses: int
    limit: int


def wanted_urls(jobs: Iterable[Job]) -> dict[str, Wanted]:
    """The URLs among the sources of these jobs, in their order."""
    wanted: dict[str, Wanted] = {}
    for job in jobs:
        if job.source and "://" in job.source and not is_object_url(job.source):
            uses = wanted[job.source].uses if job.source in wanted else 0
            endpoint = ENDPOINTS.get(job.endpoint or "")
            limit = LARGEST_VIDEO if endpoint and endpoint.kind == "video" else LARGEST_PICTURE
            wanted[job.source] = Wanted(uses + 1, limit)
    return wanted


class Originals:
    """Files in `folder`, of URLs that are taken in the order of `wanted`. What cannot be had is told, not raised."""

    def __init__(self, fetch: Fetch, folder: str, wanted: Mapping[str, Wanted]) -> None:
        self._fetch = fetch
        self._folder = folder
        self._limits = {url: one.limit for url, one in wanted.items()}
        self._uses = {url: one.uses for url, one in wanted.items()}
        self._waiting = deque(wanted)
        self._tasks: dict[str, asyncio.Task[tuple[str | None, str]]] = {}
        self._count = 0

    @asynccontextmanager
    async def taken(self, url: str) -> AsyncIterator[tuple[str | None, str]]:
        """The path of the file while the block lasts; or None, and why there is none."""
        self._begin(url)
        path, trouble = await self._tasks[url]
        try:
            yield path, trouble
        finally:
            self._uses[url] -= 1
            if self._uses[url] <= 0:
                del self._tasks[url]
                if path is not None:
                    os.unlink(path)

    async def aclose(self) -> None:
        """Give up what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, url: str) -> None:
        """This one, if it was not begun, and others after it."""
        while self._waiting and (url not in self._tasks or len(self._tasks) < AHEAD):
            following = self._waiting.popleft()
            self._count += 1
            path = os.path.join(self._folder, str(self._count))
            self._tasks[following] = asyncio.create_task(self._get(following, path))

    async def _get(self, url: str, path: str) -> tuple[str | None, str]:
        trouble = await fetch_source(self._fetch, url, path, limit=self._limits[url], seconds=LONGEST_FETCH)
        return (None, trouble) if trouble else (path, "")


async def fetch_source(fetch: Fetch, url: str, path: str, *, limit: int, seconds: float) -> str:
    """Write it to `path`, which must not be there: what is wrong, and then there is no file, or nothing.

    It may have so many bytes, and take so long.
    """
    trouble = ""
    try:
        async with asyncio.timeout(seconds):
            trouble = await _write(fetch, url, path, limit)
    except TimeoutError:
        trouble = f"no end after {seconds:g} seconds"
    except SeedvrError as error:
        trouble = error.message
    except OSError as error:
        trouble = error.strerror or str(error)
    if trouble:
        with suppress(OSError):
            os.unlink(path)
    return trouble


async def _write(fetch: Fetch, url: str, path: str, limit: int) -> str:
    """What is wrong with it, or nothing."""
    too_large = f"it is larger than {show_size(limit)}"
    async with fetch(url) as stream:
        if stream.total is not None and stream.total > limit:
            return too_large
        with open(path, "xb") as file:
            async for chunk in stream.chunks:
                if file.tell() + len(chunk) > limit:
                    return too_large
                file.write(chunk)
    return ""
