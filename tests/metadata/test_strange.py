"""Strange files: whatever bytes a picture has, a result or one kind of exception, in bounded memory and time."""

import io
import os
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from helpers.portraits import PROFILE, RESOURCES, TYPES, XMP, block, chunk, put, saved, segment, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedvr_cli.metadata.carry import adjusted, read_metadata, with_properties, write_metadata
from seedvr_cli.metadata.metadata import LARGEST, Metadata, MetadataError

pytestmark = pytest.mark.slow

EVERYTHING = Metadata(block(), PROFILE, XMP, RESOURCES, (300.0, 300.0))
SOURCES = {form: source(form) for form in TYPES}
RESULTS = {form: saved(form) for form in TYPES}
MEGABYTE = 1 << 20

# Where to change, and by what: a few bytes, a cut, or bytes of the file again.
changes = st.lists(
    st.tuples(
        st.integers(0, 5_000), st.sampled_from(["set", "cut", "drop", "repeat"]), st.binary(min_size=1, max_size=8)
    ),
    min_size=1,
    max_size=6,
)


def changed(content, what):
    for place, how, new in what:
        at = place % (len(content) + 1)
        match how:
            case "set":
                content = content[:at] + new + content[at + len(new) :]
            case "cut":
                content = content[:at] if at % 4 == 0 else content
            case "drop":
                content = content[:at] + content[at + len(new) :]
            case "repeat":
                content = content[:at] + content[max(at - 40, 0) :]
    return content


def through_everything(path, form, results):
    """Read, bring up to date, add to, write into each format and into the file itself."""
    metadata = read_metadata(path, TYPES[form])
    new = adjusted(metadata, width=70_000, height=9, is_upright=True, thumbnail=b"\xff\xd8")
    new = with_properties(new, {"RequestId": "r-1"})
    for result, content in results.items():
        out = io.BytesIO()
        write_metadata(content, TYPES[result], new, out)
        assert out.getvalue()
    with suppress(MetadataError):
        write_metadata(path, TYPES[form], EVERYTHING, io.BytesIO())


@pytest.mark.parametrize("form", TYPES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(what=changes)
def test_changed_files_raise_nothing_else(tmp_path, form, what):
    """Reading raises nothing, what was read can be written anywhere, and writing to the file itself MetadataError."""
    results = {each: put(tmp_path, each, content) for each, content in RESULTS.items()}
    through_everything(put(tmp_path, "changed", changed(SOURCES[form], what)), form, results)


@pytest.mark.parametrize("form", TYPES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(what=changes)
def test_changed_blocks_raise_nothing_else(tmp_path, form, what):
    """The same where a whole file holds a changed block of EXIF, packet of XMP and list of resources."""
    strange = Metadata(changed(block(), what), PROFILE, changed(XMP, what), changed(RESOURCES, what))
    whole = tmp_path / "whole"
    whole.unlink(missing_ok=True)
    write_metadata(put(tmp_path, "new", RESULTS[form]), TYPES[form], strange, str(whole))
    through_everything(str(whole), form, {form: put(tmp_path, "result", RESULTS[form])})


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("content", [b"", b"\0", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF", os.urandom(500)])
def test_what_is_no_picture_has_no_metadata(tmp_path, form, content):
    """It is said in a sentence, and nothing is written."""
    path = put(tmp_path, "strange", content)
    assert len(read_metadata(path, TYPES[form]).troubles) == 1
    with pytest.raises(MetadataError):
        write_metadata(path, TYPES[form], EVERYTHING, io.BytesIO())


def sparse_png(path, size):
    """A PNG whose one chunk of image data is that large, and takes no room on the disk."""
    small = RESULTS["PNG"]
    with open(path, "wb") as file:
        file.write(small[:33] + size.to_bytes(4, "big") + b"IDAT")
        file.seek(size + 4, os.SEEK_CUR)
        file.write(small[-12:])


def sparse_jpeg(path, size):
    """A JPEG whose scan is that large."""
    small = RESULTS["JPEG"]
    with open(path, "wb") as file:
        file.write(small[:-2])
        file.seek(size, os.SEEK_CUR)
        file.write(small[-2:])


def sparse_webp(path, size):
    """A WebP whose picture is that large."""
    small = RESULTS["WEBP"]
    with open(path, "wb") as file:
        file.write(
            b"RIFF" + (size + 12).to_bytes(4, "little") + b"WEBPVP8 " + size.to_bytes(4, "little") + small[20:50]
        )
        file.truncate(size + 20)


@pytest.mark.parametrize("make", [sparse_png, sparse_jpeg, sparse_webp])
def test_a_large_picture_is_copied_in_little_memory(tmp_path, make):
    """A picture of 512 MB is given metadata within eight megabytes, and grows by as much as a small one does."""
    form = make.__name__.removeprefix("sparse_").upper()
    path, size = str(tmp_path / "large"), 512 * MEGABYTE
    make(path, size)
    tracemalloc.start()
    try:
        assert read_metadata(path, TYPES[form]).troubles == ()
        out = Counting()
        write_metadata(path, TYPES[form], EVERYTHING, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE
    small = Counting()
    write_metadata(put(tmp_path, "small", RESULTS[form]), TYPES[form], EVERYTHING, small)
    assert out.count - os.path.getsize(path) == small.count - len(RESULTS[form])


class Counting(io.RawIOBase):
    """Counts what is written, and writes it nowhere."""

    count = 0

    def write(self, content):
        self.count += len(content)
        return len(content)


def hostile_png():
    bomb = zlib.compress(bytes(20 * LARGEST), 9)
    content = b"a\0\0" + bomb
    made = len(content).to_bytes(4, "big") + b"iCCP" + content + zlib.crc32(b"iCCP" + content).to_bytes(4, "big")
    return RESULTS["PNG"][:33] + made + RESULTS["PNG"][33:]


def hostile_jpeg():
    """Parts of metadata without end: more than there can be of any kind."""
    parts = segment(0xED, b"Photoshop 3.0\0" + bytes(65_500)) * (LARGEST // 65_000 + 100)
    return RESULTS["JPEG"][:2] + parts + RESULTS["JPEG"][2:]


def hostile_webp():
    """A block of more bytes than metadata has, that are all there."""
    picture = RESULTS["WEBP"][12:]
    content = b"WEBP" + picture + chunk(b"EXIF", block().ljust(LARGEST + 2, b"\0"))
    return b"RIFF" + len(content).to_bytes(4, "little") + content


@pytest.mark.parametrize("make", [hostile_png, hostile_jpeg, hostile_webp])
def test_hostile_files_take_no_more_memory_than_metadata_has(tmp_path, make):
    """What inflates to 640 MB, goes on for more than the limit, or is larger than it, is left out and said."""
    form = make.__name__.removeprefix("hostile_").upper()
    path = put(tmp_path, "hostile", make())
    tracemalloc.start()
    try:
        found = read_metadata(path, TYPES[form])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.troubles) > 0
    assert (found.exif, found.icc, found.xmp) == (None, None, None)
    assert peak < 4 * LARGEST


def test_segments_without_end_are_given_up(tmp_path):
    """More than a million of them are no picture's."""
    path = put(tmp_path, "many", b"\xff\xd8" + b"\xff\xfe\0\2" * ((1 << 20) + 1))
    assert read_metadata(path, "image/jpeg").troubles == (
        "its segments cannot all be read: it has more segments than a picture has",
    )


@pytest.mark.parametrize("made", [b"damaged", zlib.compress(bytes(LARGEST))])
def test_chunks_without_end_are_given_up(tmp_path, made):
    """Of 300 profiles, damaged or of the largest size, not more than a few are looked at."""
    content = b"a\0\0" + made
    one = len(content).to_bytes(4, "big") + b"iCCP" + content + zlib.crc32(b"iCCP" + content).to_bytes(4, "big")
    path = put(tmp_path, "many", RESULTS["PNG"][:33] + one * 300 + RESULTS["PNG"][33:])
    troubles = read_metadata(path, "image/png").troubles
    assert "its chunks cannot all be read: it has more metadata than a picture has" in troubles
    assert len(troubles) < 30
