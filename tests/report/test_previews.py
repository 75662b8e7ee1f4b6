"""Files as small pictures."""

import io
import os

import pytest
from helpers.report import GREEN, RED, WHITE, is_like
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from seedvr_cli.report import previews
from seedvr_cli.report.previews import (
    AFTER_BUDGET,
    AFTER_DETAIL_BUDGET,
    BEFORE_BUDGET,
    BEFORE_DETAIL_BUDGET,
    WHOLE_SIDE,
    Unshown,
    decoded,
    detail_size,
    look,
    shot,
)


@pytest.fixture
def saved(tmp_path):
    """Puts a picture on disk; returns its path."""

    def save(image, name="picture.png", **how):
        image.save(tmp_path / name, **how)
        return str(tmp_path / name)

    return save


def noise(size):
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


def shown(shot):
    return Image.open(io.BytesIO(shot.data))


def test_the_worst_pictures_keep_the_budget(saved):
    """Pictures of noise, which nothing makes small, give previews within the bytes that a job has."""
    after = look(saved(noise((1800, 1200))))
    before = look(saved(noise((900, 600))), like=after)
    sizes = [len(one.data) for one in (after.whole, before.whole, after.detail, before.detail)]
    limits = [AFTER_BUDGET, BEFORE_BUDGET, AFTER_DETAIL_BUDGET, BEFORE_DETAIL_BUDGET]
    assert all(size <= limit for size, limit in zip(sizes, limits, strict=True)), sizes
    assert sum(limits) * 4 / 3 * 200 < 29_000_000


def test_the_whole_is_made_small(saved):
    """The whole has a bounded long side and its own shape, and the look tells the file's own size."""
    found = look(saved(Image.new("RGB", (3000, 1000), GREEN)))
    assert (found.width, found.height) == (3000, 1000)
    assert (found.whole.width, found.whole.height) == (WHOLE_SIDE, WHOLE_SIDE // 3)
    assert shown(found.whole).size == (found.whole.width, found.whole.height)


def test_a_small_picture_stays_as_it_is(saved):
    """A picture smaller than a preview is not enlarged, and its part is all of it."""
    found = look(saved(Image.new("RGB", (40, 30), GREEN)))
    assert (found.whole.width, found.whole.height) == (40, 30)
    assert (found.detail.width, found.detail.height) == (40, 30)


def test_the_part_is_where_there_is_something_to_see(saved):
    """The part at 1:1 is where the edges are, pixel for pixel."""
    image = Image.new("RGB", (3000, 2000), WHITE)
    pen = ImageDraw.Draw(image)
    for x in range(2300, 2900, 10):
        pen.line((x, 1500, x, 1900), RED, 3)
    found = look(saved(image))
    left, top = round(found.region.left * 3000), round(found.region.top * 2000)
    assert (found.detail.width, found.detail.height) == (720, 480) == found.region.pixels
    assert left >= 2300 - 720 / 2
    assert top >= 1500 - 480 / 2
    part = image.crop((left, top, left + 720, top + 480)).convert("L").resize((1, 1))
    assert abs(shown(found.detail).convert("L").resize((1, 1)).getpixel((0, 0)) - part.getpixel((0, 0))) < 6


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (4000, 4000), (4000, 500), (500, 4000), (300, 9), (1, 1)])
def test_a_part_has_the_shape_of_its_picture(size):
    """A part fills the frame of the whole, is no larger than the picture, and never has more pixels than others."""
    width, height = detail_size(*size)
    assert width <= size[0]
    assert height <= size[1]
    assert width * height <= 720 * 480 * 1.01
    if min(size) > 1000:
        assert width / height == pytest.approx(size[0] / size[1], rel=0.01)


def test_both_parts_lie_on_each_other(saved):
    """The source's part has the pixels of the result's, and shows the same place."""
    small = Image.new("RGB", (400, 300), WHITE)
    ImageDraw.Draw(small).rectangle((250, 200, 330, 260), RED)
    after = look(saved(small.resize((1600, 1200), Image.Resampling.NEAREST)))
    before = look(saved(small), like=after)
    assert before.region == after.region
    assert (before.detail.width, before.detail.height) == (after.detail.width, after.detail.height)
    sides = [shown(one.detail).convert("L").point(lambda level: 255 * (level > 128)) for one in (before, after)]
    same = sum(a == b for a, b in zip(sides[0].tobytes(), sides[1].tobytes(), strict=True))
    assert same / len(sides[0].tobytes()) > 0.98


def test_another_shape_has_no_part(saved):
    """Where source and result differ in shape no part of the one lies on the other, and there is none."""
    after = look(saved(Image.new("RGB", (1600, 1200))))
    assert look(saved(Image.new("RGB", (400, 400))), like=after).detail is None


def test_a_turned_picture_is_upright(saved):
    """EXIF's orientation is carried out."""
    image = Image.new("RGB", (60, 40), GREEN)
    exif = image.getexif()
    exif[0x0112] = 6
    found = look(saved(image, "turned.jpg", exif=exif))
    assert (found.width, found.height) == (40, 60)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixels(mode, saved):
    """Grey, palettes, inks, 16 bits and transparency all become a picture that is as light as the file."""
    image = Image.new("I;16", (40, 30), 65535) if mode == "I;16" else Image.new("RGB", (40, 30), WHITE).convert(mode)
    found = look(saved(image, "picture.jpg" if mode == "CMYK" else "picture.png"))
    assert is_like(shown(found.whole).convert("RGB").getpixel((20, 15)), WHITE)


def test_what_is_transparent_is_white(saved):
    """Nothing of the other picture shines through."""
    found = look(saved(Image.new("RGBA", (40, 30), (0, 0, 0, 0))))
    assert is_like(shown(found.whole).convert("RGB").getpixel((20, 15)), WHITE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_every_kind_of_transparency_is_put_on_the_ground(saved, mode):
    """By rows it comes to the same as the whole at once, whichever way a picture says what is transparent."""
    image = Image.effect_noise((30, 2 * previews.STRIP + 7), 60).convert("L")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    how = {"RGB": {"transparency": (128, 128, 128)}, "P": {"transparency": bytes(range(256))}}.get(mode, {})
    path = saved(image.convert("L").convert("P") if mode == "P" else image.convert(mode), **how)
    with Image.open(path) as opened:
        assert opened.mode == mode
        whole = opened.convert("RGBA")
    wanted = Image.alpha_composite(Image.new("RGBA", whole.size, "#808080"), whole).convert("RGB")
    assert whole.getextrema()[3][0] == 0
    assert decoded(path, ground="#808080").tobytes() == wanted.tobytes()


def test_colours_come_out_as_srgb(saved):
    """A picture with a profile of its own has the colours that it means, and no profile any more."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The same profile with red and blue exchanged: what is written as (30, 160, 200) means (200, 160, 30).
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    found = look(saved(Image.new("RGB", (40, 30), (30, 160, 200)), icc_profile=swapped))
    assert is_like(shown(found.whole).convert("RGB").getpixel((20, 15)), (200, 160, 30))
    assert "icc_profile" not in shown(found.whole).info
    palette = Image.new("RGB", (40, 30), (30, 160, 200)).convert("P", palette=Image.Palette.ADAPTIVE)
    found = look(saved(palette, icc_profile=swapped))
    assert is_like(shown(found.whole).convert("RGB").getpixel((20, 15)), (200, 160, 30))


def test_too_many_pixels_are_not_decoded(saved, monkeypatch):
    """A picture beyond the limit is refused with its size, by its header alone."""
    monkeypatch.setattr(previews, "LARGEST_PICTURE", 999)
    with pytest.raises(Unshown, match="40 x 30 pixels are too many"):
        look(saved(Image.new("RGB", (40, 30))))


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"<svg/>", b"%PDF-1.4"])
def test_what_is_no_picture(content, tmp_path):
    """Files that are no picture, or a damaged one, are told as such, without their path."""
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(Unshown) as told:
        look(str(tmp_path / "odd.png"))
    assert str(tmp_path) not in str(told.value)


def test_a_cut_picture_is_told(saved):
    """A picture that ends too early is not shown with a grey rest."""
    path = saved(noise((200, 100)))
    os.truncate(path, 9000)
    with pytest.raises(Unshown, match="cannot be read"):
        look(path)


def test_whatever_a_reader_raises_is_told(saved, monkeypatch):
    """A reader that raises what no reader of pictures should, as the one of AVIF does, costs the preview alone."""

    def fail(self):
        raise RuntimeError("Missing or empty image item")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(Unshown, match="cannot be read"):
        look(saved(Image.new("RGB", (40, 30))))


def test_a_tiny_budget_makes_the_picture_smaller():
    """Where the lowest quality does not fit, the picture loses pixels."""
    found = shot(noise((300, 200)), 2_000)
    assert len(found.data) <= 2_000
    assert found.width < 300
