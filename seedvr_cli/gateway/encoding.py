"""Undoing a Content-Encoding, whatever carries it: one that a server only claims is left alone."""

import zlib
from collections.abc import AsyncIterator, Iterator

from seedvr_cli.gateway.transport import Lost

# What we ask the gateway for, and what of an answer's encodings we undo.
ACCEPTED = "gzip"
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
# Bytes that one step unpacks to at most, however well they were packed.
PIECE = 1 << 18
# For zlib: take either of its two headers.
_ANY_HEADER = 32 + zlib.MAX_WBITS


async def unpacked(chunks: AsyncIterator[bytes], encoding: str | None) -> AsyncIterator[bytes]:
    """The bytes as they were before they were packed; as they are where they are not packed, whatever the header says.

    Raises Lost where what is packed is damaged or ends early.
    """
    if not _is_claimed(encoding):
        async for chunk in chunks:
            yield chunk
        return
    head, unpacker = b"", None
    async for chunk in chunks:
        if unpacker is None:
            head += chunk
            if len(head) < 2:
                continue
            chunk, unpacker = head, _Unpacker() if _is_packed(head) else _Nothing()  # noqa: PLW2901 - the first one
        for piece in unpacker.feed(chunk):
            yield piece
    if unpacker is None:
        yield head
    elif not unpacker.is_whole:
        raise Lost("it ended early")


def _is_claimed(encoding: str | None) -> bool:
    words = [word.strip() for word in (encoding or "").lower().split(",")]
    return [word for word in words if word not in {"", "identity"}] in [[name] for name in _PACKED]


def _is_packed(head: bytes) -> bool:
    """By the two bytes that gzip (RFC 1952, 2.3.1) and zlib (RFC 1950, 2.2) begin with; no media do, and no JSON."""
    return head.startswith(b"\x1f\x8b") or (head[0] & 15 == zlib.DEFLATED and (head[0] << 8 | head[1]) % 31 == 0)


class _Nothing:
    is_whole = True

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class _Unpacker:
    """A file of one gzip member after the other, or one zlib stream; what follows them is dropped."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_ANY_HEADER)

    @property
    def is_whole(self) -> bool:
        return self._zlib.eof

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while True:
                piece = self._zlib.decompress(chunk, PIECE)
                if piece:
                    yield piece
                chunk = self._zlib.unconsumed_tail
                if self._zlib.eof:
                    chunk = self._zlib.unused_data
                    if not chunk.startswith(b"\x1f\x8b"):
                        return
                    self._zlib = zlib.decompressobj(_ANY_HEADER)
                elif len(piece) < PIECE:
                    return
        except zlib.error as error:
            raise Lost(f"it is packed, and damaged: {error}") from error
