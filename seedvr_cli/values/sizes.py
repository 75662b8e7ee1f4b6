"""How large a picture or a video is, by what the header of its file says, however much is missing behind that.

Each of these gives None where it does not say, and may raise struct.error or IndexError of a strange file.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from seedvr_cli.values.structure import (
    MATROSKA_SEGMENT,
    PNG_BEGIN,
    TRACK_END,
    Readable,
    Size,
    boxes,
    inside,
    jpeg_segments,
    matroska_elements,
    read_at,
    riff_chunks,
)

# Markers of a JPEG's frame: SOF0 to SOF15 without DHT, JPG and DAC (T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# What Matroska calls its tracks, one of them, and of that the picture, its width and its height (RFC 9559, 5.1.4).
_TRACKS, _TRACK, _VIDEO, _WIDTH, _HEIGHT = b"\x16\x54\xae\x6b", b"\xae", b"\xe0", b"\xb0", b"\xba"
# Bytes of the longest whole number there (RFC 8794, 7.2).
_LONGEST_NUMBER = 8
# Bytes of the headers of tracks that are gone through; of Matroska and AVI the longest have some ten thousand.
_LONGEST_HEADER = 1 << 22
# Bytes of an MP4's track header, and of its table of kinds of samples up to the height of the first, if a picture.
_TRACK_HEADER, _FRAME_SIZE_END = 84, 44


def png_size(file: Readable) -> Size | None:
    """By its header, which is its first chunk (PNG, third edition, 11.2.1)."""
    head = read_at(file, 0, 24)
    is_png = head.startswith(PNG_BEGIN) and head[12:16] == b"IHDR"
    return Size(*struct.unpack(">II", head[16:])) if is_png else None


def jpeg_size(file: Readable) -> Size | None:
    """By its frame's header (T.81, B.2.2)."""
    if read_at(file, 0, 2) != b"\xff\xd8":
        return None
    for marker, start, _ in jpeg_segments(file):
        if marker in _FRAMES:
            height, width = _unpacked(file, start + 1, ">HH")
            return Size(width, height)
    return None


def webp_size(file: Readable) -> Size | None:
    """By its first chunk (RFC 9649, sections 2.7.1 and 3.4; RFC 6386, section 9.1)."""
    head = read_at(file, 0, 30)
    form, kind, head = head[8:12], head[12:16], head[20:]
    if form != b"WEBP" or len(head) < 10:
        return None
    if kind == b"VP8X":
        return Size(1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        return Size(*(int.from_bytes(head[start : start + 2], "little") & 0x3FFF for start in (6, 8)))
    return None


def mp4_size(file: Readable) -> Size | None:
    """The largest track's size, upright: in pixels as they are stored, which players may stretch to another shape."""
    index = islice(_within(boxes, file, [(0, file.seek(0, os.SEEK_END))], b"moov"), 1)
    tracks = inside(file, index, b"trak")
    return _largest(found for track in tracks if (found := _track_size(file, track)))


def matroska_size(file: Readable) -> Size | None:
    """The largest track's size in pixels as they are stored, of a WebM too."""
    segment = islice(_within(matroska_elements, file, [(0, file.seek(0, os.SEEK_END))], MATROSKA_SEGMENT), 1)
    tracks = _header(_within(matroska_elements, file, segment, _TRACKS))
    videos = _within(matroska_elements, file, _within(matroska_elements, file, tracks, _TRACK), _VIDEO)
    return _largest(Size(_number(file, video, _WIDTH), _number(file, video, _HEIGHT)) for video in videos)


def avi_size(file: Readable) -> Size | None:
    """The largest stream's size, or else the one in the main header (AVI RIFF file reference, BITMAPINFOHEADER)."""
    header = _header(_within(riff_chunks, file, [(12, file.seek(0, os.SEEK_END))], b"hdrl"))
    sizes = []
    for stream in _within(riff_chunks, file, header, b"strl"):
        if any(read_at(file, at, 4) == b"vids" for at, _ in _within(riff_chunks, file, [stream], b"strh")):
            for at, _ in _within(riff_chunks, file, [stream], b"strf"):
                width, height = _unpacked(file, at + 4, "<ii")
                if width > 0:
                    sizes.append(Size(width, abs(height)))  # which is below 0 where the first row is the upper one
    main = (Size(*_unpacked(file, at + 32, "<II")) for at, _ in _within(riff_chunks, file, header, b"avih"))
    return _largest(sizes) or _largest(main)


def _within(
    walk: Callable[[Readable, int, int], Iterable[tuple[bytes, int, int]]],
    file: Readable, spans: Iterable[tuple[int, int]], kind: bytes,
) -> Iterator[tuple[int, int]]:  # fmt: skip
    """Where the contents of the parts of that kind stand that are next within these spans."""
    return ((at, stop) for start, end in spans for name, at, stop in walk(file, start, end) if name == kind)


def _header(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first of them, as far as a header goes."""
    return [(start, min(end, start + _LONGEST_HEADER)) for start, end in islice(spans, 1)]


def _number(file: Readable, span: tuple[int, int], kind: bytes) -> int:
    """The whole number of that name in an element of Matroska; 0 where it is not there, or not all of it."""
    for start, end in _within(matroska_elements, file, [span], kind):
        digits = read_at(file, start, min(end - start, _LONGEST_NUMBER))
        return int.from_bytes(digits) if len(digits) == end - start else 0
    return 0


def _largest(sizes: Iterable[Size]) -> Size | None:
    return max(sizes, key=lambda size: size.width * size.height, default=None)


def _track_size(file: Readable, track: tuple[int, int]) -> Size | None:
    """By the description of its samples, or else by its header; None of a track that has nothing to see."""
    for start, end in inside(file, [track], b"tkhd"):
        if end - start < _TRACK_HEADER:
            continue
        # The header ends with a matrix, and with width and height as 16.16 fixed-point numbers.
        a, b, _, c, d, *_, width, height = _unpacked(file, end - TRACK_END, ">11I")
        width, height = _frame_size(file, track) or (width >> 16, height >> 16)
        if width and height:
            is_turned = a == d == 0 and b and c  # a quarter turn
            return Size(height, width) if is_turned else Size(width, height)
    return None


def _frame_size(file: Readable, track: tuple[int, int]) -> tuple[int, int] | None:
    """Width and height where they are said of pictures (ISO 14496-12, section 12.1.3)."""
    media = inside(file, inside(file, [track], b"mdia"), b"minf")
    if inside(file, media, b"vmhd"):
        for start, end in inside(file, inside(file, media, b"stbl"), b"stsd"):
            if end - start >= _FRAME_SIZE_END:
                width, height = _unpacked(file, start + _FRAME_SIZE_END - 4, ">2H")
                return (width, height) if width and height else None
    return None


def _unpacked(file: Readable, place: int, form: str) -> tuple[int, ...]:
    return struct.unpack(form, read_at(file, place, struct.calcsize(form)))
