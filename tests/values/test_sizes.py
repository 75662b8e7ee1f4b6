"""How large a picture or a video is, by what its header says."""

import io
import struct
import zlib

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seedvr_cli.values.media import measure
from seedvr_cli.values.structure import Size


def film(form, codec, size=(96, 64)):
    """The bytes of a video of one frame."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", size, "teal"))))
        container.mux(stream.encode(None))
    return file.getvalue()


def element(name, content, *, says_length=True):
    """One of Matroska."""
    length = b"\x01" + (len(content).to_bytes(7, "big") if says_length else b"\xff" * 7)
    return bytes.fromhex(name) + length + content


def track(width, height, *, behind=b"", **lengths):
    """A track that is shown twice as wide as it is stored."""
    numbers = element("54b0", (2 * width).to_bytes(2, "big")) + element("b0", width.to_bytes(2, "big"))
    video = element("e0", numbers + element("ba", height.to_bytes(3, "big")) + behind, **lengths)
    return element("ae", element("83", b"\1") + video, **lengths)


def webm(*tracks, in_front=b"", **lengths):
    """A WebM without pictures."""
    segment = in_front + element("1654ae6b", b"".join(tracks), **lengths) + element("1f43b675", bytes(30))
    return element("1a45dfa3", b"\x42\x82\x84webm") + element("18538067", segment, **lengths)


def chunk(kind, content):
    """One of RIFF."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def avi(*streams, main=(0, 0)):
    """An AVI without pictures: (type of a stream, its width, its height)."""
    header = chunk(b"avih", bytes(32) + struct.pack("<II", *main) + bytes(16))
    for kind, *size in streams:
        parts = chunk(b"strh", kind + bytes(52)) + chunk(b"strf", struct.pack("<Iii", 40, *size) + bytes(28))
        header += chunk(b"LIST", b"strl" + parts + chunk(b"JUNK", b"odd"))
    return b"RIFF\xff\xff\xff\xffAVI " + chunk(b"LIST", b"hdrl" + header) + chunk(b"LIST", b"movi" + bytes(30))


VIDEOS = {
    "webm": (film("webm", "libvpx-vp9"), "video/webm", Size(96, 64)),
    "mkv": (film("matroska", "libx264"), "video/x-matroska", Size(96, 64)),
    "avi": (film("avi", "mpeg4"), "video/x-msvideo", Size(96, 64)),
    "mp4": (film("mp4", "libx264"), "video/mp4", Size(96, 64)),
    "pixels, not how they are shown": (webm(track(96, 64)), "video/webm", Size(96, 64)),
    "the larger track": (webm(track(96, 64), track(960, 640)), "video/webm", Size(960, 640)),
    "lengths that are not said": (webm(track(96, 64), says_length=False), "video/webm", Size(96, 64)),
    "what else stands in front": (webm(track(96, 64), in_front=element("ec", bytes(99))), "video/webm", Size(96, 64)),
    "sound alone": (webm(element("ae", element("e1", bytes(20)))), "video/webm", None),
    "no tracks": (element("1a45dfa3", b"") + element("18538067", b""), "video/webm", None),
    "nothing": (element("1a45dfa3", b""), "video/webm", None),
    "width alone": (webm(element("ae", element("e0", element("b0", b"\x60")))), "video/webm", None),
    "a number too long": (webm(element("ae", element("e0", element("b0", bytes(9))))), "video/webm", None),
    "upside down": (avi((b"vids", 96, -64)), "video/x-msvideo", Size(96, 64)),
    "sound is not counted": (avi((b"auds", 9999, 9999), (b"vids", 96, 64)), "video/x-msvideo", Size(96, 64)),
    "the main header": (avi((b"iavs", 0, 0), main=(720, 576)), "video/x-msvideo", Size(720, 576)),
    "no header": (b"RIFF\0\0\0\0AVI " + bytes(200), "video/x-msvideo", None),
}


@pytest.mark.parametrize(("content", "media_type", "size"), VIDEOS.values(), ids=VIDEOS)
def test_a_video_is_measured(content, media_type, size):
    """WebM, Matroska, AVI and MP4 have the pixels of their largest track, or no size."""
    assert measure(io.BytesIO(content), media_type) == size


@pytest.mark.parametrize("name", ["pixels, not how they are shown", "upside down"])
def test_a_number_that_is_cut_is_none(name):
    """A beginning has the size that the file has, or none: never what is left of a number."""
    content, media_type, size = VIDEOS[name]
    found = {measure(io.BytesIO(content[:length]), media_type) for length in range(len(content))}
    assert found == {size, None}


def profiled(form):
    """The beginning of a picture of 1000x800 pixels whose colour profile has 100 KB; the whole comes second."""
    file = io.BytesIO()
    Image.new("RGB", (1000, 800)).save(file, form, icc_profile=bytes(range(256)) * 4 + Image.effect_noise(
        (400, 250), 80).tobytes())  # fmt: skip
    return file.getvalue()[: 64 << 10], file.getvalue()


@pytest.mark.parametrize(("form", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_long_colour_profile_hides_no_size(form, media_type):
    """A PNG's size is known by its first bytes alone, a JPEG's as soon as what follows the profile is there."""
    beginning, whole = profiled(form)
    size = Size(1000, 800)
    assert measure(io.BytesIO(whole), media_type) == size
    assert measure(io.BytesIO(beginning), media_type) == (size if form == "PNG" else None)


@pytest.mark.parametrize("between", [b"\xff\xff", b"rubbish", b"\xff\x01"], ids=["fill", "rubbish", "alone"])
def test_what_stands_between_a_jpegs_segments_is_passed_over(between):
    """Fill, rubbish and a marker without a length are, as by decoders."""
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG")
    content = file.getvalue()
    place = 4 + int.from_bytes(content[4:6])
    assert measure(io.BytesIO(content[:place] + between + content[place:]), "image/jpeg") == Size(30, 20)


def png(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(0, 20), "image/png"),
        (png(20, 30)[:22], "image/png"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(40), "image/png"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x14" + bytes(20), "image/jpeg"),  # no height
        (b"\xff\xd8\xff\xd9", "image/jpeg"),
        (b"\xff\xd8\xff\xe0\0\1" + bytes(20), "image/jpeg"),
        (b"\xff\xd8" + b"\xff" * 200_000, "image/jpeg"),
        (b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0" + bytes(20), "image/webp"),
        (b"RIFF\x20\0\0\0WAVEVP8X\x14\0\0\0" + bytes(20), "image/webp"),
    ],
)
def test_what_says_no_size_has_none(content, media_type):
    """A header that is cut, that is another's or that says 0 gives no size."""
    assert measure(io.BytesIO(content), media_type) is None


def test_an_avi_whose_stream_says_a_width_below_zero_has_the_size_of_its_main_header():
    """No video is less than nothing wide."""
    whole, media_type, size = VIDEOS["avi"]
    place = whole.index(b"strf") + 12
    content = whole[:place] + struct.pack("<i", -5) + whole[place + 4 :]
    assert measure(io.BytesIO(content), media_type) == measure(io.BytesIO(whole), media_type) == size


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", VIDEOS)
def test_no_bytes_break_the_look(name, data):
    """Whatever bytes a damaged video has, it has a size that is one, or none."""
    whole, media_type, _ = VIDEOS[name]
    content = bytearray(whole)
    for position in data.draw(st.lists(st.integers(0, min(len(content), 600) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    size = measure(io.BytesIO(content[: data.draw(st.integers(0, len(content)))]), media_type)
    assert size is None or (size.width > 0 and size.height > 0)


# A track of an MP4 whose media claim to go on behind it.
REACHING = struct.pack(">I4sI4s84xI4s", 108, b"trak", 92, b"tkhd", 1 << 30, b"mdia")


class Counted(io.BytesIO):
    """Counts how often it is read."""

    reads = 0

    def read(self, *args):
        self.reads += 1
        return super().read(*args)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (element("1a45dfa3", b"") + element("18538067", element("1654ae6b", b"\xae\x80" * 300_000)), "video/webm"),
        (avi(*[(b"vids", 1, 1)] * 3_000), "video/x-msvideo"),
        (b"".join(b"\0\x0f\xff\xfftrak" for _ in range(20_000)), "video/mp4"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000, "image/jpeg"),
        (struct.pack(">I4s", 8 + 108 * 2_000, b"moov") + REACHING * 2_000, "video/mp4"),
    ],
    ids=["tracks", "streams", "boxes", "segments", "boxes that reach out"],
)
def test_what_is_nested_or_repeated_is_read_a_few_times(content, media_type):
    """However a hostile file repeats itself, it is read a few times for each of its parts."""
    file = Counted(content)
    measure(file, media_type)
    assert file.reads < len(content)
