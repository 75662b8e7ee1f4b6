"""Folders as sources: the tree is kept, our own results are none, and only what is asked for is taken."""

import os
import shutil
import time
from urllib.parse import quote

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
    """What was delivered into the folder is passed over, until another picture has its place."""
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


def test_results_in_a_folder_that_was_moved_are_no_sources(run, sandbox, holiday, work):
    """Results are known in a moved folder, in a copy and by way of a link, and nothing is paid for them."""
    day = holiday / "day1"
    assert run("image", "holiday/day1/", "-o", "holiday/day1/", to=sandbox).rc == 0
    shutil.copytree(day, work / "copy")
    day.rename(work / "moved")
    (work / "link").symlink_to("moved")
    for folder in ("copy", "moved", "link", str(work / "link")):
        listed = run("image", folder, "--dry-run", "-x", "2", to=sandbox)
        assert (listed.rc, len(listed.lines), "upscaled" in listed.stdout) == (0, 2, False), listed.stderr


@pytest.fixture
def old(work):
    """A folder with a picture whose name is not UTF-8, as an old archive has it, and its path."""
    folder = work / "old"
    folder.mkdir()
    path = os.path.join(os.fsencode(folder), b"caf\xe9.png")
    try:
        with open(path, "wb") as file:
            Image.new("RGB", SIZE, "olive").save(file, "PNG")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    Image.new("RGB", SIZE, "navy").save(folder / "plain.png")
    return os.fsdecode(path)


def test_names_of_any_bytes(run, sandbox, old, work):
    """A folder with such a name is done whole, and again; the name alone, and --no-check, do as well."""
    results = {b"out/caf\xe9-upscaled.png", b"out/plain-upscaled.png"}
    for _ in range(2):
        done = run("image", "old/", "-o", "out/", to=sandbox)
        assert (done.rc, set(done.raw.splitlines())) == (0, results), done.stderr
    assert sandbox.accepted("file://" + quote(os.fsencode(old))) == 1
    for number, words in enumerate(((), ("--no-check",)), start=2):
        done = run("image", old, "-x", number, *words, "--json", to=sandbox)
        assert done.rc == 0, done.stderr
        assert os.fsencode(done.object["files"][0]["path"]) == b"caf\xe9-%dx.png" % number
        assert done.raw.isascii()


def test_commands_that_read_names_of_any_bytes(run, sandbox, old, work):
    """What --no-wait left is listed, delivered, summed and shown whatever its name is; all that is told is UTF-8."""
    folder = os.fsdecode(os.path.join(os.fsencode(work), b"\xe9t\xe9"))
    os.mkdir(folder)
    assert run("image", old, "--no-wait", "-o", f"{folder}/", to=sandbox).rc == 0
    listed = run("status", "--json", to=sandbox)
    assert (listed.rc, listed.object["source"]) == (0, old)
    assert listed.raw.isascii()
    delivered = run("download", to=sandbox)
    assert (delivered.rc, delivered.raw.strip()) == (0, os.path.join(os.fsencode(folder), b"caf\xe9-upscaled.png"))
    for words in (("status",), ("spend",), ("report", folder, "-o", "page.html")):
        done = run(*words, "--base-url", sandbox.url)
        assert done.rc == 0, done.stderr
    (work / "page.html").read_text(encoding="utf-8")
    again = run("image", ".", "-x", "2", to=sandbox, cwd=folder)
    assert (again.rc, "only results of ours" in again.stderr) == (2, True)


def test_in_a_folder_that_was_deleted(run, sandbox, url, work):
    """Without a current folder a command that would write there is one line and code 2, with what to do."""
    (work / "gone").mkdir()
    inject = "import os; os.rmdir(os.getcwd())"
    for words in (("image", url, "--dry-run"), ("image", url, "-o", "new/"), ("image", url, "--from", os.devnull)):
        (work / "gone").mkdir(exist_ok=True)
        done = run(*words, to=sandbox, cwd=work / "gone", inject=inject)
        assert (done.rc, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert "the current folder is gone" in done.stderr
