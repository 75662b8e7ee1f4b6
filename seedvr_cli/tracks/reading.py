"""A video's file, opened. Importing this needs PyAV."""

from collections.abc import Mapping
from typing import Any

import av
from av.container import InputContainer

# FFmpeg would also open playlists, which name other files to read.
_FORMATS = "mov,mp4,avi,matroska,webm"
# PyAV before 19 takes text that is no UTF-8 for an error, unless it is told otherwise; later it cannot be told.
TOLERANT: Mapping[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


def open_video(path: str) -> InputContainer:
    """For reading; av.FFmpegError where it is no video. `path` is absolute, or a colon in it would end a protocol."""
    reader: InputContainer = av.open(path, options={"format_whitelist": _FORMATS}, **TOLERANT)
    return reader
