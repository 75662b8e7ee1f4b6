"""Flushing files and folders to disk, many in one go: a thread for each of them costs more than the flush."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Disk:
    """What a run flushes. Both raise OSError where the disk fails."""

    def __init__(self) -> None:
        self._files = _Together(os.fsync)
        self._folders = _Together(_flush_folder)

    async def flush(self, descriptor: int) -> None:
        """What was written to an open file is on disk when this returns."""
        await self._files.call(descriptor)

    async def flush_folder(self, path: str) -> None:
        """The names in a folder survive a power cut when this returns; some systems cannot open a folder."""
        await self._folders.call(path)


class _Together(Generic[T]):
    """A call that waits for the disk: what is asked for while one is under way is done by the next, all in a row."""

    def __init__(self, call: Callable[[T], None]) -> None:
        self._call = call
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._server: asyncio.Task[None] | None = None

    async def call(self, argument: T) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((argument, future))
        if self._server is None:
            self._server = asyncio.create_task(self._serve())
        await future

    async def _serve(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            arguments = {argument for argument, _ in group}
            errors: Mapping[T, Exception]
            try:
                errors = await asyncio.to_thread(self._call_all, arguments)
            except Exception as error:  # noqa: BLE001 - no thread is to be had, say: nobody must wait for ever
                errors = dict.fromkeys(arguments, OSError(str(error)))
            for argument, future in group:
                if future.done():
                    continue
                if argument in errors:
                    future.set_exception(errors[argument])
                else:
                    future.set_result(None)
        self._server = None

    def _call_all(self, arguments: set[T]) -> dict[T, Exception]:
        errors: dict[T, Exception] = {}
        for argument in arguments:
            try:
                self._call(argument)
            except Exception as error:  # noqa: BLE001 - each caller gets its own
                errors[argument] = error
        return errors


def _flush_folder(path: str) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
