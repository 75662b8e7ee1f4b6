"""What a board in an object store stands on: small texts that are written by compare-and-set, and the store's clock.

An object is made only where there is none, and written over only where its ETag still is the one that was seen. A
store that ignores these conditions would let everybody win, so each is tried before it is trusted.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from seedvr_cli.ledger.board import BEAT_SECONDS
from seedvr_cli.objects.opening import open_store
from seedvr_cli.objects.threads import Threads
from seedvr_cli.objects.trouble import NO_BUCKET, explain
from seedvr_cli.values.errors import LedgerAway, LedgerError

# Requests at the same time: the library's own asynchronous calls may end the interpreter with a crash.
AT_ONCE = 32

T = TypeVar("T")
# What tells one content of an object from another: its ETag, or in Google's store its generation.
Mark = Mapping[str, str]


class Objects:
    """Those below `url`; messages speak of it as `name`. LedgerError where it cannot be used, LedgerAway for now."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._store = open_store(url)
        self._threads = Threads(AT_ONCE, "board")
        self._clock_path = f"clocks/{uuid.uuid4().hex}"
        # What the store's clock said, and when by ours.
        self._clock: tuple[datetime, float] | None = None

    async def get(self, path: str) -> tuple[str, Mark] | None:
        """An object's text and its mark; None where there is none."""

        def get() -> tuple[str, Mark]:
            found = obstore.get(self._store, path)
            return bytes(found.bytes()).decode(errors="replace"), _mark(found.meta)

        try:
            return await self._call(get)
        except FileNotFoundError:
            return None

    async def create(self, path: str, text: str) -> Mark | None:
        """The mark of a new object; None where there is one already."""
        try:
            return await self._put(path, text, "create")
        except (AlreadyExistsError, PreconditionError):
            return None
        except FileNotFoundError as error:
            raise self._missing() from error

    async def replace(self, path: str, text: str, seen: Mark) -> Mark | None:
        """The new mark of an object; None where it no longer has the one that was seen."""
        try:
            return await self._put(path, text, dict(seen))
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return None

    async def put(self, path: str, text: str, seen: tuple[str, Mark] | None) -> bool:
        """Whether it was written, which it is where the object still is what `get` has found."""
        return await (self.replace(path, text, seen[1]) if seen else self.create(path, text)) is not None

    async def touch(self, path: str) -> None:
        """Put again what only says when it was put."""
        await self._put(path, "{}", "overwrite")

    async def touched(self, path: str) -> datetime | None:
        """When it was last written, by the store's clock; None where there is none."""
        try:
            return (await self._call(lambda: obstore.head(self._store, path)))["last_modified"]
        except FileNotFoundError:
            return None

    async def delete(self, path: str) -> None:
        """It may not be there."""
        with suppress(FileNotFoundError):
            await self._call(lambda: obstore.delete(self._store, path))

    async def page(self, folder: str, after: str | None) -> Sequence[str]:
        """The next paths there, in order: as many as the store tells at once."""
        page = await self._call(lambda: next(iter(obstore.list(self._store, folder, offset=after)), []))
        return sorted(one["path"] for one in page)

    async def now(self) -> datetime:
        """What the store's clock says, which it is asked now and then: between that, ours goes as fast."""
        loop = asyncio.get_running_loop()
        if self._clock is None or loop.time() - self._clock[1] > BEAT_SECONDS:
            asked = loop.time()
            try:
                await self.touch(self._clock_path)
                told = (await self._call(lambda: obstore.head(self._store, self._clock_path)))["last_modified"]
            except FileNotFoundError as error:
                raise self._missing() from error
            self._clock = told, asked
        return self._clock[0] + timedelta(seconds=loop.time() - self._clock[1])

    async def stop_clock(self) -> None:
        """Delete the object that it was read by, if it was."""
        if self._clock is not None:
            await self.delete(self._clock_path)

    async def probe(self) -> None:
        """LedgerError where the store does not keep the two conditions."""
        path = f"probes/{uuid.uuid4().hex}"
        broken = await self._broken_condition(path)
        await self.delete(path)
        if broken:
            raise LedgerError(
                f"{self._name} cannot be used: the store {broken}, so that two machines would both pay",
                hint="S3, Google Cloud Storage, Azure and R2 keep conditions; or share a PostgreSQL",
            )

    # Below.

    async def _broken_condition(self, path: str) -> str | None:
        first = await self._tried(path, "1", await self.create(path, "1"))
        if first is None or await self.create(path, "2") is not None:
            return "makes an object that is there already"
        second = await self._tried(path, "3", await self.replace(path, "3", first))
        if second is None or await self.replace(path, "4", first) is not None:
            return "writes over an object that has changed"
        return None

    async def _tried(self, path: str, text: str, mark: Mark | None) -> Mark | None:
        """The mark of what was written; where it seems that it was not, the answer of an attempt may have been lost."""
        there = await self.get(path) if mark is None else None
        return there[1] if there is not None and there[0] == text else mark

    async def _put(self, path: str, text: str, mode: Any) -> Mark:
        return _mark(await self._call(lambda: obstore.put(self._store, path, text.encode(), mode=mode)))

    def _missing(self) -> LedgerError:
        """The store says of what is written that it is not there."""
        return LedgerError(f"{self._name} cannot be used: the store {NO_BUCKET}")

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await self._threads.call(call)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            raise
        except (BaseError, OSError) as error:
            why = explain("the store", str(error))
            message = f"{self._name} cannot be used: {why}"
            if why.is_lasting:
                raise LedgerError(message) from error
            raise LedgerAway(message, hint="the same command goes on when it is there again") from error


def _mark(facts: Any) -> Mark:
    return {name: facts[name] for name in ("e_tag", "version") if facts.get(name) is not None}
