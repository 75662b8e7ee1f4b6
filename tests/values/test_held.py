"""Files that one run at a time is at."""

import os

import pytest

from seedvr_cli.values import held
from seedvr_cli.values.held import create_held, give_name, open_held, remove_unheld


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "out.png.part")


def test_who_holds_it_has_it_alone(path):
    """Nobody else creates, opens or removes it until it is closed; then it is emptied for who comes next."""
    descriptor = create_held(path)
    os.write(descriptor, b"bytes")
    for other in (create_held, open_held):
        with pytest.raises(FileExistsError):
            other(path)
    remove_unheld(path)
    assert os.path.getsize(path) == 5
    os.close(descriptor)
    descriptor = open_held(path)
    assert os.path.getsize(path) == 5
    os.close(descriptor)
    descriptor = create_held(path)
    assert os.path.getsize(path) == 0
    os.close(descriptor)
    remove_unheld(path)
    assert not os.path.exists(path)


def test_what_was_given_its_name_meanwhile_is_not_held(path, monkeypatch):
    """Between the look at it and its lock another run may have renamed it: that file is not written to."""
    os.close(create_held(path))
    lock = held.try_lock

    def locked(descriptor):
        os.rename(path, f"{path}.whole")
        return lock(descriptor)

    monkeypatch.setattr(held, "try_lock", locked)
    with pytest.raises(FileExistsError):
        open_held(path)


def test_without_locks_it_is_there_for_all(path, monkeypatch):
    """On a file system that has no locks a file that is there can be taken up."""

    def refuse(_):
        raise OSError("no locks")

    os.close(create_held(path))
    monkeypatch.setattr(held, "try_lock", refuse)
    os.close(open_held(path))


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="for this user no file is another's")
def test_another_users_is_in_use(path):
    """What may not be opened is somebody else's."""
    os.close(create_held(path))
    os.chmod(path, 0o400)
    with pytest.raises(FileExistsError):
        create_held(path)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_is_taken_stays(path, has_links, monkeypatch, tmp_path):
    """A file gets its name at once, and nothing that has it is replaced; also where there are no hard links."""
    name = str(tmp_path / "out.png")
    if not has_links:

        def refuse(*_):
            raise OSError("no links")

        monkeypatch.setattr(os, "link", refuse)
    os.close(create_held(path))
    give_name(path, name)
    assert os.listdir(tmp_path) == ["out.png"]
    os.close(create_held(path))
    with pytest.raises(FileExistsError):
        give_name(path, name)
    assert sorted(os.listdir(tmp_path)) == ["out.png", "out.png.part"]
