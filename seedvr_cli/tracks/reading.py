"""A video's file, opened. Importing this needs PyAV."""

import av
from av.container import InputContainer

# FFmpeg would also open playlists, which name other files to read.
_FORMATS = "mov,mp4,avi,matroska,webm"


def open_video(path: str) -> InputContainer:
    """For reading; av.FFmpegError where it is no video. `path` is absolute, or a colon in it would end a protocol."""
    return av.open(path, options={"format_whitelist": _FORMATS}, metadata_errors="replace")
