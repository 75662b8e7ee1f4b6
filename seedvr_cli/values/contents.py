"""What the beginning of a file tells of what is in it: whether its picture moves, and a video's codec."""

import os
import re
import struct
from collections.abc import Iterator
from contextlib import suppress

from seedvr_cli.values.structure import Readable, inside, png_chunks, read_at

# Bytes that are looked through where no lengths lead on.
_BEGINNING = 64 << 10
# The applications whose extension makes a GIF go round.
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_GIF_EXTENSION, _GIF_IMAGE, _GIF_APPLICATION = 0x21, 0x2C, 0xFF
# The flag of an animation in the features of a WebP (RFC 9649, 2.7.1).
_WEBP_ANIMATION = 0x02
# What containers call the codecs that -f has words for.
_CODECS = {
    **dict.fromkeys(("avc1", "avc3", "h264", "x264", "davc", "mpeg4/iso/avc"), "h264"),
    **dict.fromkeys(("hvc1", "hev1", "hevc", "h265", "x265", "dvh1", "dvhe", "mpegh/iso/hevc"), "h265"),
}


def is_animated(file: Readable, media_type: str | None) -> bool:
    """Whether it has more than one picture to show in turn, as far as the beginning says."""
    if media_type == "image/png":
        return _has_frames(file)
    head = read_at(file, 0, _BEGINNING)
    match media_type:
        case "image/webp":
            return head[12:16] == b"VP8X" and bool(head[20:21]) and bool(head[20] & _WEBP_ANIMATION)
        case "image/gif":
            return _goes_on(head)
        case "image/avif":
            return head[8:12] == b"avis"
    return False


def codec_of(file: Readable, media_type: str) -> str | None:
    """`h264`, `h265`, or what else the container calls the codec of its first video; None where that does not show."""
    name = None
    if media_type in {"video/mp4", "video/quicktime"}:
        with suppress(struct.error):  # cut where more was to come
            name = next(_sample_kinds(file), None)
    elif media_type == "video/x-msvideo":
        name = _first(rb"(?s)vids.*?strf.{20}([ -~]{4})", file)
    elif media_type in {"video/webm", "video/x-matroska"}:
        name = _first(rb"(?s)\x86[\x81-\xff]V_([A-Z0-9/]+)", file)
    return _CODECS.get(name.lower(), name.lower()) if name else None


def _has_frames(file: Readable) -> bool:
    """Whether a PNG tells of frames before its picture (PNG, third edition, 11.3.6)."""
    for kind, start, _ in png_chunks(file):
        if kind == b"acTL":
            return int.from_bytes(read_at(file, start, 4)) > 1
        if kind == b"IDAT":
            break
    return False


def _goes_on(head: bytes) -> bool:
    """Whether a GIF loops, or a second picture begins."""
    try:
        position, pictures = 13 + _palette(head[10]), 0
        while True:
            kind, label = head[position], head[position + 1]
            if kind == _GIF_EXTENSION:
                if label == _GIF_APPLICATION and head[position + 3 : position + 14] in _LOOPS:
                    return True
                position += 2
            elif kind == _GIF_IMAGE:
                pictures += 1
                if pictures > 1:
                    return True
                position += 11 + _palette(head[position + 9])
            else:
                return False
            while head[position]:
                position += head[position] + 1
            position += 1
    except IndexError:  # what follows was not looked at
        return False


def _palette(flags: int) -> int:
    """Bytes of the colours that follow."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sample_kinds(file: Readable) -> Iterator[str]:
    """What the video tracks of an MP4 are made of, as far as it is there (ISO 14496-12, 8.5.2)."""
    for track in inside(file, inside(file, [(0, file.seek(0, os.SEEK_END))], b"moov"), b"trak"):
        media = inside(file, [track], b"mdia")
        if any(read_at(file, at + 8, 4) == b"vide" for at, _ in inside(file, media, b"hdlr")):
            for at, _ in inside(file, inside(file, inside(file, media, b"minf"), b"stbl"), b"stsd"):
                yield read_at(file, at + 12, 4).decode("latin-1").strip()


def _first(pattern: bytes, file: Readable) -> str | None:
    """What the pattern's group finds in the beginning."""
    match = re.search(pattern, read_at(file, 0, _BEGINNING))
    return match[1].decode("ascii") if match else None
