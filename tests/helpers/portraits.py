"""Pictures with metadata of every kind, made by Pillow and by hand, and the parts of their files that are pixels."""

import io
import struct
from pathlib import Path

from PIL import ExifTags, Image, ImageCms, PngImagePlugin

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
NOTE = b"MAKER\0" + bytes(range(58))
THUMBNAIL = b"\xff\xd8 an old small picture \xff\xd9"
SHORT, LONG, TEXT, UNDEFINED, RATIONAL, SIGNED = 3, 4, 2, 7, 5, 10
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = PROFILE[:16] + b"GRAY" + PROFILE[20:]
CMYK_PROFILE = PROFILE[:16] + b"CMYK" + PROFILE[20:]
XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation='6' tiff:ImageWidth = "24">
  <tiff:ImageLength>16</tiff:ImageLength></rdf:Description>
 <rdf:Description rdf:about='' xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
   e:PixelXDimension="24"><e:PixelYDimension>16</e:PixelYDimension>
  <dc:title><rdf:Alt><rdf:li xml:lang="x-default">tiff:Orientation="6" &amp; Größe</rdf:li></rdf:Alt></dc:title>
 </rdf:Description>
</rdf:RDF></x:xmpmeta>
                                        \n<?xpacket end="w"?>""".encode()


def block(order=">", *, orientation=6, behind=b"", size_kind=SHORT):
    """EXIF as cameras write it, with a note, a signed fraction, sizes and a thumbnail, and what follows that."""

    def number(value, kind=LONG):
        return kind, 1, struct.pack(f"{order}{'Hxx' if kind == SHORT else 'I'}", value)

    def directory(at, entries, following=0):
        head, content = struct.pack(f"{order}H", len(entries)), b""
        behind = at + 2 + 12 * len(entries) + 4
        for tag, (kind, count, value) in entries.items():
            is_long = len(value) > 4
            here = struct.pack(f"{order}I", behind + len(content)) if is_long else value
            head += struct.pack(f"{order}HHI4s", tag, kind, count, here)
            content += value if is_long else b""
        return head + struct.pack(f"{order}I", following) + content

    base, own, small = ExifTags.Base, 200, 400
    main = {
        base.ImageWidth: number(24),
        base.ImageLength: number(16, SHORT),
        base.Make: (TEXT, 6, b"maker\0"),
        base.Orientation: number(orientation, SHORT),
        base.XResolution: (RATIONAL, 1, struct.pack(f"{order}II", 300, 1)),
        base.YResolution: (RATIONAL, 1, struct.pack(f"{order}II", 300, 1)),
        base.ResolutionUnit: number(2, SHORT),
        ExifTags.IFD.Exif: number(own),
    }
    camera = {
        base.ExposureBiasValue: (SIGNED, 1, struct.pack(f"{order}ii", -1, 3)),
        base.MakerNote: (UNDEFINED, len(NOTE), NOTE),
        base.UserComment: (UNDEFINED, 13, b"ASCII\0\0\0hello"),
        base.ExifImageWidth: number(24, size_kind),
        base.ExifImageHeight: number(16),
    }
    small_entries = {base.JpegIFOffset: number(500), base.JpegIFByteCount: number(len(THUMBNAIL))}
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    for place, content in (
        (8, directory(8, main, small)),
        (own, directory(own, camera)),
        (small, directory(small, small_entries)),
        (500, THUMBNAIL + behind),
    ):
        tiff = tiff.ljust(place, b"\0") + content
    return tiff


def resource(number, content, name=b"\0\0"):
    """One of Photoshop's image resources."""
    return (
        b"8BIM" + struct.pack(">H", number) + name + struct.pack(">I", len(content)) + content + bytes(len(content) % 2)
    )


def dataset(number, text):
    """One of the application record of IPTC-IIM."""
    return struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text


IPTC = dataset(120, b"A harbour at dawn") + dataset(25, b"harbour") + dataset(80, b"A. Photographer")
RESOURCES = resource(0x0404, IPTC) + resource(0x040A, b"\1")


def pixels(size=(24, 16), mode="RGB"):
    """A picture of noise, so that no two are the same when they are turned."""
    return (
        Image.merge(mode, [Image.effect_noise(size, 80) for _ in mode]) if mode != "L" else Image.effect_noise(size, 80)
    )


def saved(form, image=None, **options):
    """The bytes of a picture without anything beside its pixels, unless options add it."""
    file = io.BytesIO()
    (image or pixels()).save(file, form, **options)
    return file.getvalue()


def source(form):
    """The bytes of a picture that says everything that its format can."""
    everything = {"exif": block(), "icc_profile": PROFILE}
    if form == "WEBP":
        return saved("WEBP", xmp=XMP, **everything)
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add_text("Raw profile type iptc", f"\niptc\n{len(RESOURCES):8}\n{RESOURCES.hex()}\n", zip=True)
        return saved("PNG", pnginfo=texts, dpi=(300, 300), **everything)
    made = saved("JPEG", dpi=(300, 300), xmp=XMP, **(everything | {"exif": b"Exif\0\0" + block()}))
    return made[:2] + segment(0xED, b"Photoshop 3.0\0" + RESOURCES) + made[2:]


def segment(marker, content):
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind, content):
    """A chunk of a WebP."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def put(folder: Path, name, content):
    """A file with these bytes; its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


def segments(content):
    """The segments of a JPEG in front of its first scan: (marker, content)."""
    place, found = 2, []
    while content[place + 1] != 0xDA:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        found.append((content[place + 1], content[place + 4 : place + 2 + length]))
        place += 2 + length
    return found, content[place:]


def png_chunks(content):
    """The chunks of a PNG: (kind, content)."""
    place, found = 8, []
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        found.append((kind, content[place + 8 : place + 8 + length]))
        place += 12 + length
        if kind == b"IEND":
            break
    return found


def webp_chunks(content):
    """The chunks of a WebP: (kind, content)."""
    place, found = 12, []
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
    while place < len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        found.append((kind, content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return found


def image_data(content):
    """What of a file is pixels and tells how to decode them, in its order, and no metadata."""
    if content.startswith(b"\xff\xd8"):
        found, scans = segments(content)
        return [(marker, each) for marker, each in found if marker < 0xE0], scans
    if content.startswith(b"RIFF"):
        return [each for each in webp_chunks(content) if each[0] not in {b"VP8X", b"ICCP", b"EXIF", b"XMP "}]
    return [
        each
        for each in png_chunks(content)
        if each[0][0:1].isupper() or each[0] in {b"fcTL", b"fdAT", b"acTL", b"tRNS"}
    ]
