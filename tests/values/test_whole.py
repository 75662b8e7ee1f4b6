"""Files that appear whole, or not at all."""

import os
import stat

import pytest

from seedvr_cli.values.whole import write_whole, writing_whole


def test_a_file_takes_the_place_of_another(tmp_path):
    """The content is the new one, the mode that of any new file, and nothing else is left."""
    path = tmp_path / "a.json"
    path.write_text("old")
    write_whole(str(path), b"new")
    mask = os.umask(0)
    os.umask(mask)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_cannot_be_put_there_leaves_nothing(tmp_path):
    """Where a folder has the name the folder stays, and no part is left."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OSError, match=r"a\.json"):
        write_whole(str(tmp_path / "a.json"), b"new")
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_text_has_its_name_when_it_is_whole(tmp_path):
    """While it is written, and where that ends with an error, what was there before stays, and nothing else is left."""
    path = tmp_path / "a.jsonl"
    path.write_text("old")

    def write_half():
        with writing_whole(str(path)) as file:
            file.write("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert (os.listdir(tmp_path), path.read_text()) == (["a.jsonl"], "old")
    with writing_whole(str(path)) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert (os.listdir(tmp_path), path.read_text()) == (["a.jsonl"], "new")
