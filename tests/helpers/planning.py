"""Plans from a few words, and what a user sees of a plan that is refused."""

import os

import pytest
from PIL import Image

from seedvr_cli.plan.planner import plan
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import UsageError

IMAGE, IMAGE_3B, VIDEO = ENDPOINTS["7b-image"], ENDPOINTS["3b-image"], ENDPOINTS["3b-video"]
URL = "https://example.com/photo.jpg"
MP4 = b"\0\0\0\x10ftypisom\0\0\0\0"


def wishes(endpoint=IMAGE, options=None, **more):
    return Wishes(endpoint, options or {}, **{"local_files": True, **more})


def picture(path, color="teal"):
    """A new picture; a text in its place is its content."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    Image.new("RGB", (4, 3), color).save(path, "PNG")
    return str(path)


def texts(found):
    return [prospect.source.text for prospect in found]


def refused(words, wanted):
    """The one line that a user sees, and its hint."""
    with pytest.raises(UsageError) as caught:
        plan(words, wanted)
    assert "\n" not in caught.value.message
    return caught.value.message, caught.value.hint
