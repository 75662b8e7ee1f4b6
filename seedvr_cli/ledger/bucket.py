"""A board in an object store, for those who have a bucket and no database: one object a record, its ETag the revision.

It stands on two conditions: an object is made only where there is none, and written over only where its ETag still is
the one that was seen. A store that ignores them would let everybody win, so each is tried before it is trusted.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from secrets import token_hex
from typing import Any, Self, TypeVar
from urllib.parse import quote, unquote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from seedvr_cli.ledger.board import BEAT_SECONDS, ENDS, LEASE_SECONDS, NO_CAP, Record, is_ours
from seedvr_cli.objects.store import open_store
from seedvr_cli.objects.threads import Threads
from seedvr_cli.objects.trouble import explain
from seedvr_cli.values.caps import Period
from seedvr_cli.values.checkup import Check, clock_check
from seedvr_cli.values.errors import LedgerAway, LedgerError
from seedvr_cli.values.redaction import redact

VERSION = 1
# Requests at the same time: the library's own asynchronous calls may end the interpreter with a crash.
AT_ONCE = 32

T = TypeVar("T")
# What tells one content of an object from another: its ETag, or in Google's store its generation.
Mark = Mapping[str, str]


class BucketBoard:
    """See `Board`. `url` is `s3://BUCKET/PREFIX`, `gs://...` or `az://...`; keys are where those worlds keep them."""

    def __init__(self, url: str) -> None:
        self.name = f"the shared ledger {redact(url)}"
        self.id = self.secret = ""
        self._store = open_store(url)
        self._threads = Threads(AT_ONCE, "board")
        self._own = uuid.uuid4().hex
        # What the store's clock said, and when by ours.
        self._clock: tuple[datetime, float] | None = None
        # By today's path, what the days of the month before it have cost.
        self._before: dict[str, int] = {}
        # By key, the revision that was seen last, and its mark.
        self._seen: dict[str, tuple[int, Mark]] = {}

    async def __aenter__(self) -> Self:
        await self._probe()
        made = json.dumps({"version": VERSION, "id": uuid.uuid4().hex, "secret": token_hex(32)})
        await self._create("meta", made)
        there = await self._get("meta")
        meta = json.loads(there[0]) if there else {}
        if meta.get("version", 0) > VERSION:
            raise LedgerError(f"{self.name} was made by a newer seedvr", hint="update seedvr")
        self.id, self.secret = str(meta.get("id")), str(meta.get("secret"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open; the clock was this run's alone."""
        if self._clock is not None:
            with suppress(LedgerError, FileNotFoundError):
                await self._call(lambda: obstore.delete(self._store, f"clocks/{self._own}"))

    async def examine(self) -> Sequence[Check]:
        """See `Board`."""
        await self._probe()
        theirs = await self._now()
        ours = datetime.now(UTC)
        await self._call(lambda: obstore.delete(self._store, f"clocks/{self._own}"))
        there = await self._get("meta")
        meta = json.loads(there[0]) if there else {}
        self.id = str(meta.get("id", ""))
        clock = clock_check("shared-clock", "the store's", theirs, ours, "the day of max-cost-per-day is its own")
        if meta.get("version", 0) > VERSION:
            return [Check("shared", "problem", f"{self.name} was made by a newer seedvr", "update seedvr"), clock]
        new = "" if there else "; nothing is in it yet"
        return [Check("shared", "ok", f"{self.name} keeps conditions on writes{new}"), clock]

    async def look(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `Board`."""
        found = await asyncio.gather(*map(self._record, keys))
        return {record.key: record for record in found if record is not None}

    async def find(self, gateway: str, request_id: str) -> Record | None:
        """See `Board`."""
        last = ""
        while page := await self.page(last):
            for record in page:
                if (record.gateway, record.request_id) == (gateway, request_id):
                    return record
            last = page[-1].key
        return None

    async def post(self, record: Record) -> Record | None:
        """See `Board`."""
        posted = replace(record, rev=record.rev + 1)
        text, path = json.dumps(asdict(posted)), _path(record.key)
        if record.rev == 0:
            mark = await self._create(path, text)
        else:
            rev, seen = self._seen.get(record.key, (0, {}))
            if rev != record.rev:
                there = await self._record(record.key)
                if there is None or there.rev != record.rev:
                    return posted if is_ours(record, there) else None
                seen = self._seen[record.key][1]
            mark = await self._replace(path, text, seen)
        if mark is None:  # somebody was faster; or it was we, and the answer was lost on the way
            return posted if is_ours(record, await self._record(record.key)) else None
        if posted.state in ENDS:  # it is hardly ever written again, and a run may have a million of them
            self._seen.pop(record.key, None)
        else:
            self._seen[record.key] = posted.rev, mark
        return posted

    async def beat(self, run: str) -> None:
        """See `Board`."""
        await self._call(lambda: obstore.put(self._store, f"runs/{run}", b"{}"))

    async def rest(self, run: str) -> None:
        """See `Board`."""
        await self._call(lambda: obstore.delete(self._store, f"runs/{run}"))

    async def is_alive(self, run: str) -> bool:
        """See `Board`: its last beat, by the store's clock, and what that clock says now."""
        try:
            beat = (await self._call(lambda: obstore.head(self._store, f"runs/{run}")))["last_modified"]
        except FileNotFoundError:
            return False
        return (await self._now() - beat).total_seconds() <= LEASE_SECONDS

    async def draw(self, gateway: str, amount: int, cap: int, month_cap: int = NO_CAP) -> datetime | None:
        """See `Board`."""
        now = await self._now()
        path = _day(gateway, now)
        if month_cap != NO_CAP:
            cap = min(cap, month_cap - await self._spent_before(path))
        return now if await self._draw(path, amount, cap) else None

    async def draw_tag(self, gateway: str, tag: str, amount: int, cap: int) -> bool:
        """See `Board`."""
        return await self._draw(_tag(gateway, tag), amount, cap)

    async def give_back(self, gateway: str, amount: int, of: date | str) -> None:
        """See `Board`."""
        await self._draw(_tag(gateway, of) if isinstance(of, str) else _day(gateway, of), -amount, NO_CAP)

    async def spent(self, gateway: str, period: Period | None, tag: str | None) -> int:
        """See `Board`."""
        path = _tag(gateway, tag) if tag is not None else _day(gateway, await self._now())
        there = await self._get(path)
        before = await self._spent_before(path) if period == "month" else 0
        return before + (int(json.loads(there[0])["spent"]) if there else 0)

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """See `Board`."""
        path = f"rates/{quote(gateway, safe='')}"
        while True:
            there, now = await self._get(path), (await self._now()).timestamp()
            first = max(now, json.loads(there[0])["free"] if there else 0.0)
            text = json.dumps({"free": first + count / rate, "by": uuid.uuid4().hex})
            if await (self._replace(path, text, there[1]) if there else self._create(path, text)) is not None:
                return float(first - now)

    async def page(self, after: str) -> Sequence[Record]:
        """See `Board`."""
        offset = _path(after) if after else None
        paths = await self._call(
            lambda: [one["path"] for one in next(iter(obstore.list(self._store, "board", offset=offset)), [])]
        )
        found = await self.look([unquote(path.rpartition("/")[2]) for path in sorted(paths)])
        return sorted(found.values(), key=lambda record: record.key)

    async def count(self) -> Mapping[str, int]:
        """See `Board`."""
        counts: dict[str, int] = {}
        last = ""
        while page := await self.page(last):
            for record in page:
                counts[record.state] = counts.get(record.state, 0) + 1
            last = page[-1].key
        return dict(sorted(counts.items()))

    # Below.

    async def _spent_before(self, path: str) -> int:
        """On the days of that day's month before it, which do not grow any more: they are read once."""
        if path not in self._before:
            month, day = path[: -len("-00")], int(path[-len("00") :])
            found = await asyncio.gather(*(self._get(f"{month}-{number:02}") for number in range(1, day)))
            self._before[path] = sum(int(json.loads(there[0])["spent"]) for there in found if there)
        return self._before[path]

    async def _draw(self, path: str, amount: int, cap: int) -> bool:
        by = uuid.uuid4().hex  # an attempt of ours whose answer was lost is known by it
        while True:
            there = await self._get(path)
            found: dict[str, Any] = json.loads(there[0]) if there else {"spent": 0, "by": None}
            if found["by"] == by:
                return True
            spent = found["spent"] + amount
            if spent > cap:
                return False
            text = json.dumps({"spent": max(0, spent), "by": by})
            if await (self._replace(path, text, there[1]) if there else self._create(path, text)) is not None:
                return True

    async def _record(self, key: str) -> Record | None:
        there = await self._get(_path(key))
        if there is None:
            return None
        record = Record(**json.loads(there[0]))
        self._seen[key] = record.rev, there[1]
        return record

    async def _get(self, path: str) -> tuple[str, Mark] | None:
        """An object's text and its mark."""

        def get() -> tuple[str, Mark]:
            found = obstore.get(self._store, path)
            return bytes(found.bytes()).decode(), _mark(found.meta)

        try:
            return await self._call(get)
        except FileNotFoundError:
            return None

    async def _create(self, path: str, text: str) -> Mark | None:
        """The mark of a new object; None where there is one already."""
        try:
            return _mark(await self._call(lambda: obstore.put(self._store, path, text.encode(), mode="create")))
        except (AlreadyExistsError, PreconditionError):
            return None
        except FileNotFoundError as error:
            raise self._missing(error) from error

    async def _replace(self, path: str, text: str, seen: Mark) -> Mark | None:
        """The new mark of an object; None where it no longer has the one that was seen."""
        mode: Any = dict(seen)
        try:
            return _mark(await self._call(lambda: obstore.put(self._store, path, text.encode(), mode=mode)))
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return None

    async def _now(self) -> datetime:
        """What the store's clock says, which it is asked now and then: between that, ours goes as fast."""
        loop = asyncio.get_running_loop()
        if self._clock is None or loop.time() - self._clock[1] > BEAT_SECONDS:
            path, asked = f"clocks/{self._own}", loop.time()
            try:
                await self._call(lambda: obstore.put(self._store, path, b"{}"))
            except FileNotFoundError as error:
                raise self._missing(error) from error
            told: datetime = (await self._call(lambda: obstore.head(self._store, path)))["last_modified"]
            self._clock = told, asked
        return self._clock[0] + timedelta(seconds=loop.time() - self._clock[1])

    async def _probe(self) -> None:
        """LedgerError where the store does not keep the two conditions."""
        path = f"probes/{uuid.uuid4().hex}"
        broken = await self._broken_condition(path)
        with suppress(FileNotFoundError):
            await self._call(lambda: obstore.delete(self._store, path))
        if broken:
            raise self._unfit(broken)

    async def _broken_condition(self, path: str) -> str | None:
        first = await self._tried(path, "1", await self._create(path, "1"))
        if first is None or await self._create(path, "2") is not None:
            return "makes an object that is there already"
        second = await self._tried(path, "3", await self._replace(path, "3", first))
        if second is None or await self._replace(path, "4", first) is not None:
            return "writes over an object that has changed"
        return None

    async def _tried(self, path: str, text: str, mark: Mark | None) -> Mark | None:
        """The mark of what was written; where it seems that it was not, the answer of an attempt may have been lost."""
        there = await self._get(path) if mark is None else None
        return there[1] if there is not None and there[0] == text else mark

    def _missing(self, error: Exception) -> LedgerError:
        """The store says of what is written that it is not there."""
        return LedgerError(f"{self.name} cannot be used: {explain('the store', f'NoSuchBucket {error}')}")

    def _unfit(self, what: str) -> LedgerError:
        return LedgerError(
            f"{self.name} cannot be used: the store {what}, so that two machines would both pay",
            hint="S3, Google Cloud Storage, Azure and R2 keep conditions; or share a PostgreSQL",
        )

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await self._threads.call(call)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            raise
        except (BaseError, OSError) as error:
            why = explain("the store", str(error))
            message = f"{self.name} cannot be used: {why}"
            if why.is_lasting:
                raise LedgerError(message) from error
            raise LedgerAway(message, hint="the same command goes on when it is there again") from error


def _mark(facts: Any) -> Mark:
    return {name: facts[name] for name in ("e_tag", "version") if facts.get(name) is not None}


def _path(key: str) -> str:
    return f"board/{quote(key, safe='')}"


def _day(gateway: str, day: date) -> str:
    """Where the money of a day stands."""
    return f"days/{quote(gateway, safe='')}/{day:%Y-%m-%d}"


def _tag(gateway: str, tag: str) -> str:
    return f"tags/{quote(gateway, safe='')}/tag-{quote(tag, safe='')}"
