"""How a comparison is known for ours."""

import io
import os

import pytest
from PIL import Image

from seedvr_cli.values.comparison import comparison_name, is_comparison, is_untouched, marked, read_mark
from seedvr_cli.values.job import File

RESULT = File("out/photo-2x.png", 10, "ab" * 32, "image/png")


def jpeg(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "photo-2x-compare.jpg"
    path.write_bytes(marked(jpeg(), RESULT))
    return str(path)


def test_the_name_is_beside_the_result():
    """It has the result's folder and stem, whatever the format."""
    assert comparison_name("out/photo-2x.png") == "out/photo-2x-compare.jpg"
    assert comparison_name("a.b/photo") == "a.b/photo-compare.jpg"


def test_a_marked_file_says_whose_it_is(path):
    """The mark names the result, and the picture is as it was."""
    mark = read_mark(path)
    assert (mark.result, mark.sha256) == ("photo-2x.png", RESULT.sha256)
    assert is_untouched(path, mark)
    assert is_comparison(path)
    with Image.open(path) as marked_one, Image.open(io.BytesIO(jpeg())) as plain:
        assert marked_one.tobytes() == plain.tobytes()


def test_a_long_odd_name_fits_into_its_mark(tmp_path):
    """A name of 255 bytes that all need an escape is read back."""
    name = "\udcff" * 251 + ".png"
    path = tmp_path / "a-compare-2.jpg"
    path.write_bytes(marked(jpeg(), File(name, 1, "ab" * 32, "image/png")))
    assert read_mark(str(path)).result == name


def test_a_changed_file_is_not_untouched(path):
    """One byte of the picture that is another one shows; the mark stays."""
    with open(path, "r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"!")
    assert is_comparison(path)
    assert not is_untouched(path, read_mark(path))


def test_the_name_alone_makes_no_comparison(path, tmp_path):
    """Another name, no mark, or no regular file: it is none of ours."""
    other = tmp_path / "photo.jpg"
    os.link(path, other)
    plain, link, folder = tmp_path / "b-compare.jpg", tmp_path / "c-compare.jpg", tmp_path / "d-compare.jpg"
    plain.write_bytes(jpeg())
    link.symlink_to(path)
    folder.mkdir()
    missing = tmp_path / "e-compare.jpg"
    assert [is_comparison(str(one)) for one in (other, plain, link, folder, missing)] == [False] * 5


@pytest.mark.parametrize(
    "comment",
    [
        b"", b"mine", b"[1]", b'"seedvr"', b'{"seedvr": "comparison"}',
        b'{"seedvr": 1, "result": "", "sha256": "", "digest": ""}',
    ],
)  # fmt: skip
def test_a_comment_of_somebody_elses_is_no_mark(tmp_path, comment):
    """What else may stand in a comment is not taken for a mark."""
    path = tmp_path / "a-compare.jpg"
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "JPEG", comment=comment)
    path.write_bytes(buffer.getvalue())
    assert read_mark(str(path)) is None


def test_what_is_cut_off_is_no_mark(path):
    """A file that ends within its mark has none, at whatever byte."""
    with open(path, "rb") as file:
        whole = file.read()
    for length in range(300):
        with open(path, "wb") as file:
            file.write(whole[:length])
        mark = read_mark(path)
        assert mark is None or not is_untouched(path, mark)


def test_what_cannot_be_read_is_not_ours(path, monkeypatch):
    """A file that is gone between two looks has no mark and is not untouched."""
    mark = read_mark(path)

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert read_mark(path) is None
    assert not is_untouched(path, mark)
