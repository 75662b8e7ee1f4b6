"""What an earlier run gave its name and did not live to record."""

import os

import pytest
from fakes.media import HTML, OTHER, PNG, files

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.recover import recover

SHA256 = "5" * 64


def test_what_was_renamed_is_found_again(folder):
    """What stands under the name is what was vouched for: its facts are the file's, its digest is known."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    file, mtime_ns = recover(Destination(str(path)), SHA256)
    assert (file.path, file.bytes, file.width, file.height) == (str(path), len(PNG), 40, 30)
    assert file.sha256 == SHA256
    assert mtime_ns == os.stat(path).st_mtime_ns


def test_a_rename_that_was_cut_in_two_is_finished(folder):
    """Where an earlier run linked the name and died before it removed the part, the part goes and the file is found."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    os.link(path, f"{path}.part")
    assert recover(Destination(str(path)), SHA256)[0].bytes == len(PNG)
    assert files(folder) == ["out.png"]


def test_two_runs_may_recover_the_same_file(folder, monkeypatch):
    """Where another run clears the part away at this very moment, the file is found all the same."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    os.link(path, f"{path}.part")
    real = os.unlink

    def unlink(part):
        real(part)
        real(part)  # the other run was first

    monkeypatch.setattr(os, "unlink", unlink)
    assert recover(Destination(str(path)), SHA256)[0].bytes == len(PNG)
    assert files(folder) == ["out.png"]


def test_a_part_of_somebody_else_stays(folder):
    """A part beside it that is another file is none of ours."""
    (folder / "out.png").write_bytes(PNG)
    (folder / "out.png.part").write_bytes(OTHER)
    assert recover(Destination(str(folder / "out.png")), SHA256)[0].bytes == len(PNG)
    assert files(folder) == ["out.png", "out.png.part"]


@pytest.mark.parametrize("there", [None, HTML, b""])
def test_what_is_no_picture_is_not_found(there, folder):
    """Without the name, or with what is no picture, nothing was delivered."""
    path = folder / "out.png"
    if there is not None:
        path.write_bytes(there)
    before = files(folder)
    assert recover(Destination(str(path)), SHA256) is None
    assert files(folder) == before
