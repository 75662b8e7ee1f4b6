"""A gateway in process, for a run's own tests: it answers what the test has written down, and counts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

from seedvr_cli.values.answer import Answer, Peek, Stream
from seedvr_cli.values.request import Request

PICTURE = (Path(__file__).parents[2] / "seedvr_cli" / "sandbox" / "tiny" / "picture.png").read_bytes()

Step = Answer | Exception | Callable[[], Any]


def queued(request_id: str = "job-1") -> Answer:
    """The answer 202."""
    return Answer(request_id, "QUEUED")


def processing(request_id: str = "job-1") -> Answer:
    """A job that goes on."""
    return Answer(request_id, "PROCESSING")


def completed(request_id: str = "job-1") -> Answer:
    """A job that is done."""
    return Answer(request_id, "COMPLETED", media_url=(f"https://cdn.example.com/{request_id}.png",))


class ScriptedGateway:
    """Stands for `gateway.client.Gateway`. `sources` is what stands at URLs.

    Each script is used up step by step; its last step is repeated. Without one jobs are accepted as job-1, job-2, ...,
    and whatever is asked after is completed.

    A step is an answer, an exception to raise, or a function that is called for either.
    """

    def __init__(
        self,
        *,
        submits: Iterable[Step] = (),
        polls: Iterable[Step] = (),
        picture: bytes = PICTURE,
        media: Exception | None = None,
        sources: Mapping[str, Peek | Exception] | None = None,
    ) -> None:
        self._media = media
        self._sources = sources or {}
        self._submits = _for_ever(submits) if submits else (queued(f"job-{number}") for number in count(1))
        self._polls = _for_ever(polls) if polls else None
        self._picture = picture
        self.host = "gateway.example"
        self.media = self  # what both do is scripted here
        self.submitted: list[Request] = []
        self.polled: list[str] = []
        self.limits: list[float | None] = []
        self.fetched: list[str] = []
        self.peeked: list[str] = []

    async def submit(self, request: Request) -> Answer:
        """The next answer to a submission."""
        self.submitted.append(request)
        await asyncio.sleep(0)
        return _play(next(self._submits))

    async def poll(self, request_id: str, *, seconds: float | None = None) -> Answer:
        """The next answer to a poll."""
        self.polled.append(request_id)
        self.limits.append(seconds)
        await asyncio.sleep(0)
        return _play(next(self._polls)) if self._polls else completed(request_id)

    async def peek(self, url: str, count: int, *, seconds: float = 0.0) -> Peek:
        """What stands at a URL."""
        self.peeked.append(url)
        await asyncio.sleep(0)
        found = self._sources[url]
        if isinstance(found, Exception):
            raise found
        return found

    @asynccontextmanager
    async def fetch(
        self, url: str, offset: int = 0, etag: str | None = None, end: int | None = None
    ) -> AsyncIterator[Stream]:
        """A small picture."""
        self.fetched.append(url)
        if self._media is not None:
            raise self._media

        async def chunks() -> AsyncIterator[bytes]:
            await asyncio.sleep(0)
            yield self._picture

        yield Stream(0, len(self._picture), None, chunks())


def _for_ever(steps: Iterable[Step]) -> Iterator[Step]:
    known = list(steps)
    return chain(known, repeat(known[-1]))


def _play(step: Step) -> Answer:
    value = step() if callable(step) else step
    if isinstance(value, Exception):
        raise value
    return value
