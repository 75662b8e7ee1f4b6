"""What a file's own structure says: whether it is all there, and how large its picture is."""

import mmap
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

# Bytes of a track's header, and of its end: its matrix, width and height.
TRACK_HEADER, TRACK_END = 84, 44
# Bytes of a table of kinds of samples up to the height of the first, if that is a picture.
FRAME_SIZE_END = 44
# The beginning of every PNG, and its end: the chunk IEND with its checksum.
_PNG_BEGIN, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
# The mark at the end of every JPEG, and the second byte of that in front of its pixels.
_JPEG_END, _JPEG_SCAN = b"\xff\xd9", b"\xda"
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
_MATROSKA_SEGMENT, _MATROSKA_HEAD = b"\x18\x53\x80\x67", 12
_SEGMENT_PARTS = ("ec", "bf", "114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1941a469", "1043a770", "1254c367")
_CLUSTER_PARTS = ("e7", "a7", "ab", "5854", "a3", "a0")
_MATROSKA_PARTS = {_MATROSKA_SEGMENT, *map(bytes.fromhex, ("1f43b675", *_SEGMENT_PARTS, *_CLUSTER_PARTS))}


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels."""

    width: int
    height: int


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
    """Whether its chunks lead to IEND."""
    position = len(_PNG_BEGIN)
    while position + len(_PNG_END) + 4 <= size:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        position += length + 12
        if kind == b"IEND":
            return bool(position <= size)
    return False


def _has_jpeg_end(file: BinaryIO, size: int) -> bool:
    """Whether the mark of the end stands anywhere behind the metadata, whose thumbnail ends with one too."""
    if size < len(_JPEG_END):
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(_JPEG_END, _jpeg_scan(content)) > 0


def _jpeg_scan(content: mmap.mmap) -> int:
    """Where the first scan begins, or how far the segments in front of it can be followed."""
    place = len(_JPEG_END)
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] != _JPEG_SCAN:
        is_fill = content[place + 1 : place + 2] == b"\xff"
        place += 1 if is_fill else 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return place


def boxes(file: BinaryIO, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """The MP4 boxes between two offsets: (kind, first byte of the content, end)."""
    found = []
    while start + 8 <= end:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if length == 1:
            length = struct.unpack(">Q", file.read(8))[0]
            content += 8
        elif length == 0:
            length = end - start
        if length < content - start:
            break
        found.append((kind, content, start + length))
        start += length
    return found


def _has_boxes(file: BinaryIO, size: int, needed: set[bytes]) -> bool:
    """Whether all that is needed stands there whole."""
    try:
        found = boxes(file, 0, size)
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
        if name == _MATROSKA_SEGMENT and length is not None:
            break
    return size > 0


def _vint(data: bytes, position: int) -> tuple[int | None, int]:
    """The number of variable length that stands there (RFC 8794, section 4), None where it is unknown; what follows."""
    width = 9 - (data[position] if position < len(data) else 0).bit_length()
    digits = int.from_bytes(data[position : position + width], "big") & ((1 << 7 * width) - 1)
    return None if digits == (1 << 7 * width) - 1 else digits, position + width


def webp_size(head: bytes) -> Size | None:
    """By the first bytes, whatever is missing behind them (RFC 9649, sections 2.7.1 and 3.4; RFC 6386, section 9.1)."""
    kind, head = head[12:16], head[20:30]
    if len(head) < 10:
        return None
    if kind == b"VP8X":
        return Size(1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        return Size(*(int.from_bytes(head[start : start + 2], "little") & 0x3FFF for start in (6, 8)))
    return None


def inside(file: BinaryIO, spans: Iterable[tuple[int, int]], kind: bytes) -> list[tuple[int, int]]:
    """Where the contents of the boxes of that kind stand that are next within these spans, as far as the file goes."""
    size = file.seek(0, os.SEEK_END)
    return [(at, min(stop, size)) for start, end in spans for name, at, stop in boxes(file, start, end) if name == kind]


def mp4_size(file: BinaryIO) -> Size | None:
    """The largest track's size, upright: in pixels as they are stored, which players may stretch to another shape."""
    tracks = inside(file, inside(file, [(0, file.seek(0, os.SEEK_END))], b"moov"), b"trak")
    sizes = [found for track in tracks if (found := _track_size(file, track))]
    return max(sizes, key=lambda size: size.width * size.height, default=None)


def _track_size(file: BinaryIO, track: tuple[int, int]) -> Size | None:
    """By the description of its samples, or else by its header; None of a track that has nothing to see."""
    for start, end in inside(file, [track], b"tkhd"):
        if end - start < TRACK_HEADER:
            continue
        # The header ends with a matrix, and with width and height as 16.16 fixed-point numbers.
        a, b, _, c, d, *_, width, height = _unpacked(file, end - TRACK_END, ">11I")
        width, height = _frame_size(file, track) or (width >> 16, height >> 16)
        if width and height:
            is_turned = a == d == 0 and b and c  # a quarter turn
            return Size(height, width) if is_turned else Size(width, height)
    return None


def _frame_size(file: BinaryIO, track: tuple[int, int]) -> tuple[int, int] | None:
    """Width and height where they are said of pictures (ISO 14496-12, section 12.1.3)."""
    media = inside(file, inside(file, [track], b"mdia"), b"minf")
    if inside(file, media, b"vmhd"):
        for start, end in inside(file, inside(file, media, b"stbl"), b"stsd"):
            if end - start >= FRAME_SIZE_END:
                width, height = _unpacked(file, start + FRAME_SIZE_END - 4, ">2H")
                return (width, height) if width and height else None
    return None


def _unpacked(file: BinaryIO, place: int, form: str) -> tuple[int, ...]:
    file.seek(place)
    return struct.unpack(form, file.read(struct.calcsize(form)))
