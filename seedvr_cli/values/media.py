"""What a file is, by its bytes: the gateway's `media_type` and the URL's ending are no guide."""

import errno
import os
import stat
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from seedvr_cli.values import sizes, turn
from seedvr_cli.values.structure import Readable, Size

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
    "image": (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp"),
    "video": (".mp4", ".m4v", ".mov", ".avi", ".webm"),
}
# Endings of pictures and videos that no endpoint takes: who has such files in a folder wants to know.
OTHER_EXTENSIONS = (
    ".heic", ".heif", ".avif", ".jxl", ".tif", ".tiff", ".gif", ".bmp", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf",
    ".jp2", ".psd", ".orf", ".rw2", ".mkv", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts", ".m2ts", ".flv", ".ogv",
)  # fmt: skip
_SIZES = {
    "image/png": sizes.png_size,
    "image/jpeg": sizes.jpeg_size,
    "image/webp": sizes.webp_size,
    "video/mp4": sizes.mp4_size,
    "video/quicktime": sizes.mp4_size,
    "video/webm": sizes.matroska_size,
    "video/x-matroska": sizes.matroska_size,
    "video/x-msvideo": sizes.avi_size,
}
# Pillow's readers of what else a result may be, by name, as only headers are read: `Image.open` warns of large pictures
# and refuses very large ones.
_READERS = {
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
    """The same for a file on disk; OSError for what is there instead: a pipe or a device might never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "no regular file", path)
    with open(path, "rb") as file:
        return sniff(file.read(HEAD_BYTES))


def measure(source: str | Readable, media_type: str) -> Size | None:
    """Width and height in pixels as they are shown, or None where they cannot be read. Never raises for a strange file.

    `source` is a path, or what there is of a file.
    """
    size = measure_unturned(source, media_type)
    is_turned = size is not None and orientation(source, media_type) in _TURNED
    return Size(size.height, size.width) if size is not None and is_turned else size


def measure_unturned(source: str | Readable, media_type: str) -> Size | None:
    """The same as a picture's are stored, whatever its orientation says; a video's are upright here too."""
    try:
        if media_type in _SIZES:
            with _opened(source) as file:
                size = _SIZES[media_type](file)
            return size if size and size.width and size.height else None
        if media_type in _READERS:
            with _picture(source, media_type) as picture:
                return Size(*picture.size)
    except Exception:  # noqa: BLE001 - readers of pictures raise whatever they like, or are not installed
        return None
    return None


def orientation(source: str | Readable, media_type: str) -> int:
    """How a picture is to be turned, 1-8 (Exif 2.32, 4.6.4); 1 where it does not say, or cannot be read."""
    try:
        if media_type in SOURCE_TYPES["image"]:
            with _opened(source) as file:
                return turn.orientation(file, media_type)
        if media_type == "image/avif":  # of the others TIFF is turned by its reader, and the rest do not say
            with _picture(source, media_type) as picture:
                return int(picture.getexif().get(_ORIENTATION, 1)) if "exif" in picture.info else 1
    except Exception:  # noqa: BLE001 - as above
        return 1
    return 1


def named_type(name: str) -> str | None:
    """The media type that a name's ending says, or None where it says none."""
    return _ENDINGS.get(os.path.splitext(name)[1].lower())


def _opened(source: str | Readable) -> AbstractContextManager[Readable]:
    return open(source, "rb") if isinstance(source, str) else nullcontext(source)


def _picture(source: str | Readable, media_type: str) -> Any:
    module, _, reader = _READERS[media_type].partition(".")
    return getattr(import_module(f"PIL.{module}"), reader)(source)
