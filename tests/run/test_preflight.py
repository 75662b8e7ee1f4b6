"""A look at what stands behind a URL: as much of it is fetched as tells its size, and no more."""

import asyncio
import io
import struct

import pytest
from fakes.transport import Script, media, request
from PIL import Image

from seedvr_cli.run.preflight import HEAD, MORE, look_at
from seedvr_cli.values.errors import SourceRefused
from seedvr_cli.values.structure import Size

PROFILE = Image.effect_noise((400, 250), 80).tobytes()


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(*size, behind=b""):
    header = bytes(76) + struct.pack(">II", *(number << 16 for number in size))
    return box(b"trak", box(b"tkhd", header) + box(b"free", behind))


BEGIN, PICTURES = box(b"ftyp", b"isom" + bytes(4)), box(b"mdat", bytes(200_000))
INDEX = box(b"moov", box(b"mvhd", bytes(100)) + track(96, 64))
SOUND_FIRST = box(b"moov", track(0, 0, behind=bytes(100_000)) + track(96, 64, behind=bytes(100_000)))


def served(content, *, etags=('"1"',), fails=False):
    """A server that sends parts of it, with one ETag after the other; `fails`: but the first part none."""
    left = list(etags)

    def answer(heard):
        first, _, last = heard.headers["Range"].removeprefix("bytes=").partition("-")
        if fails and first != "0":
            return media(503)
        part = content[int(first) : int(last) + 1]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return media(206, part, Content_Range=span, ETag=left.pop(0) if len(left) > 1 else left[0])

    return answer


def seen(answer, name="3b-video", **options):
    """What comes of a look, and the parts that were asked for."""
    script = Script(answer)

    async def run():
        async with script.gateway() as gateway:
            return await look_at(request(name, **options), gateway)

    look = asyncio.run(run())
    return look, [heard.headers["Range"].removeprefix("bytes=").partition("-")[0] for heard in script.requests]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (BEGIN + INDEX + PICTURES, ["0"]),
        (BEGIN + PICTURES + INDEX, ["0", str(len(BEGIN + PICTURES))]),
        (BEGIN + box(b"free", bytes(HEAD - len(BEGIN) - 12)) + INDEX, ["0", str(HEAD)]),
        (BEGIN + SOUND_FIRST + PICTURES, ["0", str(len(BEGIN) + 8 + 8 + 92 + 8 + 100_000)]),
        (BEGIN + PICTURES + SOUND_FIRST, ["0", str(len(BEGIN + PICTURES)), str(len(BEGIN + PICTURES) + 100_116)]),
    ],
    ids=["in front", "at the end", "across the first part's end", "behind the sound's", "at the end, behind sound's"],
)  # fmt: skip
def test_a_videos_index_is_fetched_where_it_stands(content, parts):
    """A video's size is known wherever its index stands, and where the first part tells it no other is asked for."""
    look, asked = seen(served(content), scale=2)
    assert (look.sight.size, asked) == (Size(96, 64), parts)
    assert look.price == request("3b-video").endpoint.price(size=(192, 128))


@pytest.mark.parametrize(
    "answer",
    [
        media(200, (BEGIN + PICTURES)[:HEAD], Content_Length=str(len(BEGIN + PICTURES + INDEX)), ETag='"1"'),
        served(BEGIN + PICTURES + INDEX, etags=('"1"', '"2"')),
        served(BEGIN + PICTURES + INDEX, fails=True),
        served(BEGIN + PICTURES + bytes(9)),
        served(BEGIN + PICTURES),
    ],
    ids=["no parts", "another file by now", "no answer", "no index", "nothing behind"],
)
def test_what_is_not_to_be_had_leaves_the_dearest_price(answer):
    """A server without parts, a file that has changed and one without an index hinder nothing, and cost the most."""
    look, asked = seen(answer, scale=2)
    assert (look.sight.size, look.price) == (None, request("3b-video", scale=2).price())
    assert len(asked) <= 2
    assert (look.version.etag, look.version.length) in {('"1"', len(PICTURES + BEGIN) + more) for more in
                                                        (0, 9, len(INDEX))}  # fmt: skip


def test_no_more_than_so_many_parts_are_asked_for():
    """A file that leads on and on is given up after a few parts."""
    look, asked = seen(served(BEGIN + box(b"free", bytes(1 << 20)) * 9), scale=2)
    assert (look.sight.size, len(asked)) == (None, 1 + len(MORE))


def picture(form, **options):
    file = io.BytesIO()
    Image.new("RGB", (1000, 800), "teal").save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (picture("JPEG"), 1),
        (picture("JPEG", icc_profile=PROFILE), 2),
        (picture("JPEG", icc_profile=PROFILE * 9), 4),
        (picture("PNG", icc_profile=PROFILE), 2),  # which may be animated, and says so behind the profile
        (picture("WEBP", icc_profile=PROFILE, lossless=True), 1),
    ],
    ids=["JPEG", "JPEG with a profile", "JPEG with a large profile", "PNG with a profile", "WebP with a profile"],
)
def test_a_long_header_hides_no_size(content, count):
    """What would become too large is refused however much stands in front of its size."""
    with pytest.raises(SourceRefused, match="8000x6400"):
        seen(served(content), "7b-image", scale=8)
    look, asked = seen(served(content), "7b-image", scale=1)
    assert (look.sight.size, len(asked)) == (Size(1000, 800), count)
    assert look.remark is None


def test_of_what_is_refused_anyway_no_more_is_fetched():
    """Of a picture in a format that the gateway does not take the first part is enough."""
    script = Script(served(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200_000)))

    async def run():
        async with script.gateway() as gateway:
            await look_at(request("7b-image"), gateway)

    with pytest.raises(SourceRefused, match="image/avif"):
        asyncio.run(run())
    assert len(script.requests) == 1


def test_frames_behind_a_long_header_are_seen():
    """A PNG that says behind its colour profile that it is animated is said to be."""
    other = Image.new("RGB", (1000, 800), "red")
    content = picture("PNG", icc_profile=PROFILE, save_all=True, append_images=[other])
    look, asked = seen(served(content), "7b-image", scale=1)
    assert (look.remark is not None, len(asked)) == (True, 2)
