"""What a file is, by its bytes: the gateway's `media_type` and the URL's ending are no guide."""

import os
from contextlib import nullcontext
from importlib import import_module
from typing import BinaryIO

from seedvr_cli.values.structure import Size, mp4_size, webp_size

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
    "image/heic": ".heic",
    "image/heif": ".heif",
    "audio/mp4": ".m4a",
    "video/x-matroska": ".mkv",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-msvideo": ".avi",
}
# What the gateway takes (reference: Supported Formats).
SOURCE_TYPES = {
    "image": frozenset({"image/png", "image/jpeg", "image/webp"}),
    "video": frozenset({"video/mp4", "video/quicktime", "video/x-msvideo", "video/webm"}),
}
# Endings of names that say for sure that it is something else.
_ENDINGS = {
    **{ext: media_type for media_type, ext in EXTENSIONS.items()},
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".m4v": "video/mp4",
}
SOURCE_EXTENSIONS = {
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "video": (".mp4", ".m4v", ".mov", ".avi", ".webm"),
}
# Endings of pictures and videos that no endpoint takes: who has such files in a folder wants to know.
OTHER_EXTENSIONS = (
    ".heic", ".heif", ".avif", ".jxl", ".tif", ".tiff", ".gif", ".bmp", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf",
    ".mkv", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts",
)  # fmt: skip
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
# The EXIF tag that says how a picture is to be shown, and its values that stand it on its side.
_ORIENTATION, _TURNED = 0x0112, frozenset({5, 6, 7, 8})
# The first bytes of files.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_RIFF_FORMS = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
# The brands of MP4's family that are not video/mp4.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
}
# Brands of still pictures that leave the codec to the compatible brands behind them.
_STILL_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"miaf"})


def sniff(head: bytes) -> str | None:
    """The media type that the first bytes show, or None where they are no picture's and no video's."""
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head[:4] == b"RIFF":
        return _RIFF_FORMS.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/x-matroska" if b"matroska" in head else "video/webm"
    if head[4:8] in {b"moov", b"mdat", b"wide"} and head[:1] == b"\0":
        return "video/quicktime"
    is_bitmap = head.startswith(b"BM") and head[6:10] == b"\0\0\0\0"
    return "image/bmp" if is_bitmap else None


def _brand(head: bytes) -> str:
    major, compatible = head[8:12], [head[start : start + 4] for start in range(16, len(head) - 3, 4)]
    if major in _STILL_BRANDS:
        return next((_BRANDS[brand] for brand in compatible if brand in _BRANDS), "image/heif")
    return _BRANDS.get(major, "video/mp4")


def sniff_file(path: str) -> str | None:
    """The same for a file on disk."""
    with open(path, "rb") as file:
        return sniff(file.read(HEAD_BYTES))


def measure(source: str | BinaryIO, media_type: str) -> Size | None:
    """Width and height in pixels, or None where they cannot be read. Never raises for a strange file.

    `source` is a path, or the beginning of a file in memory.
    """
    try:
        if media_type in _READERS:
            module, _, reader = _READERS[media_type].partition(".")
            with getattr(import_module(f"PIL.{module}"), reader)(source) as picture:
                width, height = picture.size
                # Without EXIF there is none to look for: a PNG would be read to its end.
                is_turned = "exif" in picture.info and picture.getexif().get(_ORIENTATION) in _TURNED
                return Size(height, width) if is_turned else Size(width, height)
        if media_type in {"video/mp4", "video/quicktime"}:
            with nullcontext(source) if not isinstance(source, str) else open(source, "rb") as file:
                return mp4_size(file)
    except Exception:  # noqa: BLE001 - readers of pictures raise whatever they like, or are not installed
        if media_type == "image/webp" and not isinstance(source, str):  # which Pillow reads whole or not at all
            source.seek(0)
            return webp_size(source.read(HEAD_BYTES))
    return None


def measure_unturned(path: str, media_type: str) -> Size | None:
    """Width and height in pixels as they are stored, whatever the orientation says."""
    size = measure(path, media_type)
    is_turned = size is not None and orientation(path, media_type) in _TURNED
    return Size(size.height, size.width) if size is not None and is_turned else size


def orientation(path: str, media_type: str) -> int:
    """How a picture is to be turned, 1-8 (Exif 2.32, 4.6.4); 1 where it does not say, or cannot be read."""
    try:
        module, _, reader = _READERS[media_type].partition(".")
        with getattr(import_module(f"PIL.{module}"), reader)(path) as picture:
            turn = picture.getexif().get(_ORIENTATION, 1)
            return turn if turn in range(1, 9) else 1
    except Exception:  # noqa: BLE001 - as above
        return 1


def named_type(name: str) -> str | None:
    """The media type that a name's ending says, or None where it says none."""
    return _ENDINGS.get(os.path.splitext(name)[1].lower())
