"""From SOURCE words and lines of a list to what is to be done: checked whole, before anything is sent."""

import os
import tempfile
from pathlib import Path

import pytest
from helpers.planning import IMAGE_3B, URL, picture, refused, wishes

from seedvr_cli.plan.lists import Entry
from seedvr_cli.plan.planner import Planner, check_folder, plan

# Sources, and their numbers.


def test_a_url_is_a_source():
    """An https URL becomes an item with its request, its name and its number."""
    (prospect,) = plan([URL], wishes(options={"scale": 2}), "gateway")
    item = prospect.item()
    assert (item.index, item.source, item.label, item.endpoint) == (1, URL, "photo.jpg", "7b-image")
    assert item.request.body == {"image_url": URL, "upscale_factor": 2}
    assert item.output.template == "{stem}-{scale}x{ext}"
    assert item.key_name is None


def test_every_source_has_its_number():
    """Sources are numbered from 1 in the order they were given, across folders too."""
    picture("a/2.png")
    picture("a/1.png")
    found = plan([URL, "a", URL + "?2"], wishes())
    assert [(one.index, one.source.text) for one in found] == [
        (1, URL), (2, os.path.join("a", "1.png")), (3, os.path.join("a", "2.png")), (4, URL + "?2"),
    ]  # fmt: skip


def test_nothing_to_do_is_refused():
    """Without any SOURCE there is nothing to do."""
    message, hint = refused([], wishes())
    assert "no SOURCE" in message
    assert hint == "'seedvr image --help'"


# Where results go.


def test_several_sources_need_several_names():
    """One file name, or standard output, takes one source; the error says how to name more."""
    message, hint = refused([URL, URL + "?2"], wishes(output="a.png"))
    assert message == "-o a.png: one file name, and there are 2 sources"
    assert "template" in hint
    message, _ = refused([URL, URL + "?2"], wishes(output="-"))
    assert message == "-o -: standard output takes one source, and there are 2 sources"
    picture("album/a.png")
    picture("album/b.png")
    assert "there are 2 sources" in refused(["album"], wishes(output="a.png"))[0]


def test_one_source_may_have_any_name():
    """One source may go into a file or to standard output, and several into a folder or a template."""
    assert plan([URL], wishes(output="a.png"))[0].item().output.kind == "file"
    assert plan([URL], wishes(output="-"))[0].item().output.kind == "stdout"
    for output in ("out/", "{stem}-{index}{ext}"):
        assert len(plan([URL, URL + "?2"], wishes(output=output))) == 2


@pytest.mark.parametrize("output", ["taken/", "taken/a.png", "taken/deep/er/{stem}{ext}", "taken/{stem}/a{ext}"])
def test_a_file_where_a_folder_should_be_is_refused(output):
    """Where a file is in the way of a folder, that is told before anything is paid."""
    Path("taken").write_text("")
    message, _ = refused([URL], wishes(output=output))
    assert "taken is in the way: it is not a folder" in message


def unwritable(monkeypatch, folder):
    """Make that folder one that cannot be written in; root could write in any."""
    real = tempfile.TemporaryFile

    def create(*args, **more):
        if os.path.realpath(more["dir"]) == os.path.realpath(folder):
            raise PermissionError(13, "Permission denied")
        return real(*args, **more)

    monkeypatch.setattr(tempfile, "TemporaryFile", create)


@pytest.mark.parametrize("output", [None, "a.png", "new/", "new/{index}/{stem}{ext}", "{stem}{ext}", "./a/b/c.png"])
def test_a_folder_that_cannot_be_written_in_is_refused(output, monkeypatch, here):
    """Where results could not be written, that is told before anything is paid."""
    unwritable(monkeypatch, here)
    message, _ = refused([URL], wishes(output=output))
    assert message == f"-o: cannot write in {here}: Permission denied"


def test_standard_output_needs_no_folder(monkeypatch, here):
    """`-o -` works in a folder that cannot be written in."""
    unwritable(monkeypatch, here)
    assert len(plan([URL], wishes(output="-"))) == 1


@pytest.mark.parametrize("output", [None, "a.png", "{stem}{ext}", "new/", "."])
def test_a_folder_with_braces_is_checked_itself(output, monkeypatch, tmp_path):
    """In a folder whose name has braces it is that folder that must be writable, not the one above."""
    folder = tmp_path / "above" / "{x} 1"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    unwritable(monkeypatch, folder.parent)
    assert len(plan([URL], wishes(output=output))) == 1
    unwritable(monkeypatch, folder)
    assert f"cannot write in {folder}" in refused([URL], wishes(output=output))[0]


def test_looking_leaves_nothing_behind(here):
    """Planning makes neither files nor folders."""
    plan([URL], wishes(output="new/deep/{stem}{ext}"))
    check_folder("new/deep")
    assert os.listdir(here) == []


@pytest.mark.parametrize("output", [None, "a.png", "new/", "{stem}{ext}"])
def test_a_folder_that_was_deleted_takes_no_results(output, monkeypatch, tmp_path):
    """In a current folder that is gone, a usage error says so; an absolute -o works there."""
    monkeypatch.setattr(os, "getcwd", gone)
    message, hint = refused([URL], wishes(output=output))
    assert (message, hint) == ("the current folder is gone", "give -o an absolute path, or change the folder")
    assert len(plan([URL], wishes(output=f"{tmp_path}/new/"))) == 1


def gone() -> str:
    """The current folder's path, when it was deleted."""
    raise FileNotFoundError(2, "No such file or directory")


def test_a_bad_option_is_a_usage_error():
    """What the endpoint does not take is told before anything is sent."""
    assert "--scale" in refused([URL], wishes(options={"scale": "9"}))[0]
    assert "--target: 7b-image has no such parameter" in refused([URL], wishes(options={"target": "720p"}))[0]
    assert "{scale} is empty" in refused([URL], wishes(output="{stem}-{scale}{ext}"))[0]


# Lines of a list.


def line(source=URL, /, wanted=None, **options):
    """The one prospect of a line."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    (prospect,) = Planner(wanted or wishes(), "gateway").line(Entry(3, source, named, "as it stood"), "urls.txt")
    return prospect


def test_a_line_says_where_it_stood():
    """A prospect of a list has its file and line, and the line as it stood."""
    item = line().item()
    assert (item.source, item.line, item.raw) == (URL, "urls.txt:3", "as it stood")


def test_a_line_may_have_options_of_its_own():
    """A line's own options go before those of the command, and its name before -o."""
    wanted = wishes(options={"scale": 2, "seed": 1}, output="out/")
    item = line(URL, wanted, scale="4", output="{stem}-{scale}{ext}", param={"foo": [1]}).item()
    assert item.request.params == {"upscale_factor": 4, "seed": 1, "foo": [1]}
    assert item.output.template == "{stem}-{scale}{ext}"


def test_a_lines_size_replaces_the_commands():
    """A line that sets any size has none of the command's."""
    assert line(URL, wishes(options={"scale": 2}), width=800).item().request.params == {"res_w": 800}
    wanted = wishes(IMAGE_3B, {"target": "1080p"})
    assert line(URL, wanted, scale=2).item().request.params == {"upscale_factor": 2}


def test_a_line_may_have_a_model_of_its_own():
    """A line may go to the other model, and is checked against that one's parameters."""
    assert line(model="3b", target="720p").item().endpoint == "3b-image"
    assert "--model 7b" in line(model="3b", width=800).problem


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sclae": 2}, "'sclae' is no option of an item (did you mean scale?)"),
        ({"jobs": 2}, "'jobs' is no option of an item"),
        ({"scale": 9}, "7b-image and 3b-image take 1-8"),
        ({"scale": [2]}, "7b-image and 3b-image take 1-8"),
        ({"model": "5b"}, "model: '5b' is not one of"),
        ({"model": 7}, "is not one of 7b, 3b"),
        ({"output": "-"}, "output"),
        ({"output": 5}, "output"),
        ({"output": "{steem}"}, "did you mean stem?"),
        ({"param": {"image_url": "x"}}, "the source is given as SOURCE"),
        ({"webhook": "http://example.com"}, "webhook: 'http://example.com' is not an https URL"),
        ({"key": ""}, "key: '' is not a name"),
        ({"key": True}, "key: 'true' is not a name"),
    ],
)
def test_a_wrong_line_is_a_problem_and_not_the_end(options, says):
    """A line that is wrong says so itself, so that the others can be told too."""
    prospect = line(**options)
    assert says in prospect.problem
    assert prospect.item().line == "urls.txt:3"


@pytest.mark.parametrize("source", ["http://example.com/a.png", "missing.png", "https://", "notes.txt"])
def test_a_wrong_source_in_a_list_is_a_problem(source):
    """A line whose source cannot be sent says so itself."""
    Path("notes.txt").write_text("no picture")
    assert "SOURCE" in line(source).problem


def test_an_unreadable_line_is_a_problem():
    """A line that could not be read keeps its problem."""
    planner = Planner(wishes(), "gateway")
    (prospect,) = planner.line(Entry(3, "", {}, "{broken", "no JSON"), "urls.txt")
    assert prospect.problem == "no JSON"
    assert prospect.item().source == "{broken"


def test_lines_are_numbered_across_the_list():
    """Items of a list are numbered one after the other, wrong ones too."""
    planner = Planner(wishes(), "gateway")
    entries = [Entry(1, URL), Entry(2, "missing.png"), Entry(5, URL + "?2")]
    assert [one.index for entry in entries for one in planner.line(entry, "l")] == [1, 2, 3]


def test_equal_options_are_checked_once():
    """Lines with the same options share their recipe, whatever the order of the options."""
    planner = Planner(wishes(), "gateway")
    recipe = planner.recipe({"scale": 2, "seed": 1})
    assert planner.recipe({"seed": 1, "scale": 2}) is recipe
    assert planner.recipe({"seed": 2, "scale": 2}) is not recipe


# Defaults of the profile.
