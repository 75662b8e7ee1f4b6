"""Videos: the pictures through FFmpeg's filters, the sound beside them. Importing this needs PyAV."""

import heapq
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Disposition
from av.video.format import VideoFormat
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from seedvr_cli.sandbox.upscale.codecs import THREADS, chosen_codec, encoder_options
from seedvr_cli.sandbox.upscale.memory import ROOM, taken
from seedvr_cli.sandbox.upscale.rendering import Rendered, UpscaleError, number, replacing, size_by_target
from seedvr_cli.sandbox.upscale.sound import Packets, sound_packets
from seedvr_cli.values.media import sniff_file
from seedvr_cli.values.structure import is_whole
from seedvr_cli.values.tolerance import tolerant

SOURCE_FORMATS = "mov,mp4,avi,matroska,webm"
"""What the reference allows as `video_url`. FFmpeg would also open playlists, which name other files to read."""

MAX_VIDEO_PIXELS = 4096 * 2160
"""Of an output frame, however small the source: the encoders' memory, and their time, go by it."""

DECODED_FRAMES = 20
"""Which a decoder keeps at most: 16 that later ones may refer to, and those that are under way."""

SMOOTHING_MEMORY = 24
"""Bytes for each pixel of the source: four numbers for each of its samples."""

EVEN = 2
"""Pixels: colour is stored at half the resolution, so sides come in twos."""

SMOOTHING_RADIUS = 2
"""Pixels of the source over which noise is averaged."""

SMOOTHING_REACH = 0.2
"""Of the range from black to white: at full `noise_scale` what differs by more is an edge, and stays."""

HD_HEIGHT = 720
"""Pixels of a source, from which a player takes unmarked colours for BT.709, and below which for BT.601."""

UNMARKED, BT709, BT601 = 2, 1, 6
"""Colour matrices by their numbers in H.273."""

TURNS: Mapping[tuple[int, ...], list[tuple[str, str]]] = {
    # The signs of the display matrix's first two rows: where it sends "right" and "down".
    (1, 0, 0, 1): [],
    (-1, 0, 0, -1): [("hflip", ""), ("vflip", "")],
    (-1, 0, 0, 1): [("hflip", "")],
    (1, 0, 0, -1): [("vflip", "")],
    (0, 1, -1, 0): [("transpose", "clock")],
    (0, -1, 1, 0): [("transpose", "cclock")],
    (0, 1, 1, 0): [("transpose", "cclock_flip")],
    (0, -1, -1, 0): [("transpose", "clock_flip")],
}
"""Filters, as names with arguments, that turn a frame upright."""


def upscale_video(source: Path, folder: Path, params: Mapping[str, object], *, bare: bool = False) -> Rendered:
    """Upscale an MP4, MOV, AVI or WebM video into `folder/output.mp4`.

    Keeps the time of every frame, the pixel shape and the sound; frames come out upright, with even sides. `bare`:
    without sound, and as they are stored.
    Raises UpscaleError.
    """
    _check_end(str(source))
    target = folder / "output.mp4"
    try:
        with _open(source) as reader:
            stream = _video_stream(reader)
            memory = _memory(stream.width, stream.height, stream.codec_context.format, params)
        with taken(memory), replacing(target) as part:
            width, height = _convert(source, part, params, bare=bare)
    except av.FFmpegError as error:
        raise UpscaleError(f"the source video cannot be upscaled: {error.strerror}") from error
    return Rendered(target, "video/mp4", width, height)


def _check_end(source: str) -> None:
    """FFmpeg would take a video that was cut for a shorter one."""
    with suppress(FileNotFoundError):  # of which FFmpeg tells
        media_type = sniff_file(source)
        if media_type is not None and not is_whole(source, media_type):
            raise UpscaleError("the source video is cut: it ends before its own structure does")


def _memory(width: int, height: int, pixel: VideoFormat | None, params: Mapping[str, object]) -> int:
    """Bytes that the video takes at most on its way. Raises UpscaleError where that is more than there are."""
    to_width, to_height = size_by_target(width, height, params, step=EVEN, most=MAX_VIDEO_PIXELS)
    samples = pixel.components if pixel else ()
    frame = sum(sample.width * sample.height * math.ceil(sample.bits / 8) for sample in samples)
    memory = DECODED_FRAMES * frame + to_width * to_height * chosen_codec(params).memory
    if number(params, "noise_scale", 0):
        memory += SMOOTHING_MEMORY * width * height
    if memory > ROOM:
        raise UpscaleError(
            f"frames of {width} x {height} pixels, made to {to_width} x {to_height}, take {memory / 1e6:.0f} MB "
            f"of memory; the sandbox's limit is {ROOM / 1e6:.0f} MB"
        )
    return memory


def _convert(source: Path, part: Path, params: Mapping[str, object], *, bare: bool) -> tuple[int, int]:
    # faststart puts the index in front, so that a player need not have the whole file to start.
    options = {"movflags": "+faststart"}
    with (
        _open(source) as pictures,
        _open(source) as sound,
        av.open(str(part.absolute()), "w", format="mp4", options=options) as writer,
    ):
        # Two readers of one file: each track runs at its own pace, and the merge puts them side by side.
        tracks = [_pictures(pictures, writer, params, bare=bare)]
        tracks += [] if bare else [sound_packets(source, sound, writer)]
        for packet in heapq.merge(*tracks, key=_time):
            writer.mux(packet)
        output = writer.streams.video[0]
        return output.width, output.height


def _open(source: Path) -> InputContainer:
    try:
        # Absolute, because FFmpeg takes what stands before a colon in a relative name for a protocol.
        options = {"format_whitelist": SOURCE_FORMATS}
        reader: InputContainer = av.open(str(source.absolute()), options=options, **tolerant(av.__version__))
    except (av.InvalidDataError, av.ArgumentError) as error:
        raise UpscaleError("the source is not an MP4, MOV, AVI or WebM video") from error
    return reader


def _time(packet: "Packet[Any]") -> Fraction:
    return (packet.dts or 0) * (packet.time_base or Fraction(0))


def _pictures(reader: InputContainer, writer: OutputContainer, params: Mapping[str, object], *, bare: bool) -> Packets:
    source = _video_stream(reader)
    frames = _timed(reader, source)
    first = next(frames, None)
    if first is None:
        raise UpscaleError("the source video has no frames")
    _memory(first.width, first.height, first.format, params)  # the header may have told less
    # Only the first frame tells a video's size, colours and orientation for certain; and only its scaled twin
    # tells the encoder the same of the output.
    viewed = _viewed(source, first, turned=not bare)
    scaled = _filtered(_graph(source, first, _filters(viewed, params)), chain([first], frames))
    sample = next(scaled)

    codec = chosen_codec(params)
    rate = source.average_rate or source.guessed_rate
    output = writer.add_stream(codec.encoder, rate=rate, options=encoder_options(codec, params))
    encoder = output.codec_context
    encoder.codec_tag, encoder.thread_count = codec.tag, THREADS
    encoder.width, encoder.height, encoder.pix_fmt = sample.width, sample.height, sample.format.name
    assert source.time_base is not None
    encoder.time_base, encoder.sample_aspect_ratio = source.time_base, viewed.pixel_shape
    encoder.color_range, encoder.color_primaries = sample.color_range, sample.color_primaries
    encoder.color_trc, encoder.colorspace = sample.color_trc, sample.colorspace
    encoder.max_b_frames = 0  # so that the last packet is the last frame, and its duration ends the video
    if encoder.colorspace == UNMARKED:
        # Players guess by the size, and the size changes here.
        encoder.colorspace = BT709 if first.height >= HD_HEIGHT else BT601

    durations: dict[int | None, int] = {}
    for frame in chain([sample], scaled, [None]):
        if frame is not None:
            durations[frame.pts] = frame.duration
            frame.pict_type = PictureType.NONE  # or the encoder would copy the source's choice of key frames
        for packet in output.encode(frame):
            # The encoder does not know how long the last frame of a variable-rate video stays.
            packet.duration = durations.pop(packet.pts, 0) or packet.duration
            yield packet


def _video_stream(reader: InputContainer) -> VideoStream:
    stream = reader.streams.best("video")
    # The cover of a piece of music is a video stream too, of one picture.
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        raise UpscaleError("the source has no video stream")
    stream.thread_type, stream.codec_context.thread_count = "AUTO", THREADS
    return stream


def _timed(reader: InputContainer, source: VideoStream) -> Iterator[VideoFrame]:
    """Yield the frames with times that only go up, which is what MP4 can hold."""
    # AVI stores no time of display. What FFmpeg makes up for H.264 in it jumps back and forth; the time of decoding
    # does not, and comes out in the order of display.
    in_decoding_time = reader.format.name == "avi"
    latest: int | None = None
    for frame in reader.decode(source):
        time = frame.dts if in_decoding_time else frame.pts
        if latest is not None and (time is None or time <= latest):
            time = latest + max(frame.duration, 1)
        frame.pts = latest = time or 0
        yield frame


@dataclass(frozen=True, slots=True)
class _Viewed:
    """A source as its viewer sees it: the filters that turn it upright, and its size and pixel shape after those."""

    turn: list[tuple[str, str]]
    width: int
    height: int
    pixel_shape: Fraction


def _viewed(source: VideoStream, first: VideoFrame, *, turned: bool) -> _Viewed:
    directions = _display_directions(first) if turned else (1, 0, 0, 1)
    turn = TURNS.get(directions, [])
    shape = source.sample_aspect_ratio or Fraction(1)
    if turn and directions[0] == 0:
        return _Viewed(turn, first.height, first.width, 1 / shape)
    return _Viewed(turn, first.width, first.height, shape)


def _display_directions(frame: VideoFrame) -> tuple[int, ...]:
    try:
        # PyAV's stubs name a single kind of side data, and not this one.
        matrix = struct.unpack("=9i", bytes(frame.side_data["DISPLAYMATRIX"]))  # type: ignore[typeddict-item]
    # No matrix; or side data next to it that PyAV has no name for, which is so in 18.1 for the EXIF of a JPEG frame.
    except (KeyError, ValueError):
        return 1, 0, 0, 1
    return tuple((matrix[place] > 0) - (matrix[place] < 0) for place in (0, 1, 3, 4))


def _filters(viewed: _Viewed, params: Mapping[str, object]) -> list[tuple[str, str]]:
    width, height = size_by_target(viewed.width, viewed.height, params, step=EVEN, most=MAX_VIDEO_PIXELS)
    noise = number(params, "noise_scale", 0)
    smoothing = f"{SMOOTHING_RADIUS}:{SMOOTHING_REACH * noise}:planes=7"
    return [
        *viewed.turn,
        # Not FFmpeg's better known hqdn3d, which PyAV's build leaves out.
        *([("format", "yuv420p"), ("bilateral", smoothing)] if noise else []),
        ("scale", f"{width}:{height}:flags=lanczos+accurate_rnd:out_range=tv"),
        ("format", "yuv420p"),
    ]


def _graph(source: VideoStream, first: VideoFrame, filters: list[tuple[str, str]]) -> Graph:
    graph = Graph()
    # Not Graph.add_buffer: it leaves the colours out, and FFmpeg then converts them on a guess.
    entry = graph.add(
        "buffer",
        video_size=f"{first.width}x{first.height}",
        pix_fmt=first.format.name,
        time_base=str(source.time_base),
        colorspace=str(int(first.colorspace)),
        range=str(int(first.color_range)),
    )
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(entry, *nodes, graph.add("buffersink")).configure()
    return graph


def _filtered(graph: Graph, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    for frame in chain(frames, [None]):
        graph.vpush(frame)
        with suppress(BlockingIOError, EOFError):  # FFmpeg's "not yet" and "no more"
            while True:
                yield graph.vpull()
