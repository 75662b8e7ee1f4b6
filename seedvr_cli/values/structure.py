"""What a file is made of, by its container's own lengths, and whether it is all there."""

import mmap
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

# Bytes of the end of a track's header: its matrix, width and height.
TRACK_END = 44
# Parts of a JPEG, RIFF or Matroska that are gone through: a recording of hours has some ten thousand.
MOST_PARTS = 1 << 20
PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
# The mark at the end of every JPEG, and the second byte of that in front of its pixels.
_JPEG_END, _JPEG_SCAN = b"\xff\xd9", 0xDA
# A marker, with fill in front; bytes of fill or rubbish that one may stand behind; and markers without a length: TEM,
# RST0 to RST7 and SOI (T.81, B.1.1).
_MARKER, _MOST_FILL = re.compile(rb"\xff([^\x00\xff])"), 1 << 16
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# The boxes without which there is nothing to see.
_NEEDED_BOXES = {
    "image/avif": {b"meta", b"mdat"},
    "video/mp4": {b"moov", b"mdat"},
    "video/quicktime": {b"moov", b"mdat"},
}
# The boxes that a cut file may end within; what looks like any other may be bytes behind the file's end.
_TELLING_BOXES = frozenset({b"moov", b"mdat", b"moof"})
# What an AVI that was written as it came says of its length, if not 0.
_UNKNOWN_LENGTH = 0xFFFF_FFFF
# Matroska's segment, which all but its header is in; what it and its clusters are made of (RFC 9559, section 5.1); and
# bytes that are enough for an element's name and length.
MATROSKA_SEGMENT = b"\x18\x53\x80\x67"
_MATROSKA_HEAD = 12
_SEGMENT_PARTS = ("ec", "bf", "114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1941a469", "1043a770", "1254c367")
_CLUSTER_PARTS = ("e7", "a7", "ab", "5854", "a3", "a0")
_MATROSKA_PARTS = {MATROSKA_SEGMENT, *map(bytes.fromhex, ("1f43b675", *_SEGMENT_PARTS, *_CLUSTER_PARTS))}


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels."""

    width: int
    height: int


class Readable(Protocol):
    """What is needed of a file to look into it."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, count: int = -1, /) -> bytes: ...


def is_whole(path: str, media_type: str) -> bool:
    """Whether the file's own structure says it is complete; what may follow its end does not matter."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        match media_type:
            case "image/png":
                return _has_png_end(file, size)
            case "image/jpeg":
                return _has_jpeg_end(file, size)
            case "image/webp" | "video/x-msvideo":
                return size > 12 and _has_riff_end(file, size)
            case "video/mp4" | "video/quicktime" | "image/avif":
                return _has_boxes(file, size, _NEEDED_BOXES[media_type])
            case "video/webm" | "video/x-matroska":
                return _has_elements(file, size)
    return size > 0


def _has_png_end(file: BinaryIO, size: int) -> bool:
    """Whether its chunks lead to IEND, and to the checksum of that."""
    return any(kind == b"IEND" and end + 4 <= size for kind, _, end in png_chunks(file))


def _has_jpeg_end(file: BinaryIO, size: int) -> bool:
    """Whether the mark of the end stands anywhere behind the metadata, whose thumbnail ends with one too."""
    if size < len(_JPEG_END):
        return False
    scan = len(_JPEG_END)  # or how far the segments in front of it can be followed
    for marker, _, end in jpeg_segments(file):
        if marker != _JPEG_SCAN:
            scan = end
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(_JPEG_END, scan) > 0


def read_at(file: Readable, place: int, count: int) -> bytes:
    """So many bytes from there, or fewer where the file ends first."""
    file.seek(place)
    return file.read(count)


def png_chunks(file: Readable) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG, as far as the file goes: (kind, first byte of the content, its end)."""
    place = len(PNG_BEGIN)
    while len(head := read_at(file, place, 8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, place + 8, place + 8 + length
        place += length + 12


def jpeg_segments(file: Readable) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG up to its first scan, as far as the file goes: (marker, first byte of the content, end).

    Fill and rubbish in front of a marker are passed over, as decoders do.
    """
    place = 2
    for _ in range(MOST_PARTS):
        match = _MARKER.match(read_at(file, place, 2)) or _MARKER.search(read_at(file, place, _MOST_FILL))
        if match is None or match[1][0] == _JPEG_END[1]:
            return
        marker, place = match[1][0], place + match.end()
        if marker in _ALONE:
            continue
        length = int.from_bytes(read_at(file, place, 2))
        if length < 2:
            return
        yield marker, place + 2, place + length
        if marker == _JPEG_SCAN:
            return
        place += length


def riff_chunks(file: Readable, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The RIFF chunks between two offsets, as far as the file goes: (kind, first byte of the content, its end).

    A list's kind is that of its content, which begins behind that.
    """
    for _ in range(MOST_PARTS):
        if start + 8 > end or len(head := read_at(file, start, 8)) < 8:
            return
        kind, length = struct.unpack("<4sI", head)
        stop = min(start + 8 + length, end)
        if kind == b"LIST":
            yield read_at(file, start + 8, 4), start + 12, stop
        else:
            yield kind, start + 8, stop
        start += 8 + length + length % 2


def matroska_elements(file: Readable, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The elements between two offsets, as far as the file goes: (name, first byte of the content, its end).

    One that does not say how long it is goes as far as what it is in (RFC 8794, section 6.2).
    """
    for _ in range(MOST_PARTS):
        head = read_at(file, start, min(_MATROSKA_HEAD, end - start)) if start < end else b""
        if not head or not head[0]:
            return
        width = 9 - head[0].bit_length()  # of the element's name
        length, content = _vint(head, width)
        if content > len(head):
            return
        stop = end if length is None else min(start + content + length, end)
        yield head[:width], start + content, stop
        start = stop


def boxes(file: Readable, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The MP4 boxes between two offsets: (kind, first byte of the content, end)."""
    while start + 8 <= end:
        head = read_at(file, start, 8)
        if len(head) < 8:  # more of the file is not here
            break
        length, kind = struct.unpack(">I4s", head)
        content = start + 8
        if length == 1:
            (length,) = struct.unpack(">Q", read_at(file, content, 8))
            content += 8
        elif length == 0:
            length = end - start
        if length < content - start:
            break
        yield kind, content, start + length
        start += length


def inside(file: Readable, spans: Iterable[tuple[int, int]], kind: bytes) -> list[tuple[int, int]]:
    """Where the contents of the boxes of that kind stand that are next within these spans, and do not reach out."""
    return [(at, min(stop, end)) for start, end in spans for name, at, stop in boxes(file, start, end) if name == kind]


def _has_boxes(file: BinaryIO, size: int, needed: set[bytes]) -> bool:
    """Whether all that is needed stands there whole."""
    try:
        found = list(boxes(file, 0, size))
    except struct.error:  # cut within a box's length
        return False
    whole = {kind for kind, _, end in found if end <= size}
    telling = [(kind, end) for kind, _, end in found if kind in _TELLING_BOXES]
    if any(end > size for _, end in telling):
        return False
    return needed <= whole and telling[-1][0] != b"moof"  # which tells of pictures behind it


def _has_riff_end(file: BinaryIO, size: int) -> bool:
    """Whether its RIFF chunks are whole; a large AVI has more than one."""
    end = 0
    while end + 12 <= size:
        file.seek(end)
        kind, length, form = struct.unpack("<4sI4s", file.read(12))
        if kind != b"RIFF":  # bytes behind its end
            break
        if length == _UNKNOWN_LENGTH and form == b"AVI ":
            return True
        end += length + 8
    return 0 < end <= size


def _has_elements(file: BinaryIO, size: int) -> bool:
    """Whether Matroska's elements are whole (RFC 8794, section 6).

    Where one does not say how long it is, as in what was written as it came, the elements within it are looked at.
    """
    file.seek(4)
    length, start = _vint(file.read(_MATROSKA_HEAD), 0)
    start += 4 + (length or 0)  # behind the header
    while start < size:
        file.seek(start)
        head = file.read(_MATROSKA_HEAD)
        width = 9 - head[0].bit_length()  # of the element's name
        name, (length, content) = head[:width], _vint(head, width)
        if name not in _MATROSKA_PARTS:  # bytes behind its end
            break
        start += content + (length or 0)
        if start > size:
            return False
        if name == MATROSKA_SEGMENT and length is not None:
            break
    return size > 0


def _vint(data: bytes, position: int) -> tuple[int | None, int]:
    """The number of variable length that stands there (RFC 8794, section 4), None where it is unknown; what follows."""
    width = 9 - (data[position] if position < len(data) else 0).bit_length()
    digits = int.from_bytes(data[position : position + width], "big") & ((1 << 7 * width) - 1)
    return None if digits == (1 << 7 * width) - 1 else digits, position + width
