"""WebP: the extended header, its flags, and chunks in their places."""

import io

import pytest
from helpers.portraits import PROFILE, TYPES, XMP, block, chunk, image_data, pixels, put, saved, webp_chunks
from PIL import Image

from seedvr_cli.metadata.carry import read_metadata, write_metadata
from seedvr_cli.metadata.metadata import Metadata, MetadataError

EVERYTHING = Metadata(block(), PROFILE, XMP)
ICC, ALPHA, EXIF, XMP_FLAG, ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02


def animation(mode):
    frames = [pixels(mode=mode) for _ in range(3)]
    return saved("WEBP", frames[0], save_all=True, append_images=frames[1:], lossless=True)


def riff(*chunks):
    content = b"WEBP" + b"".join(chunk(*each) for each in chunks)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def read(tmp_path, content):
    return read_metadata(put(tmp_path, "read.webp", content), "image/webp")


@pytest.mark.parametrize(
    ("new", "flags"),
    [
        (saved("WEBP", pixels((37, 21))), 0),
        (saved("WEBP", pixels((37, 21)), lossless=True), 0),
        (saved("WEBP", pixels((37, 21), "RGBA")), ALPHA),
        (saved("WEBP", pixels((37, 21), "RGBA"), lossless=True), ALPHA),
        (animation("RGB"), ANIMATION),
        (animation("RGBA"), ANIMATION | ALPHA),
        (saved("WEBP", pixels((37, 21)), exif=block("<")), 0),
    ],
    ids=["lossy", "lossless", "alpha", "lossless alpha", "animation", "animation alpha", "extended"],
)
def test_every_kind_of_webp_keeps_its_image_data_and_pixels(given, new, flags):
    """Image chunks are the same bytes in the same order; flags tell of what is there, and of alpha and animation."""
    made, troubles = given(new, "WEBP", EVERYTHING)
    assert troubles == ()
    assert image_data(made) == image_data(new)
    found = webp_chunks(made)
    kinds = [kind for kind, _ in found]
    assert kinds[:2] == [b"VP8X", b"ICCP"]
    assert kinds[-2:] == [b"EXIF", b"XMP "]
    assert len(set(kinds)) == len(kinds) or flags & ANIMATION
    assert found[0][1][0] == flags | ICC | EXIF | XMP_FLAG
    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(new)) as before:
        assert int.from_bytes(found[0][1][4:7], "little") + 1 == before.width
        assert int.from_bytes(found[0][1][7:10], "little") + 1 == before.height
        for frame in range(before.n_frames):
            after.seek(frame)
            before.seek(frame)
            assert (after.mode, after.tobytes()) == (before.mode, before.tobytes())


def test_a_simple_file_that_is_given_nothing_stays_simple(given):
    """Without metadata there is no extended header."""
    new = saved("WEBP")
    assert given(new, "WEBP", Metadata()) == (new, ())


def test_unknown_chunks_and_what_is_behind_the_end_stay(given):
    """A chunk of an odd length that nobody knows stays in its place, and so does what follows the RIFF."""
    image = webp_chunks(saved("WEBP"))[0]
    new = riff(image, (b"ABCD", b"odd")) + b"behind"
    made, _ = given(new, "WEBP", Metadata(exif=block()))
    assert made.endswith(chunk(b"ABCD", b"odd") + chunk(b"EXIF", block()) + b"behind")
    assert [kind for kind, _ in webp_chunks(made[:-6])] == [b"VP8X", image[0], b"ABCD", b"EXIF"]


def test_a_last_byte_of_padding_may_be_missing(given, tmp_path):
    """Some writers leave it out: the chunk is read, and padded where something is put behind it."""
    new = riff(webp_chunks(saved("WEBP"))[0], (b"EXIF", block() + b"\0"))[:-1]
    assert read(tmp_path, new).exif == block() + b"\0"
    made, _ = given(new, "WEBP", Metadata(xmp=XMP))
    assert [kind for kind, _ in webp_chunks(made)][-2:] == [b"EXIF", b"XMP "]


def test_flags_are_of_what_is_there(given):
    """A flag for XMP that is not there goes, and one for EXIF that stays is kept."""
    image = webp_chunks(saved("WEBP"))[0]
    new = riff((b"VP8X", bytes([XMP_FLAG]) + bytes(3) + b"\x17\0\0\x0f\0\0"), image, (b"EXIF", block()))
    assert webp_chunks(given(new, "WEBP", Metadata(icc=PROFILE))[0])[0][1][0] == ICC | EXIF


def test_exif_with_a_jpeg_s_prefix_is_read_without_it(tmp_path):
    """Some writers put it there."""
    image = webp_chunks(saved("WEBP"))[0]
    assert read(tmp_path, riff(image, (b"EXIF", b"Exif\0\0" + block()))).exif == block()


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (b"RIFF", "ends within a part"),
        (b"RIFF\4\0\0\0WAVE", "does not begin as a WebP does"),
        (b"RIFF\4\0\0\0WEBP", "first chunk is not a picture's"),
        (riff((b"EXIF", block())), "first chunk is not a picture's"),
        (riff((b"VP8L", b"/")), "ends within its header"),
        (saved("WEBP")[:-3], "ends before the length that it gives"),
        (b"RIFF\x10\0\0\0WEBPVP8L\xff\xff\xff\x7f/\0\0\0", "ends within a chunk"),
    ],
)
def test_what_is_no_webp_is_refused(tmp_path, new, reason):
    """One sentence says why, and no file is made."""
    path, out = put(tmp_path, "new", new), tmp_path / "out"
    with pytest.raises(MetadataError, match=reason):
        write_metadata(path, TYPES["WEBP"], EVERYTHING, str(out))
    assert not out.exists()


def test_what_comes_before_damage_is_read(tmp_path):
    """A profile in front of a chunk that is cut is read, and the user is told."""
    new = riff((b"VP8X", bytes(10)), (b"ICCP", PROFILE), (b"VP8L", bytes(10)))
    found = read(tmp_path, new[:-10] + b"\xff\xff\xff\0" + new[-6:])
    assert found.icc == PROFILE or found.troubles
