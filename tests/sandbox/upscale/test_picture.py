"""Upscaled pictures, judged by their pixels, sizes and metadata."""

import random
import struct
import sys

import pytest
from helpers.footage import PHOTO, difference, is_red, peak_of_upscaling, saved
from PIL import Image, ImageCms, ImageDraw, ImageStat

from seedvr_cli.sandbox.upscale import picture, pixels
from seedvr_cli.sandbox.upscale.rendering import UpscaleError, nearest

ORIENTATION = 0x0112


# Pictures: size


@pytest.mark.parametrize(
    ("endpoint", "params", "size"),
    [
        ("7b-image", {}, (960, 640)),
        ("7b-image", {"upscale_factor": 1}, (480, 320)),
        ("7b-image", {"upscale_factor": 1.57}, (754, 502)),
        ("7b-image", {"upscale_factor": 4, "res_w": 720}, (720, 480)),
        ("7b-image", {"upscale_factor": 4, "res_h": 512}, (768, 512)),
        ("7b-image", {"res_w": 600, "res_h": 256}, (600, 256)),
        ("7b-image", {"target_resolution": "720p"}, (960, 640)),
        ("7b-image", {"upscale_factor": None, "res_w": None}, (960, 640)),
        ("3b-image", {}, (960, 640)),
        ("3b-image", {"upscale_factor": 3}, (1440, 960)),
        ("3b-image", {"target_resolution": "720p"}, (1080, 720)),
        ("3b-image", {"upscale_mode": "target"}, (1620, 1080)),
        ("3b-image", {"upscale_mode": "target", "target_resolution": "1440p", "upscale_factor": 1}, (2160, 1440)),
        ("3b-image", {"upscale_mode": "factor", "target_resolution": "2160p"}, (960, 640)),
        ("3b-image", {"res_w": 256}, (960, 640)),
    ],
)
def test_picture_size(render, endpoint, params, size):
    """A picture gets the size that its endpoint's rules give it, and the answer tells that size."""
    rendered = render(endpoint, PHOTO, **params)
    with Image.open(rendered.path) as image:
        assert (rendered.width, rendered.height) == image.size == size


def test_short_side_of_a_portrait(render, tmp_path):
    """The target is the length of the short side, also where that is the width."""
    source = saved(Image.new("RGB", (90, 160)), tmp_path / "tall.png")
    assert render("3b-image", source, target_resolution="720p").width == 720


def test_a_pixel_stays(render, tmp_path):
    """No side is rounded down to nothing."""
    source = saved(Image.new("RGB", (1000, 1)), tmp_path / "line.png")
    assert render("7b-image", source, res_w=256).height == 1


def test_halves_are_rounded_up():
    """Rounding is the one of school, not the one to even numbers."""
    assert [nearest(value) for value in (0.2, 1.4, 2.5, 3.5)] == [1, 1, 3, 4]
    assert [nearest(value, step=2) for value in (0.2, 33, 34.9, 35)] == [2, 34, 34, 36]


@pytest.mark.parametrize("side", [1025, 1010])
def test_too_large_an_output(render, tmp_path, side):
    """More than 8192 pixels a side, or 64 megapixels, is refused with the size in the message."""
    source = saved(Image.new("L", (side, side)), tmp_path / "large.png")
    with pytest.raises(UpscaleError, match=f"{side * 8} x {side * 8}"):
        render("7b-image", source, upscale_factor=8)


def test_too_large_a_source(render, tmp_path):
    """A source of more than 64 megapixels is refused before it is decoded."""
    source = saved(Image.new("1", (8100, 8000)), tmp_path / "huge.png")
    with pytest.raises(UpscaleError, match="8100 x 8000"):
        render("7b-image", source, res_w=256)


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_too_slim_a_source(render, tmp_path, size):
    """A source with a side of more than 65,535 pixels is refused: resizing takes memory by the side too."""
    source = saved(Image.new("1", size), tmp_path / "slim.png")
    with pytest.raises(UpscaleError, match=f"{size[0]} x {size[1]}"):
        render("7b-image", source, res_w=256)


# Pictures: content


def test_lanczos_pixels(render):
    """Without noise the output is the source under Lanczos, pixel by pixel, on both endpoints."""
    with Image.open(PHOTO) as photo:
        expected = photo.resize((960, 640), Image.Resampling.LANCZOS)
    for endpoint in ("7b-image", "3b-image"):
        with Image.open(render(endpoint, PHOTO, noise_scale=0).path) as image:
            assert difference(image, expected) == 0


@pytest.mark.parametrize(
    ("word", "name", "media_type"),
    [
        (None, "output.png", "image/png"),
        ("png", "output.png", "image/png"),
        ("jpeg", "output.jpg", "image/jpeg"),
        ("jpg", "output.jpg", "image/jpeg"),
        ("webp", "output.webp", "image/webp"),
    ],
)
def test_picture_format(render, word, name, media_type):
    """The format asked for is the format of the bytes, the extension and the media type, with nothing beside it."""
    rendered = render("7b-image", PHOTO, output_format=word)
    with Image.open(rendered.path) as image:
        assert image.get_format_mimetype() == rendered.media_type == media_type
    assert [path.name for path in rendered.path.parent.iterdir()] == [name]


def test_detail_grows_with_the_noise_scale(render):
    """On 7B `noise_scale` adds more the higher it is, and leaves the lightness of the whole as it was."""
    plain, some, much = (Image.open(render("7b-image", PHOTO, noise_scale=scale).path) for scale in (0, 0.3, 1))
    assert 1 < difference(plain, some) < difference(plain, much) / 2
    assert abs(ImageStat.Stat(plain.convert("L")).mean[0] - ImageStat.Stat(much.convert("L")).mean[0]) < 1.5


@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_seed(render, word):
    """The same seed gives the same bytes, and another seed other bytes where detail is added."""
    first, again, other = (
        render("7b-image", PHOTO, seed=seed, noise_scale=0.5, output_format=word).path.read_bytes()
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_smoothing_grows_with_the_noise_scale(render, tmp_path):
    """On 3B `noise_scale` takes noise out, more the higher it is, and leaves an edge where it is."""
    chance = random.Random(1)
    noisy = Image.new("L", (64, 64))
    noisy.putdata([chance.randint(-12, 12) + (60 if place % 64 < 32 else 190) for place in range(64 * 64)])
    source = saved(noisy, tmp_path / "noisy.png")
    images = [Image.open(render("3b-image", source, noise_scale=scale).path) for scale in (0, 0.3, 0.6)]
    noise = [ImageStat.Stat(image.crop((4, 4, 50, 124))).stddev[0] for image in images]
    assert noise[0] > 1.5 * noise[1] > 1.8 * noise[2]
    for image in images:
        dark, light = (ImageStat.Stat(image.crop((x, 0, x + 2, 128))).mean[0] for x in (60, 66))
        assert light - dark > 100


# Pictures: what they carry


@pytest.mark.parametrize("source_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_metadata(render, tmp_path, source_format, word):
    """EXIF and the colour profile go from any format to any format without the loss of a byte."""
    with Image.open(PHOTO) as photo:
        exif, profile = photo.info["exif"], photo.info["icc_profile"]
        source = saved(photo, tmp_path / "source", format=source_format, exif=exif, icc_profile=profile)
    with Image.open(render("3b-image", source, upscale_factor=1, output_format=word).path) as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0") == exif.removeprefix(b"Exif\0\0")
        assert image.getexif()[0x010F] == "seedvr tests"
        assert image.info["icc_profile"] == profile


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # the command lets none of Pillow's through
@pytest.mark.parametrize(
    "block", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif(render, tmp_path, block):
    """A picture whose EXIF block cannot be read is enlarged all the same."""
    source = saved(Image.new("RGB", (8, 8)), tmp_path / "odd.jpg", exif=b"Exif\0\0" + block)
    assert render("7b-image", source, output_format="jpeg").width == 16


def test_exif_too_long_for_jpeg(render, tmp_path):
    """An EXIF block that JPEG cannot hold is left out, and the picture still comes."""
    exif = Image.Exif()
    exif[0x010E] = "long " * 20_000
    source = saved(Image.new("RGB", (8, 8)), tmp_path / "long.png", exif=exif)
    with Image.open(render("7b-image", source, output_format="jpeg").path) as image:
        assert "exif" not in image.info


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(render, tmp_path, orientation):
    """A picture that lies on its side or is mirrored comes out upright, and nothing turns it a second time."""
    upright = Image.new("RGB", (60, 40), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 29, 9), fill="red")
    stored = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = orientation, "camera"
    image = upright if stored is None else upright.transpose(stored)
    rendered = render("7b-image", saved(image, tmp_path / "turned.png", exif=exif))
    with Image.open(rendered.path) as image:
        assert (rendered.width, rendered.height) == image.size == (120, 80)
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.getexif()[0x010F] == "camera"
        assert is_red(image.getpixel((10, 5)))
        assert not any(is_red(image.getpixel(corner)) for corner in ((110, 5), (10, 70), (110, 70)))


@pytest.mark.parametrize("params", [{}, {"noise_scale": 0.8}, {"output_format": "webp"}])
@pytest.mark.parametrize("endpoint", ["7b-image", "3b-image"])
def test_no_fringe(render, tmp_path, endpoint, params):
    """The colour of invisible pixels does not bleed into the visible edge, and the alpha channel stays."""
    disc = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((8, 8, 31, 31), fill=(255, 200, 40, 255))
    rendered = render(endpoint, saved(disc, tmp_path / "disc.png"), **params)
    with Image.open(rendered.path) as image:
        assert image.mode == "RGBA"
        pixels = [image.getpixel((x, y)) for x in range(80) for y in range(80)]
    # The disc is as red as can be; only grain and WebP may take a little off.
    lowest = 250 if endpoint == "3b-image" and "output_format" not in params else 230
    assert min(red for red, _, _, alpha in pixels if alpha > 100) > lowest
    assert {0, 255} <= {alpha for *_, alpha in pixels}


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))])
def test_jpeg_has_a_white_ground(render, tmp_path, mode, colour):
    """Where JPEG has no transparency there is white."""
    source = saved(Image.new(mode, (8, 8), colour), tmp_path / "clear.png")
    with Image.open(render("3b-image", source, output_format="jpg").path) as image:
        assert min(image.convert("RGB").getpixel((8, 8))) > 250


def palette_picture():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    return image


@pytest.mark.parametrize(
    ("image", "options", "mode", "pixel"),
    [
        (Image.new("1", (8, 8), 1), {}, "L", 255),
        (Image.new("L", (8, 8), 90), {}, "L", 90),
        (Image.new("LA", (8, 8), (255, 120)), {}, "LA", (255, 120)),
        (Image.new("I;16", (8, 8), 90 * 256 + 255), {}, "L", 90),
        (palette_picture(), {}, "RGB", (255, 0, 0)),
        (palette_picture(), {"transparency": b"\xff\x64"}, "RGBA", (255, 0, 0, 100)),
        (Image.new("RGB", (8, 8), (1, 2, 3)), {"transparency": (1, 2, 3)}, "RGBA", (0, 0, 0, 0)),
    ],
)
def test_modes(render, tmp_path, *, image, options, mode, pixel):
    """Every way in which a PNG stores its pixels comes out with the same colours."""
    with Image.open(render("7b-image", saved(image, tmp_path / "mode.png", **options)).path) as output:
        assert (output.mode, output.getpixel((7, 7))) == (mode, pixel)


def _inks():
    """An ICC profile (ICC.1:2022, 10.11) of strange inks: what is called cyan prints red, and all else black."""
    identity = struct.pack(">9i", *(65_536 * (index % 4 == 0) for index in range(9)))
    straight = bytes(range(256))
    red, white, black = bytes((138, 209, 198)), bytes((255, 128, 128)), bytes((0, 128, 128))
    colours = b"".join({0: white, 8: red}.get(index, black) for index in range(16))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + straight * 4 + colours + straight * 3
    point = b"XYZ " + bytes(4) + struct.pack(">3i", 63_190, 65_536, 54_061)
    text = b"text" + bytes(4) + b"none\0\0\0\0"
    places, content = [], b""
    for name, tag in ((b"A2B0", table), (b"wtpt", point), (b"cprt", text), (b"desc", text)):
        places.append(name + struct.pack(">II", 128 + 4 + 4 * 12 + len(content), len(tag)))
        content += tag + bytes(-len(tag) % 4)
    body = struct.pack(">I", 4) + b"".join(places) + content
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63_190, 65_536, 54_061)
    return header.ljust(128, b"\0") + body


@pytest.mark.parametrize(("profile", "is_right"), [(_inks(), True), (None, False), (b"nonsense" * 20, False)])
def test_inks_by_their_profile(render, tmp_path, profile, is_right):
    """A CMYK picture has the colours that its profile says; without one, or with a damaged one, those of arithmetic."""
    source = saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), tmp_path / "inks.jpg", icc_profile=profile)
    for word in ("png", "jpeg", "webp"):
        with Image.open(render("3b-image", source, output_format=word).path) as image:
            red, green, blue = image.getpixel((8, 8))
            assert (red > 200 and green < 60 and blue < 60) is is_right
            assert (red < 60 and green > 200 and blue > 200) is not is_right
            assert "icc_profile" not in image.info


def test_printing_inks(render, tmp_path):
    """A CMYK picture becomes RGB, and a profile that is not for RGB does not go with it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    inks = profile[:16] + b"CMYK" + profile[20:]
    source = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), tmp_path / "inks.jpg", icc_profile=inks)
    for word in ("png", "jpeg", "webp"):
        with Image.open(render("3b-image", source, output_format=word).path) as image:
            assert image.mode == "RGB"
            assert is_red(image.getpixel((8, 8)))
            assert "icc_profile" not in image.info


# Pictures: memory


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        ("7b-image", {"noise_scale": 0.7}),
        ("3b-image", {"noise_scale": 0.7}),
        ("7b-image", {"res_w": 257, "noise_scale": 0.3}),
        ("3b-image", {"upscale_factor": 1.7, "output_format": "jpg"}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_bands_are_not_seen(render, tmp_path, monkeypatch, endpoint, params, mode):
    """A large picture is made in bands, whose pixels are those of a picture that is made in one."""
    dice = random.Random(5)
    bands = len(Image.new(mode, (1, 1)).getbands())
    image = Image.merge(mode, [Image.frombytes("L", (120, 90), dice.randbytes(120 * 90)) for _ in range(bands)])
    source = saved(image, tmp_path / "source.png")
    whole = Image.open(render(endpoint, source, **params).path)
    monkeypatch.setattr(pixels, "BAND_PIXELS", 3000)
    banded = Image.open(render(endpoint, source, **params).path)
    assert banded.size == whole.size
    assert difference(banded, whole) < 0.01  # a level here and there, by rounding


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux tells it")
@pytest.mark.parametrize(
    ("size", "name", "endpoint", "params"),
    [
        ((8000, 8000), "a.png", "7b-image", {"noise_scale": 0.5, "upscale_factor": 1}),
        ((7500, 7500), "a.png", "3b-image", {"noise_scale": 0.5, "upscale_factor": 1.06, "output_format": "jpg"}),
        ((5000, 5000), "a.webp", "7b-image", {"noise_scale": 0.5, "upscale_factor": 1, "output_format": "webp"}),
    ],
)
def test_the_largest_pictures_fit_into_a_gigabyte(tmp_path, size, name, endpoint, params):
    """Whatever the limits let in is made with less than a gigabyte."""
    image = Image.effect_noise((size[0] // 8, size[1] // 8), 80).resize(size)
    options = {"compress_level": 1} if name.endswith("png") else {"method": 0}
    saved(Image.merge("RGBA", [image] * 4), tmp_path / name, **options)
    assert peak_of_upscaling(endpoint, tmp_path / name, tmp_path / "out", params) < 1 << 30


def test_a_webp_too_large(render, tmp_path, monkeypatch):
    """A WebP picture of more pixels than its library takes a gigabyte for is refused, as source and as output."""
    monkeypatch.setattr(picture, "MAX_WEBP_PIXELS", 1_000_000)
    source = saved(Image.new("RGB", (1000, 1000)), tmp_path / "a.webp")
    with pytest.raises(UpscaleError, match=r"the output would be 2000 x 2000 pixels of WebP; .* 1 megapixels"):
        render("7b-image", source, output_format="webp")
    assert render("7b-image", source, output_format="png").width == 2000
    source = saved(Image.new("RGB", (1001, 1000)), tmp_path / "b.webp")
    with pytest.raises(UpscaleError, match="the source is 1001 x 1000 pixels of WebP"):
        render("7b-image", source, upscale_factor=1)
