"""XMP: brought up to date, added to, and divided where a JPEG's segment is too small for it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from seedvr_cli.metadata.metadata import MetadataError
from seedvr_cli.metadata.packet import RDF, Edit, Element, appended, declared, edited, parse, quoted, together

OURS = "https://github.com/seedvr-cli/seedvr-cli/ns/1.0/"
"""The namespace of what we add; its prefix is `seedvr`."""

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
# Properties of the picture's size (XMP specification part 2, sections 3.2 and 3.3).
_WIDTHS = {(_TIFF, "ImageWidth"), (_EXIF, "PixelXDimension")}
_HEIGHTS = {(_TIFF, "ImageLength"), (_EXIF, "PixelYDimension")}
_ORIENTATION = {(_TIFF, "Orientation")}
# What is about pictures and videos that the old file had beside its own: Android's motion photos and their forerunners,
# the directory of both and of Ultra HDR, gain maps, and thumbnails.
_CAMERA, _CONTAINER = "http://ns.google.com/photos/1.0/camera/", "http://ns.google.com/photos/1.0/container/"
_XAP = "http://ns.adobe.com/xap/1.0/"
_GAIN_MAPS = {"http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.apple.com/HDRGainMap/1.0/"}
_MOTION = ("MicroVideo", "MotionPhoto")
_OLD_PARTS = {(_CONTAINER, "Directory"), (_XAP, "Thumbnails")}
# Where something is, in pixels of the old picture.
_PLACES = {(_EXIF, "SubjectArea"), (_EXIF, "SubjectLocation")}
# And in parts of it, as it was stored: faces (Metadata Working Group 2.0, section 5.9; Microsoft's; IPTC 2019.1).
_REGIONS = {
    ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions"),
    ("http://ns.microsoft.com/photo/1.2/", "RegionInfo"),
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "ImageRegion"),
}
# The pointer from a JPEG's packet to its extension (XMP specification part 3, section 1.1.3.1).
_POINTER = (_NOTE, "HasExtendedXMP")
# A packet with nothing in it (ISO 16684-1, section 7.3.2).
_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Bytes that the pointer to an extension adds, and more.
_POINTER_ROOM = 400


def renewed(packet: bytes, *, width: int, height: int, is_upright: bool, is_turned: bool = False) -> bytes:
    """The packet of the new picture: sizes (pixels), and the orientation where it is upright now, where they stand.

    What is about pictures and videos that the old file had beside its own is left out, and where in the old one things
    were: in pixels, and where the new one `is_turned` in parts of it. MetadataError where the packet cannot be read.
    """
    wanted = dict.fromkeys(_WIDTHS, width) | dict.fromkeys(_HEIGHTS, height)
    if is_upright:
        wanted |= dict.fromkeys(_ORIENTATION, 1)
    rdf = parse(packet)
    places = _PLACES | _REGIONS if is_turned else _PLACES
    edits = _removals(rdf, lambda space, name: _is_of_old_parts(space, name) or (space, name) in places)
    for description in rdf.parts:
        for attribute in description.attributes:
            value = wanted.get((attribute.namespace, attribute.name))
            if value is not None:
                edits.append((attribute.value, attribute.end - 1, str(value).encode()))
        for part in description.parts:
            value = wanted.get((part.namespace, part.name))
            if value is not None and part.has_end_tag and not part.has_children:
                edits.append((part.inside, packet.rindex(b"</", part.inside, part.end), str(value).encode()))
    return edited(packet, edits)


def with_properties(packet: bytes | None, properties: Mapping[str, str]) -> bytes:
    """The packet with these properties of ours (see `OURS`) in place of earlier ones, or a new packet.

    What others wrote stays to the byte. MetadataError where the packet cannot be read, ValueError for a name that XML
    does not allow.
    """
    if bad := [name for name in properties if not _NAME.fullmatch(name)]:
        raise ValueError(f"{bad[0]!r} is no name of a property")
    packet = packet or _EMPTY
    rdf = parse(packet)
    edits = _removals(rdf, lambda namespace, _: namespace == OURS)
    values = "".join(f"\n  seedvr:{name}={quoted(value)}" for name, value in properties.items())
    return edited(packet, [*edits, appended(packet, rdf, _description(packet, rdf, "seedvr", OURS, values))])


def joined(packet: bytes, extension: bytes) -> bytes:
    """One packet of a JPEG's packet and its extension; MetadataError where either cannot be read."""
    rdf, more = parse(packet), parse(extension)
    descriptions = together(
        edited(extension[part.start : part.end], [_declaration(extension, part)]) for part in more.parts
    )
    return edited(packet, [*_pointers(rdf), appended(packet, rdf, descriptions)])


def without_pointer(packet: bytes) -> bytes:
    """The packet without the pointer to an extension that is not there; as it is where it cannot be read."""
    try:
        return edited(packet, _pointers(parse(packet)))
    except MetadataError:
        return packet


def divided(packet: bytes, largest: int) -> tuple[bytes, bytes, str]:
    """A packet of so many bytes at the most, its extension, and the digest that names it (XMP part 3, 1.1.3.1).

    The largest properties move, as they are. MetadataError where that does not make it small enough.
    """
    rdf = parse(packet)
    size, moving = len(packet), []
    for start, end, make in sorted(_movable(packet, rdf), key=lambda each: each[0] - each[1]):
        if size <= largest - _POINTER_ROOM:
            break
        moving.append((start, end, make))
        size -= end - start
    about = _about(packet, rdf)
    moved = together(make(about) for _, _, make in moving)
    extension = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + f'<rdf:RDF xmlns:rdf="{RDF}">'.encode() + moved
        + b"</rdf:RDF></x:xmpmeta>"
    )  # fmt: skip
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    pointer = _description(packet, rdf, "xmpNote", _NOTE, f' xmpNote:HasExtendedXMP="{digest}"')
    removals: list[Edit] = [(start, end, b"") for start, end, _ in moving]
    main = edited(packet, [*removals, *_pointers(rdf), appended(packet, rdf, pointer)])
    if len(main) > largest:
        raise MetadataError("its XMP has too much that cannot be moved to an extension")
    return main, extension, digest


def digest_named(packet: bytes) -> str | None:
    """The digest of the extension that a JPEG's packet points to, if it does."""
    match = re.search(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})", packet)
    return match[1].decode() if match else None


def _is_of_old_parts(namespace: str, name: str) -> bool:
    """Whether a property is about what the old file had beside its picture, which the new one has not."""
    if namespace in _GAIN_MAPS or (namespace, name) in _OLD_PARTS:
        return True
    return namespace == _CAMERA and name.startswith(_MOTION)


def _movable(packet: bytes, rdf: Element) -> Iterator[tuple[int, int, Callable[[bytes], bytes]]]:
    """Where properties stand, and what makes a description of each that stands by itself."""
    for description in filter(_is_description, rdf.parts):
        for part in description.parts:
            begin = b"<rdf:Description" + declared(part.scope | {"rdf": RDF})
            yield part.start, part.end, partial(_alone, begin, packet, part.start, part.end)
        begin = b"<rdf:Description" + declared(description.scope | {"rdf": RDF})
        for each in description.attributes:
            if each.namespace not in {RDF, ""}:
                yield each.start, each.end, partial(_alone, begin, packet, each.start, each.end)


def _alone(begin: bytes, packet: bytes, start: int, end: int, about: bytes) -> bytes:
    """A description with one property, which is an element or an attribute."""
    text = packet[start:end]
    if text.startswith(b"<"):
        return begin + about + b">" + text + b"</rdf:Description>"
    return begin + about + text + b"/>"


def _pointers(rdf: Element) -> list[Edit]:
    return _removals(rdf, lambda namespace, name: (namespace, name) == _POINTER)


def _removals(rdf: Element, is_meant: Callable[[str, str], bool]) -> list[Edit]:
    """The changes that take properties out, and descriptions that had nothing else."""
    edits: list[Edit] = []
    for description in filter(_is_description, rdf.parts):
        attributes = [each for each in description.attributes if is_meant(each.namespace, each.name)]
        parts = [each for each in description.parts if is_meant(each.namespace, each.name)]
        kept = len(description.attributes) - len(attributes) + len(description.parts) - len(parts)
        abouts = sum(each.name == "about" and each.namespace in {RDF, ""} for each in description.attributes)
        if (attributes or parts) and kept == abouts:
            edits.append((description.start, description.end, b""))
        else:
            edits += [(each.start, each.end, b"") for each in attributes]
            edits += [(each.start, each.end, b"") for each in parts]
    return edits


def _is_description(element: Element) -> bool:
    return (element.namespace, element.name) == (RDF, "Description")


def _description(packet: bytes, rdf: Element, prefix: str, namespace: str, values: str) -> bytes:
    """A description of ours, of the same thing as the others."""
    declarations = declared({"rdf": RDF, prefix: namespace})
    return b"<rdf:Description" + _about(packet, rdf) + declarations + values.encode() + b"/>"


def _about(packet: bytes, rdf: Element) -> bytes:
    """What the descriptions are of, which has to be the same in all of them (ISO 16684-1, section 7.4)."""
    for description in rdf.parts:
        for each in description.attributes:
            if each.name == "about" and each.namespace in {RDF, ""}:
                return b" rdf:about=" + packet[each.value - 1 : each.end]
    return b' rdf:about=""'


def _declaration(text: bytes, part: Element) -> Edit:
    """The change that has a description declare, by itself, all prefixes that hold in it; counted from its start."""
    tag = text[part.start : part.inside]
    place = len(tag) - (1 if part.has_end_tag else 2)
    own = {match.decode() for match in re.findall(rb"\sxmlns:?([^\s=]*)\s*=", tag)}
    return place, place, declared(part.scope, own)
