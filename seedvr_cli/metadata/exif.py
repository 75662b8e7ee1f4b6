"""EXIF, changed in place: what is not about size, turn or thumbnail stays where it was, to the byte.

Written anew, a block would lose maker's notes: makers count from the beginning of the block, in ways of their own.
"""

import struct
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction

from seedvr_cli.metadata.metadata import MetadataError

PREFIX = b"Exif\0\0"
"""What stands in front of the block in a JPEG, and in some WebP."""

# Byte orders (TIFF 6.0, section 2).
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# Types for whole numbers: format, and the largest value.
_BYTE, _SHORT, _LONG, _RATIONAL = 1, 3, 4, 5
_WHOLE = {_BYTE: ("B", 0xFF), _SHORT: ("H", 0xFFFF), _LONG: ("I", 0xFFFF_FFFF), 8: ("h", 0x7FFF), 9: ("i", 0x7FFF_FFFF)}
_ORIENTATION = 0x0112
# Tags that lead to the directory of EXIF, and in that to the one on interoperability (CIPA DC-008, section 4.6.3).
_DIRECTORIES = (0x8769, 0xA005)
# Of the picture, in each of these and in the first: the last are RelatedImageWidth and RelatedImageLength.
_WIDTHS, _HEIGHTS = (0x0100, 0xA002, 0x1001), (0x0101, 0xA003, 0x1002)
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
# Where the main subject is, in pixels of the old picture: SubjectArea and SubjectLocation (CIPA DC-008, section 4.6.6).
_PLACES = frozenset({0x9214, 0xA214})
_COMPRESSION, _THUMBNAIL_START, _THUMBNAIL_LENGTH = 0x0103, 0x0201, 0x0202
# Units of resolution in inches: 2 is the inch, and what is meant where none is given; 3 the centimetre.
_UNITS = {2: 1.0, 3: 2.54}
# The first bytes of a JPEG, which thumbnails are (CIPA DC-008, section 4.5.5).
_JPEG = b"\xff\xd8"
# A block with nothing before its first directory.
_EMPTY = b"MM\0*\0\0\0\x08"


def is_beginning(content: bytes) -> bool:
    """Whether it is the beginning of a block."""
    return content[:4] in _ORDERS


def is_block(block: bytes) -> bool:
    """Whether it begins as a TIFF block does, and its first directory can be read."""
    try:
        tiff, order, first = _opened(block)
        return all(place >= 0 for _, place in _entries(tiff, order, first))
    except MetadataError:
        return False


def renewed(block: bytes, *, width: int, height: int, is_upright: bool, thumbnail: bytes | None) -> bytes:
    """The block of the new picture; MetadataError where its first directory cannot be read.

    Sizes (pixels), and the orientation where the picture is upright now, change where they stand, and are not added.
    Places in pixels go, and the old thumbnail; a new one, a JPEG, is put behind all else.
    """
    tiff, order, first = _opened(block)
    wanted = dict.fromkeys(_WIDTHS, width) | dict.fromkeys(_HEIGHTS, height)
    if is_upright:
        wanted[_ORIENTATION] = 1
    _renew(tiff, order, first, wanted, _DIRECTORIES)
    for tag, place in _entries(tiff, order, first):
        if tag == _DIRECTORIES[0]:
            with suppress(MetadataError):  # damaged: it stays what it was
                _drop(tiff, order, _number(tiff, order, place), _PLACES)
    link = first + 2 + 12 * _unpacked(tiff, f"{order}H", first)
    if link + 4 <= len(tiff):  # some writers leave out the link of an only directory
        _drop_thumbnail(tiff, order, first, link)
        if thumbnail and link + 4 <= len(tiff):
            _add_thumbnail(tiff, order, link, thumbnail)
    return bytes(tiff)


def density(block: bytes) -> tuple[float, float] | None:
    """Pixels per inch across and down, or None where it gives none that make sense."""
    try:
        tiff, order, first = _opened(block)
        places = dict(_entries(tiff, order, first))
        unit = _number(tiff, order, places[_RESOLUTION_UNIT]) if _RESOLUTION_UNIT in places else 2
        across, down = (_rational(tiff, order, places[tag]) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
        return (across * _UNITS[unit], down * _UNITS[unit]) if across > 0 < down else None
    except (MetadataError, KeyError, ZeroDivisionError):
        return None


def of_density(across: float, down: float) -> bytes:
    """A block that gives pixels per inch, and nothing else."""
    behind = len(_EMPTY) + 2 + 3 * 12 + 4
    entries = (
        struct.pack(">HHII", _X_RESOLUTION, _RATIONAL, 1, behind),
        struct.pack(">HHII", _Y_RESOLUTION, _RATIONAL, 1, behind + 8),
        struct.pack(">HHIHxx", _RESOLUTION_UNIT, _SHORT, 1, 2),
    )
    values = b"".join(struct.pack(">II", *_ratio(value)) for value in (across, down))
    return _EMPTY + struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4) + values


def _opened(block: bytes) -> tuple[bytearray, str, int]:
    """The block, its byte order, and where its first directory stands."""
    order = _ORDERS.get(block[:4])
    if order is None:
        raise MetadataError("it does not begin as a TIFF block does")
    return bytearray(block), order, _unpacked(block, f"{order}I", 4)


def _unpacked(tiff: bytes | bytearray, form: str, place: int) -> int:
    try:
        return int(struct.unpack_from(form, tiff, place)[0])
    except struct.error as error:
        raise MetadataError("it ends within a directory") from error


def _entries(tiff: bytearray, order: str, directory: int) -> Iterator[tuple[int, int]]:
    """The tags of a directory, and where the entry of each stands."""
    count = _unpacked(tiff, f"{order}H", directory)
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        if place + 12 > len(tiff):
            raise MetadataError("it ends within a directory")
        yield _unpacked(tiff, f"{order}H", place), place


def _renew(tiff: bytearray, order: str, directory: int, wanted: Mapping[int, int], below: Sequence[int]) -> None:
    """Change what is wanted in a directory, and in the one that the first tag of `below` leads to, and so on."""
    for tag, place in list(_entries(tiff, order, directory)):
        if tag in below[:1]:
            with suppress(MetadataError):  # damaged: it stays what it was
                _renew(tiff, order, _number(tiff, order, place), wanted, below[1:])
        else:
            _put(tiff, order, place, wanted.get(tag))


def _drop(tiff: bytearray, order: str, directory: int, tags: Container[int]) -> None:
    """Take tags out of a directory; all that is not in it stays where it is."""
    entries = list(_entries(tiff, order, directory))
    kept = [bytes(tiff[place : place + 12]) for tag, place in entries if tag not in tags]
    if len(kept) < len(entries):
        begin, end = directory + 2, directory + 2 + 12 * len(entries)
        struct.pack_into(f"{order}H", tiff, directory, len(kept))
        tiff[begin:end] = b"".join(kept).ljust(end - begin, b"\0")  # with no link to a next one


def _number(tiff: bytearray, order: str, place: int) -> int:
    kind = _unpacked(tiff, f"{order}H", place + 2)
    return _unpacked(tiff, f"{order}{_WHOLE.get(kind, 'I')[0]}", place + 8)


def _rational(tiff: bytearray, order: str, place: int) -> float:
    start = _unpacked(tiff, f"{order}I", place + 8)
    return _unpacked(tiff, f"{order}I", start) / _unpacked(tiff, f"{order}I", start + 4)


def _ratio(value: float) -> tuple[int, int]:
    ratio = Fraction(value).limit_denominator(10_000)
    return min(ratio.numerator, 0xFFFF_FFFF), ratio.denominator


def _put(tiff: bytearray, order: str, place: int, value: int | None) -> None:
    """Change a whole number where it stands; one that its type is too small for becomes a LONG, in the same bytes."""
    kind, count = struct.unpack_from(f"{order}HI", tiff, place + 2)
    if value is None or count != 1 or kind not in _WHOLE:
        return
    if value > _WHOLE[kind][1]:
        kind = _LONG
    struct.pack_into(f"{order}HI", tiff, place + 2, kind, count)
    tiff[place + 8 : place + 12] = struct.pack(f"{order}{_WHOLE[kind][0]}", value).ljust(4, b"\0")


def _drop_thumbnail(tiff: bytearray, order: str, first: int, link: int) -> None:
    """Cut the link to the second directory, and blank the picture that it leads to."""
    second = _unpacked(tiff, f"{order}I", link)
    struct.pack_into(f"{order}I", tiff, link, 0)
    found: dict[int, int] = {}
    if second:
        with suppress(MetadataError):  # damaged, and no longer linked
            found = {tag: _number(tiff, order, place) for tag, place in _entries(tiff, order, second)}
    start = found.get(_THUMBNAIL_START, 0)
    end = min(start + found.get(_THUMBNAIL_LENGTH, 0), len(tiff))
    is_within_first = start < link + 4 and end > first
    if is_within_first or tiff[start : start + 2] != _JPEG:  # none, or the offset of something else
        return
    if end == len(tiff):
        del tiff[start:]
    else:
        tiff[start:end] = bytes(end - start)


def _add_thumbnail(tiff: bytearray, order: str, link: int, thumbnail: bytes) -> None:
    """A second directory with what CIPA DC-008 asks of it (section 4.6.9), and the picture."""
    tiff += bytes(len(tiff) % 2)
    second = len(tiff)
    across = second + 2 + 6 * 12 + 4
    tiff += struct.pack(f"{order}H", 6)
    tiff += struct.pack(f"{order}HHIHxx", _COMPRESSION, _SHORT, 1, 6)
    tiff += struct.pack(f"{order}HHII", _X_RESOLUTION, _RATIONAL, 1, across)
    tiff += struct.pack(f"{order}HHII", _Y_RESOLUTION, _RATIONAL, 1, across + 8)
    tiff += struct.pack(f"{order}HHIHxx", _RESOLUTION_UNIT, _SHORT, 1, 2)
    tiff += struct.pack(f"{order}HHII", _THUMBNAIL_START, _LONG, 1, across + 16)
    tiff += struct.pack(f"{order}HHII", _THUMBNAIL_LENGTH, _LONG, 1, len(thumbnail))
    tiff += bytes(4) + struct.pack(f"{order}4I", 72, 1, 72, 1) + thumbnail
    struct.pack_into(f"{order}I", tiff, link, second)
