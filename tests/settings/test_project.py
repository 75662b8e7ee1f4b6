"""A project's file: found upwards, trusted with little, and between the environment and the user's own file."""

import os

import pytest
from helpers.config import write

from seedvr_cli.settings.file import load, load_own
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.known import SETTINGS
from seedvr_cli.settings.project import IGNORED, NAME, find_project, without_mistakes
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import OPTIONS


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes the project's file; the working folder is two folders below it."""
    root = tmp_path / "home" / "project"
    (root / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(root / "a" / "b")

    def make(text):
        (root / NAME).write_text(text, encoding="utf-8")
        return root / NAME

    return make


# Where it is found.


def test_the_nearest_one_upwards_counts(project, tmp_path):
    """Of several the nearest one counts, alone; without one there is none."""
    assert find_project() is None
    (tmp_path / "home" / NAME).write_text("jobs = 1\nscale = 2\n")
    assert find_project().values == {"jobs": 1, "scale": 2}
    path = project("jobs = 2\n")
    assert (find_project().path, find_project().values) == (str(path), {"jobs": 2})


def test_above_the_home_folder_nobody_looks(project, tmp_path, monkeypatch):
    """The search ends at the home folder, or at the root."""
    (tmp_path / NAME).write_text("jobs = 1\n")
    assert find_project() is None
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert find_project().values == {"jobs": 1}
    monkeypatch.chdir("/")
    assert find_project() is None


def test_a_variable_turns_it_off(project, monkeypatch):
    """With SEEDVR_NO_PROJECT there is no project's file, however wrong it is; 0 and nothing mean nothing."""
    project("frob = 1\n")
    monkeypatch.setenv(IGNORED, "1")
    assert find_project() is None
    for value in ("0", ""):
        monkeypatch.setenv(IGNORED, value)
        with pytest.raises(UsageError):
            find_project()


def test_a_working_folder_that_is_gone_has_none(project, monkeypatch):
    """Where the working folder was removed there is nothing to find, and nothing breaks."""

    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", gone)
    assert find_project() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such owners")
def test_only_what_the_user_or_the_system_wrote_is_read(project, monkeypatch):
    """A file of another user, or one that everybody may write to, is not read, and why is told."""
    path = project("this is no TOML")
    path.chmod(0o666)
    assert find_project().distrust == "everybody may write to it"
    path.chmod(0o644)
    real = os.geteuid()
    os.chown(path, 12345, -1) if real == 0 else monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    assert find_project().distrust == "it belongs to another user"
    settings = load()
    assert (settings.values, settings.project.values) == ({}, {})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkdir, "it is no file"),
        (getattr(os, "mkfifo", None), "it is no file"),
        (lambda path: os.symlink("/dev/zero", path), "it is no file"),
        (lambda path: os.symlink("nowhere.toml", path), "it is a link to nothing"),
    ],
)
def test_what_is_no_file_is_told(make, why, project, tmp_path):
    """A folder, a pipe, a device or a link to nothing is not read, as if it were another user's."""
    (tmp_path / "home" / NAME).write_text("jobs = 1\n")
    make(tmp_path / "home" / "project" / NAME)
    assert find_project().distrust == why
    assert load().values == {}


def test_one_that_is_too_large_is_not_read_whole(project):
    """A file of gigabytes is refused at once."""
    path = project("jobs = 2\n")
    os.truncate(path, 3 << 30)
    with pytest.raises(UsageError, match=f"^{path}: it has more than 1048576 bytes") as caught:
        find_project()
    assert IGNORED in caught.value.hint


@pytest.mark.parametrize("text", ["jobs = \n", "jobs = 0\n", "scael = 1\n", "profile = 3\n", "output = '/tmp'\n"])
def test_a_mistake_in_it_is_mended_there(text, project):
    """What to do is said of the project's own file; the user's file can be looked at and mended meanwhile."""
    write("[default]\njobs = 2\n")
    path = project(text)
    with pytest.raises(UsageError, match=f"^{path}") as caught:
        load()
    assert caught.value.hint == "mend it there, or set SEEDVR_NO_PROJECT=1 to go without it"
    assert load_own().written == {"jobs": 2}
    assert (without_mistakes().path, str(path) in without_mistakes().distrust) == (str(path), False)


def test_one_that_cannot_be_read_is_a_usage_error(project, monkeypatch):
    """A file that is there and cannot be read is named, with the reason."""
    path = project("jobs = 2\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UsageError, match=f"^{path}: Permission denied"):
        find_project()


# What it may say.

ALLOWED = {
    "profile", "model", "scale", "width", "height", "target", "format", "noise", "seed", "sync", "quality",
    "write-mode", "output", "keep-metadata", "keep-sound", "max-filesize", "jobs", "poll-interval", "timeout", "rate",
    "max-cost", "max-cost-per-day", "max-cost-per-month",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - ALLOWED))
def test_the_users_own_is_refused(name, project):
    """A key, a program, an address, an upload, talk, and what replaces files are the user's alone, in any spelling."""
    for word in (name, name.replace("-", "_").upper()):
        path = project(f'# mine\n{word} = "true"\n')
        with pytest.raises(UsageError, match=f"^{path}, line 2: {word} is for your own config file") as caught:
            load()
        assert IGNORED in caught.value.hint


def test_the_list_above_is_the_tables():
    """What a project may set is what the table says; whatever is added there is the user's alone, unless it says so."""
    assert {option.name for option in OPTIONS.values() if option.in_project != "no"} == ALLOWED - {"profile"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jobs = 2\nscael = 4\n", r"line 2: there is no setting 'scael' \(did you mean scale\?\)"),
        ("jobs = 0\n", "line 1: jobs: '0' is not a whole number"),
        ("[default]\nscale = 2\n", "line 1: 'default' is a table; a project's file has none"),
        ("profile = 3\n", "line 1: profile: that is no profile's name"),
        ("profile = ''\n", "line 1: profile: that is no profile's name"),
        ("jobs = \n", "at line 1"),
        ("'jobs' = 2\na.b = 3\n", "'a' is a table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, says, project):
    """A mistake is a usage error with the file's path and the line."""
    path = project(text)
    with pytest.raises(UsageError, match=f"^{path}.*{says}"):
        load()


@pytest.mark.parametrize("place", ["/tmp/x/", "../x/", "a/../../x", "~/x/", "-", "s3://bucket/x", "link/x/"])
def test_results_stay_in_the_projects_folder(place, project, tmp_path):
    """Results go nowhere but below the project's folder, whatever its file says, by way of a link neither."""
    path = project(f'output = "{place}"\n')
    (path.parent / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match=r"line 1: output: .* does not lie in the project's folder"):
        load()


@pytest.mark.parametrize(
    ("written", "seen"),
    [("big/", "../../big/"), ("big/{stem}{ext}", "../../big/{stem}{ext}"), ("a/b/x.png", "x.png"), (".", "../..")],
)
def test_a_place_is_relative_to_the_file(written, seen, project):
    """A path is relative to the folder of the project's file, from wherever the command is run."""
    project(f'output = "{written}"\n')
    assert load().values["output"] == seen


def test_fields_make_no_folders(project):
    """A folder whose name is made of fields may be a link that the project brought: a name may have them."""
    project('output = "big/{scale}/{stem}{ext}"\n')
    with pytest.raises(UsageError, match="are for the name, not for folders"):
        load()
    project('output = "big/{stem}-{scale}x{ext}"\n')
    assert load().values["output"].endswith("big/{stem}-{scale}x{ext}")


# What goes before what.


def test_it_goes_before_the_users_file(project):
    """A project's value goes before that of the profile, and the rest of the profile holds."""
    write("[default]\njobs = 2\nrate = 5\n")
    path = project("jobs = 3\n")
    settings = load()
    assert settings.values == {"jobs": 3, "rate": 5}
    assert settings.written == {"jobs": 2, "rate": 5}
    assert settings.project.path == str(path)


def test_one_size_gives_way_to_another(project):
    """A project's size goes before any size of the profile's."""
    write("[default]\nwidth = 512\nheight = 300\nseed = 1\n")
    project("scale = 4\n")
    assert load().values == {"seed": 1, "scale": 4}


@pytest.mark.parametrize(("own", "theirs", "holds"), [("2", "5", 2), ("5", "2", 2), (None, "5", 5)])
def test_a_cap_is_only_lowered(own, theirs, holds, project):
    """Of the user's cap and the project's the lower one holds; where the user has none, the project's does."""
    write(f"[default]\nmax-cost = {own}\n" if own else "")
    project(f"max-cost = {theirs}\nmax-filesize = '900G'\n")
    settings = load()
    assert settings.values["max-cost"] == holds * 1_000_000
    assert settings.values["max-filesize"] == OPTIONS["max-filesize"].default


def test_it_chooses_a_profile(project, monkeypatch):
    """The profile is that of the flag, of SEEDVR_PROFILE, of the project, or the default; an unknown one is named."""
    write("[default]\nseed = 1\n[work]\nseed = 2\n[other]\nseed = 3\n")
    path = project('profile = "work"\n')
    assert load().values == {"seed": 2}
    assert load("other").values == {"seed": 3}
    monkeypatch.setenv("SEEDVR_PROFILE", "default")
    assert load().values == {"seed": 1}
    monkeypatch.delenv("SEEDVR_PROFILE")
    path = project('profile = "wrok"\n')
    with pytest.raises(UsageError, match=rf"^{path}: {config_file()} has no profile 'wrok' \(did you mean work\?\)"):
        load()
