"""Parts of a file, copied and inflated a block at a time, so that no length in it decides on this machine's memory."""

import os
import zlib
from typing import BinaryIO

from seedvr_cli.metadata.metadata import LARGEST, MetadataError

# Segments or chunks that a file may have: eight gigabytes of PNG, as most programs write it.
MOST_PARTS = 1 << 20
# Bytes.
BLOCK = 1 << 20


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def part(file: BinaryIO, start: int, length: int) -> bytes:
    """The bytes from there; MetadataError where the file ends first, or they are too many to be metadata."""
    if length > LARGEST:
        raise MetadataError(f"a part of it claims {length} bytes, more than metadata has")
    file.seek(start)
    content = file.read(length)
    if len(content) < length:
        raise MetadataError("it ends within a part")
    return content


def copy(file: BinaryIO, start: int, end: int, out: BinaryIO) -> None:
    """Copy what stands between two offsets; MetadataError where the file has become shorter meanwhile."""
    file.seek(start)
    while start < end:
        block = file.read(min(BLOCK, end - start))
        if not block:
            raise MetadataError("it became shorter while it was copied")
        out.write(block)
        start += len(block)


def inflated(content: bytes) -> bytes:
    """What zlib had compressed; MetadataError where it is damaged, cut, or inflates to more than metadata has."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(content, LARGEST)
    except zlib.error as error:
        raise MetadataError("it cannot be decompressed") from error
    if not inflater.eof:
        raise MetadataError("it is cut, or decompresses to more than metadata has")
    return plain
