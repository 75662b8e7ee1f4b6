"""Photoshop's image resources, of which one is IPTC-IIM (Adobe Photoshop File Formats Specification)."""

import struct
from collections.abc import Iterator

from seedvr_cli.metadata.metadata import MetadataError

# What a resource begins with; the others than the first are of old programs.
_SIGNATURES = {b"8BIM", b"AgHg", b"MeSa", b"PHUT", b"DCSR"}
_IPTC = 0x0404
# The first byte of a dataset of IPTC-IIM (IIM 4.2, section 1.5).
_DATASET = 0x1C
# What tells of the old pixels (thumbnails; guides and slices, in pixels), and copies of what has a place of its own
# (EXIF, XMP, the colour profile).
_OLD = {0x0409, 0x040C, 0x0408, 0x041A, 0x0422, 0x0423, 0x0424, 0x040F}


def as_resources(content: bytes) -> bytes:
    """Resources as they are, and datasets of IPTC-IIM alone as the one resource; MetadataError for anything else."""
    if content[:1] == bytes([_DATASET]):
        header = struct.pack(">4sHHI", b"8BIM", _IPTC, 0, len(content))
        return header + content + bytes(len(content) % 2)
    if not any(True for _ in _resources(content)):
        raise MetadataError("it has no resource of Photoshop")
    return content


def renewed(resources: bytes) -> bytes:
    """The resources that hold for other pixels of the same picture, each to the byte."""
    return b"".join(resources[start:end] for number, start, end in _resources(resources) if number not in _OLD)


def _resources(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, beginning and end of each; what follows the last whole one is not looked at."""
    start = 0
    while content[start : start + 4] in _SIGNATURES and start + 7 <= len(content):
        (number,) = struct.unpack_from(">H", content, start + 4)
        length_at = start + 6 + (content[start + 6] | 1) + 1  # behind the name, with its length padded to be even
        if length_at + 4 > len(content):
            return
        end = length_at + 4 + int.from_bytes(content[length_at : length_at + 4], "big")
        if end > len(content):
            return
        end = min(end + end % 2, len(content)) if (end - start) % 2 else end
        yield number, start, end
        start = end
