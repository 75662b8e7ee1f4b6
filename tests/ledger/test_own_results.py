"""Results of ours among the files of a folder: where they were delivered, and wherever they were moved."""

import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from helpers.jobs import draft, nothing, run
from PIL import Image, PngImagePlugin

from seedvr_cli.ledger import glance
from seedvr_cli.ledger.glance import own_results
from seedvr_cli.ledger.rows import digest
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.job import File

SIZE = (32, 24)


def picture(path: Path, colour="red", size=SIZE, note=None) -> Path:
    """A PNG, with a note in its metadata."""
    info = PngImagePlugin.PngInfo()
    info.add_text("note", note or "")
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(path, "PNG", pnginfo=info)
    return path


@asynccontextmanager
async def placed(ledger, path: Path):
    """The job whose result gets its name there while the block lasts, and is recorded at its end."""
    claimed = await ledger.claim(draft(), Terms())
    job = await ledger.record(claimed.job, Answer("job", "COMPLETED"))
    await ledger.deliveries.place(job, 0, str(path))
    yield job
    facts = path.stat()
    file = File(str(path), facts.st_size, digest(str(path)), "image/png", *SIZE)
    await ledger.deliveries.delivered(job, 0, file, mtime_ns=facts.st_mtime_ns)


@pytest.fixture
def result(tmp_path) -> Path:
    """The file of a result, in a folder of its own."""
    path = tmp_path / "out" / "photo-2x.png"

    async def work(ledger):
        async with placed(ledger, path):
            picture(path)

    run(tmp_path, work)
    return path


def own(folder: Path, *paths: Path) -> list[Path]:
    found = own_results(str(folder), [str(path) for path in paths])
    return [path for path in paths if str(path) in found]


def test_a_result_is_known_by_its_content(tmp_path, result, monkeypatch):
    """Moved, copied and by way of a link a result is ours; what has as many bytes or pixels alone is not."""
    other = picture(tmp_path / "album" / "other.png", "blue")
    copy = Path(shutil.copy2(result, tmp_path / "album" / "copy.png"))
    (tmp_path / "link").symlink_to("out")
    linked = tmp_path / "link" / result.name
    same_size = tmp_path / "album" / "same-size.png"
    same_size.write_bytes(bytes(reversed(result.read_bytes())))
    assert own(tmp_path, result, copy, linked, other, same_size) == [result, copy, linked]
    moved = result.rename(tmp_path / "album" / "moved.png")
    assert own(tmp_path, result, moved) == [moved]
    monkeypatch.setattr(glance, "digest", lambda _: pytest.fail("a file of another size is read"))
    assert own(tmp_path, other) == []


def test_what_was_looked_at_is_not_read_again(tmp_path, result, monkeypatch):
    """A folder that is looked at again and again has its moved results read once, until they are changed."""
    moved = result.rename(tmp_path / "moved.png")
    read = []
    monkeypatch.setattr(glance, "digest", lambda path: read.append(path) or digest(path))
    for _ in range(3):
        assert own(tmp_path, moved) == [moved]
    os.utime(moved, (1, 1))
    assert own(tmp_path, moved) == [moved]
    assert len(read) == 2


def test_a_result_with_other_metadata_is_ours_where_it_was_delivered(tmp_path, result):
    """What other programs have written into a result makes no source of it; another picture in its place is one."""
    picture(result, note="a caption")
    (tmp_path / "link").symlink_to("out")
    assert own(tmp_path, result, tmp_path / "link" / result.name) == [result, tmp_path / "link" / result.name]
    copy = Path(shutil.copy2(result, tmp_path / "copy.png"))
    assert own(tmp_path, copy) == []
    picture(result, size=(33, 24))
    assert own(tmp_path, result) == []
    Image.new("RGB", SIZE).save(result, "JPEG")
    assert own(tmp_path, result) == []


def test_what_is_not_recorded_yet_is_ours(tmp_path):
    """A file that has got its name is ours before it is recorded; another one of that name is not."""
    path, part = tmp_path / "photo-2x.png", tmp_path / "photo-2x.png.part"

    async def work(ledger):
        async with placed(ledger, path) as job:
            picture(path)
            assert own(tmp_path, path) == []
            await ledger.deliveries.vouch(job, 0, str(path), path.stat().st_size, digest(str(path)))
            assert own(tmp_path, path) == [path]
            part.hardlink_to(path)
            assert own(tmp_path, path) == [path]
            part.unlink()
            picture(path, size=(33, 24))
            assert own(tmp_path, path) == []
            picture(path)

    run(tmp_path, work)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_file_is_none_of_ours(tmp_path, result):
    """What is gone, a folder and a pipe are passed over, and nothing waits for what a pipe brings."""
    result.unlink()
    result.mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert own(tmp_path, result, tmp_path / "pipe.png", tmp_path / "gone.png") == []


def test_names_of_any_bytes_are_looked_for(tmp_path):
    """A path that is no Unicode is asked for like any other."""
    run(tmp_path, nothing)
    assert own_results(str(tmp_path), [os.fsdecode(b"/caf\xe9.png")]) == set()
