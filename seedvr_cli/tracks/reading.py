"""A video's file, opened. Importing this needs PyAV."""

import av
from av.container import InputContainer

from seedvr_cli.values.tolerance import tolerant

# FFmpeg would also open playlists, which name other files to read.
_FORMATS = "mov,mp4,avi,matroska,webm"
TOLERANT = tolerant(av.__version__)


def open_video(path: str) -> InputContainer:
    """For reading; av.FFmpegError where it is no video. `path` is absolute, or a colon in it would end a protocol."""
    reader: InputContainer = av.open(path, options={"format_whitelist": _FORMATS}, **TOLERANT)
    return reader
