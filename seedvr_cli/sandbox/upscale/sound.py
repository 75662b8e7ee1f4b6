"""The sound of a video, beside its pictures. Importing this needs PyAV."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet

Packets: TypeAlias = "Iterator[Packet[Any]]"  # quoted: PyAV's packets are generic in its stubs alone

AAC_RATES = "96000|88200|64000|48000|44100|32000|24000|22050|16000|12000|11025|8000"
AAC_LAYOUTS = "mono|stereo|3.0|4.0|5.0|5.1"
"""What the AAC encoder takes, in samples a second and by FFmpeg's names; other sound becomes the nearest of these."""


def sound_packets(path: Path, reader: InputContainer, writer: OutputContainer) -> Packets:
    """Add the sound of the video at `path`, which `reader` has open, to `writer`; yield its packets in order of time.

    AAC stays as it is, other sound becomes AAC, and where there is none nothing is added.
    """
    source = reader.streams.best("audio")
    if not isinstance(source, AudioStream):
        return iter(())
    if source.codec_context.name == "aac" and source.codec_context.extradata:
        return _copied(reader, source, writer)
    return _encoded(path, source, writer, reader.format.name)


def _copied(reader: InputContainer, source: AudioStream, writer: OutputContainer) -> Packets:
    output = writer.add_stream_from_template(source)
    for packet in reader.demux(source):
        if packet.dts is not None:  # the end of the stream is a packet with nothing in it
            packet.stream = output
            yield packet


def _encoded(path: Path, source: AudioStream, writer: OutputContainer, container: str) -> Packets:
    graph = Graph()
    # Decoded by FFmpeg's own `amovie` and not by PyAV, which (18.1) frees the channel layout of, say, 8 channels in
    # a MOV twice: the process dies.
    graph.link_nodes(
        graph.add("amovie", filename=str(path.absolute()), stream_index=str(source.index)),
        # AVI counts in whole packets of what is compressed: too coarse for the encoder's times, which then go back.
        graph.add("asettb", f"1/{source.codec_context.sample_rate}"),
        # And what FFmpeg makes of that count is off by minutes now and then; the samples themselves tell the time.
        *([graph.add("asetpts", "STARTPTS+N/SR/TB")] if container == "avi" else []),
        graph.add("aformat", sample_fmts="fltp", sample_rates=AAC_RATES, channel_layouts=AAC_LAYOUTS),
        graph.add("abuffersink"),
    ).configure()
    frames = _pulled(graph)
    first = next(frames, None)
    if first is None:
        return
    output = writer.add_stream("aac", rate=first.sample_rate, layout=first.layout.name)
    for frame in chain([first], frames, [None]):
        yield from output.encode(frame)


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    with suppress(EOFError):
        while True:
            frame = graph.pull()
            assert isinstance(frame, AudioFrame)
            yield frame
