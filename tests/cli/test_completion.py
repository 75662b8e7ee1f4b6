"""What TAB gives in real shells, and the scripts in `completions/`."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command import clean_environment
from helpers.examples import path_with_seedvr
from helpers.places import ROOT
from helpers.screen import Screen
from helpers.sources import new_url
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "completions"
NAMES = {"bash": "seedvr.bash", "zsh": "_seedvr", "fish": "seedvr.fish", "powershell": "seedvr.ps1"}
COMMANDS = ["image", "video", "status", "download", "config", "doctor", "report", "sandbox"]


@pytest.fixture
def environment(bench):
    """An environment where `seedvr` is a command, at home in the bench's folder."""
    path = path_with_seedvr(bench.home)
    return clean_environment(bench.home, {"PATH": path, "LC_ALL": "C.UTF-8", "PS1": "> ", "PROMPT": "> "})


@pytest.fixture
def ask(bench):
    """Asks as a script does: the words so far, the last one incomplete; gives the answer's first word and the rest."""

    def asked(*words):
        env = {"_SEEDVR_COMPLETE": "complete_bash", "_SEEDVR_WORDS": "\x1f".join(["seedvr", *words])}
        done = bench.run(env=env, key=None)
        assert (done.rc, done.stderr) == (0, "")
        form, *lines = done.lines
        return form, [line.split("\t")[0] for line in lines]

    return asked


@pytest.fixture
def submitted(run, gateway):
    """The request ids of two jobs of the ledger, the later one first, and the first one's source."""
    fake = gateway()
    urls = [new_url(), new_url()]
    ids = [run("image", url, "--no-wait", to=fake).lines[0] for url in urls]
    return ids[::-1], urls[0]


# The scripts.


@pytest.mark.parametrize(("shell", "name"), NAMES.items())
def test_the_scripts_are_fresh(run, shell, name):
    """Each file in completions/ is what `seedvr completion` prints for its shell."""
    done = run("completion", shell)
    assert done.rc == 0
    assert (SCRIPTS / name).read_bytes() == done.raw


def test_there_is_a_script_for_each_shell(run):
    """completions/ has a script for four shells and nothing else; another shell is a usage error."""
    assert sorted(os.listdir(SCRIPTS)) == sorted(NAMES.values())
    done = run("completion", "tcsh")
    assert done.rc == 2
    assert "bash, zsh, fish, powershell" in done.stderr


def test_powershell_is_told_of_the_right_command():
    """The script for PowerShell registers for seedvr, calls it, and leaves no variable behind."""
    text = (SCRIPTS / "seedvr.ps1").read_text()
    assert "Register-ArgumentCompleter -Native -CommandName seedvr " in text
    assert re.search(r"^ +seedvr ", text, re.MULTILINE)
    made = set(re.findall(r"\$env:(\w+) =", text))
    assert made == {"_SEEDVR_WORDS", "_SEEDVR_COMPLETE"}
    assert made == set(re.findall(r"Env:(\w+)", text))


# The answers.


def test_commands_and_flags(ask):
    """The first word is a command; a dash asks for the command's flags, without those that are given already."""
    form, commands = ask("")
    assert form == "words"
    assert set(COMMANDS) <= set(commands)
    assert "completion" in commands
    assert ask("im") == ("words", ["image"])
    assert {"get", "set", "unset", "list", "path"} <= set(ask("config", "")[1])
    assert ask("image", "--form") == ("words", ["--format"])
    assert ask("image", "--format", "png", "--form") == ("words", [])
    assert "--model" not in ask("video", "--")[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["image", "--format", ""], ["png", "jpg", "webp", "same"]),
        (["image", "-f", "w"], ["webp"]),
        (["video", "--format", ""], ["h264", "h265", "same"]),
        (["image", "--model", ""], ["7b", "3b"]),
        (["image", "--target", ""], ["720p", "1080p", "1440p", "2160p"]),
        (["video", "--target", ""], ["720p", "1080p"]),
        (["video", "--quality", ""], ["low", "medium", "high"]),
        (["video", "--write-mode", ""], ["fast", "balanced", "quality"]),
        (["image", "--webhook-mode", ""], ["terminal", "sync"]),
        (["image", "--progress", ""], ["auto", "live", "plain", "none"]),
        (["image", "--progress=p"], ["plain"]),
        (["image", "--progress", "=", "p"], ["plain"]),
        (["image", "--progress", "="], ["auto", "live", "plain", "none"]),
        (["completion", ""], [*NAMES]),
        (["config", "set", "model", ""], ["7b", "3b"]),
        (["config", "set", "format", ""], ["png", "jpg", "webp", "h264", "h265", "same"]),
        (["config", "set", "overwrite", ""], ["true", "false"]),
        (["config", "set", "poll_interval", ""], []),
        (["config", "get", "pro"], ["progress"]),
        (["sandbox", "--fault", "lost"], ["lost-submit"]),
        (["help", "ex"], ["exit-codes"]),
        (["help", "im"], ["image"]),
        (["image", "--seed", ""], []),
        (["image", "--nonsense", "--for"], ["--format"]),
    ],
    ids=" ".join,
)
def test_values(ask, words, expected):
    """Where only certain words are right, they are offered, and no file name is."""
    form, found = ask(*words)
    assert form == "words"
    assert sorted(found) == sorted(expected)


def test_every_setting_is_offered(ask):
    """`config set` and `config get` offer the names of all settings."""
    from seedvr_cli.settings.known import SETTINGS

    assert ask("config", "set", "")[1] == list(SETTINGS)
    assert ask("config", "get", "")[1] == list(SETTINGS)
    assert ask("config", "unset", "api")[1] == ["api-key", "api-key-command"]


@pytest.mark.parametrize(
    "words",
    [
        ["image", ""],
        ["image", "a.png", "b"],
        ["image", "-o", ""],
        ["video", "--output=x"],
        ["image", "--failed-file", ""],
        ["image", "--from", ""],
        ["listen", "--tls-cert", ""],
        ["status", "--api-key-file", ""],
    ],
    ids=" ".join,
)
def test_file_names_where_a_path_belongs(ask, words):
    """For SOURCE and for flags that take a PATH the shell is told to offer file names."""
    assert ask(*words) == ("files", [])


def test_profiles_come_from_the_config_file(ask, bench):
    """--profile offers the profiles of the config file, and nothing where there is none or it cannot be read."""
    assert ask("image", "--profile", "") == ("words", [])
    bench.configure('[default]\nmodel = "3b"\n[work]\n[wedding]\n')
    assert ask("image", "--profile", "w") == ("words", ["work", "wedding"])
    bench.configure("[default")
    assert ask("image", "--profile", "") == ("words", [])


def test_request_ids_come_from_the_ledger(ask, submitted, bench):
    """status and download offer the ids of this user's jobs, the latest first, without those that are given already."""
    ids, source = submitted
    assert ask("status", "") == ("words", ids)
    assert ask("download", ids[0][:-1]) == ("words", ids)
    assert ask("download", ids[0], "") == ("words", [ids[1]])
    assert ask("status", "nothing-like-it") == ("words", [])
    assert ask("status", "--sandbox", "") == ("words", [])
    words = "\x1f".join(["seedvr", "status", ids[1]])
    done = bench.run(env={"_SEEDVR_COMPLETE": "complete_fish", "_SEEDVR_WORDS": words})
    assert done.lines == ["words", f"{ids[1]}\tQUEUED, {source}"]


def test_without_a_ledger_there_are_no_ids_and_none_is_made(ask, bench):
    """Asking for ids where there is no ledger gives none, makes no file and says nothing."""
    assert ask("status", "") == ("words", [])
    assert not (bench.home / "state").exists()
    (bench.home / "state").mkdir()
    assert ask("status", "") == ("words", [])
    assert os.listdir(bench.home / "state") == []


def test_a_ledger_in_use_or_damaged_is_left_alone(ask, submitted, bench):
    """A ledger that another process holds gives no ids, and a damaged one is neither moved nor complained of."""
    path = bench.home / "state" / "ledger.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    assert ask("status", "") == ("words", [])
    connection.close()
    path.write_bytes(b"this is no database" * 1000)
    assert ask("status", "") == ("words", [])
    assert path.read_bytes() == b"this is no database" * 1000


def test_a_description_cannot_draw(bench):
    """A source with escape codes is described without the characters that make them act."""
    folder = bench.home / "state"
    folder.mkdir()
    with sqlite3.connect(folder / "ledger.sqlite3") as connection:
        connection.execute("CREATE TABLE jobs (id, request_id, status, state, source, name, gateway)")
        values = (1, "an-id", "QUEUED\n", "running", "\x1b[2Jx\ty\nz", "x", "https://gateway.pixazo.ai")
        connection.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    env = {"_SEEDVR_COMPLETE": "complete_zsh", "_SEEDVR_WORDS": "seedvr\x1fstatus\x1f"}
    assert bench.run(env=env).raw == b"words\nan-id\tQUEUED , [2Jx y z\n"


def test_an_answer_loads_nothing_heavy(bench):
    """A TAB loads neither Rich nor httpx nor the engine."""
    code = (
        "import sys\n"
        "from seedvr_cli.cli.app import run\n"
        "try:\n"
        "    run([])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*sys.modules)\n"
    )
    env = {"_SEEDVR_COMPLETE": "complete_zsh", "_SEEDVR_WORDS": "seedvr\x1fstatus\x1f"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(bench.home, env),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert "seedvr_cli.cli.completion" in modules
    assert not modules & {"rich", "rich.console", "httpx", "PIL", "asyncio", "tomlkit", "seedvr_cli.run.engine"}


# The shells.


@pytest.fixture
def bash(requires, environment, bench):
    """What the function that bash calls replies to these words."""

    def reply(*words):
        script = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(stale)\n'
            '_seedvr "$1"; ((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"; true'
        )
        done = subprocess.run(
            [requires("bash"), "--norc", "-c", script, "bash", str(SCRIPTS / "seedvr.bash"), "seedvr", *words],
            env=environment,
            cwd=bench.work,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return reply


def test_bash_replies(bash, submitted, bench):
    """In bash the function replies with commands, flags, choices, names of settings, profiles and request ids."""
    ids, _ = submitted
    bench.configure("[default]\n['my work']\n")
    assert set(COMMANDS) <= set(bash(""))
    assert bash("im") == ["image"]
    assert bash("image", "--form") == ["--format"]
    assert sorted(bash("image", "--format", "")) == ["jpg", "png", "same", "webp"]
    assert sorted(bash("image", "--model", "")) == ["3b", "7b"]
    assert sorted(bash("image", "--progress", "")) == ["auto", "live", "none", "plain"]
    assert bash("image", "--progress", "=", "p") == ["plain"]
    assert bash("config", "set", "pro") == ["progress"]
    assert bash("image", "--profile", "my") == ["my\\ work"]
    assert bash("status", "") == ids
    assert bash("image", "") == []


def typed(screen, keys, pattern):
    """The screen after these keys and a TAB, when it shows the pattern."""
    screen.press(keys + "\t")
    return screen.wait_for(pattern)


def test_bash_completes_at_tab(requires, environment, bench):
    """In bash a TAB completes a command, a flag's value on either side of `=`, and files for SOURCE and -o only."""
    (bench.work / "my pictures").mkdir()
    (bench.work / "my pictures" / "a.png").touch()
    with Screen([requires("bash"), "--norc", "--noprofile", "-i"], env=environment, cwd=bench.work) as screen:
        screen.wait_for("^>")
        screen.press(f"bind 'set enable-bracketed-paste off'; source {shlex.quote(str(SCRIPTS / 'seedvr.bash'))}\r")
        for keys, shown in [
            ("seedvr im", "> seedvr image"),
            ("seedvr image --format=w", "> seedvr image --format=webp"),
            ("seedvr image my", r"> seedvr image my\ pictures/"),
            ("seedvr image -o my", r"> seedvr image -o my\ pictures/"),
            ("seedvr config get pro", "> seedvr config get progress"),
        ]:
            typed(screen, keys, f"^{re.escape(shown)}$")
            screen.press("\x03")
            screen.wait_for(r"^>\Z")
        screen.press("seedvr image --seed m\t\tx")
        screen.wait_for("^> seedvr image --seed mx$")


@pytest.fixture
def fish(requires, environment, bench):
    """What fish offers for a command line."""

    def offered(line):
        code = 'source $argv[1]; complete --do-complete "$argv[2]"'
        done = subprocess.run(
            [requires("fish"), "--no-config", "-c", code, str(SCRIPTS / "seedvr.fish"), line],
            env=environment,
            cwd=bench.work,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return offered


def test_fish_offers(fish, submitted, bench):
    """fish offers commands with what they do, flags, choices, names of settings, profiles, ids and files."""
    ids, source = submitted
    bench.configure("[default]\n[work]\n")
    (bench.work / "my pictures").mkdir()
    assert set(COMMANDS) <= {line.split("\t")[0] for line in fish("seedvr ")}
    assert fish("seedvr im")[0].startswith("image\tUpscale pictures")
    assert fish("seedvr image --form")[0].startswith("--format\t")
    assert fish("seedvr image --format ") == ["png", "webp", "jpg", "same"]
    assert fish("seedvr image --format=p") == ["--format=png"]
    assert fish("seedvr image --progress ") == ["auto", "live", "plain", "none"]
    assert fish("seedvr config set pro") == ["progress"]
    assert fish("seedvr image --profile w") == ["work"]
    assert fish(f"seedvr status {ids[1]}") == [f"{ids[1]}\tQUEUED, {source}"]
    assert [line.split("\t")[0] for line in fish("seedvr image m")] == ["my pictures/"]
    assert [line.split("\t")[0] for line in fish("seedvr image -o m")] == ["my pictures/"]
    assert [line.split("\t")[0] for line in fish("seedvr image --output=m")] == ["--output=my pictures/"]
    assert fish("seedvr image --seed m") == []


@pytest.mark.parametrize("how", ["autoload", "source"])
def test_zsh_completes_at_tab(requires, environment, bench, submitted, how):
    """In zsh a TAB completes and describes, from the first one on, with the script in fpath or sourced."""
    ids, source = submitted
    bench.configure("[default]\n['my:work']\n")
    (bench.work / "my pictures").mkdir()
    load = {
        "autoload": f"fpath=({shlex.quote(str(SCRIPTS))} $fpath); autoload -Uz compinit; compinit -u -D",
        "source": f"autoload -Uz compinit; compinit -u -D; source {shlex.quote(str(SCRIPTS / '_seedvr'))}",
    }[how]
    command = [requires("zsh"), "-f", "-i"]
    with Screen(command, env=environment, cwd=bench.work, columns=200, rows=60) as screen:
        screen.wait_for("^>")
        screen.press(f"unset zle_bracketed_paste; setopt no_list_beep; {load}; print re''ady\r")
        screen.wait_for("^ready$", r"^>\Z")
        typed(screen, "seedvr ", r"^image +-- Upscale pictures")
        screen.wait_for(*(f"^{command} +-- " for command in COMMANDS))
        for keys, shown in [
            ("seedvr im", "seedvr image"),
            ("seedvr image --form", "seedvr image --format"),
            ("seedvr image --format w", "seedvr image --format webp"),
            ("seedvr image --progress=p", "seedvr image --progress=plain"),
            ("seedvr image m", r"seedvr image my\ pictures/"),
            ("seedvr image -o m", r"seedvr image -o my\ pictures/"),
            ("seedvr image --output=m", r"seedvr image --output=my\ pictures/"),
            ("seedvr config set pro", "seedvr config set progress"),
            ("seedvr image --profile m", "seedvr image --profile my:work"),
            ("seedvr image --seed m\tx", "seedvr image --seed mx"),
        ]:
            screen.press("\x15")
            typed(screen, keys, f"^> {re.escape(shown)}$")
        screen.press("\x15")
        typed(screen, "seedvr status fake_", rf"^{ids[1]} +-- QUEUED, {re.escape(source)}$")
        screen.wait_for(rf"^{ids[0]} +-- ")


def test_what_stands_in_the_ledger_is_not_run_by_zsh(requires, environment, bench):
    """A source that is shell code is shown in zsh, and not run."""
    folder = bench.home / "state"
    folder.mkdir()
    marker = Path(bench.work, "marker")
    with sqlite3.connect(folder / "ledger.sqlite3") as connection:
        connection.execute("CREATE TABLE jobs (id, request_id, status, state, source, name, gateway)")
        for number, source in enumerate([f"\\$(touch {marker})", f"`touch {marker}`", f"'; touch {marker}; '"]):
            values = (number, f"id-{number}", "QUEUED", "running", source, "x", "https://gateway.pixazo.ai")
            connection.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    with Screen([requires("zsh"), "-f", "-i"], env=environment, cwd=bench.work, columns=300) as screen:
        screen.wait_for("^>")
        script = shlex.quote(str(SCRIPTS / "_seedvr"))
        screen.press(f"autoload -Uz compinit; compinit -u -D; source {script}; print re''ady\r")
        screen.wait_for("^ready$", r"^>\Z")
        typed(screen, "seedvr status id-", r"^id-0 +-- QUEUED, \\?\$\(touch")
    assert not marker.exists()
