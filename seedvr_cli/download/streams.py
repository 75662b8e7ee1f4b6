"""The bytes of a media URL, by one stream; of a large file by several, side by side.

The first stream is all that a delivery depends on: it goes on where it broke, and begins again where the server cannot
go on, or has another file by now. Those beside it only take work off it. Every byte of theirs comes with the ETag and
the range that were asked for, or it is not taken; whoever meets anything else leaves, and the first one goes on.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

from seedvr_cli.download.hooks import Hooks
from seedvr_cli.download.movement import watch
from seedvr_cli.download.partial import Partial
from seedvr_cli.download.pieces import Piece
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, MediaGone, NetworkError, RangeRefused, SeedvrError, StillRunning
from seedvr_cli.values.schedule import backoff

# Breaks in a row without a byte of progress before a delivery is given up.
FRUITLESS_BREAKS = 5
# Bytes that must be missing for more streams: below, making connections costs as much time as it can save.
LARGE_BODY = 64 << 20
# Streams beside the first one. More are rude to servers, and many limit them.
BESIDE = 3


class Fetch(Protocol):
    """Opens a body from the byte `offset` on, where `etag` still holds: to before `end`, or to the file's end."""

    def __call__(
        self, url: str, offset: int = 0, etag: str | None = None, end: int | None = None, /
    ) -> AbstractAsyncContextManager[Stream]:
        """Raises NetworkError, RangeRefused or DeliveryError."""
        ...


class Streams:
    """Of one delivery."""

    def __init__(self, url: str, fetch: Fetch, partial: Partial, hooks: Hooks) -> None:
        self._url = url
        self._fetch = fetch
        self._partial = partial
        self._hooks = hooks
        self._most = BESIDE
        self._beside: set[asyncio.Task[None]] = set()
        self._trouble: Exception | None = None
        # What broke the first stream last.
        self._break: NetworkError | MediaGone | None = None
        # Bytes that have come, those included that were given up again.
        self._came = 0

    async def bring(self) -> int | None:
        """Stream the body into the partial file; its full length, if known.

        Raises DeliveryError where there is nothing to be had, or the connection keeps breaking, and StillRunning where
        it does not move behind the deadline.
        """
        bringing = asyncio.create_task(self._bring_all())
        try:
            await self._watch(bringing)
            bringing.result()
        except BaseException:
            bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)
            with suppress(SeedvrError, OSError):  # what was recorded before still holds
                await self._end()
            raise
        await self._end()
        return self._partial.pieces.total

    async def _watch(self, bringing: asyncio.Task[None]) -> None:
        """Until it has ended; StillRunning where it is to be ended."""
        if not await watch(bringing, self._hooks.deadline, self._hooks.now, lambda: self._came):
            why = f" ({self._break.message})" if self._break else ""
            raise StillRunning(
                f"waiting is over, and hardly a byte of its result comes any more{why}",
                hint="it is paid for: the same command again goes on",
            )

    async def _bring_all(self) -> None:
        partial, hooks = self._partial, self._hooks
        breaks = 0
        furthest = partial.done
        while True:
            if not partial.media_type:
                await self._restart()
            before = partial.done
            try:
                if await self._bring_next():
                    return
            except RangeRefused:
                if before == 0:
                    raise
                partial.etag = None
                await self._restart()
            except (NetworkError, MediaGone) as error:
                if isinstance(error, MediaGone) and not (before and await self._renew()):
                    raise
                breaks = breaks + 1 if partial.done <= furthest else 1
                furthest = max(furthest, partial.done)
                self._break = error
                if breaks >= FRUITLESS_BREAKS:
                    raise DeliveryError(str(error)) from error
                if partial.etag is None:
                    await self._restart()
                await hooks.pause(backoff(breaks, hooks.jitter()))

    async def _renew(self) -> bool:
        """Whether the file has another URL by now: the last one may have been signed for a while only."""
        url = await self._hooks.renew()
        if url is None or url == self._url:
            return False
        self._url, self._most = url, BESIDE
        return True

    async def _bring_next(self) -> bool:
        """One request of the first stream, for what nobody else brings; whether nothing is missing after that."""
        partial, pieces = self._partial, self._partial.pieces
        piece = pieces.claim(self._count)
        if piece is None:
            if not self._beside:
                return True
            await asyncio.wait(self._beside, return_when=asyncio.FIRST_COMPLETED)
            self._raise_trouble()
            return False
        try:
            end = None if piece.end == pieces.total else piece.end
            async with self._fetch(self._url, piece.at if partial.etag else 0, partial.etag, end) as stream:
                if stream.offset != piece.at:  # the whole file in place of the rest
                    await self._restart()
                    pieces, end = partial.pieces, None
                    piece = pieces.claim() or piece
                return await self._bring_rest(stream, piece, end)
        finally:
            pieces.release(piece)

    async def _bring_rest(self, stream: Stream, piece: Piece, end: int | None) -> bool:
        """As far as nobody else has come, up to `end`; NetworkError where the body ends before that."""
        partial, hooks, pieces = self._partial, self._hooks, self._partial.pieces
        total = pieces.total = self._agree(stream, piece)
        if piece.end is None:
            piece.end = total
        await partial.check(total or 0, hooks)
        async for chunk in stream.chunks:
            rest: bytes = chunk
            while rest:
                if piece.at == total:
                    partial.etag = None
                    raise NetworkError(f"the media server sent {partial.done + len(rest)} of {total} bytes")
                if piece.at == piece.end and (end is not None or not pieces.extend(piece, self._count)):
                    return False
                rest = await self._take(piece, rest)
                if partial.media_type:
                    partial.etag = stream.etag or partial.etag
                if total is None or partial.done < total:  # were this the end, a later run would need the ETag
                    await partial.note(stream.etag, hooks)
                await self._call_others(stream, piece)
        partial.end()
        if piece.end is not None and piece.left:
            raise NetworkError(f"the media server sent {partial.done} of {total} bytes")
        return total is None or partial.done == total

    def _agree(self, stream: Stream, piece: Piece) -> int | None:
        """The file's length, if it is known; RangeRefused where this is a part of another file than what came of it."""
        partial, total = self._partial, self._partial.pieces.total
        if piece.at == 0:
            partial.etag = None  # it belonged to other bytes
            return stream.total
        is_same = stream.etag in {None, partial.etag} and (None in {total, stream.total} or total == stream.total)
        if not is_same:
            raise RangeRefused("the media server answered with a part of another file")
        return stream.total if total is None else total

    async def _call_others(self, stream: Stream, piece: Piece) -> None:
        """Have others bring what lies behind the next bytes of the first stream's piece, where that is worth while."""
        if len(self._beside) >= self._most or not stream.has_ranges or stream.etag is None:
            return
        partial, hooks, pieces = self._partial, self._hooks, self._partial.pieces
        is_large = partial.is_written and pieces.total is not None and pieces.total - partial.done >= LARGE_BODY
        if not is_large or hooks.beside.locked():
            return
        if not partial.is_in_pieces:  # before there is a hole in the file
            await partial.record(hooks)
        while len(self._beside) < self._most and not hooks.beside.locked():
            await hooks.beside.acquire()
            task = asyncio.create_task(self._help())
            self._beside.add(task)
            task.add_done_callback(self._has_left)
        pieces.cut(piece, self._count)

    async def _help(self) -> None:
        """Bring pieces as long as there are any. Whoever is refused leaves; who breaks off after some bytes goes on."""
        partial, hooks, pieces = self._partial, self._hooks, self._partial.pieces
        while self._most > 0 and (piece := pieces.claim(self._count)) is not None:
            begin, done = piece.at, partial.done
            try:
                await self._bring_piece(piece)
                continue
            except NetworkError:
                if piece.at == begin:
                    self._most -= partial.done > done  # the network is there, so it is that we are too many
                    return
            except DeliveryError:
                self._most = 0
                return
            except Exception as error:  # noqa: BLE001 - the first stream raises it
                self._trouble = error
                return
            finally:
                pieces.release(piece)
            await hooks.pause(backoff(1, hooks.jitter()))

    async def _bring_piece(self, piece: Piece) -> None:
        """One request of another stream. Raises RangeRefused where the answer is not exactly what was asked for."""
        partial, end = self._partial, piece.end
        asked = (piece.at, partial.pieces.total, partial.etag)
        async with self._fetch(self._url, piece.at, partial.etag, end) as stream:
            if (stream.offset, stream.total, stream.etag) != asked:
                raise RangeRefused("the media server answered with a part of another file")
            async for chunk in stream.chunks:
                rest: bytes = chunk
                while rest:
                    if piece.at == end:
                        raise RangeRefused("the media server sent more than it was asked for")
                    if piece.at == piece.end:  # another has taken the rest over
                        return
                    rest = await self._take(piece, rest)
        if piece.left:
            raise NetworkError("the media server sent less than it was asked for")

    async def _take(self, piece: Piece, chunk: bytes) -> bytes:
        """Add to the piece what belongs to it; the rest."""
        self._raise_trouble()
        taken = chunk if piece.end is None else chunk[: piece.left]
        await self._partial.take(piece.at, taken, self._hooks)
        piece.at += len(taken)
        self._came += len(taken)
        self._hooks.progress(self._partial.done, self._partial.pieces.total)
        return chunk[len(taken) :]

    async def _restart(self) -> None:
        """From the first byte; of a file that had pieces, with one stream."""
        await self._dismiss()
        if self._partial.is_in_pieces:
            self._most = 0
        await self._partial.restart(self._hooks)

    async def _end(self) -> None:
        await self._dismiss()
        if self._partial.is_in_pieces:
            await self._partial.record(self._hooks)

    async def _dismiss(self) -> None:
        """None of the others is there, or writes, any more."""
        others = list(self._beside)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _has_left(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._hooks.beside.release()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble

    @property
    def _count(self) -> int:
        """Streams at work."""
        return 1 + len(self._beside)
