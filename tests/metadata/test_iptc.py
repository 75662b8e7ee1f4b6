"""Photoshop's resources: which of them go from a picture to the one made of it."""

import pytest
from helpers.portraits import IPTC, RESOURCES, resource

from seedvr_cli.metadata.iptc import as_resources, renewed
from seedvr_cli.metadata.metadata import MetadataError


def test_datasets_alone_become_a_resource():
    """What PNG may hold without Photoshop's frame is given one, of an even length; with it, it stays as it is."""
    assert as_resources(IPTC) == resource(0x0404, IPTC)
    assert as_resources(RESOURCES) == RESOURCES


@pytest.mark.parametrize("content", [b"", b"8BIM", b"8BIM\4\4\0\0\xff\xff\xff\xff", b"something else"])
def test_anything_else_is_refused(content):
    """Bytes that hold no whole resource are none."""
    with pytest.raises(MetadataError):
        as_resources(content)


def test_what_tells_of_old_pixels_goes():
    """Thumbnails, guides, slices and copies of EXIF, XMP and profile go, and the others stay, names and all."""
    kept = RESOURCES + resource(0x07D0, b"path", b"\3way")
    old = b"".join(resource(number, b"old") for number in (0x0409, 0x040C, 0x0408, 0x041A, 0x0422, 0x0424, 0x040F))
    assert renewed(old + kept) == kept
    assert renewed(kept + b"8BIM cut") == kept
