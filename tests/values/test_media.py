"""What a file is, how large, and whether all of it is there: told by its bytes alone."""

import io
import os
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seedvr_cli.values.media import EXTENSIONS, HEAD_BYTES, SOURCE_EXTENSIONS, measure, named_type, sniff, sniff_file
from seedvr_cli.values.structure import Size, is_whole


def picture(form, size=(20, 15)):
    """A picture of noise, so that it does not compress to nothing."""
    file = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(file, form)
    return file.getvalue()


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(width, height):
    return box(b"trak", box(b"tkhd", bytes(76) + struct.pack(">II", width << 16, height << 16)))


def movie(*sizes, brand=b"isom", media=bytes(300)):
    """An MP4 with a track for each size; 0x0 stands for sound."""
    tracks = b"".join(track(*size) for size in sizes)
    return box(b"ftyp", brand + bytes(4)) + box(b"moov", box(b"mvhd", bytes(100)) + tracks) + box(b"mdat", media)


def webp(form, payload):
    return b"RIFF" + struct.pack("<I", 12 + len(payload)) + b"WEBP" + form + struct.pack("<I", len(payload)) + payload


def png_of_size(width, height):
    """A PNG's beginning that claims a size, as a large result would."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", bytes(40))


HEADS = {
    "png": (picture("PNG"), "image/png"),
    "jpeg": (picture("JPEG"), "image/jpeg"),
    "webp": (picture("WEBP"), "image/webp"),
    "gif": (picture("GIF"), "image/gif"),
    "tiff": (picture("TIFF"), "image/tiff"),
    "bmp": (picture("BMP"), "image/bmp"),
    "avif": (box(b"ftyp", b"avif" + bytes(4)), "image/avif"),
    "mp4": (movie((64, 48)), "video/mp4"),
    "mp42": (movie((64, 48), brand=b"mp42"), "video/mp4"),
    "mov": (movie((64, 48), brand=b"qt  "), "video/quicktime"),
    "old mov": (box(b"moov", track(64, 48)), "video/quicktime"),
    "webm": (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86", "video/webm"),
    "avi": (b"RIFF\x10\0\0\0AVI LIST", "video/x-msvideo"),
}


def matroska(kind, size=300):
    """A file of that DocType, with a segment of so many bytes; None is one of unknown length, with 300."""
    header = b"\x42\x82" + bytes([0x80 | len(kind)]) + kind
    length = b"\x01" + (b"\xff" * 7 if size is None else size.to_bytes(7, "big"))
    return b"\x1aE\xdf\xa3" + bytes([0x80 | len(header)]) + header + b"\x18\x53\x80\x67" + length + bytes(size or 300)


WHOLE = {
    "video/webm": matroska(b"webm"),
    "video/x-matroska": matroska(b"matroska"),
    "image/png": picture("PNG"),
    "image/jpeg": picture("JPEG"),
    "image/webp": picture("WEBP"),
    "video/mp4": movie((64, 48)),
    "video/quicktime": movie((64, 48), brand=b"qt  "),
    "video/x-msvideo": b"RIFF" + struct.pack("<I", 304) + b"AVI " + bytes(300),
    "image/avif": box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", bytes(40)) + box(b"mdat", bytes(300)),
}


@pytest.mark.parametrize(("content", "media_type"), HEADS.values(), ids=HEADS)
def test_the_first_bytes_tell_the_type(content, media_type, tmp_path):
    """A file's beginning tells its media type, whatever its name or the gateway says."""
    path = tmp_path / "output.ext"
    path.write_bytes(content)
    assert sniff(content[:HEAD_BYTES]) == sniff_file(str(path)) == media_type
    assert media_type in EXTENSIONS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_may_never_end_is_not_opened(tmp_path):
    """A pipe and a device are an error of the system, and nobody waits for what they bring."""
    os.mkfifo(tmp_path / "pipe.png")
    for path in (str(tmp_path / "pipe.png"), os.devnull):
        with pytest.raises(OSError, match="no regular file"):
            sniff_file(path)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PNG",
        b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title>",
        b'{"error": "not found"}',
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        b"BM is how this text begins",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"PK\x03\x04\x14\0\0\0",
        b"%PDF-1.7",
        bytes(64),
    ],
)
def test_other_bytes_are_no_media(head):
    """An error page, a document or sound is neither a picture nor a video."""
    assert sniff(head) is None


@settings(deadline=None)
@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_are_one_known_type_or_none(head):
    """Every type that bytes may show has a file name extension."""
    assert sniff(head) is None or sniff(head) in EXTENSIONS


def test_a_file_name_of_ours_is_a_source_again():
    """What the gateway delivers has an extension under which a folder's files are found."""
    assert EXTENSIONS["image/png"] in SOURCE_EXTENSIONS["image"]
    assert EXTENSIONS["image/jpeg"] in SOURCE_EXTENSIONS["image"]
    assert EXTENSIONS["image/webp"] in SOURCE_EXTENSIONS["image"]
    assert EXTENSIONS["video/mp4"] in SOURCE_EXTENSIONS["video"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_picture_is_measured(form, tmp_path):
    """A picture's width and height are read from the file."""
    path = tmp_path / "picture"
    path.write_bytes(picture(form, (53, 21)))
    assert measure(str(path), sniff_file(str(path))) == Size(53, 21)


@pytest.mark.parametrize("size", [(15_360, 8_640), (32_768, 32_768)])
def test_a_very_large_picture_is_measured_in_silence(size, tmp_path):
    """A result of hundreds of megapixels has a size like any other, and draws no warning."""
    path = tmp_path / "large.png"
    path.write_bytes(png_of_size(*size))
    assert measure(str(path), "image/png") == Size(*size)


def test_a_video_is_measured(tmp_path):
    """A video's size is that of its largest track, and sound has none."""
    path = tmp_path / "video.mp4"
    path.write_bytes(movie((0, 0), (1280, 720), (160, 90)))
    assert measure(str(path), "video/mp4") == Size(1280, 720)


def test_a_video_with_its_index_at_the_end_is_measured(tmp_path):
    """The index may come after the media, and its boxes may have lengths of 64 bits or none at all."""
    path = tmp_path / "video.mp4"
    media = struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    index = struct.pack(">I4s", 0, b"moov") + track(1920, 1080)
    path.write_bytes(box(b"ftyp", b"isom" + bytes(4)) + media + index)
    assert measure(str(path), "video/mp4") == Size(1920, 1080)
    assert is_whole(str(path), "video/mp4")


STRANGE = {
    "empty": b"",
    "cut": picture("PNG")[:20],
    "text": b"x" * 500,
    "sound only": movie((0, 0)),
    "endless box": struct.pack(">I4s", 8, b"moov") * 3,
    "box of length 3": struct.pack(">I4s", 3, b"moov") + bytes(50),
    "cut 64-bit box": box(b"ftyp", b"isom" + bytes(4)) + struct.pack(">I4s", 1, b"mdat") + b"\0\0",
    "boxes in boxes": b"".join(struct.pack(">I4s", 8 * (3000 - depth), b"moov") for depth in range(3000)),
    "short track header": box(b"moov", box(b"trak", box(b"tkhd", b"1"))),
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp", "video/mp4", "video/webm"])
def test_a_strange_file_has_no_size(content, media_type, tmp_path):
    """A file that cannot be read has no size, and crashes nothing."""
    path = tmp_path / "strange"
    path.write_bytes(content)
    assert measure(str(path), media_type) is None


@pytest.mark.parametrize("content", [STRANGE[name] for name in STRANGE if name != "sound only"])
@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp", "image/avif", "video/mp4"])
def test_a_strange_file_is_not_whole(content, media_type, tmp_path):
    """A file that cannot be read is not taken for a whole one, and crashes nothing."""
    path = tmp_path / "strange"
    path.write_bytes(content)
    assert not is_whole(str(path), media_type)


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("media_type", WHOLE)
def test_no_bytes_break_the_looks_at_a_file(tmp_path_factory, media_type, data):
    """Whatever bytes a damaged file has, it is measured and checked without a crash."""
    whole = bytearray(WHOLE[media_type])
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(whole[: data.draw(st.integers(12, len(whole)))])
    size = measure(str(path), media_type)
    assert size is None or (size.width > 0 and size.height > 0)
    assert is_whole(str(path), media_type) in {True, False}


@pytest.mark.parametrize("media_type", WHOLE)
def test_a_whole_file_is_whole(media_type, tmp_path):
    """A complete file's own structure says that it is complete."""
    path = tmp_path / "whole"
    path.write_bytes(WHOLE[media_type])
    assert sniff_file(str(path)) == media_type
    assert is_whole(str(path), media_type)


@pytest.mark.parametrize("media_type", WHOLE)
def test_a_cut_file_is_not_whole(media_type, tmp_path):
    """However much of its end is missing, a cut file is not taken for a whole one."""
    path = tmp_path / "cut"
    content = WHOLE[media_type]
    mistaken = []
    for length in range(HEAD_BYTES, len(content)):
        path.write_bytes(content[:length])
        if is_whole(str(path), media_type):
            mistaken.append(length)
    assert mistaken == []


@pytest.mark.parametrize("fill", [b"", b"\xff\xff"], ids=["as usual", "with fill"])
def test_the_end_of_a_thumbnail_is_not_that_of_its_photo(tmp_path, fill):
    """A photo that is cut is not taken for whole because its thumbnail, a JPEG in its EXIF, has an end."""
    path = tmp_path / "photo.jpg"
    photo = picture("JPEG")
    thumbnail = b"Exif\0\0" + photo
    photo = photo[:2] + fill + b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + photo[2:]
    path.write_bytes(photo)
    assert is_whole(str(path), "image/jpeg")
    for length in range(HEAD_BYTES, len(photo)):
        path.write_bytes(photo[:length])
        assert not is_whole(str(path), "image/jpeg"), length


def stretched(shown, stored, *, kind=b"vmhd", entry=86):
    """An MP4 whose header says how wide it is to be shown, and whose samples how wide they are."""
    sample = struct.pack(">I4s24x2H50x", 86, b"avc1", *stored)[:entry]
    table = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1) + sample))
    header = box(b"tkhd", bytes(76) + struct.pack(">II", shown[0] << 16, shown[1] << 16))
    media = box(b"mdia", box(b"minf", box(kind, bytes(12)) + table))
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", box(b"trak", header + media) + bytes(400))


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (stretched((1920, 1080), (1440, 1080)), Size(1440, 1080)),
        (stretched((320, 60), (9999, 9999), kind=b"nmhd"), Size(320, 60)),  # subtitles
        (stretched((320, 60), (0, 0)), Size(320, 60)),
        (stretched((320, 60), (640, 120), entry=20), Size(320, 60)),
        (box(b"moov", box(b"trak", box(b"tkhd", bytes(84))) + box(b"trak", b"")), None),
    ],
    ids=["stretched", "subtitles", "no size of its own", "short table", "nothing to see"],
)
def test_a_video_has_the_pixels_that_are_stored(tmp_path, content, size):
    """A video that players stretch has the pixels of its pictures, and what is no picture has none."""
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    assert measure(str(path), "video/mp4") == size


def test_the_beginning_of_a_long_index_tells_the_size():
    """Of a video whose index is longer than what was read of it, the size is known all the same."""
    content = stretched((64, 48), (64, 48))
    assert measure(io.BytesIO(content[:-300]), "video/mp4") == Size(64, 48)


@pytest.mark.parametrize(
    "how", [{}, {"lossless": True}, {"exif": Image.Exif().tobytes()}], ids=["lossy", "lossless", "extended"]
)
def test_the_beginning_of_a_webp_tells_its_size(how):
    """The first bytes of a WebP tell its size, though no decoder takes them without the rest."""
    file = io.BytesIO()
    Image.effect_noise((301, 204), 80).save(file, "WEBP", **how)
    assert measure(io.BytesIO(file.getvalue()[:200]), "image/webp") == Size(301, 204)
    assert measure(io.BytesIO(file.getvalue()[:25]), "image/webp") is None
    assert measure(io.BytesIO(webp(b"ABCD", bytes(40))), "image/webp") is None


def element(name, content, *, says_length=True):
    length = len(content).to_bytes(7, "big") if says_length else b"\xff" * 7
    return bytes.fromhex(name) + b"\x01" + length + content


@pytest.mark.parametrize("clusters_say_their_length", [True, False])
def test_a_cut_recording_is_not_whole(tmp_path, clusters_say_their_length):
    """A WebM that was written as it came is whole up to its last block's end, and cut where that is missing."""
    path = tmp_path / "live.webm"
    block = element("a3", bytes(50))
    cluster = element("1f43b675", element("e7", b"\0") + block + block, says_length=clusters_say_their_length)
    header = element("1a45dfa3", b"\x42\x82\x84webm")
    content = header + element("18538067", element("1654ae6b", bytes(30)) + cluster + cluster, says_length=False)
    for behind in (b"", bytes(20)):
        path.write_bytes(content + behind)
        assert is_whole(str(path), "video/webm")
    for missing in range(1, len(block) - 1):  # less than the name and one byte of the length is nobody's
        path.write_bytes(content[:-missing])
        assert not is_whole(str(path), "video/webm")


def test_a_fragment_without_its_pictures_is_not_whole(tmp_path):
    """A fragmented MP4 that ends between a fragment's index and its pictures is cut."""
    path = tmp_path / "fragments.mp4"
    index = box(b"moof", bytes(40))
    whole = movie((64, 48)) + index + box(b"mdat", bytes(90))
    for content, is_it in ((whole, True), (whole + box(b"mfra", bytes(9)), True), (whole + index, False)):
        path.write_bytes(content)
        assert is_whole(str(path), "video/mp4") is is_it


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF])
def test_an_avi_may_not_know_its_length(tmp_path, length):
    """An AVI that was written as it came says no length, and is taken as it is."""
    path = tmp_path / "live.avi"
    path.write_bytes(b"RIFF" + struct.pack("<I", length) + b"AVI " + bytes(300))
    assert is_whole(str(path), "video/x-msvideo")


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
def test_a_few_bytes_behind_a_picture_do_no_harm(media_type, tmp_path):
    """A picture with a few bytes after its end is whole all the same."""
    path = tmp_path / "padded"
    path.write_bytes(WHOLE[media_type] + bytes(8))
    assert is_whole(str(path), media_type)


def test_a_type_without_a_check_is_whole_unless_empty(tmp_path):
    """Of a type whose structure is not looked at, any byte will do."""
    path = tmp_path / "video.webm"
    path.write_bytes(b"")
    assert not is_whole(str(path), "video/webm")
    path.write_bytes(HEADS["webm"][0])
    assert is_whole(str(path), "video/webm")


@pytest.mark.parametrize("form", [b"VP8 ", b"VP8L", b"VP8X"])
def test_a_webp_counts_its_own_bytes(form, tmp_path):
    """A WebP is whole where the file has the bytes that its header counts."""
    path = tmp_path / "picture.webp"
    content = webp(form, bytes(64))
    path.write_bytes(content)
    assert is_whole(str(path), "image/webp")
    path.write_bytes(content[:-1])
    assert not is_whole(str(path), "image/webp")


BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"M4A ": "audio/mp4",
    b"avif": "image/avif",
    b"qt  ": "video/quicktime",
    b"isom": "video/mp4",
    b"mp42": "video/mp4",
}


@pytest.mark.parametrize("brand", BRANDS)
def test_a_brand_says_what_a_box_file_is(brand):
    """An iPhone's picture and a song are not taken for a video."""
    assert sniff(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand) == BRANDS[brand]


@pytest.mark.parametrize(
    ("compatible", "media_type"),
    [(b"mif1heic", "image/heic"), (b"mif1avif", "image/avif"), (b"mif1miaf", "image/heif")],
)
def test_a_still_brand_leaves_it_to_the_others(compatible, media_type):
    """A general brand of pictures is told apart by those behind it."""
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0" + compatible) == media_type


def test_matroska_is_not_webm():
    """The two share their first bytes, and are told apart by what they say of themselves."""
    head = b"\x1aE\xdf\xa3\x93B\x82\x88"
    assert sniff(head + b"matroska") == "video/x-matroska"
    assert sniff(head + b"webm") == "video/webm"


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_has_the_size_that_is_shown(tmp_path, form, media_type, orientation):
    """A picture that EXIF stands on its side is as wide as it is shown."""
    path = tmp_path / "picture"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(path, form, exif=exif)
    assert measure(str(path), media_type) == (Size(20, 30) if orientation >= 5 else Size(30, 20))


@pytest.mark.parametrize("media_type", ["video/webm", "video/x-matroska", "video/x-msvideo"])
def test_a_video_that_says_nothing_of_it_has_no_size(tmp_path, media_type):
    """What is no more than a container's beginning is delivered without width and height."""
    path = tmp_path / "video"
    path.write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    assert measure(str(path), media_type) is None
    if media_type != "video/x-msvideo":
        assert is_whole(str(path), media_type)
        path.write_bytes(b"")
        assert not is_whole(str(path), media_type)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.png", "image/png"),
        ("A.JPG", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.tif", "image/tiff"),
        ("holiday.2026.heic", "image/heic"),
        ("a.m4v", "video/mp4"),
        ("a.mkv", "video/x-matroska"),
        ("a.png.zip", None),
        ("png", None),
        (".png", None),
        ("", None),
    ],
)
def test_an_ending_says_what_a_file_would_be(name, media_type):
    """A name's last ending, in any case, says what is in it, or nothing at all."""
    assert named_type(name) == media_type


def test_a_segment_of_unknown_length_is_whole(tmp_path):
    """A WebM that was written as it came does not say how long it is, and is taken as it is."""
    path = tmp_path / "live.webm"
    path.write_bytes(matroska(b"webm", None))
    assert is_whole(str(path), "video/webm")


def test_the_last_part_of_a_large_file_counts(tmp_path):
    """An AVI of several RIFF chunks and an MP4 of fragments are whole where all of them are."""
    avi, mp4 = WHOLE["video/x-msvideo"], WHOLE["video/mp4"]
    for media_type, content in (
        ("video/x-msvideo", avi + b"RIFF" + struct.pack("<I", 104) + b"AVIX" + bytes(100)),
        ("video/mp4", mp4 + box(b"moof", bytes(20)) + box(b"mdat", bytes(100))),
    ):
        path = tmp_path / "large"
        path.write_bytes(content)
        assert is_whole(str(path), media_type)
        path.write_bytes(content[:-1])
        assert not is_whole(str(path), media_type)
