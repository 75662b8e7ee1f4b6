"""A board in an object store, for who has a bucket and no database: each record an object, its ETag the revision."""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from secrets import token_hex
from typing import Any, Self
from urllib.parse import quote, unquote

from seedvr_cli.ledger.board import ENDS, LEASE_SECONDS, NO_CAP, Record, is_ours
from seedvr_cli.ledger.bucket_objects import Mark, Objects
from seedvr_cli.values.caps import Period
from seedvr_cli.values.checkup import Check, clock_check
from seedvr_cli.values.errors import LedgerError, UsageError
from seedvr_cli.values.redaction import redact

VERSION = 1


class BucketBoard:
    """See `Board`. `url` is `s3://BUCKET/PREFIX`, `gs://...` or `az://...`; keys are where those worlds keep them."""

    def __init__(self, url: str) -> None:
        if "?" in url or "#" in url:  # which the library would drop
            raise UsageError(
                f"{redact(url)}: the prefix of a ledger has no ? and no #",
                hint="region, endpoint and keys stand in the environment (AWS_REGION, AWS_ENDPOINT_URL, ...)",
            )
        self.name = f"the shared ledger {redact(url)}"
        self.id = self.secret = ""
        self._objects = Objects(url, self.name)
        # By today's path, what the days of the month before it have cost.
        self._before: dict[str, int] = {}
        # By key, the revision that was seen last, and its mark.
        self._seen: dict[str, tuple[int, Mark]] = {}

    async def __aenter__(self) -> Self:
        await self._objects.probe()
        made = json.dumps({"version": VERSION, "id": uuid.uuid4().hex, "secret": token_hex(32)})
        await self._objects.create("meta", made)
        meta = await self._meta()
        if meta.get("version", 0) > VERSION:
            raise LedgerError(f"{self.name} was made by a newer seedvr", hint="update seedvr")
        self.id, self.secret = str(meta.get("id")), str(meta.get("secret"))
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(LedgerError):
            await self._objects.stop_clock()

    async def examine(self) -> Sequence[Check]:
        """See `Board`."""
        await self._objects.probe()
        theirs = await self._objects.now()
        ours = datetime.now(UTC)
        await self._objects.stop_clock()
        meta = await self._meta()
        self.id = str(meta.get("id", ""))
        clock = clock_check("shared-clock", "the store's", theirs, ours, "the day of max-cost-per-day is its own")
        if meta.get("version", 0) > VERSION:
            return [Check("shared", "problem", f"{self.name} was made by a newer seedvr", "update seedvr"), clock]
        new = "" if meta else "; nothing is in it yet"
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
            mark = await self._objects.create(path, text)
        else:
            rev, seen = self._seen.get(record.key, (0, {}))
            if rev != record.rev:
                there = await self._record(record.key)
                if there is None or there.rev != record.rev:
                    return posted if is_ours(record, there) else None
                seen = self._seen[record.key][1]
            mark = await self._objects.replace(path, text, seen)
        if mark is None:  # somebody was faster; or it was we, and the answer was lost on the way
            return posted if is_ours(record, await self._record(record.key)) else None
        if posted.state in ENDS:  # it is hardly ever written again, and a run may have a million of them
            self._seen.pop(record.key, None)
        else:
            self._seen[record.key] = posted.rev, mark
        return posted

    async def beat(self, run: str) -> None:
        """See `Board`."""
        await self._objects.touch(f"runs/{run}")

    async def rest(self, run: str) -> None:
        """See `Board`."""
        await self._objects.delete(f"runs/{run}")

    async def is_alive(self, run: str) -> bool:
        """See `Board`: its last beat, by the store's clock, and what that clock says now."""
        beat = await self._objects.touched(f"runs/{run}")
        return beat is not None and (await self._objects.now() - beat).total_seconds() <= LEASE_SECONDS

    async def draw(self, gateway: str, amount: int, cap: int, month_cap: int = NO_CAP) -> datetime | None:
        """See `Board`."""
        now = await self._objects.now()
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
        path = _tag(gateway, tag) if tag is not None else _day(gateway, await self._objects.now())
        there = await self._objects.get(path)
        before = await self._spent_before(path) if period == "month" else 0
        return before + (int(json.loads(there[0])["spent"]) if there else 0)

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """See `Board`."""
        path = f"rates/{quote(gateway, safe='')}"
        while True:
            there, now = await self._objects.get(path), (await self._objects.now()).timestamp()
            first = max(now, json.loads(there[0])["free"] if there else 0.0)
            text = json.dumps({"free": first + count / rate, "by": uuid.uuid4().hex})
            if await self._objects.put(path, text, there):
                return float(first - now)

    async def page(self, after: str) -> Sequence[Record]:
        """See `Board`."""
        paths = await self._objects.page("board", _path(after) if after else None)
        found = await self.look([unquote(path.rpartition("/")[2]) for path in paths])
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
            found = await asyncio.gather(*(self._objects.get(f"{month}-{number:02}") for number in range(1, day)))
            self._before[path] = sum(int(json.loads(there[0])["spent"]) for there in found if there)
        return self._before[path]

    async def _draw(self, path: str, amount: int, cap: int) -> bool:
        by = uuid.uuid4().hex  # an attempt of ours whose answer was lost is known by it
        while True:
            there = await self._objects.get(path)
            found: dict[str, Any] = json.loads(there[0]) if there else {"spent": 0, "by": None}
            if found["by"] == by:
                return True
            spent = found["spent"] + amount
            if spent > cap:
                return False
            text = json.dumps({"spent": max(0, spent), "by": by})
            if await self._objects.put(path, text, there):
                return True

    async def _meta(self) -> dict[str, Any]:
        """What the board says of itself; nothing where there is none yet."""
        there = await self._objects.get("meta")
        return self._parse("meta", there[0]) if there else {}

    async def _record(self, key: str) -> Record | None:
        there = await self._objects.get(_path(key))
        if there is None:
            return None
        try:
            record = Record(**self._parse(_path(key), there[0]))
        except TypeError as error:
            raise self._strange(_path(key)) from error
        self._seen[key] = record.rev, there[1]
        return record

    def _parse(self, path: str, text: str) -> dict[str, Any]:
        """What an object says; LedgerError where it is none of ours."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise self._strange(path) from error
        if not isinstance(found, dict):
            raise self._strange(path)
        return found

    def _strange(self, path: str) -> LedgerError:
        return LedgerError(
            f"{self.name} cannot be used: its object {path} was not written by seedvr",
            hint="a prefix is for one ledger alone: move what others have put there",
        )


def _path(key: str) -> str:
    return f"board/{quote(key, safe='')}"


def _day(gateway: str, day: date) -> str:
    """Where the money of a day stands."""
    return f"days/{quote(gateway, safe='')}/{day:%Y-%m-%d}"


def _tag(gateway: str, tag: str) -> str:
    return f"tags/{quote(gateway, safe='')}/tag-{quote(tag, safe='')}"
