"""WebP: metadata in chunks of an extended file (RFC 9649, section 2.7)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from seedvr_cli.metadata import colour, exif
from seedvr_cli.metadata.blocks import MOST_PARTS, copy, part, size_of
from seedvr_cli.metadata.metadata import Metadata, MetadataError

_EXTENDED, _LOSSY, _LOSSLESS = b"VP8X", b"VP8 ", b"VP8L"
_ICC, _EXIF, _XMP = b"ICCP", b"EXIF", b"XMP "
# Bits of the extended header (section 2.7.1).
_FLAGS = {_ICC: 0x20, _EXIF: 0x08, _XMP: 0x04}
_ALPHA = 0x10
_EXTENDED_LENGTH = 10
# Bytes that a RIFF may have behind its length (section 2.4).
_LARGEST_RIFF = (1 << 32) - 10


def read(file: BinaryIO) -> Metadata:
    """What its chunks hold; where they cannot be followed to the end, what they hold up to there."""
    found: dict[bytes, bytes] = {}
    troubles: tuple[str, ...] = ()
    try:
        for chunk in _chunks(file):
            if chunk.kind in _FLAGS and chunk.kind not in found:
                found[chunk.kind] = part(file, chunk.content, chunk.length)
    except MetadataError as error:
        troubles = (f"its chunks cannot all be read: {error}",)
    block = found.get(_EXIF)
    return Metadata(
        exif=block.removeprefix(exif.PREFIX) if block else None,
        icc=found.get(_ICC) or None,
        xmp=found.get(_XMP) or None,
        troubles=troubles,
    )


def write(file: BinaryIO, metadata: Metadata, out: BinaryIO) -> tuple[str, ...]:
    """Copy the picture with that metadata; returns what could not be carried, a sentence each.

    MetadataError where the chunks cannot be followed to the end; nothing is written then.
    """
    picture = _look(file)
    made, troubles = _made(metadata, picture.kinds)
    if not made:
        copy(file, 0, size_of(file), out)
        return troubles
    flags = picture.flags
    for kind, flag in _FLAGS.items():
        flags = flags | flag if kind in made or kind in picture.kinds else flags & ~flag
    head = _new(_EXTENDED, bytes([flags]) + picture.canvas) + made.pop(_ICC, b"")
    replaced = {_EXTENDED, *made}
    tail = b"".join(made.values())
    length = 4 + len(head) + sum(_padded(chunk) for chunk in _chunks(file) if chunk.kind not in replaced) + len(tail)
    if length > _LARGEST_RIFF:
        raise MetadataError("it is too large for more metadata")
    out.write(b"RIFF" + struct.pack("<I", length) + b"WEBP" + head)
    for chunk in _chunks(file):
        if chunk.kind not in replaced:
            copy(file, chunk.start, chunk.content + chunk.length, out)
            out.write(bytes(chunk.length % 2))
    out.write(tail)
    copy(file, picture.end, size_of(file), out)
    return troubles


@dataclass(frozen=True, slots=True)
class _Chunk:
    """`length` is that of its content, without the byte that makes it even."""

    kind: bytes
    start: int
    content: int
    length: int


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """All chunks of the RIFF."""
    size = size_of(file)
    form, length, name = struct.unpack("<4sI4s", part(file, 0, 12))
    if (form, name) != (b"RIFF", b"WEBP"):
        raise MetadataError("it does not begin as a WebP does")
    position, end = 12, length + 8
    if end > size + 1:  # some writers count a last byte of padding that they leave out
        raise MetadataError("it ends before the length that it gives")
    for _ in range(MOST_PARTS):
        if position + 8 > min(end, size):
            return
        kind, length = struct.unpack("<4sI", part(file, position, 8))
        if position + 8 + length > min(end, size):
            raise MetadataError("it ends within a chunk")
        yield _Chunk(kind, position, position + 8, length)
        position += 8 + length + length % 2
    raise MetadataError("it has more chunks than a picture has")


def _padded(chunk: _Chunk) -> int:
    return 8 + chunk.length + chunk.length % 2


@dataclass(slots=True)
class _Picture:
    """What of the result decides on what it can be given."""

    kinds: set[bytes]
    flags: int
    canvas: bytes
    """What follows the flags in the extended header: three bytes that are 0, width and height less 1."""
    end: int


def _look(file: BinaryIO) -> _Picture:
    first = next(_chunks(file), None)
    if first is None or first.kind not in {_EXTENDED, _LOSSY, _LOSSLESS}:
        raise MetadataError("its first chunk is not a picture's")
    flags, canvas = _header(first.kind, part(file, first.content, min(first.length, _EXTENDED_LENGTH)))
    kinds = {chunk.kind for chunk in _chunks(file)}
    length = int.from_bytes(part(file, 4, 4), "little")
    return _Picture(kinds, flags, canvas, min(length + 8, size_of(file)))


def _header(kind: bytes, head: bytes) -> tuple[int, bytes]:
    """Flags and canvas, from the extended header or from the bitstream's own (RFC 6386, section 9.1; RFC 9649, 3.4)."""
    if len(head) < (5 if kind == _LOSSLESS else _EXTENDED_LENGTH):
        raise MetadataError("it ends within its header")
    if kind == _EXTENDED:
        return head[0], head[1:]
    if kind == _LOSSLESS:
        bits = int.from_bytes(head[1:5], "little")
        width, height, has_alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    else:
        width, height = (int.from_bytes(head[start : start + 2], "little") & 0x3FFF for start in (6, 8))
        width, height, has_alpha = max(width, 1) - 1, max(height, 1) - 1, 0
    return _ALPHA * has_alpha, bytes(3) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _made(metadata: Metadata, kinds: set[bytes]) -> tuple[dict[bytes, bytes], tuple[str, ...]]:
    """The new chunks by their kind, and what cannot be carried."""
    made: dict[bytes, bytes] = {}
    troubles: list[str] = []
    if metadata.icc is not None and _ICC not in kinds:
        refusal = colour.refusal(metadata.icc, colour.RGB)
        if refusal is None:
            made[_ICC] = _new(_ICC, metadata.icc)
        else:
            troubles.append(refusal)
    block = metadata.exif
    if block is None and metadata.density and _EXIF not in kinds:  # of which WebP has no field of its own
        block = exif.of_density(*metadata.density)
    if block is not None:
        made[_EXIF] = _new(_EXIF, block)
    if metadata.xmp is not None:
        made[_XMP] = _new(_XMP, metadata.xmp)
    if metadata.iptc is not None:
        troubles.append("WebP has no place for IPTC, which is left out")
    return made, tuple(troubles)


def _new(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
