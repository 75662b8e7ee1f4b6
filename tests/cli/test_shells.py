"""`seedvr completion --install`: where each script goes, and that its shell begins with it."""

import os
import shlex
import subprocess

import pytest
from helpers.command import clean_environment
from helpers.examples import path_with_seedvr
from helpers.places import ROOT
from helpers.screen import Screen
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow

PLACES = {
    "bash": ".local/share/bash-completion/completions/seedvr",
    "zsh": ".local/share/zsh/site-functions/_seedvr",
    "fish": ".config/fish/completions/seedvr.fish",
    "powershell": ".local/share/seedvr/seedvr.ps1",
}
FILES = {"bash": "seedvr.bash", "zsh": "_seedvr", "fish": "seedvr.fish", "powershell": "seedvr.ps1"}


@pytest.fixture
def install(bench):
    """Installs a shell's script; gives the result and the path."""

    def run(shell, **env):
        clean = {"XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None, **env}
        done = bench.run("completion", shell, "--install", env=clean, key=None)
        return done, bench.home / PLACES[shell]

    return run


@pytest.mark.parametrize("shell", PLACES)
def test_the_script_is_written_where_the_shell_looks(shell, install):
    """--install writes the script, prints its path, and says how it begins; once more it changes nothing."""
    done, path = install(shell)
    assert (done.rc, done.lines) == (0, [str(path)])
    assert path.read_bytes() == (ROOT / "completions" / FILES[shell]).read_bytes()
    assert done.stderr.startswith("seedvr: written; ")
    assert str(path.parent) in done.stderr
    before = path.stat()
    again, _ = install(shell)
    assert (again.rc, again.lines) == (0, [str(path)])
    assert again.stderr.startswith("seedvr: it is there already; ")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_old_script_is_replaced(install):
    """A script of another version is replaced as a whole, and nothing is left beside it."""
    _, path = install("bash")
    path.write_bytes(b"old \xff")
    done, _ = install("bash")
    assert done.stderr.startswith("seedvr: written; ")
    assert path.read_bytes() == (ROOT / "completions" / "seedvr.bash").read_bytes()
    assert os.listdir(path.parent) == ["seedvr"]


def test_the_folders_of_xdg_are_followed(install, tmp_path):
    """XDG_DATA_HOME and XDG_CONFIG_HOME move the scripts."""
    done, _ = install("bash", XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.lines == [str(tmp_path / "data" / "bash-completion" / "completions" / "seedvr")]
    done, _ = install("fish", XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert done.lines == [str(tmp_path / "config" / "fish" / "completions" / "seedvr.fish")]


def test_where_it_cannot_be_written_one_line_says_so(install, bench):
    """A folder that cannot be made is a usage error of one line."""
    (bench.home / ".local").write_text("in the way")
    done, path = install("bash")
    assert (done.rc, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr


@pytest.fixture
def environment(bench):
    """An environment where `seedvr` is a command, at home in the bench's folder."""
    path = path_with_seedvr(bench.home)
    nowhere = {"XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None, "LC_ALL": "C.UTF-8", "PS1": "> ", "PROMPT": "> "}
    return clean_environment(bench.home, {"PATH": path, **nowhere})


def test_fish_finds_it_by_itself(requires, install, environment, bench):
    """After --install fish completes without another word."""
    install("fish")
    code = "complete --do-complete 'seedvr image --form'"
    done = subprocess.run([requires("fish"), "-c", code], env=environment, cwd=bench.work, capture_output=True,
                          text=True, timeout=PATIENCE)  # fmt: skip
    assert done.stdout.startswith("--format\t")


def test_zsh_begins_as_it_is_told(requires, install, environment, bench):
    """After --install, and with the line that it says, zsh completes."""
    done, path = install("zsh")
    line = f"fpath=({path.parent} $fpath)"
    assert line in done.stderr
    (bench.home / ".zshrc").write_text(f"{line}\nautoload -Uz compinit; compinit -u -D\n")
    environment = {**environment, "ZDOTDIR": str(bench.home)}
    with Screen([requires("zsh"), "-i", "-o", "no_global_rcs"], env=environment, cwd=bench.work) as screen:
        screen.wait_for("^>")
        screen.press("unset zle_bracketed_paste; print re''ady\r")
        screen.wait_for("^ready$", r"^>\Z")
        screen.press("seedvr im\t")
        screen.wait_for("^> seedvr image")


def test_bash_begins_as_it_is_told(requires, install, environment, bench):
    """After --install, what it says to source makes bash complete."""
    done, path = install("bash")
    assert done.stderr.rstrip().endswith(f"now: source {path}")
    code = f'source {shlex.quote(str(path))}; COMP_WORDS=(seedvr im); COMP_CWORD=1; _seedvr seedvr; echo "$COMPREPLY"'
    done = subprocess.run([requires("bash"), "--norc", "-c", code], env=environment, cwd=bench.work,
                          capture_output=True, text=True, timeout=PATIENCE)  # fmt: skip
    assert done.stdout == "image\n"
