"""Files of this machine on their way to a gateway that reads URLs alone: by way of a bucket, or the user's own program.

An object is named after what is in it: the same file is sent once, by whatever machine. The gateway gets an address
that is good for as long as it may need it, signed with our keys, which it never sees.
"""

import asyncio
import os
import shlex
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from seedvr_cli.objects.store import ObjectStore, Stopped, StoreError, split_url
from seedvr_cli.values.errors import UploadError
from seedvr_cli.values.media import EXTENSIONS, sniff_file
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.request import Source
from seedvr_cli.values.target import Target
from seedvr_cli.values.urls import is_allowed_url, is_object_url

# Files that are sent at the same time.
AT_ONCE = 4
# Seconds that an address is good for beyond the wait for its job, and at the most: no store signs for longer.
MARGIN = 3600.0
LONGEST_ADDRESS = 7 * 86400.0

T = TypeVar("T")


class Uploads:
    """Of one run. Raises UploadError, which costs nothing: nothing is submitted without an address."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._threads = ThreadPoolExecutor(AT_ONCE + 2, thread_name_prefix="uploads")
        self._room = asyncio.Semaphore(AT_ONCE)
        self._stores: dict[str, ObjectStore] = {}
        # By the object's URL: who needs it, and the sending of it. By the path, what a command printed.
        self._users: dict[str, int] = {}
        self._sending: dict[str, asyncio.Task[bool]] = {}
        self._printed: dict[str, asyncio.Task[str]] = {}
        self._stop = threading.Event()

    async def bring(self, source: Source, told: Callable[[int, int], None]) -> None:
        """Have the source where the gateway can read it. `told(done, total)` in bytes."""
        assert source.path is not None
        if is_object_url(source.path):
            return
        if self._target.url is None:
            await self._print(source.path)
            return
        url = self._object_url(source)
        self._users[url] = self._users.get(url, 0) + 1
        if url not in self._sending:
            self._sending[url] = asyncio.create_task(self._send(url, source.path, told))
        await asyncio.shield(self._sending[url])

    async def address(self, source: Source, seconds: float) -> str:
        """A URL of the source that holds for a job which may take so many seconds from now on."""
        assert source.path is not None
        if is_object_url(source.path):
            url = source.path
        elif self._target.url is None:
            return await self._print(source.path)
        else:
            url = self._object_url(source)
        lifetime = min(seconds + MARGIN, LONGEST_ADDRESS)
        return await self._call(url, lambda store, path: store.sign(path, lifetime))

    async def let_go(self, source: Source) -> None:
        """The job is done: what nobody else of this run needs, and this run has sent, is deleted."""
        if source.path is None or is_object_url(source.path) or self._target.url is None:
            return
        url = self._object_url(source)
        self._users[url] = self._users.get(url, 1) - 1
        sending = self._sending.get(url)
        if self._target.keep or self._users[url] > 0 or sending is None:
            return
        del self._sending[url]
        if sending.done() and not sending.cancelled() and sending.exception() is None and sending.result():
            with suppress(UploadError):
                await self._call(url, lambda store, path: store.delete(path))

    def close(self) -> None:
        """End what is under way."""
        self._stop.set()
        for task in (*self._sending.values(), *self._printed.values()):
            task.cancel()
        self._threads.shutdown(wait=False)

    def _object_url(self, source: Source) -> str:
        """After what is in it, with the ending that its bytes ask for."""
        assert self._target.url is not None
        assert source.path is not None
        ext = EXTENSIONS.get(sniff_file(source.path) or "", "")
        return f"{self._target.url.rstrip('/')}/{source.identity.removeprefix('sha256:')}{ext}"

    async def _send(self, url: str, file: str, told: Callable[[int, int], None]) -> bool:
        """Whether it was not there before."""
        loop = asyncio.get_running_loop()
        size = os.path.getsize(file)

        def watch(done: int) -> None:
            if self._stop.is_set():
                raise Stopped
            loop.call_soon_threadsafe(told, min(done, size), size)

        def send(store: ObjectStore, path: str) -> bool:
            there = store.facts(path)
            if there is not None and there.size == size:
                return False
            media_type = sniff_file(file) or "application/octet-stream"
            return store.put(path, file, media_type=media_type, label="", overwrite=there is not None, watch=watch)

        async with self._room:
            return await self._call(url, send)

    async def _print(self, path: str) -> str:
        if path not in self._printed:
            self._printed[path] = asyncio.create_task(self._run_command(path))
        return await asyncio.shield(self._printed[path])

    async def _run_command(self, path: str) -> str:
        words = [word.replace("{path}", path) for word in shlex.split(self._target.command or "")]

        def run() -> str:
            try:
                done = subprocess.run(  # noqa: S603 - the user's own program
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
                )
            except OSError as error:
                raise UploadError(f"upload-command: {words[0]}: {error.strerror}") from error
            if done.returncode:
                raise UploadError(f"upload-command: {words[0]} ended with {done.returncode} for {path}")
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
            if not lines or not is_allowed_url(lines[-1]):
                raise UploadError(f"upload-command: {words[0]} printed no https URL for {path}")
            return lines[-1]

        async with self._room:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _call(self, url: str, operation: Callable[[ObjectStore, str], T]) -> T:
        root, path = split_url(url)
        if root not in self._stores:
            self._stores[root] = ObjectStore(root, endpoint=self._target.endpoint, region=self._target.region)
        store = self._stores[root]
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, operation, store, path)
        except StoreError as error:
            raise UploadError(redact(str(error)), is_lasting=error.is_lasting) from error
        except OSError as error:
            raise UploadError(f"cannot read {error.filename or 'the source'}: {error.strerror or error}") from error
