"""What a picture's file says of the picture, beside its pixels."""

from dataclasses import dataclass, replace

# Bytes that one kind may take: depth maps in XMP are the largest that there are, and this is ten times theirs.
LARGEST = 32 << 20


class MetadataError(Exception):
    """The structure of a picture's file cannot be read; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture's file says of it, each kind as its bytes, or None where there is none."""

    exif: bytes | None = None
    """A TIFF block, without what a container puts in front of it (CIPA DC-008, section 4.5)."""

    icc: bytes | None = None
    """A colour profile (ICC.1, section 7)."""

    xmp: bytes | None = None
    """One packet (ISO 16684-1, section 7.3.2), with what a JPEG keeps as extended XMP already in it."""

    iptc: bytes | None = None
    """Photoshop's image resources, of which one is IPTC-IIM (Photoshop File Formats, Image Resource Blocks)."""

    density: tuple[float, float] | None = None
    """Pixels per inch, across and down."""

    troubles: tuple[str, ...] = ()
    """What could not be read or brought up to date, a sentence each."""

    def with_trouble(self, *troubles: str) -> "Metadata":
        """The same, with something more to tell the user."""
        return replace(self, troubles=(*self.troubles, *troubles))
