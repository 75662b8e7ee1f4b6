"""Files of this machine on their way to a gateway that reads URLs alone: by way of a bucket, or the user's own program.

An object is named after what is in it: the same file is sent once, by whatever machine. Beside it stands an empty mark
for each job that needs it, and who takes the last one away deletes it: that is announced by a mark of its own, after
which one looks again for those of jobs, and who has just put one waits for what is announced. The gateway gets an
address that is good for as long as it may need it, signed with our keys, which it never sees.
"""

import asyncio
import hashlib
import math
import os
import shlex
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from seedvr_cli.objects.opening import split_url
from seedvr_cli.objects.store import ObjectStore
from seedvr_cli.objects.threads import Threads
from seedvr_cli.objects.trouble import Stopped, StoreError
from seedvr_cli.uploads.marks import Mark, Marks
from seedvr_cli.values.errors import UploadError, UsageError
from seedvr_cli.values.media import EXTENSIONS, sniff_file
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.request import Source
from seedvr_cli.values.target import Target
from seedvr_cli.values.urls import is_allowed_url, is_object_url

# Files that are sent at the same time, and what else is asked of stores.
AT_ONCE = 4
CALLS_AT_ONCE = 16
# Seconds that an address is good for beyond the wait for its job, and at the most: no store signs for longer.
MARGIN = 3600.0
LONGEST_ADDRESS = 7 * 86400.0
# Whose mark stands for ever.
KEPT = "kept"
# Seconds that a deletion which was announced may take, and between two looks; who announced it may have been killed.
LEAVING_SECONDS = 10.0
LEAVING_PAUSE = 0.2

T = TypeVar("T")


class Uploads:
    """Of one run; `folder` is where it is kept which objects jobs need.

    Raises UploadError, which costs nothing: nothing is submitted without an address.
    """

    def __init__(self, target: Target, folder: str) -> None:
        self._target = target
        self._marks = Marks(folder)
        self._threads = Threads(CALLS_AT_ONCE, "uploads")
        self._room = asyncio.Semaphore(AT_ONCE)
        self._stores: dict[tuple[str, str | None, str | None], ObjectStore] = {}
        # By the source's identity, its object; the sending of objects, and what commands printed.
        self._urls: dict[str, str] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._printed: dict[str, asyncio.Task[str]] = {}
        self._programs: set[subprocess.Popen[bytes]] = set()
        self._stop = threading.Event()

    async def bring(self, source: Source, key: str, told: Callable[[int, int], None]) -> None:
        """Have the source where the gateway can read it, for the job of that key. `told(done, total)` in bytes."""
        assert source.path is not None
        if is_object_url(source.path):
            await self.address(source, 0.0)  # whether there can be one is better known now
            return
        if self._target.url is None:
            await self._print(source)
            return
        url = await self._object_url(source)
        await self._mark(url, key)
        if url not in self._sending:
            self._sending[url] = asyncio.create_task(self._send(url, source, told))
        try:
            await asyncio.shield(self._sending[url])
        except UploadError:
            self._sending.pop(url, None)  # another item may have better luck
            raise

    async def address(self, source: Source, seconds: float) -> str:
        """A URL of the source that holds for a job which may take so many seconds from now on."""
        assert source.path is not None
        if not is_object_url(source.path) and self._target.url is None:
            return await self._print(source)
        url = source.path if is_object_url(source.path) else await self._object_url(source)
        lifetime = min(seconds + MARGIN, LONGEST_ADDRESS)
        return await self._call(url, lambda store, path: store.sign(path, lifetime))

    async def let_go(self, source: Source | None, key: str, submitted_at: datetime | None) -> None:
        """The job of that key has ended: what no other one needs is deleted. That this fails harms nobody.

        What was marked after `submitted_at` another job needs. With a `source`, what another machine had put there for
        that job is let go of as well.
        """
        last = submitted_at.timestamp() if submitted_at else math.inf
        own = [mark for mark in self._marks.of(key) if mark.made_at <= last]
        await self.release(own)
        if own or source is None or source.path is None or is_object_url(source.path):
            return
        if self._target.url is not None and not self._target.keep:
            with suppress(UploadError):
                await self._call(await self._object_url(source), lambda store, path: _take_away(store, path, key))

    async def release(self, marks: Iterable[Mark]) -> None:
        """Let go of what these say is needed."""
        for mark in marks:
            with suppress(UploadError):
                await self._call(str(mark.target.url), partial(_release, mark=mark), mark.target)
                self._marks.remove(mark)

    def close(self) -> None:
        """End what is under way."""
        self._stop.set()
        for task in (*self._sending.values(), *self._printed.values()):
            task.cancel()
        for program in list(self._programs):
            with suppress(OSError):
                program.terminate()

    async def _mark(self, url: str, key: str) -> None:
        """Say that the job needs the object, here and beside it."""
        mark = None if self._target.keep else await self._guarded(self._marks.make, key, url, self._target)
        name = f"{key}/{mark.name}" if mark else KEPT
        try:
            await self._call(_marks_of(url, name), lambda store, path: store.put_empty(path))
        except UploadError:
            if mark:
                self._marks.remove(mark)
            raise

    async def _object_url(self, source: Source) -> str:
        """After what is in it, with the ending that its bytes ask for."""
        if source.identity not in self._urls:
            assert self._target.url is not None
            assert source.path is not None
            media_type = await self._guarded(sniff_file, source.path)
            ext = EXTENSIONS.get(media_type or "", "")
            name = source.identity.removeprefix("sha256:")
            self._urls[source.identity] = f"{self._target.url.rstrip('/')}/{name}{ext}"
        return self._urls[source.identity]

    async def _send(self, url: str, source: Source, told: Callable[[int, int], None]) -> None:
        loop, file = asyncio.get_running_loop(), source.path
        assert file is not None

        def send(store: ObjectStore, path: str) -> None:
            before = _as_it_was(source)
            _await_deletion(store, path, self._stop)
            there = store.facts(path)
            if there is not None and there.size == before.st_size:
                return

            def watch(done: int) -> None:
                if self._stop.is_set():
                    raise Stopped
                loop.call_soon_threadsafe(told, min(done, before.st_size), before.st_size)

            media_type = sniff_file(file) or "application/octet-stream"
            store.put_named(path, file, media_type=media_type, watch=watch)
            if not _is_as(before, file):
                store.delete(path)
                raise UploadError(f"{file} has changed while it was sent")

        async with self._room:
            await self._call(url, send)

    async def _print(self, source: Source) -> str:
        if source.identity not in self._printed:
            self._printed[source.identity] = asyncio.create_task(self._run_command(source))
        return await asyncio.shield(self._printed[source.identity])

    async def _run_command(self, source: Source) -> str:
        path = source.path
        assert path is not None
        shown = path if os.path.isabs(path) else os.path.join(".", path)  # a name may begin like an option
        words = [word.replace("{path}", shown) for word in shlex.split(self._target.command or "")]

        def run() -> str:
            before = _as_it_was(source)
            try:
                program = subprocess.Popen(  # noqa: S603 - the user's own
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
                )
            except OSError as error:
                raise UploadError(f"upload-command: {words[0]}: {error.strerror}", is_lasting=True) from error
            self._programs.add(program)
            try:
                output, _ = program.communicate()
            finally:
                self._programs.discard(program)
            if program.returncode:
                raise UploadError(f"upload-command: {words[0]} ended with {program.returncode} for {path}")
            if not _is_as(before, path):
                raise UploadError(f"{path} has changed while it was sent")
            lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
            if not lines or not is_allowed_url(lines[-1]):
                raise UploadError(f"upload-command: {words[0]} printed no https URL for {path}")
            return lines[-1]

        async with self._room:
            return await self._guarded(run)

    async def _call(self, url: str, operation: Callable[[ObjectStore, str], T], target: Target | None = None) -> T:
        endpoint, region = (target or self._target).endpoint, (target or self._target).region

        def call() -> T:
            root, path = split_url(url)
            opened = root, endpoint, region
            if opened not in self._stores:
                self._stores[opened] = ObjectStore(root, endpoint=endpoint, region=region)
            return operation(self._stores[opened], path)

        return await self._guarded(call)

    async def _guarded(self, function: Callable[..., T], *arguments: Any) -> T:
        """In a thread; whatever goes wrong there costs nothing, as nothing was submitted yet."""
        try:
            return await self._threads.call(function, *arguments)
        except StoreError as error:
            raise UploadError(redact(str(error)), is_lasting=error.is_lasting) from error
        except UsageError as error:
            raise UploadError(error.message, hint=error.hint, is_lasting=True) from error
        except OSError as error:
            raise UploadError(f"cannot read {error.filename or 'the source'}: {error.strerror or error}") from error


def _as_it_was(source: Source) -> os.stat_result:
    """The facts of the source's file; UploadError where it is not what the job is to be of any more."""
    assert source.path is not None
    facts = os.stat(source.path)
    with open(source.path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if f"sha256:{digest}" != source.identity:
        raise UploadError(f"{source.path} has changed since it was looked at")
    return facts


def _is_as(before: os.stat_result, file: str) -> bool:
    after = os.stat(file)
    return (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def _release(store: ObjectStore, path: str, *, mark: Mark) -> None:
    store.delete(_marks_of(path, f"{mark.key}/{mark.name}"))
    _delete_unneeded(store, path)


def _take_away(store: ObjectStore, path: str, key: str) -> None:
    """As if all marks of that job were our own: whoever has put them there need not be alive."""
    for mark in store.names(_marks_of(path, key)):
        store.delete(mark)
    _delete_unneeded(store, path)


def _delete_unneeded(store: ObjectStore, path: str) -> None:
    """Delete an object that no job needs, not even one that came while that was announced."""
    if store.has_any(_marks_of(path)):
        return
    leaving = f"{_leaving(path)}/{uuid.uuid4().hex}"
    store.put_empty(leaving)
    try:
        if not store.has_any(_marks_of(path)):
            store.delete(path)
    finally:
        store.delete(leaving)


def _await_deletion(store: ObjectStore, path: str, stop: threading.Event) -> None:
    """Let a deletion happen that was announced; our mark stands, so that there will be no other."""
    until = time.monotonic() + LEAVING_SECONDS
    while announced := store.names(_leaving(path)):
        if time.monotonic() > until:
            for leaving in announced:
                store.delete(leaving)
            return
        if stop.wait(LEAVING_PAUSE):
            raise Stopped


def _leaving(path: str) -> str:
    """Where those announce it who are about to delete an object."""
    return f"{path}.leaving"


def _marks_of(path: str, name: str = "") -> str:
    """Where it is said which jobs need an object; the same for its URL."""
    return f"{path}.users/{name}".rstrip("/")
