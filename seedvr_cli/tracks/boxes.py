"""An MP4's boxes (ISO 14496-12), of which a few bytes are written in their place: rotation and time of creation."""

import os
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from seedvr_cli.values.structure import TRACK_END, boxes

# Seconds from 1904, where the boxes' time begins, to 1970.
EPOCH = 2_082_844_800
_IDENTITY = (1, 0, 0, 1)


def is_indexed_first(file: BinaryIO) -> bool:
    """Whether the index stands before the media, so that a player need not have the whole file to start."""
    kinds = [kind for kind, _, _ in boxes(file, 0, file.seek(0, os.SEEK_END))]
    return b"moov" in kinds and b"mdat" in kinds and kinds.index(b"moov") < kinds.index(b"mdat")


def stamp(file: BinaryIO, matrix: Sequence[int] | None, created: int | None) -> None:
    """Write how the pictures are to be turned, by the first four numbers of a display matrix, and seconds since 1970.

    What is None stays as it is.
    """
    for kind, content, end in list(_headers(file, 0, file.seek(0, os.SEEK_END))):
        if created is not None:
            file.seek(content)
            form, place = (">Q", content + 4) if file.read(1) == b"\1" else (">I", content + 4)
            file.seek(place)
            file.write(struct.pack(form, created + EPOCH))
        if matrix is not None and kind == b"video":
            _turn(file, end - TRACK_END, matrix)
            matrix = None  # of the first one
    file.flush()


def _headers(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes that tell a time of creation: `video` is a track's header, of one that has pictures."""
    for kind, content, stop in boxes(file, start, end):
        match kind:
            case b"moov" | b"mdia":
                yield from _headers(file, content, stop)
            case b"trak":
                is_video = _is_video(file, content, stop)
                for inner, begin, close in _headers(file, content, stop):
                    yield b"video" if is_video and inner == b"tkhd" else inner, begin, close
            case b"mvhd" | b"tkhd" | b"mdhd":
                yield kind, content, stop


def _is_video(file: BinaryIO, start: int, end: int) -> bool:
    for kind, content, stop in boxes(file, start, end):
        if kind == b"mdia":
            return _is_video(file, content, stop)
        if kind == b"hdlr":
            file.seek(content + 8)
            return file.read(4) == b"vide"
    return False


def _turn(file: BinaryIO, place: int, matrix: Sequence[int]) -> None:
    """Write the matrix, and the shift that brings the turned picture back to where it began."""
    a, b, c, d = matrix
    file.seek(place + 36)
    width, height = struct.unpack(">II", file.read(8))  # 16.16, as the shift is
    across, down = (-(min(0, one * width) + min(0, other * height)) >> 16 for one, other in ((a, c), (b, d)))
    file.seek(place)
    file.write(struct.pack(">9i", a, b, 0, c, d, 0, across, down, 1 << 30))
