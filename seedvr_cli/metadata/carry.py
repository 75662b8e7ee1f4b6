"""Metadata of a picture: read, brought up to date for a new picture, and written into its file without a pixel touched.

The room's front. Formats are JPEG, PNG and WebP; what each can hold, and how, stands in the file of its name.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from seedvr_cli.metadata import colour, exif, iptc, jpeg, png, webp, xmp
from seedvr_cli.metadata.metadata import Metadata, MetadataError

_READERS = {"image/jpeg": jpeg.read, "image/png": png.read, "image/webp": webp.read}
_WRITERS = {"image/jpeg": jpeg.write, "image/png": png.write, "image/webp": webp.write}


def read_metadata(path: str, media_type: str) -> Metadata:
    """What a picture's file says of it. Never raises for a strange file: `troubles` say what could not be read.

    Raises OSError where the file cannot be opened or read at all.
    """
    if media_type not in _READERS:
        return Metadata(troubles=(f"metadata of {media_type} is not read",))
    with open(path, "rb") as file:
        return _with_density(_checked(_READERS[media_type](file)))


def adjusted(
    metadata: Metadata, *, width: int, height: int, is_upright: bool, is_turned: bool = False,
    thumbnail: bytes | None = None,
) -> Metadata:  # fmt: skip
    """The metadata of a new picture of that size (pixels) that was made of the old one.

    `is_upright`: its pixels are as the orientation says, which is therefore 1 now; `is_turned`: and were not before.
    `thumbnail` is a JPEG of the new picture, or none; the old one goes. All else stays, to the byte, but what
    `exif.renewed`, `xmp.renewed` and `iptc.renewed` leave out. What cannot be brought up to date is left out where it
    could turn the picture, and said in `troubles`.
    """
    if metadata.exif is not None:
        try:
            block = exif.renewed(metadata.exif, width=width, height=height, is_upright=is_upright, thumbnail=thumbnail)
            metadata = replace(metadata, exif=block)
        except MetadataError as error:
            metadata = replace(metadata, exif=None).with_trouble(f"its EXIF is damaged, and is left out: {error}")
    if metadata.xmp is not None:
        try:
            packet = xmp.renewed(
                metadata.xmp, width=width, height=height, is_upright=is_upright, is_turned=is_turned
            )  # fmt: skip
            metadata = replace(metadata, xmp=packet)
        except MetadataError as error:
            metadata = metadata.with_trouble(f"its XMP is carried as it is: {error}")
    if metadata.iptc is not None:
        metadata = replace(metadata, iptc=iptc.renewed(metadata.iptc) or None)
    return metadata


def with_properties(metadata: Metadata, properties: Mapping[str, str]) -> Metadata:
    """The metadata with these properties of ours in its XMP, in place of earlier ones of ours (see `xmp.OURS`).

    Where there is XMP that cannot be read it stays alone, and `troubles` say so. ValueError for a name XML has not.
    """
    try:
        return replace(metadata, xmp=xmp.with_properties(metadata.xmp, properties))
    except MetadataError as error:
        return metadata.with_trouble(f"nothing is added to its XMP: {error}")


def write_metadata(path: str, media_type: str, metadata: Metadata, out: BinaryIO | str) -> tuple[str, ...]:
    """Write a copy of the picture with that metadata to `out`; returns what could not be carried, a sentence each.

    Of a kind that the metadata has, the picture loses its own, all but a colour profile (see `colour`); else everything
    stays as it was, and in its order. The image data are copied as they are, a block at a time. `out` is an open binary
    file, or the path of a file that there is not yet. MetadataError where the picture's structure cannot be read, and
    then nothing is written; OSError where reading or writing fails, and then no file is left at that path.
    """
    if media_type not in _WRITERS:
        raise MetadataError(f"metadata of {media_type} is not written")
    write = _WRITERS[media_type]
    with open(path, "rb") as file:
        if not isinstance(out, str):
            return write(file, metadata, out)
        try:
            with open(out, "xb") as made:
                return write(file, metadata, made)
        except FileExistsError:
            raise
        except BaseException:
            with suppress(OSError):
                os.unlink(out)
            raise


def _checked(metadata: Metadata) -> Metadata:
    """Without what is not what it is said to be."""
    if metadata.exif is not None and not exif.is_block(metadata.exif):
        metadata = replace(metadata, exif=None).with_trouble("its EXIF is damaged, and is left out")
    profile, trouble = _kept(metadata.icc, colour.checked)
    resources, another = _kept(metadata.iptc, iptc.as_resources)
    metadata = replace(metadata, icc=profile, iptc=resources, xmp=metadata.xmp or None)
    return metadata.with_trouble(*trouble, *another)


def _kept(content: bytes | None, check: Callable[[bytes], bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """The content if it is what it is said to be, or what is wrong with it."""
    try:
        return check(content) if content is not None else None, ()
    except MetadataError as error:
        return None, (str(error),)


def _with_density(metadata: Metadata) -> Metadata:
    """Where the container gives no density, EXIF may."""
    if metadata.density is None and metadata.exif is not None:
        return replace(metadata, density=exif.density(metadata.exif))
    return metadata
