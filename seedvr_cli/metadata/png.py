"""PNG: metadata in chunks (Portable Network Graphics, third edition, section 11.3)."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from seedvr_cli.metadata import colour, exif
from seedvr_cli.metadata.blocks import MOST_PARTS, copy, inflated, part, size_of
from seedvr_cli.metadata.metadata import LARGEST, Metadata, MetadataError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER, _END = b"IHDR", b"IEND"
# What says what the colours are, in any of the ways in which a PNG can.
_COLOURS = {b"iCCP", b"cICP", b"sRGB", b"cHRM"}
# Kinds of text.
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_XMP = b"XML:com.adobe.xmp"
# Names under which ImageMagick and those who follow it keep what PNG had no chunk for, in hexadecimal digits.
_RAW = b"Raw profile type "
_RAW_EXIF, _RAW_IPTC, _RAW_XMP = {_RAW + b"exif", _RAW + b"APP1"}, {_RAW + b"iptc", _RAW + b"8bim"}, {_RAW + b"xmp"}
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_KEYWORDS = {_XMP, *_RAW_EXIF, *_RAW_IPTC, *_RAW_XMP}
_RAW_PROFILE = re.compile(rb"\n[^\n]*\n\s*(\d+)\n(.*)", re.DOTALL)
_LONGEST_KEYWORD = 79
# Damaged chunks after which no more are read.
_MOST_TROUBLES = 20
# Bytes of a compressed text or profile from which on Pillow, and what stands on it, refuses the whole picture.
_LONGEST_COMPRESSED = 1 << 20
# Inches in a metre's 1000 millimetres.
_METRE = 0.0254


def read(file: BinaryIO) -> Metadata:
    """What its chunks hold; where they cannot be followed to the end, what they hold up to there."""
    found = _Found()
    try:
        for chunk in _chunks(file):
            if chunk.kind in {b"eXIf", b"iCCP", b"pHYs"} or chunk.keyword in _KEYWORDS:
                _take(found, file, chunk)
                found.refuse_more()
    except MetadataError as error:
        found.troubles.append(f"its chunks cannot all be read: {error}")
    return replace(found.metadata, troubles=tuple(found.troubles))


def write(file: BinaryIO, metadata: Metadata, out: BinaryIO) -> tuple[str, ...]:
    """Copy the picture with that metadata; returns what could not be carried, a sentence each.

    MetadataError where the chunks cannot be followed to the end; nothing is written then.
    """
    kinds: set[bytes] = set()
    space, end = None, 0
    for chunk in _chunks(file):
        kinds.add(chunk.kind)
        if chunk.kind == _HEADER:
            grey = part(file, chunk.content, 13)[9] in {0, 4}
            space = colour.GREY if grey else colour.RGB
        end = chunk.end
    made, troubles = _made(metadata, space, has_colours=bool(kinds & _COLOURS))
    replaced_kinds, replaced_keywords = _replaced(metadata)
    out.write(_SIGNATURE)
    for chunk in _chunks(file):
        if chunk.kind in replaced_kinds or chunk.keyword in replaced_keywords:
            continue
        copy(file, chunk.start, chunk.end, out)
        if chunk.kind == _HEADER:  # the colour profile has to be in front of the palette
            out.writelines(made)
    copy(file, end, size_of(file), out)
    return troubles


@dataclass(frozen=True, slots=True)
class _Chunk:
    """From its length to its checksum; `keyword` is that of a text."""

    kind: bytes
    keyword: bytes
    start: int
    content: int
    end: int


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """All chunks, up to the one that is the end."""
    size, position = size_of(file), len(_SIGNATURE)
    if part(file, 0, min(position, size)) != _SIGNATURE:
        raise MetadataError("it does not begin as a PNG does")
    for number in range(MOST_PARTS):
        if position + 12 > size:
            raise MetadataError("it ends before its last chunk")
        length, kind = struct.unpack(">I4s", part(file, position, 8))
        end = position + 12 + length
        if end > size:
            raise MetadataError("it ends within a chunk")
        if number == 0 and (kind != _HEADER or length != 13):
            raise MetadataError("its first chunk is not its header")
        keyword = b""
        if kind in _TEXTS:
            keyword = file.read(min(length, _LONGEST_KEYWORD + 1)).partition(b"\0")[0]
        yield _Chunk(kind, keyword, position, position + 8, end)
        if kind == _END:
            return
        position = end
    raise MetadataError("it has more chunks than a picture has")


def _take(found: "_Found", file: BinaryIO, chunk: _Chunk) -> None:
    try:
        found.take(chunk, _content(file, chunk))
    except MetadataError as error:
        found.troubles.append(f"a chunk {chunk.kind.decode('ascii', 'replace')} cannot be read: {error}")


def _content(file: BinaryIO, chunk: _Chunk) -> bytes:
    """A chunk's content, if its checksum is right."""
    content = part(file, chunk.content, chunk.end - 4 - chunk.content)
    if zlib.crc32(chunk.kind + content) != int.from_bytes(file.read(4), "big"):
        raise MetadataError("its checksum is wrong")
    return content


@dataclass(slots=True)
class _Found:
    """What chunks held so far. What has a chunk of its own counts more than the same in a text."""

    metadata: Metadata = field(default_factory=Metadata)
    troubles: list[str] = field(default_factory=list)
    has_exif_chunk: bool = False
    size: int = 0

    def refuse_more(self) -> None:
        """MetadataError if there was more than a picture has, whole or damaged: each may inflate to much."""
        if self.size > 2 * LARGEST or len(self.troubles) > _MOST_TROUBLES:
            raise MetadataError("it has more metadata than a picture has")

    def take(self, chunk: _Chunk, content: bytes) -> None:
        """Note a chunk's content."""
        match chunk.kind:
            case b"eXIf":
                self.metadata = replace(self.metadata, exif=content.removeprefix(exif.PREFIX))
                self.has_exif_chunk = True
            case b"iCCP":
                _, _, compressed = content.partition(b"\0")
                self.metadata = replace(self.metadata, icc=inflated(compressed[1:]))
                self.size += len(self.metadata.icc or b"")
            case b"pHYs" if len(content) == 9:
                across, down, unit = struct.unpack(">IIB", content)
                if unit == 1 and across and down:
                    self.metadata = replace(self.metadata, density=(across * _METRE, down * _METRE))
            case b"tEXt" | b"zTXt" | b"iTXt":
                self._take_text(chunk.keyword, _text(chunk.kind, content))

    def _take_text(self, keyword: bytes, text: bytes) -> None:
        self.size += len(text)
        if keyword == _XMP:
            self.metadata = replace(self.metadata, xmp=text)
            return
        content = _raw(text)
        if keyword in _RAW_XMP or content.startswith(_XMP_NAME):
            self.metadata = replace(self.metadata, xmp=self.metadata.xmp or content.removeprefix(_XMP_NAME))
        elif keyword in _RAW_EXIF and not self.has_exif_chunk:
            self.metadata = replace(self.metadata, exif=content.removeprefix(exif.PREFIX))
        elif keyword in _RAW_IPTC:
            self.metadata = replace(self.metadata, iptc=content)


def _text(kind: bytes, content: bytes) -> bytes:
    """What a text says behind its keyword (sections 11.3.3.2 to 11.3.3.4)."""
    _, _, rest = content.partition(b"\0")
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return inflated(rest[1:])
    pieces = rest[2:].split(b"\0", 2)  # language, keyword in that language, text
    if len(pieces) < 3:
        raise MetadataError("it ends before its text")
    return inflated(pieces[2]) if rest[0] else pieces[2]


def _raw(text: bytes) -> bytes:
    """The bytes of a raw profile: its name, its length, and hexadecimal digits in lines."""
    match = _RAW_PROFILE.match(text)
    if match is None:
        raise MetadataError("it is no raw profile")
    try:
        content = bytes.fromhex(match[2].decode("ascii"))
    except ValueError as error:
        raise MetadataError("it is no raw profile") from error
    if len(content) < int(match[1][:9]):
        raise MetadataError("its raw profile is cut")
    return content


def _made(metadata: Metadata, space: bytes | None, *, has_colours: bool) -> tuple[list[bytes], tuple[str, ...]]:
    """The new chunks, and what cannot be carried."""
    made: list[bytes] = []
    troubles: list[str] = []
    if metadata.icc is not None and not has_colours:
        refusal = _refusal(metadata.icc, space)
        if refusal is None:
            made.append(_new(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
        else:
            troubles.append(refusal)
    if metadata.density:
        values = (min(max(round(value / _METRE), 1), 0x7FFF_FFFF) for value in metadata.density)
        made.append(_new(b"pHYs", struct.pack(">IIB", *values, 1)))
    if metadata.exif is not None:
        made.append(_new(b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        made.append(_new(b"iTXt", _XMP + bytes(5) + metadata.xmp))
    if metadata.iptc is not None:
        digits = metadata.iptc.hex()
        lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
        text = "\n".join(["", "iptc", f"{len(metadata.iptc):8}", *lines, ""])
        if len(text) < _LONGEST_COMPRESSED:
            made.append(_new(b"zTXt", _RAW + b"iptc\0\0" + zlib.compress(text.encode())))
        else:
            made.append(_new(b"tEXt", _RAW + b"iptc\0" + text.encode()))
    return made, tuple(troubles)


def _refusal(profile: bytes, space: bytes | None) -> str | None:
    if len(profile) >= _LONGEST_COMPRESSED:
        return f"a colour profile of {len(profile)} bytes would keep programs from opening a PNG, and is left out"
    return colour.refusal(profile, space)


def _replaced(metadata: Metadata) -> tuple[set[bytes], set[bytes]]:
    """Kinds of chunks, and keywords of texts, that are not kept beside the new ones."""
    kinds: set[bytes] = set()
    keywords: set[bytes] = set()
    if metadata.density:
        kinds.add(b"pHYs")
    if metadata.exif is not None:
        kinds.add(b"eXIf")
        keywords |= _RAW_EXIF
    if metadata.xmp is not None:
        keywords |= {_XMP} | _RAW_XMP
    if metadata.iptc is not None:
        keywords |= _RAW_IPTC
    return kinds, keywords


def _new(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
