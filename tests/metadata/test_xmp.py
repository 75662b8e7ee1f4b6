"""XMP: brought up to date, added to, joined and divided, and what others wrote stays to the byte."""

import hashlib
import xml.etree.ElementTree as ET

import pytest
from helpers.portraits import XMP
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.metadata import xmp
from seedvr_cli.metadata.metadata import MetadataError
from seedvr_cli.metadata.packet import RDF

HEAD = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'.encode()
TAIL = b"</rdf:RDF></x:xmpmeta>"
DC = "http://purl.org/dc/elements/1.1/"


def renewed(packet, *, is_upright=True):
    return xmp.renewed(packet, width=640, height=480, is_upright=is_upright)


def properties(packet):
    """All properties of a packet by name, as another reader sees them."""
    found = {}
    for description in ET.fromstring(packet).iter(f"{{{RDF}}}Description"):
        found |= {name: value for name, value in description.attrib.items() if not name.startswith(f"{{{RDF}}}")}
        found |= {each.tag: each.text for each in description}
    return found


def test_sizes_and_orientation_change_where_they_stand():
    """Attributes and elements, whatever prefix and quotation mark; text that looks like one stays."""
    want = XMP
    for old, new in (
        (b"tiff:Orientation='6'", b"tiff:Orientation='1'"),
        (b'tiff:ImageWidth = "24"', b'tiff:ImageWidth = "640"'),
        (b"<tiff:ImageLength>16<", b"<tiff:ImageLength>480<"),
        (b'e:PixelXDimension="24"', b'e:PixelXDimension="640"'),
        (b"<e:PixelYDimension>16<", b"<e:PixelYDimension>480<"),
    ):
        assert old in want
        want = want.replace(old, new)
    assert renewed(XMP) == want
    assert renewed(XMP, is_upright=False) == want.replace(b"Orientation='1'", b"Orientation='6'")


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("Regions", "http://www.metadataworkinggroup.com/schemas/regions/"),
        ("RegionInfo", "http://ns.microsoft.com/photo/1.2/"),
        ("ImageRegion", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"),
    ],
)
def test_where_faces_were_goes_with_a_turn(name, space):
    """They are told in parts of the picture as it was stored; one that was not turned has them where they were."""
    packet = HEAD + f'<rdf:Description xmlns:a="{space}" a:Other="1"><a:{name}/></rdf:Description>'.encode() + TAIL
    assert renewed(packet) == packet
    turned = xmp.renewed(packet, width=640, height=480, is_upright=True, is_turned=True)
    assert turned == packet.replace(f"<a:{name}/>".encode(), b"")


PHONE = {
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpGImg": "http://ns.adobe.com/xap/1.0/g/img/",
    "dc": DC,
}
DECLARED = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in PHONE.items())
OLD_ATTRIBUTES = (
    ' hdrgm:Version="1.0" hdrgm:GainMapMax="2" GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"'
    ' GCamera:MicroVideoOffset="4711" GCamera:MotionPhotoPresentationTimestampUs="0"'
)
OLD_ELEMENTS = (
    '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="999"/></rdf:li></rdf:Seq>'
    "</Container:Directory><xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image='/9j/4AAQ'/></rdf:Alt></xmp:Thumbnails>"
    "<GCamera:MicroVideo>1</GCamera:MicroVideo>"
)
KEPT = ' GCamera:SpecialTypeID="Portrait" xmp:CreatorTool="HDR+" dc:format="image/jpeg"'


def test_what_was_beside_the_old_picture_is_said_of_no_new_one():
    """Motion photos, gain maps, their directory and thumbnails go, and every other byte stays."""
    begin = f'<rdf:Description rdf:about=""{DECLARED}'

    def phone(attributes, elements):
        text = f"{begin}{attributes}{KEPT}>{elements}<dc:source>hdrgm:Version</dc:source></rdf:Description>"
        return HEAD + text.encode() + TAIL

    assert renewed(phone(OLD_ATTRIBUTES, OLD_ELEMENTS)) == phone("", "")
    alone = f"{begin}{OLD_ATTRIBUTES}>{OLD_ELEMENTS}</rdf:Description>"
    assert renewed(HEAD + alone.encode() + TAIL) == HEAD + TAIL


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "no XML"),
        (b"<x", "no XML"),
        (b"<x/>", "no rdf:RDF"),
        ("<x/>".encode("utf-16"), "not UTF-8"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD + TAIL, "DOCTYPE"),
        (HEAD + b"<a>" * 100 + b"</a>" * 100 + TAIL, "too deeply"),
        (HEAD + b"<a" + b"".join(b' xmlns:p%d="u"' % number for number in range(300)) + b"/>" + TAIL, "prefixes"),
        (HEAD + b"<rdf:Description/>" * 20_001 + TAIL, "more parts"),
        (HEAD + b"<a/>" * 1_000_001 + TAIL, "more parts"),
        (HEAD + b"<a " + b"".join(b"a%d=''" % number for number in range(200_001)) + b"/>" + TAIL, "more parts"),
        (HEAD + b"<rdf:Description>\xff</rdf:Description>" + TAIL, "no XML"),
        (b'<?xml version="1.0" encoding="no-such"?>' + HEAD + TAIL, "no XML"),
    ],
)
def test_a_packet_that_cannot_be_read_is_said_to_be_one(packet, reason):
    """One sentence says why, and nothing else is raised."""
    with pytest.raises(MetadataError, match=reason):
        renewed(packet)


def test_what_others_wrote_stays_beside_what_we_add():
    """The new packet without our description is the old one; a second time replaces the first."""
    once = xmp.with_properties(XMP, {"RequestId": "r-1", "Endpoint": "7b-image"})
    ours = once[once.index(b"<rdf:Description", once.index(b"</dc:title>")) : once.index(b"</rdf:RDF>")]
    assert once.replace(ours, b"") == XMP
    assert properties(once)[f"{{{xmp.OURS}}}RequestId"] == "r-1"
    assert xmp.with_properties(once, {"RequestId": "r-1", "Endpoint": "7b-image"}) == once
    assert b"r-1" not in xmp.with_properties(once, {"Endpoint": "7b-image"})


def test_ours_is_replaced_in_whatever_form_another_program_gave_it():
    """As an element, and as an attribute among those of others, which stay."""
    other = (
        HEAD
        + f'<rdf:Description rdf:about="u" xmlns:s="{xmp.OURS}" xmlns:dc="{DC}" s:Source="a" dc:format="b">'.encode()
        + b"<s:RequestId>c</s:RequestId><dc:source>d</dc:source></rdf:Description>"
        + TAIL
    )
    new = xmp.with_properties(other, {"RequestId": "e"})
    assert properties(new) == {f"{{{DC}}}format": "b", f"{{{DC}}}source": "d", f"{{{xmp.OURS}}}RequestId": "e"}
    assert new.count(b'rdf:about="u"') == 2  # all descriptions are of the same thing


@pytest.mark.parametrize(
    "packet",
    [None, HEAD + TAIL, b'<r:RDF xmlns:r="' + RDF.encode() + b'" />', HEAD + TAIL + b"\n\0\0"],
)
def test_a_packet_may_be_empty(packet):
    """Nothing, an element without content under another prefix, and padding behind the packet are added to."""
    new = xmp.with_properties(packet, {"RequestId": "r-1"})
    assert properties(new.rstrip(b"\0")) == {f"{{{xmp.OURS}}}RequestId": "r-1"}


@given(st.text())
def test_any_text_can_be_added(text):
    """It is read again as it was, but for signs that XML has not."""
    found = properties(xmp.with_properties(XMP, {"Source": text}))[f"{{{xmp.OURS}}}Source"]
    assert len(found) == len(text)
    assert all(b in {a, "\ufffd"} for a, b in zip(text, found, strict=True))
    if text.isprintable():
        assert found == text


def test_a_name_that_xml_has_not_is_a_mistake_of_the_caller():
    """ValueError, before anything is looked at."""
    with pytest.raises(ValueError, match="'a b'"):
        xmp.with_properties(None, {"a b": "c"})


def test_divided_and_joined_is_the_same_to_a_reader():
    """Large properties, elements or attributes, move to an extension with the prefixes that hold there, and back."""
    large = b"<dc:description>" + b"a" * 70_000 + b"</dc:description>"
    attribute = b'<rdf:Description rdf:about="" xmlns:d="urn:depth" d:Data="' + b"b" * 70_000 + b'" d:Mime="c"/>'
    whole = XMP.replace(b"</dc:title>", b"</dc:title>" + large).replace(b"</rdf:RDF>", attribute + b"</rdf:RDF>")
    main, extension, digest = xmp.divided(whole, 65_000)
    assert len(main) <= 65_000 < len(extension)
    assert digest == hashlib.md5(extension).hexdigest().upper() == xmp.digest_named(main)
    again = xmp.joined(main, extension)
    assert properties(again) == properties(whole)
    assert xmp.digest_named(again) is None
    assert xmp.without_pointer(main) == again.replace(extension[len(HEAD) : -len(TAIL)], b"")


def test_prefixes_declared_around_an_extension_s_descriptions_come_along():
    """What was declared on the extension's outer elements is declared on each description after it is joined."""
    extension = HEAD.replace(b"<rdf:RDF", b'<rdf:RDF xmlns:d="urn:depth"') + b'<rdf:Description d:a="1"/>' + TAIL
    assert properties(xmp.joined(HEAD + TAIL, extension)) == {"{urn:depth}a": "1"}


def test_what_cannot_be_moved_cannot_be_divided():
    """A comment larger than a segment stays where it is, so that there is no division."""
    with pytest.raises(MetadataError, match="too much"):
        xmp.divided(HEAD + b"<!--" + b"a" * 70_000 + b"-->" + TAIL, 65_000)
    with pytest.raises(MetadataError, match="too much"):
        xmp.divided(HEAD + b'<rdf:Description rdf:about="' + b"a" * 64_800 + b'"/>' + TAIL, 65_000)


def test_declarations_do_not_add_up_without_end():
    """A packet whose many properties would each bring along long declarations is refused, and not multiplied."""
    many = b"<a>" + b"b" * 40 + b"</a>"
    long = b'<rdf:Description xmlns:long="' + b"u" * 30_000 + b'">' + many * 2_000 + b"</rdf:Description>"
    with pytest.raises(MetadataError, match="too large"):
        xmp.divided(HEAD + long + TAIL, 65_000)
    outer = HEAD.replace(b"<rdf:RDF", b'<rdf:RDF xmlns:long="' + b"u" * 30_000 + b'"')
    with pytest.raises(MetadataError, match="too large"):
        xmp.joined(HEAD + TAIL, outer + b"<rdf:Description/>" * 2_000 + TAIL)


def test_a_packet_that_cannot_be_read_keeps_its_pointer():
    """It is the same bytes."""
    assert xmp.without_pointer(b"<x") == b"<x"
