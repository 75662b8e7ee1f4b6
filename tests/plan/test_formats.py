"""The ending of an explicit name is a wish for a format."""

import pytest
from helpers.planning import wishes

from seedvr_cli.plan.planner import Planner
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import UsageError

SEVEN, THREE, VIDEO = ENDPOINTS["7b-image"], ENDPOINTS["3b-image"], ENDPOINTS["3b-video"]


def sent(output, endpoint=THREE, **more):
    """The format in the body that this -o leads to."""
    planner = Planner(wishes(endpoint=endpoint, output=output, **more))
    return planner.recipe({}).request.params.get("output_format")


@pytest.mark.parametrize(
    ("output", "wanted"),
    [("a.png", "png"), ("a.jpg", "jpg"), ("a.JPEG", "jpg"), ("x/{stem}.webp", "webp"), ("a.dat", None), ("a", None),
     ("out.png/", None), ("{stem}{ext}", None), (None, None), ("s3://b/{stem}.webp", "webp")],
)  # fmt: skip
def test_the_ending_decides(output, wanted):
    """Where -f is not given, the ending of a name or template is the format, and a folder's is nothing."""
    assert sent(output) == wanted


def test_the_usual_format_is_not_sent():
    """What 7B makes anyway is the same request, and so the same job, without it."""
    assert sent("a.png", SEVEN) is None
    assert sent("a.jpg", SEVEN) == "jpeg"
    assert sent("a.png", SEVEN, defaults={"format": "webp"}) is None
    assert sent(None, SEVEN, defaults={"format": "webp"}) == "webp"


def test_a_videos_ending_does_not_tell_the_codec():
    """.mp4 is what every codec of the endpoint comes in."""
    assert sent("a.mp4", VIDEO) is None
    assert sent("a.mp4", VIDEO, options={"format": "h265"}) == "H265 (.mp4)"


@pytest.mark.parametrize(
    ("output", "endpoint", "options"),
    [("a.png", THREE, {"format": "webp"}), ("{stem}.jpg", SEVEN, {"format": "png"}),
     ("a.avi", VIDEO, {"format": "h264"}),
     ("a.gif", THREE, {}), ("a.mp4", THREE, {}), ("a.mov", VIDEO, {})],
)  # fmt: skip
def test_two_formats_are_a_usage_error(output, endpoint, options):
    """A name that says another format than -f, or one that there is not, is found before anything is paid."""
    with pytest.raises(UsageError, match="-o"):
        sent(output, endpoint, options=options)


def test_the_same_format_twice_is_one():
    """-f and an ending that say the same are no contradiction, in whatever spelling."""
    assert sent("a.jpg", THREE, options={"format": "jpeg"}) == "jpg"


def test_a_line_has_its_own_name():
    """A list's line decides by its own output."""
    planner = Planner(wishes(endpoint=THREE, output="out/"))
    assert planner.recipe({"output": "x.webp"}).request.params["output_format"] == "webp"
    with pytest.raises(UsageError, match="two formats"):
        planner.recipe({"output": "x.webp", "format": "png"})
