"""JPEG: metadata in segments in front of the first scan (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from seedvr_cli.metadata import colour, exif, xmp
from seedvr_cli.metadata.blocks import MOST_PARTS, copy, part, size_of
from seedvr_cli.metadata.metadata import LARGEST, Metadata, MetadataError

# Bytes that a segment's content may have: its length counts itself, and has 16 bits.
_LARGEST_CONTENT = 65533
_JFIF, _EXIF, _ICC, _IPTC = b"JFIF\0", b"Exif\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_KINDS = {(_APP0, _JFIF), (_APP1, _EXIF), (_APP1, _XMP), (_APP1, _MORE_XMP), (_APP2, _ICC), (_APP13, _IPTC)}
# Bytes of JFIF's segment up to its density; of fill in front of a marker, of which any number is allowed, at the most.
_JFIF_HEAD, _MOST_FILL = 12, 1 << 16
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
# Bytes of a profile that go into one segment, behind its number and how many there are.
_PROFILE_STEP = _LARGEST_CONTENT - len(_ICC) - 2
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
# Frames: SOF0 to SOF15 without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone: TEM and RST0 to RST7.
_ALONE = {0x01, *range(0xD0, 0xD8)}
_SPACES = {1: colour.GREY, 3: colour.RGB, 4: colour.CMYK}
# Units of JFIF's density in inches (JFIF 1.02: 1 is the inch, 2 the centimetre; 0 is none, a ratio).
_UNITS = {1: 1.0, 2: 2.54}


def read(file: BinaryIO) -> Metadata:
    """What its segments hold; where they cannot be followed to the first scan, what they hold up to there."""
    found = _Found()
    try:
        for segment in _segments(file):
            if segment.kind:
                found.take(segment, part(file, segment.content, segment.end - segment.content)[len(segment.kind) :])
    except MetadataError as error:
        return found.metadata().with_trouble(f"its segments cannot all be read: {error}")
    return found.metadata()


def write(file: BinaryIO, metadata: Metadata, out: BinaryIO) -> tuple[str, ...]:
    """Copy the picture with that metadata; returns what could not be carried, a sentence each.

    MetadataError where the segments cannot be followed to the first scan; nothing is written then.
    """
    picture = _look(file)
    made, troubles = _made(metadata, picture)
    replaced = {kind for kind, _ in made}
    out.write(b"\xff\xd8")
    is_due = True
    for segment in _segments(file):
        if is_due and segment.marker != _APP0:  # JFIF has to be the first
            out.writelines(_new(kind, content) for kind, content in made)
            is_due = False
        if segment.marker == _SCAN:
            copy(file, segment.start, size_of(file), out)
        elif segment.kind == _JFIF and metadata.density and segment.end - segment.content >= _JFIF_HEAD:
            content = bytearray(part(file, segment.content, segment.end - segment.content))
            content[7:12] = _density(metadata.density)
            copy(file, segment.start, segment.content, out)
            out.write(content)
        elif _owner(segment.kind) not in replaced:
            copy(file, segment.start, segment.end, out)
    return troubles


@dataclass(frozen=True, slots=True)
class _Segment:
    """From the first byte of its marker to its end; `kind` is what its content begins with, where we know it."""

    marker: int
    kind: bytes
    start: int
    content: int
    end: int


def _segments(file: BinaryIO) -> Iterator[_Segment]:
    """The segments behind the start of the image, up to the first scan's header."""
    size, position = size_of(file), 2
    if part(file, 0, min(2, size)) != bytes([0xFF, _START]):
        raise MetadataError("it does not begin as a JPEG does")
    for _ in range(MOST_PARTS):
        marker, content = _marker(file, position)
        if marker in _ALONE:
            yield _Segment(marker, b"", position, content, content)
            position = content
            continue
        if marker in {_END, _START}:
            raise MetadataError("it has no picture")
        length = int.from_bytes(part(file, content, 2), "big")
        end = content + length
        if length < 2 or end > size:
            raise MetadataError("it ends within a segment")
        head = file.read(min(length - 2, len(_MORE_XMP)))
        kind = next((name for owner, name in _KINDS if owner == marker and head.startswith(name)), b"")
        yield _Segment(marker, kind, position, content + 2, end)
        if marker == _SCAN:
            return
        position = end
    raise MetadataError("it has more segments than a picture has")


def _marker(file: BinaryIO, position: int) -> tuple[int, int]:
    """The next marker from an offset on, and where it ends; decoders too pass over fill and rubbish in front of it."""
    file.seek(position)
    ahead = file.read(2)
    if len(ahead) == 2 and ahead[0] == 0xFF and ahead[1] not in {0, 0xFF}:
        return ahead[1], position + 2
    match = _MARKER.search(ahead + file.read(_MOST_FILL))
    if match is None:
        raise MetadataError("it ends before its picture, or has something else there")
    return match[0][-1], position + match.end()


@dataclass(slots=True)
class _Found:
    """What segments held so far."""

    exif: bytes | None = None
    xmp: bytes | None = None
    density: tuple[float, float] | None = None
    profile: dict[int, bytes] = field(default_factory=dict)
    profile_parts: int = 0
    extensions: dict[tuple[bytes, int], dict[int, bytes]] = field(default_factory=dict)
    resources: list[bytes] = field(default_factory=list)
    size: int = 0

    def take(self, segment: _Segment, content: bytes) -> None:
        """Note a segment's content, without the name in front."""
        self.size += len(content)
        if self.size > LARGEST:
            raise MetadataError("it has more metadata than a picture has")
        match segment.kind:
            case kind if kind == _JFIF and len(content) >= 7:
                unit, *values = struct.unpack_from(">BHH", content, 2)
                if unit in _UNITS and all(values):
                    self.density = (values[0] * _UNITS[unit], values[1] * _UNITS[unit])
            case kind if kind == _EXIF:
                # A second one without a beginning of its own goes on with what was too large for the first.
                goes_on = self.exif is not None and not exif.is_beginning(content[1:])
                self.exif = (self.exif or b"") + content[1:] if goes_on or self.exif is None else self.exif
            case kind if kind == _XMP:
                self.xmp = self.xmp or content
            case kind if kind == _MORE_XMP and len(content) > 40:
                length, offset = struct.unpack_from(">II", content, 32)
                self.extensions.setdefault((content[:32].upper(), length), {})[offset] = content[40:]
            case kind if kind == _ICC and len(content) > 2:
                self.profile[content[0]], self.profile_parts = content[2:], content[1]
            case kind if kind == _IPTC:
                self.resources.append(content)

    def metadata(self) -> Metadata:
        """All of it, put together."""
        metadata = Metadata(self.exif, None, self.xmp, b"".join(self.resources) or None, self.density)
        metadata = self._with_profile(metadata)
        return self._with_extension(metadata)

    def _with_profile(self, metadata: Metadata) -> Metadata:
        if sorted(self.profile) != list(range(1, self.profile_parts + 1)):
            return metadata.with_trouble("parts of its colour profile are missing")
        return replace(metadata, icc=b"".join(self.profile[number] for number in sorted(self.profile)) or None)

    def _with_extension(self, metadata: Metadata) -> Metadata:
        digest = xmp.digest_named(self.xmp) if self.xmp else None
        if self.xmp is None or digest is None:
            return metadata
        try:
            return replace(metadata, xmp=xmp.joined(self.xmp, self._extension(digest.upper().encode())))
        except MetadataError as error:
            return replace(metadata, xmp=xmp.without_pointer(self.xmp)).with_trouble(str(error))

    def _extension(self, digest: bytes) -> bytes:
        for (name, length), parts in self.extensions.items():
            if name == digest:
                extension = b"".join(parts[offset] for offset in sorted(parts))
                if len(extension) == length:
                    return extension
        raise MetadataError("parts of its XMP are missing")


@dataclass(slots=True)
class _Picture:
    """What of the result decides on what it can be given."""

    space: bytes | None = None
    has_profile: bool = False
    has_exif: bool = False
    has_jfif: bool = False
    may_have_jfif: bool = True


def _look(file: BinaryIO) -> _Picture:
    picture = _Picture()
    for segment in _segments(file):
        picture.has_profile |= segment.kind == _ICC
        picture.has_exif |= segment.kind == _EXIF
        picture.has_jfif |= segment.kind == _JFIF
        if segment.marker in _FRAMES:
            frame = part(file, segment.content, segment.end - segment.content)
            count = frame[5] if len(frame) > 5 else 0
            picture.space = _SPACES.get(count)
            picture.may_have_jfif &= frame[6::3][:count] in {b"\1", b"\1\2\3"}
        # With JFIF, decoders take three components for YCbCr, whatever Adobe's segment says.
        picture.may_have_jfif &= segment.marker != _APP14
    return picture


def _made(metadata: Metadata, picture: _Picture) -> tuple[list[tuple[bytes, bytes]], tuple[str, ...]]:
    """The new segments, kind and content, in the order in which programs write them; and what cannot be carried."""
    made: list[tuple[bytes, bytes]] = []
    troubles: list[str] = []
    block = metadata.exif
    if metadata.density and not picture.has_jfif:
        if picture.may_have_jfif:
            made.append((_JFIF, b"\1\1" + _density(metadata.density) + b"\0\0"))
        elif block is None and not picture.has_exif:
            block = exif.of_density(*metadata.density)
    if block is not None and len(block) > _LARGEST_CONTENT - len(exif.PREFIX):
        troubles.append(f"EXIF of {len(block)} bytes is more than a JPEG can hold, and is left out")
    elif block is not None:
        made.append((_EXIF, b"\0" + block))
    if metadata.xmp is not None:
        try:
            made += _xmp_segments(metadata.xmp)
        except MetadataError as error:
            troubles.append(f"{error}: more than a JPEG can hold, and is left out")
    if metadata.icc is not None and not picture.has_profile:
        refusal = _refusal(metadata.icc, picture.space)
        made += [] if refusal else _profile_segments(metadata.icc)
        troubles += [refusal] if refusal else []
    if metadata.iptc is not None:
        step = _LARGEST_CONTENT - len(_IPTC)
        made += [(_IPTC, metadata.iptc[start : start + step]) for start in range(0, len(metadata.iptc), step)]
    return made, tuple(troubles)


def _refusal(profile: bytes, space: bytes | None) -> str | None:
    if len(profile) > 255 * _PROFILE_STEP:
        return f"a colour profile of {len(profile)} bytes is more than a JPEG can hold, and is left out"
    return colour.refusal(profile, space)


def _xmp_segments(packet: bytes) -> list[tuple[bytes, bytes]]:
    largest = _LARGEST_CONTENT - len(_XMP)
    if len(packet) <= largest:
        return [(_XMP, packet)]
    main, extension, digest = xmp.divided(packet, largest)
    step = _LARGEST_CONTENT - len(_MORE_XMP) - 40
    heads = (
        (digest.encode() + struct.pack(">II", len(extension), start), start) for start in range(0, len(extension), step)
    )
    return [(_XMP, main), *((_MORE_XMP, head + extension[start : start + step]) for head, start in heads)]


def _profile_segments(profile: bytes) -> list[tuple[bytes, bytes]]:
    """The profile in parts that say which they are, and of how many (ICC.1, annex B.4)."""
    parts = [profile[start : start + _PROFILE_STEP] for start in range(0, len(profile), _PROFILE_STEP)]
    return [(_ICC, bytes([number, len(parts)]) + content) for number, content in enumerate(parts, 1)]


def _density(density: tuple[float, float]) -> bytes:
    return struct.pack(">BHH", 1, *(min(max(round(value), 1), 0xFFFF) for value in density))


def _owner(kind: bytes) -> bytes:
    """The kind whose replacement replaces this one too."""
    return _XMP if kind == _MORE_XMP else kind


def _new(kind: bytes, content: bytes) -> bytes:
    marker = next(owner for owner, name in _KINDS if name == kind)
    return bytes([0xFF, marker]) + struct.pack(">H", len(kind) + len(content) + 2) + kind + content
