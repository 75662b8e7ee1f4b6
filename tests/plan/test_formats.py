"""The ending of an explicit name is a wish for a format."""

import pytest
from fakes.media import picture
from helpers.planning import wishes

from seedvr_cli.plan.formats import file_facts
from seedvr_cli.plan.lists import Entry
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


def own(tmp_path, name, content, endpoint=SEVEN, line=None, **more):
    """The prospect of a file of this machine with -f same, or of a line of a list."""
    path = tmp_path / name
    path.write_bytes(content)
    planner = Planner(wishes(endpoint=endpoint, **{"options": {"format": "same"}, **more}), "g")
    (found,) = planner.line(Entry(1, str(path), line), "list") if line is not None else planner.word(str(path))
    return found


def test_a_files_own_format_is_known_at_once(tmp_path, clip):
    """-f same is the word for what the file's bytes are, and the job is that of the word, written in any way."""
    jpeg = picture(form="JPEG")
    for given in ({}, {"options": {"format": "SAME"}}, {"options": {}, "defaults": {"format": "same"}},
                  {"options": {}, "line": {"Format": "same"}}):  # fmt: skip
        found = own(tmp_path, "a.png", jpeg, **given)
        named = own(tmp_path, "a.png", jpeg, options={"format": "jpg"})
        assert (found.recipe.request.params, found.key) == ({"output_format": "jpeg"}, named.key)
        assert found.trouble is None
    assert own(tmp_path, "b.webp", picture(form="WEBP"), THREE).recipe.request.params == {"output_format": "webp"}
    video = own(tmp_path, "c.mp4", clip.read_bytes(), VIDEO)
    assert video.recipe.request.params == {"output_format": "X264 (.mp4)"}


def test_a_format_that_is_not_made_is_refused_for_the_item(tmp_path):
    """What the endpoint makes no such files of is that item's refusal, with the words that there are."""
    head = b"\x1aE\xdf\xa3" + b"webm" + b"\x86\x85V_VP9"
    for content, part in ((head, "its codec is vp9"), (head[:8], "its codec does not show in its first bytes")):
        refused = own(tmp_path, "a.webm", content, VIDEO)
        assert refused.trouble.code == "source"
        assert refused.refusal.message == f"-f same: {part}, and 3b-video makes h264, h265"
        assert "-f h264 or -f h265" in refused.refusal.hint


def test_another_name_than_the_own_format_is_refused(tmp_path):
    """-o that says another format than the source's is a usage error of that item; the same one is not."""
    refused = own(tmp_path, "a.jpg", picture(form="JPEG"), output=str(tmp_path / "x.png")).refusal
    assert (refused.code, refused.exit_code) == ("usage", 2)
    assert "x.png and -f jpg: two formats (-f same is what the source is)" in refused.message
    assert own(tmp_path, "a.jpg", picture(form="JPEG"), output=str(tmp_path / "x.jpg")).trouble is None


def test_a_urls_own_format_is_not_known_yet():
    """A URL has to be seen first: until then its format is open, and what is then found takes its place."""
    planner = Planner(wishes(options={"format": "same"}), "g")
    (found,) = planner.word("https://example.com/a.png")
    assert found.recipe.follows
    followed = found.follow("image/webp", None)
    assert (followed.index, followed.follow, followed.recipe.follows) == (found.index, None, False)
    assert followed.recipe.request.params == {"output_format": "webp"}
    assert followed.key != found.key
    assert (
        found.follow("image/gif", None).refusal.message == "-f same: it is image/gif, and 7b-image makes png, webp, jpg"
    )
    assert "it is no image" in found.follow(None, None).refusal.message


def test_same_is_a_word_of_the_flag():
    """The body's own key takes what the gateway takes."""
    with pytest.raises(UsageError, match="same is a word of --format"):
        Planner(wishes(extra={"output_format": "same"})).recipe({})


def test_a_file_that_is_gone_is_said(tmp_path):
    """A file that cannot be read any more is a usage error."""
    with pytest.raises(UsageError, match="No such file"):
        file_facts(str(tmp_path / "gone.jpg"))
