"""What the beginning of a file tells of what is in it."""

import io

import av
import pytest
from PIL import Image

from seedvr_cli.values.contents import codec_of, is_animated
from seedvr_cli.values.media import sniff

STILL_LOOP = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
GIF_PICTURE = b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"


def pictures(form, count, **how):
    """The bytes of a file with so many pictures."""
    made = [Image.new("RGB", (30, 20), (40 * number, 0, 0)) for number in range(count)]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": made[1:]} if count > 1 else {}
    made[0].save(file, form, **more, **how)
    return file.getvalue()


def film(codec, form, **options):
    """The bytes of a short video."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_image(Image.new("RGB", (64, 64), "teal"))
        frame.pts = 0  # without one libx265 makes up a time, as it does for pictures that refer to later ones
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_more_than_one_picture_is_animated(form):
    """Of PNG, WebP and GIF the first bytes say whether there is more than one picture."""
    for content, expected in ((pictures(form, 3), True), (pictures(form, 1), False)):
        assert is_animated(io.BytesIO(content), sniff(content)) is expected
    assert not is_animated(io.BytesIO(pictures(form, 3)[:14]), sniff(pictures(form, 3)))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (STILL_LOOP + GIF_PICTURE + b";", False),
        (STILL_LOOP + GIF_PICTURE + GIF_PICTURE + b";", True),
        (STILL_LOOP + b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00" + GIF_PICTURE, True),
        (STILL_LOOP + b"!\xfe\x05hello\x00" + GIF_PICTURE, False),
        (STILL_LOOP + b"!\xfe\xffcut", False),
        (b"GIF89a", False),
    ],
)
def test_a_gif_goes_on_or_not(content, expected):
    """A second picture or a loop makes a GIF move; a comment does not, and what is cut says nothing."""
    assert is_animated(io.BytesIO(content), "image/gif") is expected


def test_other_types():
    """A sequence of AVIF moves by its brand, a JPEG never does, and frames behind a picture do not count."""
    assert is_animated(io.BytesIO(b"\0\0\0\x20ftypavis" + bytes(20)), "image/avif")
    assert not is_animated(io.BytesIO(b"\0\0\0\x20ftypavif" + bytes(20)), "image/avif")
    assert not is_animated(io.BytesIO(pictures("JPEG", 1)), "image/jpeg")
    assert not is_animated(io.BytesIO(pictures("WEBP", 1, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")), "image/webp")
    png = pictures("PNG", 1)
    assert not is_animated(io.BytesIO(png + b"\0\0\0\x08acTL\0\0\0\x02"), "image/png")
    assert not is_animated(io.BytesIO(png[:33] + b"\0\0\0\x08acTL\0\0\0\x01\0\0\0\0\0\0\0\0" + png[33:]), "image/png")


def test_frames_are_found_behind_a_long_colour_profile():
    """What tells of frames is found however much stands in front of it, as long as that is there."""
    content = pictures("PNG", 3, icc_profile=Image.effect_noise((400, 250), 80).tobytes())
    assert content.index(b"acTL") > 64 << 10
    assert is_animated(io.BytesIO(content), "image/png")
    assert not is_animated(io.BytesIO(content[: 64 << 10]), "image/png")


@pytest.mark.parametrize(
    ("codec", "form", "expected"),
    [
        ("libx264", "mp4", "h264"),
        ("libx264", "mov", "h264"),
        ("libx264", "avi", "h264"),
        ("libx264", "matroska", "h264"),
        ("libx265", "mp4", "h265"),
        ("mpeg4", "mp4", "mp4v"),
        ("mpeg4", "avi", "fmp4"),
        ("libvpx-vp9", "webm", "vp9"),
    ],
)
def test_the_codec_is_read_from_the_container(codec, form, expected):
    """H.264 and H.265 have one name in all containers, and every other codec the container's own."""
    quiet = {"x265-params": "bframes=0:log-level=error"} if codec == "libx265" else {}
    content = film(codec, form, **quiet)
    assert codec_of(io.BytesIO(content), sniff(content)) == expected


def test_what_does_not_show_is_nothing(clip):
    """A head that ends before the description, in the middle of a number too, and what is no video, tell no codec."""
    content = clip.read_bytes()
    found = {codec_of(io.BytesIO(content[:length]), "video/mp4") for length in range(0, len(content), 97)}
    assert found <= {None, "h264"}
    assert codec_of(io.BytesIO(b"\0\0\0\x01moov\0\0\0"), "video/mp4") is None
    assert codec_of(io.BytesIO(b"RIFF\0\0\0\0AVI "), "video/x-msvideo") is None
    assert codec_of(io.BytesIO(content), "image/png") is None
