"""What Windows, macOS and Linux do differently, each branch gone through on whichever of them this is."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.places import ROOT
from helpers.waiting import PATIENCE

from seedvr_cli.values import system


@pytest.fixture(autouse=True)
def _forgetful():
    system.folds_names.cache_clear()
    yield
    system.folds_names.cache_clear()


@pytest.fixture
def windows(monkeypatch):
    """Windows, as far as Python tells; its `msvcrt` locks a file that nobody else has locked."""
    locked = set()

    def locking(descriptor, mode, count):
        file = os.fstat(descriptor).st_ino
        if file in locked:
            raise PermissionError(13, "Permission denied")
        locked.add(file)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "termios", None)


@pytest.fixture
def mac(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")


def lock_twice(path):
    with path.open("wb") as one, path.open("wb") as other:
        return system.try_lock(one), system.try_lock(other)


def test_a_file_is_locked_by_one(tmp_path):
    """The second who asks is told that another has it, and the lock ends with the file."""
    assert lock_twice(tmp_path / "lock") == (True, False)
    assert lock_twice(tmp_path / "lock") == (True, False)


def test_a_file_is_locked_by_one_on_windows(tmp_path, windows):
    """By msvcrt, whose refusal is another error."""
    assert lock_twice(tmp_path / "lock") == (True, False)


def test_a_folder_is_locked_by_one(tmp_path):
    """A folder has a lock as a file has."""
    one, other = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    assert (system.lock_folder(one), system.lock_folder(other)) == (True, False)
    os.close(one)
    os.close(other)


@pytest.mark.parametrize("refusals", [0, 3])
def test_windows_is_asked_again_to_replace_a_file(tmp_path, windows, monkeypatch, refusals):
    """A file that a virus scanner has open is replaced when it lets go."""
    replace, pauses, left = os.replace, [], [refusals]

    def busy(part, path):
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied")
        replace(part, path)

    monkeypatch.setattr(os, "replace", busy)
    (tmp_path / "part").write_text("new")
    (tmp_path / "file").write_text("old")
    system.replace(tmp_path / "part", tmp_path / "file", sleep=pauses.append)
    assert (tmp_path / "file").read_text() == "new"
    assert len(pauses) == refusals


def test_a_file_that_may_not_be_replaced_is_told(tmp_path, monkeypatch):
    """At once where a refusal is one, and after a while on Windows."""

    def refuse(part, path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    pauses = []
    for platform, most in (("linux", 0), ("win32", system.REPLACE_SECONDS / system.REPLACE_PAUSE + 1)):
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(PermissionError):
            system.replace("part", "file", sleep=pauses.append)
        assert (len(pauses) > 0, len(pauses) <= most) == (platform == "win32", True)


def test_modes_and_owners_say_nothing_on_windows(windows):
    """Whoever owns a file there, it is trusted, and no mode is looked at."""
    assert not system.has_modes()
    assert system.owner_is_trusted(SimpleNamespace(st_uid=4711))


def test_elsewhere_a_file_is_this_users_or_the_systems():
    """Any other owner is not trusted."""
    assert system.has_modes()
    assert [system.owner_is_trusted(SimpleNamespace(st_uid=uid)) for uid in (os.geteuid(), 0, 4711)] == [
        True, True, False,
    ]  # fmt: skip


def test_what_windows_has_not_is_no_error(windows, tmp_path, monkeypatch):
    """No limit of files, no pixels of a terminal, no Ctrl-Z, no advice about a file, no libcurl in its event loop."""
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    monkeypatch.delattr(signal, "SIGTSTP", raising=False)
    system.allow_files(10)
    system.write_back(0, 10)
    assert system.screen_pixels(2) is None
    assert system.suspension() is None
    assert not system.has_libcurl_loop()
    assert system.keeps_proxies()


def test_what_others_have():
    """Ctrl-Z where nobody minds it, libcurl in the event loop; a pipe has no pixels."""
    assert system.has_libcurl_loop()
    before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    assert system.suspension() == signal.SIGTSTP
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    assert system.suspension() is None
    signal.signal(signal.SIGTSTP, before)
    read, write = os.pipe()
    assert system.screen_pixels(read) is None
    os.close(read)
    os.close(write)


def test_open_files_are_allowed_up_to_the_hard_limit(monkeypatch):
    """The soft limit is raised to what is wanted, as far as the hard one goes, and never lowered."""
    import resource

    infinity, told = resource.RLIM_INFINITY, []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    for limits in ((256, infinity), (256, 1000), (256, 9000), (8000, 9000), (infinity, infinity)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        system.allow_files(4096)
    assert told == [(4096, infinity), (1000, 1000), (4096, 9000)]


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_program_and_what_it_started_are_ended(platform, monkeypatch):
    """Its group is, where there are groups; one that is gone already is no error."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    monkeypatch.setattr(sys, "platform", platform)
    system.end_group(process.pid)
    assert process.wait(60) == -signal.SIGTERM
    process.stdin.close()
    system.end_group(process.pid)


@pytest.mark.parametrize(
    ("platform", "variables", "old"),
    [("linux", {}, False), ("win32", {}, True), ("win32", {"WT_SESSION": "1"}, False), ("win32", {"TERM": "x"}, False)],
)
def test_an_old_console_is_known(platform, variables, old, monkeypatch):
    """Windows Terminal, and whoever says TERM, understand colours."""
    for name in ("WT_SESSION", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert system.is_old_console() is old


@pytest.mark.parametrize("has_handlers", [True, False])
def test_a_stop_is_told_to_the_event_loop(has_handlers):
    """Ctrl-C and SIGTERM come into the event loop as calls, also where it has no handlers of its own."""

    async def told(number):
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        numbers = []
        if not has_handlers:
            loop.add_signal_handler = lambda *_: (_ for _ in ()).throw(NotImplementedError)
        system.on_stop(loop, lambda number: (numbers.append(number), heard.set()))
        signal.raise_signal(number)
        await asyncio.wait_for(heard.wait(), PATIENCE)
        return numbers

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            assert asyncio.run(told(number)) == [number]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# Names.


def fold(monkeypatch):
    """A disk that takes names for one that differ in case."""
    real = os.lstat

    def lstat(path):
        folder, name = os.path.split(path)
        for entry in os.listdir(folder):
            if entry.casefold() == name.casefold():
                return real(os.path.join(folder, entry))
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "lstat", lstat)


def test_a_folder_is_asked_whether_it_folds_names(tmp_path, monkeypatch):
    """One of its own names is looked for in the other case, whatever the system."""
    (tmp_path / "Photo.png").touch()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not system.folds_names(str(tmp_path))
    system.folds_names.cache_clear()
    monkeypatch.setattr(sys, "platform", "linux")
    fold(monkeypatch)
    assert system.folds_names(str(tmp_path))
    assert system.folds_names(str(tmp_path / "not" / "yet"))


def test_two_names_in_both_cases_are_no_fold(tmp_path):
    """A folder that has both `a` and `A` tells them apart."""
    (tmp_path / "a").touch()
    (tmp_path / "A").touch()
    assert not system.folds_names(str(tmp_path))


@pytest.mark.parametrize(("platform", "folds"), [("linux", False), ("darwin", True), ("win32", True)])
def test_an_empty_folder_is_as_its_system_is(platform, folds, tmp_path, monkeypatch):
    """Where no name tells, the system does."""
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(sys, "platform", platform)
    assert system.folds_names(str(tmp_path / "1")) is folds
    assert system.folds_names(str(tmp_path)) is folds


def test_paths_that_are_one_file_have_one_key(monkeypatch):
    """Case, and the two spellings of an accent, make no difference where names are folded, and all elsewhere."""
    names = ["out/É.png", "out/é.png", "out/E\u0301.PNG"]
    monkeypatch.setattr(system, "folds_names", lambda folder: False)
    assert [system.name_key(name) for name in names] == names
    monkeypatch.setattr(system, "folds_names", lambda folder: True)
    assert len({system.name_key(name) for name in names}) == 1
    assert len({system.name_key(name) for name in ("a.png", "b.png", "x/a.png")}) == 3


def test_no_other_file_asks_which_system_it_is():
    """`values/system.py` is the one place; what is scattered cannot be tested."""
    names = r"\bos\.name\b|sys\.platform|SIGTSTP|add_signal_handler|killpg|gete?uid|posix_"
    asks = re.compile(rf"import (fcntl|msvcrt|termios|resource)\b|{names}")
    package = Path(ROOT) / "seedvr_cli"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"values/system.py"}
