"""Before and after in one picture."""

import pytest
from helpers.report import BLUE, GREEN, RED, is_like
from PIL import Image, ImageDraw
from PIL.ExifTags import Base

from seedvr_cli.report import pair
from seedvr_cli.report.pair import Pair
from seedvr_cli.report.previews import Unshown

GREY = (128, 128, 128)


@pytest.fixture
def saved(tmp_path):
    """Puts a picture on disk; returns its path."""

    def save(image, name, **how):
        image.save(tmp_path / name, **how)
        return str(tmp_path / name)

    return save


def halves(size, left=RED, right=BLUE):
    image = Image.new("RGB", size, left)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill=right)
    return image


def test_the_source_stands_left_as_large_as_the_result(saved):
    """The source is enlarged to the size of the result at its right, with a line between."""
    two = Pair.read(saved(halves((40, 20)), "a.png"), saved(halves((80, 40), GREEN, RED), "b.png"))
    picture = two.picture(line=4)
    assert (picture.mode, picture.size) == ("RGB", (164, 40))
    assert (two.before_size, two.after_size) == ((40, 20), (80, 40))
    colours = [picture.getpixel((x, 20)) for x in (10, 70, 94, 154)]
    assert colours == [RED, BLUE, GREEN, RED]
    assert picture.getpixel((81, 0)) == picture.getpixel((83, 39)) == (192, 192, 192)


def test_it_fits_into_what_there_is(saved):
    """Each side is at most so large, keeps its shape, and is never made larger than the result."""
    two = Pair.read(saved(halves((40, 20)), "a.png"), saved(halves((80, 40)), "b.png"))
    assert two.picture(line=1, largest=(21, 1000)).size == (43, 10)
    assert two.picture(line=1, largest=(1000, 10)).size == (41, 10)
    assert two.picture(line=1, largest=(1000, 1000)).size == (161, 40)
    assert two.picture(line=0, largest=(1, 1)).size == (2, 1)


def test_another_shape_is_kept(saved):
    """A source of another shape stands in the middle of its side, on grey."""
    two = Pair.read(saved(Image.new("RGB", (10, 10), RED), "a.png"), saved(Image.new("RGB", (80, 40), GREEN), "b.png"))
    picture = two.picture(line=0)
    assert [picture.getpixel((x, 20)) for x in (5, 40, 75, 85)] == [GREY, RED, GREY, GREEN]


def test_the_source_is_turned_as_it_says(saved):
    """A photograph that lies on its side stands upright beside its result."""
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    lying = halves((40, 20)).transpose(Image.Transpose.ROTATE_90)
    before = saved(lying.transpose(Image.Transpose.ROTATE_90), "a.png", exif=exif)
    two = Pair.read(before, saved(halves((80, 160)), "b.png"))
    assert two.before_size == (20, 40)


def test_what_is_transparent_stands_on_grey(saved):
    """Black and white on nothing can both be seen."""
    clear = Image.new("RGBA", (10, 10), (255, 255, 255, 0))
    two = Pair.read(saved(clear, "a.png"), saved(clear.resize((20, 20)), "b.webp", lossless=True))
    picture = two.picture(line=0)
    assert is_like(picture.getpixel((5, 5)), GREY)
    assert is_like(picture.getpixel((30, 10)), GREY)


def test_huge_pictures_are_scaled_down(saved, monkeypatch):
    """Beyond so many pixels of a side, or so long an edge, both are smaller; the sizes told are those of the files."""
    monkeypatch.setattr(pair, "SIDE_PIXELS", 1000)
    monkeypatch.setattr(pair, "LONGEST_EDGE", 100)
    two = Pair.read(saved(halves((40, 20)), "a.png"), saved(halves((160, 80)), "b.png"))
    assert two.after_size == (160, 80)
    assert two.after.size == (45, 22)
    wide = Pair.read(saved(halves((50, 1)), "c.png"), saved(halves((400, 2)), "d.png"))
    assert wide.after.size[0] == 100


def test_what_is_no_picture_is_told(saved, tmp_path):
    """A file that cannot be read raises Unshown, whichever of the two it is."""
    good = saved(halves((4, 4)), "a.png")
    (tmp_path / "b.png").write_bytes(b"nothing")
    for one, other in ((good, str(tmp_path / "b.png")), (str(tmp_path / "gone.png"), good)):
        with pytest.raises(Unshown):
            Pair.read(one, other)
