"""A completed job's media become files under the names that were asked for, each of them recorded before it exists."""

import asyncio
import os
import uuid
from contextlib import suppress
from dataclasses import replace

from seedvr_cli.download.download import deliver, read_file
from seedvr_cli.download.partial import Destination, Hooks
from seedvr_cli.download.recover import recover
from seedvr_cli.ledger.files import accepts
from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.run.state import LEDGER_INTERVAL, Shared
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import DeliveryError, UsageError
from seedvr_cli.values.events import Changed, Received
from seedvr_cli.values.job import File, Item, Job
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.naming import numbered, render_name

# Bytes that a file's name may have, on nearly all systems; and characters that a request id is likely to have.
NAME_BYTES = 255
REQUEST_ID_LENGTH = 64
# Seconds between two events about the bytes of one download.
PROGRESS_SECONDS = 0.1


class _DeliveredElsewhere(Exception):
    """Another run is at this very file: it may be there when we look again."""


class Courier:
    """Of one item. It holds the item's name from the start, so that no other item of the run takes it."""

    def __init__(self, item: Item, shared: Shared) -> None:
        self._item = item
        self._shared = shared
        self._deliveries = shared.ledger.deliveries
        self._policy = shared.policy
        self._base = self._name("", f"item-{item.index}")  # no two have the same request id, whatever it will be
        self._number = shared.names.hold(self._base)
        self.files: list[File] = []

    def release(self) -> None:
        """Let the name go."""
        self._shared.names.release(self._base, self._number)

    async def check_name(self, key: str, *, pay_again: bool) -> None:
        """UsageError where the name is taken or too long: nothing is paid for a result that has no place to go."""
        output = self._item.output
        name = os.path.basename(self._name(".webp", "x" * REQUEST_ID_LENGTH))
        tail = ".part" if output.kind == "file" else "-999.part"
        if output.kind != "stdout" and len(os.fsencode(name + tail)) > NAME_BYTES:
            raise UsageError(f"-o {output.template}: names of files have room for {NAME_BYTES} bytes, '.part' included")
        if output.kind != "file" or self._policy.overwrite:
            return
        path = os.path.abspath(output.template)
        if self._number == 1 and not os.path.lexists(path):
            return
        if pay_again or await self._deliveries.owner_key(path) != key or not await self._deliveries.is_own(path):
            raise UsageError(f"{output.template} is in the way, and not this job's own", hint="choose another name")

    async def find(self, job: Job) -> bool:
        """Whether every file of a completed job stands whole under its name; if so they are in `files`."""
        if job.state != "completed" or self._item.output.kind == "stdout":
            return False
        recorded = await self._deliveries.of(job)
        files: list[File] = []
        for position in range(max(1, len(job.media_url))):
            whole = await asyncio.to_thread(self._find_whole, job, recorded, position)
            if whole is None:
                return False
            files.append(whole)
        self.files = files
        return True

    async def deliver(self, job: Job, *, resumed: bool) -> Job:
        """Bring all files of a completed job; the job, with what was learnt of its price.

        `resumed`: another run may know of it, or have begun. Raises DeliveryError.
        """
        if not job.media_url:
            raise DeliveryError("the gateway says COMPLETED, but names no media URL")
        if self._item.output.kind == "stdout" and len(job.media_url) > 1:
            raise DeliveryError(f"the result has {len(job.media_url)} files", hint="give -o a folder")
        self._shared.emit(Changed(self._item, "downloading", job.request_id))
        for position, url in enumerate(job.media_url):
            job, file = await self._deliver_one(job, position, url, resumed=resumed)
            self.files.append(file)
        return job

    def _find_whole(self, job: Job, recorded: list[Delivery], position: int) -> File | None:
        for delivery in recorded:
            if delivery.position != position or delivery.file is None:
                continue
            shown = self._path(job, delivery.file.media_type, position)
            if self._accepts(delivery.path, os.path.abspath(shown)) and delivery.is_whole():
                return replace(delivery.file, path=_beside(shown, delivery.path))
        return None

    def _accepts(self, path: str, base: str) -> bool:
        """Whether a recorded path is what is asked for: an explicit name is exact, others may be numbered."""
        return path == base if self._item.output.kind == "file" else accepts(path, base)

    async def _deliver_one(self, job: Job, position: int, url: str, *, resumed: bool) -> tuple[Job, File]:
        if not resumed:  # nobody else can know of it yet; should somebody, `place` says so
            with suppress(_DeliveredElsewhere):
                return await self._fetch(job, position, url, [])
        while True:
            while await self._deliveries.is_delivering(job):
                await self._shared.clock.sleep(LEDGER_INTERVAL)
            recorded = await self._recorded(job, position)
            whole = await asyncio.to_thread(self._find_whole, job, recorded, position)
            if whole:
                return job, whole
            try:
                return await self._fetch(job, position, url, recorded)
            except _DeliveredElsewhere:
                continue

    async def _recorded(self, job: Job, position: int) -> list[Delivery]:
        """What the ledger knows of this file, after what earlier runs did not live to record."""
        if self._item.output.kind == "stdout":
            return []
        recorded = [entry for entry in await self._deliveries.of(job) if entry.position == position]
        for entry in recorded:
            if not entry.done and not entry.replaces:
                found = await asyncio.to_thread(recover, Destination(entry.path))
                if found:
                    await self._record(job, position, *found)
                    return await self._recorded(job, position)
        return recorded

    async def _fetch(self, job: Job, position: int, url: str, recorded: list[Delivery]) -> tuple[Job, File]:
        """Bring the file: from a whole copy on this machine, or from the media URL, resumed where that began."""
        policy, clock = self._policy, self._shared.clock
        shown = ""
        last = 0.0

        async def place(media_type: str) -> Destination:
            nonlocal shown
            if self._item.output.kind == "stdout":
                return Destination(os.path.join(self._shared.spool, uuid.uuid4().hex))
            shown = self._path(job, media_type, position)
            return Destination(await self._place(job, position, os.path.abspath(shown), recorded), policy.overwrite)

        async def note_etag(path: str, etag: str) -> None:
            if self._item.output.kind != "stdout":
                await self._deliveries.note_etag(job, position, path, etag)

        def progress(done: int, total: int | None) -> None:
            nonlocal last
            if clock.monotonic() - last >= PROGRESS_SECONDS or done == total:
                last = clock.monotonic()
                self._shared.emit(Received(self._item, done, total))

        hooks = Hooks(place, note_etag, progress, clock.sleep, clock.jitter, self._shared.disk)
        copy = None
        for entry in recorded:
            if await asyncio.to_thread(entry.is_whole):
                copy = entry.path
        if copy:
            file, mtime_ns = await deliver(copy, read_file, hooks)
        else:
            begun = self._resumable(job, position, recorded)
            if begun and not await self._deliveries.take_over(job, position, begun.path):
                raise _DeliveredElsewhere
            resume = Destination(begun.path, policy.overwrite) if begun else None
            etag = begun.etag if begun else None
            file, mtime_ns = await deliver(url, self._shared.gateway.fetch, hooks, resume=resume, etag=etag)
        job = await self._record(job, position, file, mtime_ns)
        shown = shown or self._path(job, file.media_type, position)
        return job, file if self._item.output.kind == "stdout" else replace(file, path=_beside(shown, file.path))

    def _resumable(self, job: Job, position: int, recorded: list[Delivery]) -> Delivery | None:
        for entry in recorded:
            media_type = next((kind for kind, ext in EXTENSIONS.items() if entry.path.endswith(ext)), "")
            base = os.path.abspath(self._path(job, media_type, position))
            if not entry.done and os.path.isfile(f"{entry.path}.part") and self._accepts(entry.path, base):
                return entry
        return None

    async def _place(self, job: Job, position: int, base: str, recorded: list[Delivery]) -> str:
        exact = self._item.output.kind == "file"
        path = await self._deliveries.place(
            job,
            position,
            base,
            first=1 if exact or position else self._number,
            held=frozenset() if exact else self._shared.names.others(self._base, self._number),
            known=frozenset(entry.mark for entry in recorded),
            exact=exact,
            overwrite=self._policy.overwrite,
        )
        if path is None:
            raise DeliveryError(f"{base} is in the way", hint="choose another name, or --overwrite")
        if not path:
            raise _DeliveredElsewhere
        return path

    async def _record(self, job: Job, position: int, file: File, mtime_ns: int) -> Job:
        """The file stands under its name. A video's price is that of its resolution."""
        price = None
        endpoint = ENDPOINTS.get(job.endpoint or "")
        if endpoint and file.width and file.height:
            price = endpoint.price(size=(file.width, file.height))
        recorded = replace(file, path="-") if self._item.output.kind == "stdout" else file
        return await self._deliveries.delivered(job, position, recorded, mtime_ns=mtime_ns, price=price)

    def _path(self, job: Job, media_type: str, position: int) -> str:
        """The name that is asked for, as it is shown."""
        return numbered(self._name(EXTENSIONS.get(media_type, ""), job.request_id or "", job), position + 1)

    def _name(self, ext: str, request_id: str, job: Job | None = None) -> str:
        item = self._item
        known = item.request or item.job
        return render_name(
            item.output,
            name=(item.request.source.name if item.request else item.job.name if item.job else item.label),
            ext=ext,
            params=known.params if known else {},
            endpoint=item.endpoint or "",
            request_id=request_id,
            index=item.index,
            submitted_at=job.submitted_at if job else None,
        )


def _beside(shown: str, path: str) -> str:
    """The recorded absolute path in the form in which it was asked for."""
    return os.path.join(os.path.dirname(shown), os.path.basename(path))
