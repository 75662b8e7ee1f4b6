"""What an earlier run renamed and did not live to record."""

import hashlib
import os

import pytest
from fakes.media import HTML, OTHER, PNG, files

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.recover import recover


def test_what_was_renamed_is_found_again(folder):
    """A file that an earlier run renamed and did not live to record is recognised by its bytes."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    file, mtime_ns = recover(Destination(str(path)))
    assert (file.path, file.bytes, file.width, file.height) == (str(path), len(PNG), 40, 30)
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert mtime_ns == os.stat(path).st_mtime_ns


def test_a_rename_that_was_cut_in_two_is_finished(folder):
    """Where an earlier run linked the name and died before it removed the part, the part goes and the file is found."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    os.link(path, f"{path}.part")
    assert recover(Destination(str(path)))[0].bytes == len(PNG)


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
    assert recover(Destination(str(path)))[0].bytes == len(PNG)
    assert files(folder) == ["out.png"]
    assert files(folder) == ["out.png"]


@pytest.mark.parametrize(
    ("there", "part"), [(None, None), (None, PNG[:500]), (OTHER, PNG[:500]), (HTML, None), (b"", None)]
)
def test_what_was_not_renamed_is_not_found(there, part, folder):
    """Without the name, with a part of its own, or with what is no picture, nothing was delivered."""
    path = folder / "out.png"
    if there is not None:
        path.write_bytes(there)
    if part is not None:
        (folder / "out.png.part").write_bytes(part)
    before = files(folder)
    assert recover(Destination(str(path))) is None
    assert files(folder) == before
