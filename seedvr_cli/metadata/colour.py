"""Whether a colour profile may be put on a picture that it was not made for.

A result that says itself what its colours are is believed: whoever made its pixels may have converted them. The
source's profile is only for a result that says nothing, and only where it is for the same kind of pixels.
"""

from seedvr_cli.metadata.metadata import MetadataError

GREY, RGB, CMYK = b"GRAY", b"RGB ", b"CMYK"
"""Colour spaces as a profile's header names them (ICC.1, section 7.2.6)."""

_NAMES = {GREY: "grey", RGB: "RGB", CMYK: "CMYK"}
_HEADER = 128


def checked(profile: bytes) -> bytes:
    """The profile, up to the length that it gives; MetadataError where it is none, or cut (ICC.1, section 7.2)."""
    length = int.from_bytes(profile[:4], "big")
    if profile[36:40] != b"acsp" or not _HEADER <= length <= len(profile):
        raise MetadataError("its colour profile is damaged, and is left out")
    return profile[:length]


def refusal(profile: bytes, space: bytes | None) -> str | None:
    """Why a profile cannot be put on a picture of that colour space; None where it can."""
    if profile[16:20] == space:
        return None
    theirs, ours = (_NAMES.get(each or b"", "another colour space") for each in (profile[16:20], space))
    return f"the colour profile is for {theirs}, and the result is {ours}: it is left out"
