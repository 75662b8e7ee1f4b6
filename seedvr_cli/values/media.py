"""What a file is, by its bytes: the gateway's `media_type` and the URL's ending are no guide."""

import os
import struct
from dataclasses import dataclass
from importlib import import_module
from typing import BinaryIO

# Enough of a file's beginning to tell its type.
HEAD_BYTES = 64

EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/gif": ".gif",
    "image/tiff": ".tiff",
    "image/bmp": ".bmp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-msvideo": ".avi",
}
SOURCE_EXTENSIONS = {
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "video": (".mp4", ".m4v", ".mov", ".avi", ".webm"),
}
# Pillow's readers by name, as only headers are read: `Image.open` warns of large pictures, and refuses very large ones.
_READERS = {
    "image/png": "PngImagePlugin.PngImageFile",
    "image/jpeg": "JpegImagePlugin.JpegImageFile",
    "image/webp": "WebPImagePlugin.WebPImageFile",
    "image/avif": "AvifImagePlugin.AvifImageFile",
    "image/gif": "GifImagePlugin.GifImageFile",
    "image/tiff": "TiffImagePlugin.TiffImageFile",
    "image/bmp": "BmpImagePlugin.BmpImageFile",
}
# The first bytes of files.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_RIFF_FORMS = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
# The brands of MP4's family that are not video/mp4.
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"qt  ": "video/quicktime"}
# The end of every PNG: the chunk IEND with its checksum.
_PNG_END = b"IEND\xaeB`\x82"
# The boxes without which there is nothing to see.
_NEEDED_BOXES = {
    "image/avif": {b"meta", b"mdat"},
    "video/mp4": {b"moov", b"mdat"},
    "video/quicktime": {b"moov", b"mdat"},
}


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels."""

    width: int
    height: int


def sniff(head: bytes) -> str | None:
    """The media type that the first bytes show, or None where they are no picture's and no video's."""
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head[:4] == b"RIFF":
        return _RIFF_FORMS.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in {b"moov", b"mdat", b"wide"} and head[:1] == b"\0":
        return "video/quicktime"
    is_bitmap = head.startswith(b"BM") and head[6:10] == b"\0\0\0\0"
    return "image/bmp" if is_bitmap else None


def sniff_file(path: str) -> str | None:
    """The same for a file on disk."""
    with open(path, "rb") as file:
        return sniff(file.read(HEAD_BYTES))


def measure(path: str, media_type: str) -> Size | None:
    """Width and height in pixels, or None where they cannot be read. Never raises for a strange file."""
    try:
        if media_type in _READERS:
            module, _, reader = _READERS[media_type].partition(".")
            with getattr(import_module(f"PIL.{module}"), reader)(path) as picture:
                return Size(*picture.size)
        if media_type in {"video/mp4", "video/quicktime"}:
            with open(path, "rb") as file:
                return _mp4_size(file, 0, os.fstat(file.fileno()).st_size)
    except Exception:  # noqa: BLE001 - readers of pictures raise whatever they like, or are not installed
        return None
    return None


def is_whole(path: str, media_type: str) -> bool:
    """Whether the file's own structure says it is complete; for a body that came without a length."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        file.seek(max(0, size - 64))
        tail = file.read()
        match media_type:
            case "image/png":
                return _PNG_END in tail
            case "image/jpeg":
                return b"\xff\xd9" in tail
            case "image/webp" | "video/x-msvideo":
                return size > 12 and int(struct.unpack("<I", head[4:8])[0]) + 8 <= size
            case "video/mp4" | "video/quicktime" | "image/avif":
                return _boxes_fill(file, size, _NEEDED_BOXES[media_type])
    return size > 0


def _boxes(file: BinaryIO, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """The MP4 boxes between two offsets: (kind, first byte of the content, end)."""
    boxes = []
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
        boxes.append((kind, content, start + length))
        start += length
    return boxes


def _boxes_fill(file: BinaryIO, size: int, needed: set[bytes]) -> bool:
    try:
        boxes = _boxes(file, 0, size)
    except struct.error:  # cut within a box's length
        return False
    return bool(boxes) and boxes[-1][2] == size and needed <= {kind for kind, _, _ in boxes}


def _mp4_size(file: BinaryIO, start: int, end: int) -> Size | None:
    """The largest track's size: the track header ends with width and height as 16.16 fixed-point numbers."""
    best: Size | None = None
    for kind, content, stop in _boxes(file, start, end):
        found: Size | None = None
        if kind in {b"moov", b"trak"}:
            found = _mp4_size(file, content, stop)
        elif kind == b"tkhd":
            file.seek(stop - 8)
            width, height = struct.unpack(">II", file.read(8))
            found = Size(width >> 16, height >> 16)
        if (
            found
            and found.width
            and found.height
            and (best is None or found.width * found.height > best.width * best.height)
        ):
            best = found
    return best
