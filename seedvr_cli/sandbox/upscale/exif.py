"""EXIF, changed in place: what is not about size, turn or thumbnail stays where it was, to the byte.

Pillow would write the whole block anew: with other types for signed fractions and for what is "undefined", and with the
maker's note elsewhere, in which makers count from the beginning of the block.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress

from PIL import ExifTags

PREFIX = b"Exif\0\0"

SHORT, LONG, SIGNED_LONG = 3, 4, 9
"""Types of TIFF 6.0 for a whole number."""


def renewed(block: bytes, size: tuple[int, int]) -> bytes:
    """The block of an upright picture of that size, without a thumbnail of the old one; none where it is damaged.

    Sizes and orientation change where they stand, and are not added.
    """
    if not block:
        return b""
    tiff = bytearray(block.removeprefix(PREFIX))  # WebP stores it bare, and JPEG would write it bare
    try:
        _renew(tiff, {b"II*\0": "<", b"MM\0*": ">"}[bytes(tiff[:4])], size)
    except (KeyError, struct.error):
        return b""
    return PREFIX + tiff


def _renew(tiff: bytearray, order: str, size: tuple[int, int]) -> None:
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    width, height = size
    wanted: dict[int, int] = {
        ExifTags.Base.ImageWidth: width,
        ExifTags.Base.ImageLength: height,
        ExifTags.Base.Orientation: 1,
        ExifTags.Base.ExifImageWidth: width,
        ExifTags.Base.ExifImageHeight: height,
    }
    for tag, place in _entries(tiff, order, first):
        if tag == ExifTags.IFD.Exif:
            for inner, inner_place in _entries(tiff, order, _number(tiff, order, place)):
                _put(tiff, order, inner_place, wanted.get(inner))
        else:
            _put(tiff, order, place, wanted.get(tag))
    _drop_thumbnail(tiff, order, first)


def _entries(tiff: bytearray, order: str, directory: int) -> Iterator[tuple[int, int]]:
    """The tags of a directory, and where the entry of each stands."""
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        yield struct.unpack_from(f"{order}H", tiff, place)[0], place


def _number(tiff: bytearray, order: str, place: int) -> int:
    kind, _, value = struct.unpack_from(f"{order}HI4s", tiff, place + 2)
    return int(struct.unpack_from(f"{order}H" if kind == SHORT else f"{order}I", value)[0])


def _put(tiff: bytearray, order: str, place: int, value: int | None) -> None:
    kind, count = struct.unpack_from(f"{order}HI", tiff, place + 2)
    if value is not None and count == 1 and kind in {SHORT, LONG, SIGNED_LONG}:
        struct.pack_into(f"{order}Hxx" if kind == SHORT else f"{order}I", tiff, place + 8, value)


def _drop_thumbnail(tiff: bytearray, order: str, first: int) -> None:
    """Cut the link to the second directory, and blank the picture that it leads to."""
    link = first + 2 + 12 * struct.unpack_from(f"{order}H", tiff, first)[0]
    if link + 4 > len(tiff):  # some writers leave out the link of an only directory
        return
    (second,) = struct.unpack_from(f"{order}I", tiff, link)
    struct.pack_into(f"{order}I", tiff, link, 0)
    found: dict[int, int] = {}
    if second:
        with suppress(struct.error):  # damaged, and no longer linked
            found = {tag: _number(tiff, order, place) for tag, place in _entries(tiff, order, second)}
    start = found.get(ExifTags.Base.JpegIFOffset, 0)
    end = min(start + found.get(ExifTags.Base.JpegIFByteCount, 0), len(tiff))
    if 0 < start < end == len(tiff):
        del tiff[start:]
    elif 0 < start < end:
        tiff[start:end] = bytes(end - start)
