"""Calls that block, in threads which nobody waits for when the command ends."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """So many at once. A thread pool of Python's own is waited for at the end, however long a store is silent."""

    def __init__(self, at_once: int, name: str) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._name = name

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What the function returns or raises. Who is cancelled meanwhile leaves it to itself."""
        async with self._room:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[T] = loop.create_future()

            def settle(result: T | None, error: BaseException | None) -> None:
                if future.done():
                    return
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(result)  # type: ignore[arg-type]

            def work() -> None:
                result, error = None, None
                try:
                    result = function(*arguments)
                except BaseException as caught:  # noqa: BLE001 - raised again where it is waited for
                    error = caught
                with suppress(RuntimeError):  # the loop is over
                    loop.call_soon_threadsafe(settle, result, error)

            threading.Thread(target=work, name=self._name, daemon=True).start()
            return await future
