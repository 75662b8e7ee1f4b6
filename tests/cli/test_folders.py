"""Folders as sources: the tree is kept, our own results are none, and only what is asked for is taken."""

import os
import time

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

SIZE = (8, 8)


@pytest.fixture
def holiday(work):
    """A folder with folders in it, and what is no picture."""
    for number, name in enumerate(["a.jpg", "day1/a.jpg", "day1/b.png", "day2/deep/c.webp", ".hidden/x.jpg"]):
        path = work / "holiday" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (number * 40, 0, 99)).save(path)
    (work / "holiday" / "notes.txt").write_text("no picture\n")
    return work / "holiday"


def test_the_tree_is_kept(run, sandbox, holiday, work):
    """--recursive into a folder keeps the sources' folders, with a folder for -o and without."""
    done = run("image", "holiday/", "--recursive", "-o", "out/", to=sandbox)
    names = ["a-upscaled.png", "day1/a-upscaled.png", "day1/b-upscaled.png", "day2/deep/c-upscaled.png"]
    assert done.rc == 0, done.stderr
    assert sorted(done.lines) == [f"out/{name}" for name in names]
    assert sorted(run("image", "holiday/", "--recursive", to=sandbox).lines) == names
    assert all((work / name).is_file() for name in names)
    again = run("image", "holiday/", "--recursive", "-o", "out/", to=sandbox)
    assert (again.rc, len(again.lines)) == (0, 4)
    assert sandbox.accepted((holiday / "a.jpg").as_uri()) == 1


def test_the_field_of_a_template(run, sandbox, holiday):
    """{dir} is the folder below the one that was named, and leaves no empty part where there is none."""
    template = "out/{dir}/x/{stem}{ext}"
    done = run("image", "holiday/", "--recursive", "-o", template, to=sandbox)
    assert sorted(done.lines) == ["out/day1/x/a.png", "out/day1/x/b.png", "out/day2/deep/x/c.png", "out/x/a.png"]
    single = run("image", "holiday/day1/a.jpg", "-o", "one/{dir}/{name}-{index}{ext}", to=sandbox)
    assert single.lines == ["one/a.jpg-1.png"], single.stderr


def test_download_keeps_the_tree_too(run, sandbox, holiday, work):
    """What was submitted with --no-wait is delivered into the same tree."""
    assert run("image", "holiday/", "--recursive", "--no-wait", "-o", "late/", to=sandbox).rc == 0
    done = run("download", to=sandbox)
    assert "late/day2/deep/c-upscaled.png" in {os.path.relpath(line, work) for line in done.lines}, done.stderr


def test_results_are_no_sources(run, sandbox, holiday, work):
    """What was delivered into the folder is passed over, until somebody has changed it."""
    assert run("image", "holiday/day1/", "-o", "holiday/day1/", to=sandbox).rc == 0
    done = run("image", "holiday/day1/", "-o", "holiday/day1/", to=sandbox)
    assert sorted(done.lines) == ["holiday/day1/a-upscaled.png", "holiday/day1/b-upscaled.png"]
    assert len(os.listdir(holiday / "day1")) == 4
    Image.new("RGB", (9, 9), "red").save(holiday / "day1" / "a-upscaled.png")
    changed = run("image", "holiday/day1/", "--dry-run", "--json", to=None, env={})
    assert changed.rc == 2  # against the hosted gateway a file needs a way; the sandbox reads it
    listed = run("image", "holiday/day1/", "--dry-run", to=sandbox)
    assert listed.stdout.count("a-upscaled.png") == 1
    assert listed.stdout.count("b-upscaled.png") == 0


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--include", "*.jpg"), ["a.jpg", "day1/a.jpg"]),
        (("--include", "day1/*"), ["day1/a.jpg", "day1/b.png"]),
        (("--exclude", "a.*"), ["day1/b.png", "day2/deep/c.webp"]),
        (("--include", "*.jpg", "--include", "*.webp", "--exclude", "day1/*"), ["a.jpg", "day2/deep/c.webp"]),
        (("--newer-than", "1h"), ["day1/a.jpg", "day1/b.png", "day2/deep/c.webp"]),
    ],
)
def test_only_what_is_asked_for(run, sandbox, holiday, words, wanted):
    """--include and --exclude take patterns for names and paths, --newer-than a time."""
    old = time.time() - 7200
    os.utime(holiday / "a.jpg", (old, old))
    done = run("image", "holiday/", "--recursive", "--dry-run", *words, to=sandbox)
    assert [name for name in ("a.jpg", "day1/a.jpg", "day1/b.png", "day2/deep/c.webp")
            if (holiday / name).as_uri() in done.stdout] == wanted, done.stderr  # fmt: skip
    assert len(done.lines) == len(wanted)


def test_a_folder_of_which_nothing_is_left(run, sandbox, holiday):
    """A folder without what is asked for, and a time that is none, are one line and code 2."""
    for words in (("--include", "*.gif"), ("--newer-than", "someday")):
        done = run("image", "holiday/", "--recursive", *words, to=sandbox)
        assert (done.rc, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_a_broken_picture_is_one_failure_of_many(run, sandbox, holiday, work):
    """The others are paid for and delivered, the broken one is one line with the flag that leaves it out."""
    (holiday / "broken.jpg").write_bytes(b"no picture")
    (holiday / "gone.jpg").symlink_to("nowhere")
    done = run("image", "holiday/", "--recursive", "-o", "out/", "--failed-file", "failed.txt", to=sandbox)
    assert (done.rc, len(done.lines)) == (1, 4), done.stderr
    assert "holiday/broken.jpg: it is no image" in done.stderr
    assert "holiday/gone.jpg: it cannot be read: No such file" in done.stderr
    assert "--exclude" in done.stderr
    failed = (work / "failed.txt").read_text().splitlines()
    assert [line for line in failed if line[0] != "#"] == ["holiday/broken.jpg", "holiday/gone.jpg"]
    told = run("image", "holiday/", "--recursive", "-o", "new/", "-x", "2", "--dry-run", to=sandbox)
    assert (told.rc, len(told.lines)) == (1, 4), told.stderr
