"""A new file of a result's streams and of what it lost, packet by packet as they are. Importing this needs PyAV."""

import heapq
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from seedvr_cli.tracks.lost import KINDS, Lost, picture_stream
from seedvr_cli.tracks.reading import TOLERANT

if TYPE_CHECKING:
    from av.container.core import Chapter  # which its stubs have alone

Packets: TypeAlias = "Iterator[Packet[Any]]"  # quoted: PyAV's packets are generic in its stubs alone

# Seconds by which pictures begin after the sound because its encoder ran up (AAC: up to 2112 samples), and some
# containers begin with that. MP4 has it before its beginning, where nobody hears it.
RUN_UP = Fraction(1, 20)
# What an MP4 is given of uncompressed sound: FFmpeg before 6.1 takes all of it for 16 bits, and plays noise.
SAMPLES = frozenset({"pcm_s16le", "pcm_s16be"})
# Sound that FFmpeg puts into an MP4, and not into a MOV, of which it tells too late.
MP4_ALONE = frozenset({"flac", "opus", "truehd"})
_NAMES = {"audio": "sound", "subtitle": "subtitles"}
_CONTAINERS = {"mp4": "MP4", "mov": "MOV"}


def remux(
    source: InputContainer, result: InputContainer, lost: Lost, descriptor: int, *, form: str, index_first: bool
) -> tuple[bool, tuple[str, ...]]:
    """Write the new file into the open file `descriptor`: whether there was a reason to, and what was left out.

    Raises av.FFmpegError and OSError, and ValueError where the new file would have less than the result.
    """
    # At the end FFmpeg opens the file once more, to move its content behind the index.
    options = {"movflags": "+faststart"} if index_first else {}
    writer = av.open(
        _Handle(descriptor), "w", format=form, options=options, io_open=lambda *_: _Handle(descriptor), **TOLERANT
    )  # fmt: skip
    with writer:
        kept = {
            stream.index: _added(writer, stream) for stream in result.streams if stream.type in {"video", *KINDS}
        }  # fmt: skip
        carried, troubles = _carried(writer, lost, _CONTAINERS[form])
        if not carried and not lost.chapters:
            return False, troubles
        earlier, later = _shifts(source, result)
        writer.metadata.update(result.metadata)
        writer.set_chapters(
            [_moved(chapter, later) for chapter in result.chapters()]
            + [_moved(chapter, earlier) for chapter in lost.chapters]
        )
        tracks = [_packets(result, kept, later), _packets(source, carried, earlier)]
        for packet in heapq.merge(*tracks, key=_time):
            writer.mux(packet)
    _check(result, descriptor)
    return True, troubles


def _check(result: InputContainer, descriptor: int) -> None:
    """ValueError where FFmpeg wrote less than the result has, say a track of a kind that it does not know."""
    with av.open(_Handle(descriptor)) as made:
        if Counter(stream.type for stream in result.streams) - Counter(stream.type for stream in made.streams):
            raise ValueError("the result has a track that would be lost for it")


def _carried(writer: OutputContainer, lost: Lost, container: str) -> tuple[dict[int, Stream], tuple[str, ...]]:
    """The new streams by the index of the source's, and in one sentence what the container cannot hold."""
    carried, refused = {}, []
    for stream in lost.streams:
        try:
            carried[stream.index] = _added(writer, stream)
        except ValueError:
            codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
            refused.append(f"{_NAMES[stream.type]} ({', '.join(filter(None, (codec, stream.language)))})")
    sentence = f"left out, as {container} cannot hold it as it is: {', '.join(refused)}"
    return carried, (sentence,) if refused else ()


def _added(writer: OutputContainer, template: Stream) -> Stream:
    """A stream like that one; ValueError where the container cannot hold it."""
    codec = template.codec_context.name if template.codec_context is not None else ""
    if writer.format.name == "mp4" and codec.startswith("pcm_") and codec not in SAMPLES:
        raise ValueError(codec)
    if writer.format.name == "mov" and codec in MP4_ALONE:
        raise ValueError(codec)
    stream = writer.add_stream_from_template(template, opaque=True)  # which asks for no encoder
    if template.container.format.name == writer.format.name or template.type == "video":
        stream.codec_context.codec_tag = template.codec_context.codec_tag
    # Containers that only count the channels mean the usual ones, which an MP4 of uncompressed sound has to name.
    if isinstance(stream, AudioStream) and stream.layout.name == f"{stream.channels} channels":
        stream.layout = f"{stream.channels}c"
    stream.metadata.update(template.metadata)
    stream.disposition = template.disposition
    return stream


def _shifts(source: InputContainer, result: InputContainer) -> tuple[Fraction, Fraction]:
    """Seconds by which the source's packets, and the result's, are to be moved so that pictures and sound meet.

    It is the earlier of the two that is moved: nothing goes to before the beginning, but for a run-up.
    """
    origin = max(Fraction(0), Fraction(source.start_time or 0, av.time_base))
    late = _start(picture_stream(source)) - origin - _start(picture_stream(result))
    return (-origin, late) if late > RUN_UP else (-origin - late, Fraction(0))


def _start(stream: Stream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(0))


def _moved(chapter: "Chapter", shift: Fraction) -> "Chapter":
    ticks = round(shift / (chapter["time_base"] or Fraction(1)))
    start, end = max(0, chapter["start"] + ticks), max(0, chapter["end"] + ticks)
    return {**chapter, "start": start, "end": end}


def _time(packet: "Packet[Any]") -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _packets(reader: InputContainer, outputs: Mapping[int, Stream], shift: Fraction) -> Packets:
    """Those of these streams, by index, for the streams that they go to."""
    streams = [reader.streams[index] for index in outputs]
    steps = {stream.index: _Steps(stream) for stream in streams if isinstance(stream, AudioStream)}
    for packet in reader.demux(streams) if streams else ():
        index = packet.stream_index
        if not packet.size:  # the end of the stream is a packet with nothing in it
            continue
        if packet.dts is None:
            packet.dts = packet.pts
        if index in steps:
            steps[index].tread(packet)
        move = round(shift / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + move
        packet.dts = None if packet.dts is None else packet.dts + move
        packet.stream = outputs[index]
        yield packet


class _Steps:
    """The times of sound, to the sample where the source's clock is coarser: that of Matroska ticks in milliseconds."""

    def __init__(self, stream: AudioStream) -> None:
        self._rate = stream.codec_context.sample_rate
        self._samples = stream.codec_context.frame_size
        self._due: int | None = None
        self._latest: int | None = None

    def tread(self, packet: "Packet[Any]") -> None:
        """Give the packet its time."""
        if not self._rate or packet.dts is None:
            return
        tick = packet.time_base
        time = round(packet.dts * tick * self._rate)
        if self._due is not None and abs(time - self._due) <= tick * self._rate:
            time = self._due
        if self._latest is not None and time <= self._latest:  # times that go back are nothing that MP4 can hold
            time = self._latest + 1
        samples = self._samples or round((packet.duration or 0) * tick * self._rate)
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = time
        packet.duration = samples
        self._latest, self._due = time, time + samples


class _Handle(io.RawIOBase):
    """A place of its own in a file that has no name."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    writable = seekable = readable

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = os.pread(self._descriptor, size, self._place)
        self._place += len(content)
        return content

    def write(self, content: Any) -> int:
        """All of them."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, self._place)
            self._place += written
            view = view[written:]
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file does it."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}
        start = starts[whence] if whence in starts else os.fstat(self._descriptor).st_size
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._place
