"""What a result lost of the video that it was made of. Importing this needs PyAV."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from av.container.core import Chapter  # which its stubs have alone

# The kinds of streams that are carried.
KINDS = ("audio", "subtitle")
# Languages that say nothing.
UNNAMED = {None, "", "und"}
# Years that a box's time of 32 bits can tell.
YEARS = range(1970, 2040)


@dataclass(frozen=True, slots=True)
class Lost:
    """Streams and chapters of the source; `created` in seconds since 1970."""

    streams: tuple[Stream, ...]
    chapters: "tuple[Chapter, ...]"
    created: int | None


def find_lost(source: InputContainer, result: InputContainer) -> Lost:
    """By a comparison of the two. What the result has of a kind is taken for what was kept of the source's."""
    streams = [stream for kind in KINDS for stream in _unmatched(source, result, kind)]
    created = _created(source)
    return Lost(
        tuple(streams),
        () if result.chapters() else tuple(source.chapters()),
        None if created is None or created == _created(result) else int(created.timestamp()),
    )


def picture_stream(reader: InputContainer) -> VideoStream:
    """The video; ValueError where there is none."""
    stream = reader.streams.best("video")
    # The cover of a piece of music is a video stream too, of one picture.
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        raise ValueError("there is no video in it")
    return stream


def _unmatched(source: InputContainer, result: InputContainer, kind: str) -> Sequence[Stream]:
    """Each stream that was kept stands for one of the source's: of its language, or else for the best of the rest."""
    rest = [stream for stream in source.streams if stream.type == kind]
    best = source.streams.best(kind) if rest and kind == "audio" else None  # type: ignore[arg-type]
    rest.sort(key=lambda stream: stream is not best)
    for kept in result.streams:
        if kept.type == kind and rest:
            alike = [stream for stream in rest if stream.language == kept.language and stream.language not in UNNAMED]
            rest.remove((alike or rest)[0])
    return sorted(rest, key=lambda stream: stream.index)


def _created(reader: InputContainer) -> datetime | None:
    """To the second, in UTC."""
    try:
        moment = datetime.fromisoformat(reader.metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC, microsecond=0)
    return moment if moment.year in YEARS else None
