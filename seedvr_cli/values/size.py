"""Numbers of bytes as people write them."""

import math
import re

_UNITS = ("", "K", "M", "G", "T")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Bytes from `500M`, `64GiB`, `1.5 GB` (powers of 1024) or a bare number; ValueError otherwise, or for nothing."""
    match = _SIZE.fullmatch(text.strip())
    size = math.floor(float(match[1]) * 1024 ** _UNITS.index(match[2].upper())) if match else 0
    if size <= 0:
        raise ValueError(f"{text!r} is not a size such as 500M or 64G")
    return size


def show_size(size: int) -> str:
    """`64 GiB`, `1.5 MiB`, `100 bytes`."""
    power = min(int(math.log(max(size, 1), 1024)), len(_UNITS) - 1)
    return f"{size / 1024**power:.4g} {_UNITS[power]}iB" if power else f"{size} bytes"
