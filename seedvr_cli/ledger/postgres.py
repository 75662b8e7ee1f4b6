"""A board in PostgreSQL.

Records that are written at the same time share a statement, in the order of their keys: two machines that write the
same ones in different orders would wait for each other for ever.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, LiteralString, Self

import psycopg

from seedvr_cli.ledger import postgres_sql as sql
from seedvr_cli.ledger.board import LEASE_SECONDS, NO_CAP, Record, is_ours
from seedvr_cli.ledger.postgres_checkup import examine_server
from seedvr_cli.ledger.postgres_link import ANSWER_SECONDS, Connection, Link
from seedvr_cli.ledger.rows import as_stored
from seedvr_cli.values.caps import Period
from seedvr_cli.values.checkup import Check
from seedvr_cli.values.errors import LedgerError

VERSION = 1
# What to do where the table for tags is missing.
_INIT = "somebody who may make tables there runs 'seedvr ledger init' once, and grants the rest"
# Seconds that its end waits for what is being asked.
LAST_SECONDS = 2.0
# Seconds for what looks at all records.
LONG_SECONDS = 120.0
# Records that share a statement.
LARGEST_GROUP = 256


@dataclass(slots=True)
class _Waiting:
    record: Record
    future: "asyncio.Future[Record | None]"


class PostgresBoard:
    """See `Board`. `url` is what libpq takes (`postgresql://USER@HOST/DATABASE`), with its variables and files."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self.name = self._link.name
        self.id = self.secret = ""
        self._waiting: list[_Waiting] = []
        self._looks: list[tuple[Sequence[str], asyncio.Future[Mapping[str, Record]]]] = []
        self._server: asyncio.Task[None] | None = None
        self._has_tags = True

    async def __aenter__(self) -> Self:
        try:
            await self._link.ask(self._prepare, seconds=LONG_SECONDS)  # eight first starts wait for each other
        except BaseException:
            await self._link.drop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if (server := self._server) is not None:  # which forgets itself when it has ended
            await asyncio.wait({server}, timeout=LAST_SECONDS)
            server.cancel()
        await self._link.drop()

    async def examine(self) -> Sequence[Check]:
        """See `Board`."""
        try:
            checks, self.id = await examine_server(await self._link.connect(), self.name, VERSION)
        except psycopg.Error as error:
            hint = "check the address, the user and the password (PGPASSWORD, ~/.pgpass), and the way there"
            raise LedgerError(self._link.failure(error).message, hint=hint) from error
        finally:
            await self._link.drop()
        return checks

    async def look(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `Board`."""
        future: asyncio.Future[Mapping[str, Record]] = asyncio.get_running_loop().create_future()
        self._looks.append((keys, future))
        self._begin_serving()
        found = await asyncio.shield(future)
        return {key: found[key] for key in keys if key in found}

    async def find(self, gateway: str, request_id: str) -> Record | None:
        """See `Board`."""
        rows = await self._execute(sql.FIND, [_text(request_id), gateway])
        return _record(rows[0]) if rows else None

    async def post(self, record: Record) -> Record | None:
        """See `Board`."""
        future: asyncio.Future[Record | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(record, future))
        self._begin_serving()
        return await asyncio.shield(future)

    async def beat(self, run: str) -> None:
        """See `Board`."""
        await self._execute(sql.BEAT, [run, LEASE_SECONDS])

    async def rest(self, run: str) -> None:
        """See `Board`."""
        await self._execute(sql.REST, [run])

    async def is_alive(self, run: str) -> bool:
        """See `Board`."""
        return bool(await self._execute(sql.IS_ALIVE, [run]))

    async def draw(self, gateway: str, amount: int, cap: int, month_cap: int = NO_CAP) -> datetime | None:
        """See `Board`."""
        values = {"gateway": gateway, "amount": amount, "cap": cap, "month_cap": month_cap}
        rows = await self._execute(sql.DRAW, values)
        return rows[0][0].replace(tzinfo=UTC) if rows else None

    async def draw_tag(self, gateway: str, tag: str, amount: int, cap: int) -> bool:
        """See `Board`. Where an earlier seedvr has made the tables, and nobody may make more, no tag has a cap."""
        if not self._has_tags:
            if cap == NO_CAP:
                return True
            raise LedgerError(f"{self.name} has no table for what is spent under a tag", hint=_INIT)
        return bool(await self._execute(sql.DRAW_TAG, {"gateway": gateway, "tag": tag, "amount": amount, "cap": cap}))

    async def give_back(self, gateway: str, amount: int, of: date | str) -> None:
        """See `Board`."""
        if isinstance(of, str) and not self._has_tags:
            return
        query = sql.GIVE_BACK_TAG if isinstance(of, str) else sql.GIVE_BACK
        is_again = False

        async def operation(connection: Connection) -> None:
            nonlocal is_again
            if not is_again:  # it may be done, and only the answer lost
                is_again = True
                await connection.execute(query, [amount, gateway, of])

        await self._link.ask(operation)

    async def spent(self, gateway: str, period: Period | None, tag: str | None) -> int:
        """See `Board`."""
        query, of = (sql.SPENT, period) if tag is None else (sql.SPENT_TAG, tag)
        (row,) = await self._execute(query, [gateway, of])
        return int(row[0])

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """See `Board`."""
        seconds = count / rate
        (row,) = await self._execute(sql.SLOTS, {"gateway": gateway, "seconds": seconds})
        return max(0.0, float(row[0]) - seconds)

    async def page(self, after: str) -> Sequence[Record]:
        """See `Board`."""
        return [_record(row) for row in await self._execute(sql.PAGE, [after])]

    async def count(self) -> Mapping[str, int]:
        """See `Board`."""
        rows = await self._execute(sql.COUNT, [], seconds=LONG_SECONDS)
        return dict(rows)

    # Below.

    async def _execute(self, query: LiteralString, values: Any, *, seconds: float = ANSWER_SECONDS) -> list[Any]:
        async def operation(connection: Connection) -> list[Any]:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []

        return await self._link.ask(operation, seconds=seconds)

    def _begin_serving(self) -> None:
        if self._server is None:
            self._server = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        """Read and write what waits, a group at a time; a key stands once among what is written together."""
        while self._waiting or self._looks:
            await self._serve_looks()
            group: dict[str, _Waiting] = {}
            later: list[_Waiting] = []
            for waiting in self._waiting:
                is_next = waiting.record.key not in group and len(group) < LARGEST_GROUP
                if is_next:
                    group[waiting.record.key] = waiting
                else:
                    later.append(waiting)
            self._waiting = later
            if not group:
                continue
            try:
                won = await self._post_all([waiting.record for waiting in group.values()])
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                for waiting in group.values():
                    if not waiting.future.done():
                        waiting.future.set_exception(error)
                        waiting.future.exception()  # who was cancelled meanwhile does not ask
                continue
            for key, waiting in group.items():
                if not waiting.future.done():
                    record = waiting.record
                    waiting.future.set_result(replace(record, rev=record.rev + 1) if key in won else None)
        self._server = None

    async def _serve_looks(self) -> None:
        looks, self._looks = self._looks, []
        if not looks:
            return

        async def operation(connection: Connection) -> Mapping[str, Record]:
            rows = await connection.execute(sql.LOOK, [sorted({key for keys, _ in looks for key in keys})])
            return {row[0]: _record(row) for row in await rows.fetchall()}

        try:
            found = await self._link.ask(operation)
        except Exception as error:  # noqa: BLE001 - as for what is written
            for _, future in looks:
                future.set_exception(error)
                future.exception()
            return
        for _, future in looks:
            future.set_result(found)

    async def _post_all(self, records: Sequence[Record]) -> set[str]:
        """The keys of those that were written, now or by an attempt whose answer was lost."""
        is_again = False

        async def operation(connection: Connection) -> set[str]:
            nonlocal is_again
            won: set[str] = set()
            left = list(records)
            if is_again:
                found = await connection.execute(sql.LOOK, [[record.key for record in left]])
                there = {row[0]: _record(row) for row in await found.fetchall()}
                won = {record.key for record in left if is_ours(record, there.get(record.key))}
                left = [record for record in left if record.key not in won]
            is_again = True
            groups = (
                (sql.INSERT, [record for record in left if not record.rev]),
                (sql.UPDATE, [record for record in left if record.rev]),
            )
            try:
                async with connection.pipeline():  # one trip for both
                    answers = [
                        await connection.execute(query, _columns(sorted(group, key=lambda record: record.key)))
                        for query, group in groups
                        if group
                    ]
            except IndexError as error:  # the library's, where an error comes with the end of the transaction
                raise psycopg.OperationalError("the server broke off a transaction") from error
            for answer in answers:
                won |= {row[0] for row in await answer.fetchall()}
            return won

        return await self._link.ask(operation)

    async def _prepare(self, connection: Connection) -> None:
        """The tables, made where there are none: many machines may begin at once, and some may not make tables."""
        is_there, self._has_tags = await self._find_tables(connection)
        if not is_there or not self._has_tags:
            try:
                async with connection.transaction():
                    await connection.execute(sql.LOCK)
                    await connection.execute(sql.TABLES)
                self._has_tags = True
            except psycopg.errors.InsufficientPrivilege:
                if not is_there:
                    raise
        meta = await (await connection.execute(sql.META)).fetchone()
        if meta is None or meta[0] > VERSION:
            raise LedgerError(f"{self.name} was made by a newer seedvr", hint="update seedvr")
        self.id, self.secret = str(meta[1]), str(meta[2])

    async def _find_tables(self, connection: Connection) -> tuple[bool, bool]:
        """Whether there are tables, and whether the one for tags, which came later, is to be written to."""
        found = await (await connection.execute(sql.FIND_TABLES)).fetchone()
        return (bool(found[0]), bool(found[1])) if found else (False, False)


def _columns(records: Sequence[Record]) -> Mapping[str, list[Any]]:
    names = ("key", "rev", "state", "run", "claim", "gateway", "price", "request_id")
    columns: dict[str, list[Any]] = {name: [_text(getattr(record, name)) for record in records] for name in names}
    columns["facts"] = [json.dumps(_text(dict(record.facts))) for record in records]
    return columns


def _text(value: Any) -> Any:
    """A value whose texts a PostgreSQL takes: they have no NUL, and no bytes that are none of UTF-8."""
    if isinstance(value, str):
        return as_stored(value).replace("\0", "")
    if isinstance(value, dict):
        return {_text(name): _text(one) for name, one in value.items()}
    return [_text(one) for one in value] if isinstance(value, list | tuple) else value


def _record(row: Sequence[Any]) -> Record:
    key, rev, state, run, claim, gateway, price, request_id, facts = row
    return Record(
        key=key, state=state, run=run, claim=claim, gateway=gateway, price=price, request_id=request_id, facts=facts,
        rev=rev,
    )  # fmt: skip
