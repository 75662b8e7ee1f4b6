"""A completed job's media become objects in a store, each with a label that says whose it is.

A result lies on the disk only until it is whole and put there; any machine knows by the label that it need not be
fetched again.
"""

import asyncio
import json
import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.download import fetch_file, read_file
from seedvr_cli.download.movement import watch
from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.objects.store import ObjectFacts, ObjectStore
from seedvr_cli.run.deliver import Courier, Media
from seedvr_cli.run.progress import Progress
from seedvr_cli.values.errors import DeliveryError, StillRunning
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.media import EXTENSIONS, named_type
from seedvr_cli.values.naming import numbered
from seedvr_cli.values.urls import is_object_url

# Seconds after which a file in the spool is a dead run's.
LEFT_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Label:
    """Whose an object is: the job's key and request id, which of how many files; and what the file is."""

    key: str
    request_id: str | None
    position: int
    count: int
    sha256: str
    width: int | None = None
    height: int | None = None

    @classmethod
    def read(cls, facts: ObjectFacts) -> "Label | None":
        """None where the object has no label of ours."""
        try:
            return cls(**json.loads(facts.label or ""))
        except (ValueError, TypeError):
            return None

    def text(self) -> str:
        """As it stands beside the object: ASCII."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


class ObjectCourier(Courier):
    """To an object store."""

    async def find(self, progress: Progress) -> bool:
        """See `Courier`; what another machine has put there counts, and is recorded here."""
        job = progress.job
        if job is None or job.state != "completed" or job.request_id is None:
            return False
        recorded = await self._deliveries.of(job)
        files: list[File] = []
        count = max(1, len(job.media_url))
        while len(files) < count:
            media = Media(job, len(files), "".join(job.media_url[len(files) : len(files) + 1]))
            there = await self._standing(media, recorded)
            if there is None:
                return False
            file, label = there
            count = max(count, label.count)  # of a job of another machine the URLs are not known
            if not any(entry.path == file.path and entry.done for entry in recorded):
                progress.job = await self._record(media, file, 0)
            files.append(file)
        progress.files = files
        return True

    async def _find_whole(self, media: Media, recorded: list[Delivery]) -> File | None:
        there = await self._standing(media, recorded)
        return there[0] if there else None

    async def _bring(self, media: Media, deadline: float, *, is_new: bool) -> tuple[Job, File]:
        """Nobody is waited for: two who put the same there do no harm."""
        recorded = [] if is_new else await self._deliveries.of(media.job)
        file = None if is_new else await self._find_whole(media, recorded)
        if file is not None:
            return await self._record(media, file, 0), file
        own = [entry for entry in recorded if entry.position == media.position]
        file = await self._fetch(media, own, deadline)
        return await self._record(media, file, 0, self._made), file

    async def _standing(self, media: Media, recorded: list[Delivery]) -> tuple[File, Label] | None:
        """This very file, where it was recorded or is likely to be, and its label; nothing takes its name."""
        paths = [entry.path for entry in recorded if entry.position == media.position and is_object_url(entry.path)]
        likely = {
            media.job.media_type,
            named_type(media.url.partition("?")[0]),
            *self._asked_types(),
        } & EXTENSIONS.keys()
        for media_type in sorted(likely):  # type: ignore[type-var]
            base = self._name.shown(media.job, str(media_type), media.position)
            paths += [base] if all(path != base for path in paths) else []
        for path in paths:
            base = self._name.shown(media.job, named_type(path) or "", media.position)
            if self._name.accepts(path, base) and (there := await self._own_among(media, path)):
                entry = next((entry for entry in recorded if entry.path == there[0].path and entry.done), None)
                if not self._serves(entry):
                    return None
                self._is_ours_to_take(there[0].path, media)
                return there
        return None

    async def _own_among(self, media: Media, path: str) -> tuple[File, Label] | None:
        """At that path; where another job's stands there, at the next numbers of it, up to the first that is free."""
        seen, number = self._run.stores.seen, 1
        while True:
            numbered_path = numbered(path, number)
            if numbered_path not in seen or number == 1:
                facts = await self._run.stores.call(numbered_path, lambda store, name: store.facts(name))
                if facts is None:
                    return None
                seen[numbered_path] = facts
            if own := self._own_of(media, numbered_path, seen[numbered_path]):
                return own
            if self._name.is_exact:
                return None
            number += 1

    def _asked_types(self) -> set[str | None]:
        """What the format that was asked for is called; without one, what the gateway makes of it (reference)."""
        wanted = self._item.params.get("output_format") or "png"
        return {named_type(f"x.{wanted}")}

    async def _own(self, media: Media, path: str) -> tuple[File, Label] | None:
        facts = await self._run.stores.call(path, lambda store, name: store.facts(name))
        return self._own_of(media, path, facts) if facts else None

    def _own_of(self, media: Media, path: str, facts: ObjectFacts) -> tuple[File, Label] | None:
        label = Label.read(facts)
        if label is None:
            return None
        if (label.request_id, label.position) != (media.job.request_id, media.position):
            return None
        media_type = facts.media_type or named_type(path) or "application/octet-stream"
        return File(path, facts.size, label.sha256, media_type, label.width, label.height), label

    async def _fetch(self, media: Media, recorded: list[Delivery], deadline: float) -> File:
        """By way of the disk, where it is checked."""
        run = self._run
        await asyncio.to_thread(_sweep, run.spool)
        passing = os.path.join(run.spool, uuid.uuid4().hex)

        async def place(*_: object) -> Destination:
            return Destination(passing)

        async def note(_: str, __: str | None, ___: str | None = None) -> None:
            """A later run begins again."""

        hooks = self._hooks(media, place, note, deadline)
        copy = await asyncio.to_thread(self._copy_among, recorded)
        try:
            file, _ = await fetch_file(copy or media.url, read_file if copy else run.gateway.media.fetch, hooks)
            return await self._put(media, file, deadline)
        finally:
            for left in (passing, f"{passing}.part"):
                with suppress(FileNotFoundError):
                    os.unlink(left)

    async def _put(self, media: Media, file: File, deadline: float) -> File:
        """Under the name that is asked for, or the next number of it."""
        job, stores = media.job, self._run.stores
        base = self._name.shown(job, file.media_type, media.position)
        count = max(1, len(job.media_url))
        label = Label(job.key, job.request_id, media.position, count, file.sha256, file.width, file.height)
        overwrite, held = self._run.policy.overwrite, self._name.held_by_others
        first = number = 1 if media.position else self._name.first_number
        while True:
            path = numbered(base, number)
            is_free = number not in held or number == first
            is_free = is_free and self._is_ours_to_take(path, media)
            if is_free and number > first and not overwrite:  # a look costs less than to send it all in vain
                is_free = await stores.call(path, lambda store, name: store.facts(name)) is None
            if is_free and await self._make(path, file, label, deadline):
                if number > 1:
                    stores.numbers[base] = max(number, stores.numbers.get(base, 0))
                return replace(file, path=path)
            if await self._own(media, path):
                return replace(file, path=path)
            if self._name.is_exact:
                raise DeliveryError(f"{path} is in the way", hint="choose another name, or --overwrite")
            number = max(number, stores.numbers.get(base, 0)) + 1

    def _is_ours_to_take(self, path: str, media: Media) -> bool:
        """Whether no other result of this run stands there; without --overwrite the store sees to that."""
        if not self._run.policy.overwrite:
            return True
        return self._run.stores.taken.setdefault(path, media.identity) == media.identity

    async def _make(self, path: str, file: File, label: Label, deadline: float) -> bool:
        """Whether the object was made; StillRunning where the store takes hardly a byte of it behind the deadline."""
        sent, overwrite = 0, self._run.policy.overwrite

        def tell(done: int) -> None:
            nonlocal sent
            sent = done

        def put(store: ObjectStore, name: str) -> bool:
            return store.put(
                name, file.path, media_type=file.media_type, label=label.text(), overwrite=overwrite, watch=tell
            )

        making = asyncio.create_task(self._run.stores.call(path, put))
        try:
            if await watch(making, deadline, self._run.clock.monotonic, lambda: sent):
                return making.result()
        finally:
            making.cancel()
        raise StillRunning(
            "waiting is over, and the store takes hardly a byte of its result",
            hint="it is paid for: the same command again goes on",
        )


@cache
def _sweep(spool: str) -> None:
    """Once a run: what killed runs have left on the disk, as no run keeps a file there for so long."""
    with suppress(OSError), os.scandir(spool) as entries:
        for entry in entries:
            if time.time() - entry.stat().st_mtime > LEFT_SECONDS:
                with suppress(OSError):
                    os.unlink(entry.path)
