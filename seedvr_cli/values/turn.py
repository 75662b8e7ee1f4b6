"""How a picture is to be turned before it is shown, by whatever in its file says so."""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from seedvr_cli.values.structure import Readable, jpeg_segments, png_chunks, read_at, riff_chunks

# Bytes that EXIF or XMP may have, and how many of them a file may have that are read.
_LARGEST, _MOST = 32 << 20, 16
# Who is believed first: EXIF in a place of its own, EXIF in a text of PNG, XMP.
_EXIF, _EXIF_TEXT, _XMP = range(3)
_EXIF_PREFIX, _XMP_PREFIX, _APP1 = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", 0xE1
_XMP_TURN = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
# Texts of a PNG: what XMP stands in, and what ImageMagick and those who follow it made of EXIF and XMP, in hexadecimal.
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_KEYWORDS = {b"Raw profile type " + name for name in (b"exif", b"APP1", b"xmp")}
_LONGEST_KEYWORD = 79
# EXIF's tag, and the types that its value may have (TIFF 6.0, section 2).
_ORIENTATION, _VALUES = 0x0112, {1: "B", 3: "H", 4: "I"}


def orientation(file: Readable, media_type: str) -> int:
    """1-8 (Exif 2.32, 4.6.4); 1 where it does not say, or cannot be read. EXIF counts more than XMP."""
    claims: dict[int, int] = {}
    for kind, content in islice(_NOTES[media_type](file), _MOST):
        turn = _turn_in_xmp(content) if kind == _XMP else _turn_in_exif(content)
        if turn is not None:
            claims.setdefault(kind, turn)
    return claims[min(claims)] if claims else 1


def _in_jpeg(file: Readable) -> Iterator[tuple[int, bytes]]:
    for marker, start, end in jpeg_segments(file):
        content = read_at(file, start, end - start) if marker == _APP1 else b""
        if content.startswith(_EXIF_PREFIX):
            yield _EXIF, content.removeprefix(_EXIF_PREFIX)
        elif content.startswith(_XMP_PREFIX):
            yield _XMP, content


def _in_webp(file: Readable) -> Iterator[tuple[int, bytes]]:
    for kind, start, end in riff_chunks(file, 12, 8 + int.from_bytes(read_at(file, 4, 4), "little")):
        if kind in {b"EXIF", b"XMP "}:
            content = read_at(file, start, min(end - start, _LARGEST))
            yield (_XMP, content) if kind == b"XMP " else (_EXIF, content.removeprefix(_EXIF_PREFIX))


def _in_png(file: Readable) -> Iterator[tuple[int, bytes]]:
    for kind, start, end in png_chunks(file):
        if kind == b"eXIf":
            yield _EXIF, read_at(file, start, min(end - start, _LARGEST)).removeprefix(_EXIF_PREFIX)
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            keyword = read_at(file, start, min(end - start, _LONGEST_KEYWORD + 1)).partition(b"\0")[0]
            if keyword == _XMP_KEYWORD or keyword in _RAW_KEYWORDS:
                with suppress(zlib.error, ValueError):
                    text = _text(kind, read_at(file, start, min(end - start, _LARGEST)))
                    yield (_XMP, text) if keyword == _XMP_KEYWORD else _raw(text)


# What may say it, and who that is, in the order in which it stands in the file.
_NOTES = {"image/jpeg": _in_jpeg, "image/webp": _in_webp, "image/png": _in_png}


def _text(kind: bytes, content: bytes) -> bytes:
    """What a PNG's text says behind its keyword (third edition, 11.3.3)."""
    _, _, rest = content.partition(b"\0")
    is_compressed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        rest = rest[2:].split(b"\0", 2)[-1]  # behind the language, and the keyword in that
    return zlib.decompressobj().decompress(rest, _LARGEST) if is_compressed else rest


def _raw(text: bytes) -> tuple[int, bytes]:
    """What the hexadecimal digits of a raw profile say, which stand behind its name and its length."""
    content = bytes.fromhex(text.split(b"\n", 3)[-1].decode("ascii"))
    if content.startswith((_XMP_PREFIX, b"<")):
        return _XMP, content
    return _EXIF_TEXT, content.removeprefix(_EXIF_PREFIX)


def _turn_in_xmp(packet: bytes) -> int | None:
    match = _XMP_TURN.search(packet)
    return int(match[1]) if match else None


def _turn_in_exif(block: bytes) -> int | None:
    """What the first directory of a TIFF block says (TIFF 6.0, section 2)."""
    order = ">" if block.startswith(b"MM") else "<"
    with suppress(struct.error):
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, first)
        for place in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", block, place)
            if tag == _ORIENTATION and kind in _VALUES:
                (turn,) = struct.unpack_from(f"{order}{_VALUES[kind]}", block, place + 8)
                return turn if turn in range(1, 9) else None
    return None
