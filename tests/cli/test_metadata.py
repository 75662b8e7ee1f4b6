"""Faithful pictures: what a source says of itself is in its result, and the pixels are the gateway's."""

import json
import os
import subprocess
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from seedvr_cli.run.finish import carry
from seedvr_cli.values.structure import Size

pytestmark = pytest.mark.slow

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photograph(path, *, orientation=1, size=(60, 40), kind="JPEG"):
    """A picture with what a camera writes into it, dark on its left."""
    picture = Image.new("RGB", size, "white")
    picture.paste("black", (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[Base.Make] = "Camera"
    exif[Base.Orientation] = orientation
    exif[Base.DateTime] = "2020:01:02 03:04:05"
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = size
    picture.save(path, kind, exif=exif, icc_profile=ICC, dpi=(300, 300))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


def looked_at(requires, path):
    """What an independent reader says."""
    words = [requires("exiftool"), "-j", "-n", "-G1", path]
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_a_photographs_metadata_are_in_its_result(run, sandbox, requires, work, kind):
    """Camera, date, density, profile and time come along, with the new dimensions, whatever the format."""
    photograph(work / "photo.jpg")
    done = run("image", "photo.jpg", "-x", "2", "-f", kind, "--model", "3b", to=sandbox)
    assert done.rc == 0, done.stderr
    (name,) = done.lines
    with Image.open(work / name) as made:
        width, height = made.size
    seen = looked_at(requires, work / name)
    assert seen["IFD0:Make"] == "Camera"
    assert (seen["ExifIFD:ExifImageWidth"], seen["ExifIFD:ExifImageHeight"]) == (width, height)
    assert "ICC-header:ProfileClass" in seen
    assert os.stat(work / name).st_mtime == 1_600_000_000
    again = run("image", "photo.jpg", "-x", "2", "-f", kind, "--model", "3b", to=sandbox)
    assert (again.rc, again.lines) == (0, [name])


def test_the_image_data_are_the_gateways(run, gateway, work):
    """The compressed data are byte for byte what the gateway sent; without the switch so is the file."""
    gateway = gateway()
    photograph(work / "photo.jpg")
    for flag, is_same in (("--keep-metadata", False), ("--no-keep-metadata", True)):
        done = run("image", "photo.jpg", flag, "-o", f"{flag}.png", "--new", to=gateway)
        content = (work / f"{flag}.png").read_bytes()
        assert done.rc == 0, done.stderr
        assert (content == gateway.picture) is is_same
        begin = gateway.picture.index(b"IDAT")
        assert gateway.picture[begin:] in content


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("is_turned", [True, False])
def test_the_orientation_is_applied_once(run, gateway, work, orientation, is_turned):
    """A result that was turned is not turned again, and one that was not still is, by what it says of itself."""
    gateway = gateway()
    photograph(work / "photo.jpg", orientation=orientation)
    with Image.open(work / "photo.jpg") as source:
        turns = {1: 0, 3: 180, 6: 270, 8: 90}
        pixels = source.convert("RGB").rotate(turns[orientation] if is_turned else 0, expand=True)
    content = BytesIO()
    pixels.save(content, "PNG")
    gateway.picture = content.getvalue()
    done = run("image", "photo.jpg", "-o", "made.png", to=gateway)
    assert done.rc == 0, done.stderr
    with Image.open(work / "made.png") as made:
        said = made.getexif().get(Base.Orientation, 1)
    assert said == (1 if is_turned else orientation)


@pytest.mark.parametrize("says", [1, 6])
def test_what_a_result_says_of_its_own_turn_does_not_matter(run, gateway, work, says):
    """A result whose pixels were not turned keeps the source's orientation, whatever its own EXIF says."""
    gateway = gateway()
    photograph(work / "photo.jpg", orientation=6)
    exif = Image.Exif()
    exif[Base.Orientation] = says
    content = BytesIO()
    with Image.open(work / "photo.jpg") as source:
        source.convert("RGB").save(content, "PNG", exif=exif)
    gateway.picture = content.getvalue()
    done = run("image", "photo.jpg", "-o", "made.png", to=gateway)
    assert done.rc == 0, done.stderr
    with Image.open(work / "made.png") as made:
        assert (made.size, made.getexif()[Base.Orientation]) == ((60, 40), 6)


def placed(content, kind, chunk):
    """A PNG with this chunk in front of the first one of that kind."""
    place = content.index(kind) - 4
    sum_ = zlib.crc32(chunk).to_bytes(4, "big")
    return content[:place] + (len(chunk) - 4).to_bytes(4, "big") + chunk + sum_ + content[place:]


EXIF = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def test_a_picture_is_turned_once_wherever_its_orientation_stands(run, sandbox_server, requires, work):
    """EXIF behind the pixels or in a text, and XMP alone, are 1 in a result that was turned."""
    plain = Image.effect_noise((48, 32), 80).convert("RGB")
    plain.save(work / "plain.png")
    content = (work / "plain.png").read_bytes()
    raw = f"\nexif\n{len(EXIF) + 6:8}\n{(b'Exif' + bytes(2) + EXIF).hex()}\n".encode()
    (work / "late.png").write_bytes(placed(content, b"IEND", b"eXIf" + EXIF))
    (work / "raw.png").write_bytes(placed(content, b"IDAT", b"tEXtRaw profile type exif\0" + raw))
    (work / "text.png").write_bytes(placed(content, b"IDAT", b"iTXtXML:com.adobe.xmp" + bytes(5) + XMP))
    plain.save(work / "photo.jpg", xmp=XMP)
    plain.save(work / "web.webp", xmp=XMP)
    names = ["late.png", "raw.png", "text.png", "photo.jpg", "web.webp"]
    done = run("image", *names, "-x", "2", "-o", "out/", to=sandbox_server("--latency", "0s"))
    assert (done.rc, len(done.lines)) == (0, 5), done.stderr
    for name in done.lines:
        with Image.open(work / name) as made:
            is_tall = made.height > made.width
        said = looked_at(requires, work / name)
        assert (is_tall, said.get("IFD0:Orientation", said.get("XMP-tiff:Orientation"))) == (True, 1), name


def test_embedded_provenance(run, sandbox, work, url):
    """--embed writes request id, endpoint and parameters into the picture, also where the source is a URL."""
    done = run("image", url, "-x", "2", "--embed", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    content = (work / done.object["files"][0]["path"]).read_bytes()
    assert done.object["request_id"].encode() in content
    assert b"7b-image" in content
    assert b"upscale_factor" in content
    assert done.object["files"][0]["bytes"] == len(content)


def test_what_is_asked_for_comes_into_a_result_that_stands_there(run, sandbox, work):
    """With --overwrite a delivered result is made anew for --embed and --no-keep-metadata; else a line says it."""
    source = photograph(work / "photo.jpg").as_uri()
    command = ("image", "photo.jpg", "-x", "2", "-f", "jpg")
    (name,) = run(*command, to=sandbox).lines
    before = (work / name).read_bytes()
    for flag, word in (
        ("--embed", "is without what --embed writes"),
        ("--no-keep-metadata", "has its source's metadata"),
    ):
        told = run(*command, flag, to=sandbox)
        assert (told.rc, told.lines, f"{word}; --overwrite makes it anew" in told.stderr) == (0, [name], True)
        assert (work / name).read_bytes() == before
    assert run(*command, "--embed", "--overwrite", to=sandbox).lines == [name]
    embedded = (work / name).read_bytes()
    assert b"seedvr:RequestId" in embedded
    assert b"Camera" in embedded
    assert run(*command, "--embed", "--overwrite", to=sandbox).lines == [name]
    assert (work / name).read_bytes() == embedded
    assert run(*command, "--no-keep-metadata", "--overwrite", to=sandbox).lines == [name]
    assert b"Camera" not in (work / name).read_bytes()
    assert os.listdir(work) == sorted(["photo.jpg", name])
    assert sandbox.accepted(source) == 1


def test_provenance_erases_nothing_of_the_gateways(work):
    """What a result says of itself in XMP stays beside ours, where its source has none."""
    photograph(work / "photo.jpg")
    mark = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:a="http://a.example/" a:Made="by a machine"/></rdf:RDF></x:xmpmeta>'
    )
    Image.new("RGB", (60, 40)).save(work / "made.jpg", xmp=mark)
    carry(str(work / "photo.jpg"), str(work / "made.jpg"), "image/jpeg", Size(60, 40), {"RequestId": "one"})
    content = (work / "made.jpg").read_bytes()
    assert (b'a:Made="by a machine"' in content, b"seedvr:RequestId" in content, b"Camera" in content) == (True,) * 3


def test_a_strange_source_harms_no_result(run, sandbox, work):
    """A source whose metadata are damaged has its result all the same, and a line that says so."""
    path = photograph(work / "photo.jpg")
    content = path.read_bytes()
    begin = content.index(b"Exif\0\0") + 6
    path.write_bytes(content[:begin] + b"\xff" * 30 + content[begin + 30 :])
    done = run("image", "photo.jpg", to=sandbox)
    assert (done.rc, done.lines) == (0, ["photo-upscaled.png"]), done.stderr


@pytest.fixture
def two_folders(run, work, gateway):
    """A job of a/p.jpg whose result was not fetched yet, and another picture of that name in b; the gateway, the id."""
    fake = gateway()
    for name in ("a", "b"):
        (work / name).mkdir()
    photograph(work / "a" / "p.jpg")
    Image.new("RGB", (60, 40), "red").save(work / "b" / "p.jpg", comment=b"another picture", dpi=(72, 72))
    os.utime(work / "b" / "p.jpg", (1_500_000_000, 1_500_000_000))
    return fake, run("image", "p.jpg", "--no-wait", to=fake, cwd=work / "a").stdout.strip()


def make_of(path):
    with Image.open(path) as picture:
        return picture.getexif().get(Base.Make)


def test_a_source_is_known_by_its_content(run, work, two_folders):
    """From another folder the job's own source is found; a file of the same name there gives nothing."""
    fake, request_id = two_folders
    done = run("download", request_id, "-o", "here/", to=fake, cwd=work / "b")
    assert (done.rc, make_of(work / "b" / done.stdout.strip())) == (0, "Camera"), done.stderr
    assert os.stat(work / "b" / done.stdout.strip()).st_mtime == 1_600_000_000


def test_a_source_that_is_gone_is_told(run, work, two_folders):
    """Where no file has the source's content the result stays as it came, and a line says why."""
    fake, request_id = two_folders
    (work / "a" / "p.jpg").rename(work / "a" / "archived.jpg")
    done = run("download", request_id, "-o", "here/", to=fake, cwd=work / "b")
    assert (done.rc, make_of(work / "b" / done.stdout.strip())) == (0, None), done.stderr
    assert (work / "b" / done.stdout.strip()).read_bytes() == fake.picture
    assert "nothing is carried over from sources that are gone" in done.stderr


def test_a_source_that_is_replaced_meanwhile_gives_nothing(run, work, gateway):
    """A file that takes the source's place while the job runs is not it."""

    def script(heard):
        if heard.method == "POST":
            Image.new("RGB", (60, 40), "red").save(work / "p.jpg", comment=b"another picture")

    fake = gateway(script)
    photograph(work / "p.jpg")
    done = run("image", "p.jpg", to=fake)
    assert (done.rc, (work / done.stdout.strip()).read_bytes() == fake.picture) == (0, True), done.stderr
    assert "nothing is carried over" in done.stderr


def test_a_copy_has_nothing_that_is_not_wanted(run, work, gateway):
    """What was delivered with metadata is fetched anew for who wants none, and is a copy for who wants more."""
    fake = gateway()
    photograph(work / "p.jpg")
    for number, flags in enumerate((["--embed"], ["--no-keep-metadata"], [], ["--embed"])):
        done = run("image", "p.jpg", "-o", f"{number}/", *flags, to=fake)
        assert done.rc == 0, done.stderr
    made = [(work / f"{number}" / "p-upscaled.png").read_bytes() for number in range(4)]
    assert [b"RequestId" in one for one in made] == [True, False, False, True]
    assert [b"Camera" in one for one in made] == [True, False, True, True]
    assert made[1] == fake.picture
    assert (len(fake.posts()), len(fake.downloads())) == (1, 2)
