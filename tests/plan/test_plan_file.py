"""Plans that are written down."""

import io
import json
import os
from dataclasses import replace

import pytest
from helpers.planning import URL, picture, wishes

from seedvr_cli.plan.plan_file import Plan, PlanWriter
from seedvr_cli.plan.planner import plan
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.version import Version


def written(tmp_path, words, wanted, **more):
    """The path of a plan for these words, and its prospects."""
    prospects = plan(words, wanted, "g")
    file = io.StringIO()
    with PlanWriter(file, "g") as writer:
        for prospect in prospects:
            writer.add(prospect, 1000, Version(etag="1") if "://" in prospect.source.text else None)
    path = tmp_path / "plan.jsonl"
    path.write_text(file.getvalue())
    return str(path), prospects


def refused(path, wanted=None):
    """Why it is refused."""
    with pytest.raises(UsageError) as caught:
        list(Plan(path).prospects(wanted or wishes()))
    return caught.value.message


def test_what_is_read_is_what_was_written(tmp_path):
    """Requests, keys, names, outputs and numbers come back as they were."""
    photo = picture(str(tmp_path / "day" / "photo.png"))
    wanted = wishes(
        options={"scale": 2.0, "seed": 7, "webhook": "https://a.example/hook"}, output="{index}{ext}", tags=("a", "b")
    )
    path, prospects = written(tmp_path, [URL, photo, str(tmp_path / "day")], wanted)
    read = Plan(path)
    assert (read.totals.requests, read.totals.price) == (3, 3000)
    assert [version and version.etag for _, version in read.requests(wishes())] == ["1", None, None]
    for before, after in zip(prospects, read.prospects(wishes()), strict=True):
        one, two = before.item(), after.item()
        assert one == replace(two, line=None)


def test_a_name_of_the_users_own_is_kept(tmp_path):
    """A job with --key is known by it."""
    path, _ = written(tmp_path, [URL], wishes(key="mine"))
    (found,) = Plan(path).prospects(wishes())
    assert found.key_name == "mine"


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_source_that_has_changed_is_refused(tmp_path, name):
    """A file with other bytes, or none, is told with the plan's line, under a name of the user's own as well."""
    photo = picture(str(tmp_path / "photo.png"))
    path, _ = written(tmp_path, [photo], wishes(key=name))
    picture(photo, "red")
    assert refused(path) == f"{path}:1: {photo} has changed since the plan was made"
    (tmp_path / "photo.png").unlink()
    assert f"{path}:1: " in refused(path)
    assert "no such file" in refused(path)


def test_a_plan_that_has_changed_is_refused(tmp_path):
    """One that was edited, one that is cut, and what is none, are told apart."""
    path, _ = written(tmp_path, [URL], wishes(options={"scale": 2.0}))
    text = (tmp_path / "plan.jsonl").read_text()
    for other, message in (
        (text.replace('"upscale_factor": 2', '"upscale_factor": 8'), "was changed since it was made"),
        (text.splitlines(keepends=True)[0], "is no plan, or not all of one"),
        ("https://example.com/a.jpg\n", "is no plan, or not all of one"),
        ("", "is no plan, or not all of one"),
        ("[" * 100_000, "is no plan, or not all of one"),
        (text.replace('"plan": 1', '"plan": 2'), "was made by a newer seedvr"),
        (text.replace("1000]", "1001]"), "list prices of 7b-image have changed"),
    ):
        (tmp_path / "plan.jsonl").write_text(other)
        assert message in refused(path)
    assert "No such file" in refused(str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    "line", [json.dumps({"source": URL, "endpoint": "7b-image"}), "5", "[]", "{", "", "[" * 100_000]
)
def test_a_plan_that_somebody_else_wrote_is_one_line(tmp_path, line):
    """A line that has not what a request has is told, though the digest is right."""
    file = io.StringIO()
    with PlanWriter(file, "g") as writer:
        writer._file.write(line := f"{line}\n")
        writer._digest.update(line.encode())
    path = tmp_path / "plan.jsonl"
    path.write_text(file.getvalue())
    assert refused(str(path)) == f"{path}:1: this is no request of a plan"


def test_a_plan_in_a_pipe_is_refused(tmp_path):
    """It is read more than once: of a pipe nothing would be left, and nothing submitted."""
    path, _ = written(tmp_path, [URL], wishes())
    ends = os.pipe()
    with os.fdopen(ends[1], "wb") as pipe:
        pipe.write((tmp_path / "plan.jsonl").read_bytes())
    try:
        assert "is no file" in refused(f"/dev/fd/{ends[0]}")
    finally:
        os.close(ends[0])
    assert len(list(Plan(path).prospects(wishes()))) == 1


def test_what_has_no_end_is_no_plan(tmp_path):
    """A device is no file, and a file of gigabytes without a line's end is not read whole."""
    assert "is no file" in refused("/dev/urandom")
    path, _ = written(tmp_path, [URL], wishes())
    os.truncate(path, 3 << 30)
    assert "a line without an end" in refused(path)


def test_a_plan_that_changes_while_it_is_read_is_refused(tmp_path):
    """Requests that are not there any more are not passed over in silence."""
    path, _ = written(tmp_path, [URL], wishes())
    plan = Plan(path)
    (tmp_path / "plan.jsonl").write_text("")
    with pytest.raises(UsageError, match="was changed while it was read"):
        list(plan.prospects(wishes()))


def test_a_run_that_fails_makes_no_plan(tmp_path):
    """Where the block ends with an error there is no last line."""
    file = io.StringIO()
    with pytest.raises(KeyError), PlanWriter(file, "g"):
        raise KeyError
    assert file.getvalue() == ""
