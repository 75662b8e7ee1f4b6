"""A completed job's media become files under the names that were asked for, each of them recorded before it exists.

Or objects: `run/deposit.py`.
"""

import asyncio
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.download import fetch_file, read_file
from seedvr_cli.download.hooks import Hooks, Note, Place
from seedvr_cli.download.recover import recover
from seedvr_cli.ledger.files import Elsewhere, Placed, Taken
from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.run.additions import flaw_of, possible_additions, wanted_additions
from seedvr_cli.run.names import ResultName
from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import DeliveryError, MediaGone, SeedvrError, StillRunning
from seedvr_cli.values.events import Changed, Received
from seedvr_cli.values.items import Item
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.structure import Size
from seedvr_cli.values.urls import is_object_url

# Seconds between two events about the bytes of one download.
PROGRESS_SECONDS = 0.1
# Seconds between looks at the ledger while another run delivers the same file.
LEDGER_INTERVAL = 0.2


class _DeliveredElsewhere(Exception):
    """Another run is at this very file: it may be there when we look again."""


@dataclass(frozen=True, slots=True)
class Media:
    """One of a job's media URLs."""

    job: Job
    position: int
    url: str

    @property
    def identity(self) -> tuple[int, int]:
        """Which job's, and which of its files."""
        return self.job.id, self.position


class Courier(ABC):
    """Of one item."""

    def __init__(self, item: Item, run: RunState, name: ResultName) -> None:
        self._item = item
        self._run = run
        self._name = name
        self._deliveries = run.ledger.deliveries
        # What the file that is being brought has beyond what the gateway sent.
        self._made: frozenset[str] = frozenset()

    async def find(self, progress: Progress) -> bool:
        """Whether every file of a completed job stands whole under its name; if so they are in `progress.files`."""
        job = progress.job
        if job is None or job.state != "completed":
            return False
        recorded = await self._deliveries.of(job)
        files: list[File] = []
        for position in range(max(1, len(job.media_url))):
            whole = await self._find_whole(Media(job, position, ""), recorded)
            if whole is None:
                return False
            files.append(whole)
        progress.files = files
        return True

    async def deliver(self, progress: Progress, deadline: float) -> None:
        """Bring all files of a completed job, into `progress.files`; the job gains what was learnt of its price.

        A download that moves has no deadline; one that does not has, and the wait for another run that delivers the
        same. Raises DeliveryError, or StillRunning at the deadline.
        """
        job = progress.known_job
        if not job.media_url:
            raise DeliveryError("the gateway says COMPLETED, but names no media URL")
        self._run.emit(Changed(self._item, "downloading", job.request_id))
        for position, url in enumerate(job.media_url):
            media = Media(progress.known_job, position, url)
            try:
                progress.job, file = await self._bring(media, deadline, is_new=not progress.is_attached)
            except MediaGone as error:
                await self._tell_where(media, error)
                raise
            progress.files.append(file)

    async def _tell_where(self, media: Media, error: MediaGone) -> None:
        """Where else the result was put, so that nobody pays for it again."""
        recorded = await self._deliveries.of(media.job)
        there = [entry.path for entry in recorded if entry.position == media.position and entry.done]
        if objects := [path for path in there if is_object_url(path)]:
            error.hint = f"it is paid for, and was put at {objects[-1]}: copy it from there"

    @abstractmethod
    async def _find_whole(self, media: Media, recorded: list[Delivery]) -> File | None:
        """The file, where it stands whole under the name that is asked for."""

    @abstractmethod
    async def _bring(self, media: Media, deadline: float, *, is_new: bool) -> tuple[Job, File]:
        """Bring one file; the job, which may have gained its price. `is_new`: this run has submitted the job."""

    def _hooks(
        self, media: Media, place: Place, note: Note, deadline: float,
        vouch: Callable[[str, int, str], Awaitable[None]] | None = None,
    ) -> Hooks:  # fmt: skip
        """What a download asks of us: a name, and that what happens is recorded and told."""
        run, clock = self._run, self._run.clock
        last = 0.0

        def progress(done: int, total: int | None) -> None:
            nonlocal last
            if clock.monotonic() - last >= PROGRESS_SECONDS or done == total:
                last = clock.monotonic()
                run.emit(Received(self._item, done, total))

        async def renew() -> str | None:
            assert media.job.request_id is not None  # or it would have no media
            with suppress(SeedvrError):  # that the URL is gone says more
                answer = await run.gateway.poll(media.job.request_id)
                return answer.media_url[media.position] if media.position < len(answer.media_url) else None
            return None

        return Hooks(
            place, note, progress, clock.sleep, clock.jitter, run.disk,
            largest=run.policy.max_filesize, beside=run.beside, renew=renew,
            deadline=deadline, now=clock.monotonic, finish=self._finish(media.job), vouch=vouch,
        )  # fmt: skip

    def _finish(self, job: Job) -> Callable[[str, str, Size | None], Awaitable[bool]] | None:
        """What is made of the whole file; most results stay as they came, and need not load what changes them."""
        wanted = wanted_additions(self._item, self._run.policy)
        if not wanted:
            return None
        from seedvr_cli.run.finish import finisher

        finish = finisher(self._item, job, self._run)

        async def noted(part: str, media_type: str, size: Size | None) -> bool:
            is_changed = await finish(part, media_type, size)
            if is_changed:
                self._made |= wanted & possible_additions(media_type)
            return is_changed

        return noted

    def _serves(self, entry: Delivery | None) -> bool:
        """Whether a whole file that stands there will do; one that may not be replaced does, with a word about it."""
        flaw = flaw_of(entry, self._run.policy) if entry is not None else None
        if flaw is None:
            return True
        if not self._run.policy.overwrite:
            self._run.tell_once(f"what stands there already {flaw}; --overwrite makes it anew")
        return not self._run.policy.overwrite

    def _copy_among(self, recorded: list[Delivery]) -> str | None:
        """The latest whole file of this media URL that has nothing which is not wanted now."""
        wanted = wanted_additions(self._item, self._run.policy)
        for entry in reversed(recorded):
            if (entry.made is None or entry.made <= wanted) and entry.is_whole():
                self._made = entry.made or frozenset()
                return entry.path
        self._made = frozenset()
        return None

    async def _record(
        self, media: Media, file: File, mtime_ns: int, made: frozenset[str] | None = None
    ) -> Job:  # fmt: skip
        """The file stands under its name. A video's price is that of its resolution."""
        price = None
        endpoint = ENDPOINTS.get(media.job.endpoint or "")
        if endpoint and file.width and file.height:
            price = endpoint.price(size=(file.width, file.height))
        return await self._deliveries.delivered(
            media.job, media.position, file, mtime_ns=mtime_ns, price=price, made=made
        )


class FileCourier(Courier):
    """To this machine's disk, or by way of it to standard output."""

    def __init__(self, item: Item, run: RunState, name: ResultName) -> None:
        super().__init__(item, run, name)
        self._is_stdout = item.output.kind == "stdout"

    async def find(self, progress: Progress) -> bool:
        """See `Courier`; what goes to standard output is never there."""
        return not self._is_stdout and await super().find(progress)

    async def deliver(self, progress: Progress, deadline: float) -> None:
        """See `Courier`."""
        count = len(progress.known_job.media_url)
        if self._is_stdout and count > 1:
            raise DeliveryError(f"the result has {count} files", hint="give -o a folder")
        await super().deliver(progress, deadline)

    async def _bring(self, media: Media, deadline: float, *, is_new: bool) -> tuple[Job, File]:
        if is_new:  # nobody else can know of it yet; should somebody, `place` says so
            with suppress(_DeliveredElsewhere):
                return await self._fetch(media, [], deadline)
        while True:
            recorded = await self._recorded(media, deadline)
            whole = await self._find_whole(media, recorded)
            if whole:
                return media.job, whole
            with suppress(_DeliveredElsewhere):
                return await self._fetch(media, recorded, deadline)

    async def _find_whole(self, media: Media, recorded: list[Delivery]) -> File | None:
        found = await asyncio.to_thread(self._whole_among, media, recorded)
        return found[0] if found and self._serves(found[1]) else None

    def _whole_among(self, media: Media, recorded: list[Delivery]) -> tuple[File, Delivery] | None:
        for entry in recorded:
            if entry.position != media.position or entry.file is None:
                continue
            shown = self._name.shown(media.job, entry.file.media_type, media.position)
            if self._name.accepts(entry.path, os.path.abspath(shown)) and entry.is_whole():
                return replace(entry.file, path=_beside(shown, entry.path)), entry
        return None

    async def _recorded(self, media: Media, deadline: float) -> list[Delivery]:
        """What the ledger knows of this file, once no other run is at the job, and after what dead ones left undone.

        The order matters: a run that was seen in the records and is dead after that may have renamed the file between.
        """
        if self._is_stdout:
            return []
        clock = self._run.clock
        while True:
            entries = await self._deliveries.of(media.job)
            if self._deliveries.is_under_way(entries):
                left = deadline - clock.monotonic()
                if left <= 0:
                    raise StillRunning("another seedvr is delivering it, and has not ended")
                await clock.sleep(min(LEDGER_INTERVAL, left))
                continue
            recorded = [entry for entry in entries if entry.position == media.position]
            found = await asyncio.to_thread(_recovered, recorded)
            if found is None:
                return recorded
            await self._record(media, *found)

    async def _fetch(self, media: Media, recorded: list[Delivery], deadline: float) -> tuple[Job, File]:
        """Bring the file: from a whole copy on this machine, or from the media URL, resumed where that began."""
        copy = await asyncio.to_thread(self._copy_among, recorded)
        hooks = self._file_hooks(media, recorded, deadline)
        if copy is not None:
            file, mtime_ns = await fetch_file(copy, read_file, hooks)
        else:
            begun = self._resumable(media, recorded)
            if begun and not await self._deliveries.take_over(media.job, media.position, begun.mark):
                raise _DeliveredElsewhere
            resume = Destination(begun.path, self._run.policy.overwrite) if begun else None
            etag, pieces = (begun.etag, begun.pieces) if begun else (None, None)
            fetch = self._run.gateway.media.fetch
            file, mtime_ns = await fetch_file(media.url, fetch, hooks, resume=resume, etag=etag, pieces=pieces)
        job = await self._record(media, file, mtime_ns, self._made)
        if self._is_stdout:
            return job, file
        return job, replace(file, path=_beside(self._name.shown(job, file.media_type, media.position), file.path))

    def _file_hooks(self, media: Media, recorded: list[Delivery], deadline: float) -> Hooks:
        run = self._run

        async def place(
            media_type: str, lost: str | None = None, proof: tuple[int, str] | None = None
        ) -> Destination:  # fmt: skip
            if self._is_stdout:
                return Destination(os.path.join(run.spool, uuid.uuid4().hex))
            base = os.path.abspath(self._name.shown(media.job, media_type, media.position))
            path = await self._place(media, base, recorded, lost=lost, proof=proof)
            return Destination(path, run.policy.overwrite)

        async def note(path: str, etag: str | None, pieces: str | None = None) -> None:
            if not self._is_stdout:
                await self._deliveries.note(media.job, media.position, path, etag, pieces)

        async def vouch(path: str, size: int, sha256: str) -> None:
            if not self._is_stdout:
                await self._deliveries.vouch(media.job, media.position, path, size, sha256)

        return self._hooks(media, place, note, deadline, vouch)

    async def _place(self, media: Media, base: str, recorded: list[Delivery], **how: Any) -> str:
        place = await self._deliveries.place(
            media.job,
            media.position,
            base,
            first=1 if media.position else self._name.first_number,
            held=self._name.held_by_others,
            known=frozenset(entry.mark for entry in recorded),
            exact=self._name.is_exact,
            overwrite=self._run.policy.overwrite,
            **how,
        )
        match place:
            case Placed(path):
                return path
            case Taken():
                raise DeliveryError(f"{base} is in the way", hint="choose another name, or --overwrite")
            case Elsewhere():
                raise _DeliveredElsewhere

    def _resumable(self, media: Media, recorded: list[Delivery]) -> Delivery | None:
        for entry in recorded:
            media_type = next((kind for kind, ext in EXTENSIONS.items() if entry.path.endswith(ext)), "")
            base = os.path.abspath(self._name.shown(media.job, media_type, media.position))
            if not entry.done and os.path.isfile(f"{entry.path}.part") and self._name.accepts(entry.path, base):
                return entry
        return None

    async def _record(
        self, media: Media, file: File, mtime_ns: int, made: frozenset[str] | None = None
    ) -> Job:  # fmt: skip
        return await super()._record(media, replace(file, path="-") if self._is_stdout else file, mtime_ns, made)


def _recovered(recorded: list[Delivery]) -> tuple[File, int] | None:
    """A file that an earlier run renamed and did not live to record."""
    for entry in recorded:
        if entry.proof and entry.is_named() and (found := recover(Destination(entry.path), entry.proof[1])):
            return found
    return None


def _beside(shown: str, path: str) -> str:
    """The recorded absolute path in the form in which it was asked for."""
    return os.path.join(os.path.dirname(shown), os.path.basename(path))
