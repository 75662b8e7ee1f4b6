"""`config edit` with real editors: what is right is put in place, and what is wrong is told and not lost."""

import re
import shlex

import pytest
from helpers.command import KEY

pytestmark = pytest.mark.slow

TEXT = '# mine\n[default]\nscale = 2\napi-key = "sk-0123456789abcdef"\n'


@pytest.fixture
def config_file(bench):
    bench.configure(TEXT)
    return bench.home / "config" / "config.toml"


@pytest.fixture
def edit(run):
    """Runs `config edit` with sed as the editor, which is given this expression."""

    def start(expression, **env):
        return run("config", "edit", env={"EDITOR": f"sed -i {shlex.quote(expression)}", "VISUAL": None, **env})

    return start


def kept(done):
    """The text that the message says is kept."""
    path = re.search(r"your text is in (\S+)$", done.stderr.strip())[1]
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_what_is_right_is_put_in_place(edit, config_file):
    """The editor's words may have arguments; its text becomes the file, mode 0600, and nothing is left beside it."""
    config_file.chmod(0o644)
    done = edit("s/scale = 2/scale = 4/")
    assert (done.rc, done.stdout) == (0, "")
    assert config_file.read_text() == TEXT.replace("scale = 2", "scale = 4")
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in config_file.parent.iterdir()] == ["config.toml"]


def test_visual_goes_before_editor(edit, config_file):
    """$VISUAL counts before $EDITOR; an editor that changes nothing leaves the file as it was."""
    done = edit("s/scale/seed/", VISUAL="true")
    assert (done.rc, done.stderr) == (0, "seedvr: nothing is changed\n")
    assert config_file.read_text() == TEXT
    assert [path.name for path in config_file.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("s/scale = 2/scael = 2/", "line 3: [default]: there is no setting 'scael' (did you mean scale?)"),
        ("s/scale = 2/scale = 99/", "line 3: [default] scale: "),
        ("s/scale = 2/scale = /", "at line 3"),
    ],
)
def test_a_mistake_is_told_and_the_text_is_kept(edit, config_file, expression, says):
    """A mistake ends with 2, its line is told, the file is as it was, and where the text is stands at the end."""
    done = edit(expression)
    assert done.rc == 2
    assert says in done.stderr
    assert config_file.read_text() == TEXT
    assert kept(done) != TEXT
    assert "# mine\n[default]\n" in kept(done)
    assert "sk-0123456789abcdef" not in done.stderr


def test_an_editor_that_removes_the_text_changes_nothing(run, config_file):
    """Where the editor leaves no file, that is told, the file is as it was, and nothing is left beside it."""
    done = run("config", "edit", env={"EDITOR": "rm", "VISUAL": None})
    assert (done.rc, done.stderr) == (2, f"seedvr: config edit: rm has removed the text; {config_file} is as it was\n")
    assert config_file.read_text() == TEXT
    assert [path.name for path in config_file.parent.iterdir()] == ["config.toml"]


def test_an_editor_that_fails_changes_nothing(run, config_file):
    """An editor that ends with an error leaves the file as it was, and what it wrote is kept."""
    done = run("config", "edit", env={"VISUAL": "sh -c 'echo >> \"$0\"; exit 3'"})
    assert (done.rc, config_file.read_text()) == (2, TEXT)
    assert "sh ended with 3" in done.stderr
    assert kept(done) == TEXT + "\n"
    done = run("config", "edit", env={"VISUAL": "false"})
    assert (done.rc, "your text" in done.stderr) == (2, False)


def test_what_was_changed_meanwhile_is_not_written_over(run, config_file):
    """Where the file was changed while it was edited, both are kept."""
    done = run("config", "edit", env={"VISUAL": f'sh -c \'echo >> "$0"; echo "[work]" >> {config_file}\''})
    assert (done.rc, "was changed meanwhile" in done.stderr) == (2, True)
    assert config_file.read_text() == TEXT + "[work]\n"
    assert kept(done) == TEXT + "\n"


@pytest.mark.parametrize(
    ("editor", "says"),
    [(None, "no editor is set; set VISUAL or EDITOR"), (" ", "no editor is set"), ("nope-nope x", "'nope-nope'"),
     ("vi 'x", "No closing quotation")],
)  # fmt: skip
def test_without_an_editor_it_is_one_line(run, editor, says):
    """Without an editor, and with one that is not there, the command ends with 2 and one line."""
    done = run("config", "edit", env={"VISUAL": None, "EDITOR": editor})
    assert (done.rc, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


def test_a_program_that_cannot_be_run_is_one_line(run, work, config_file):
    """What is no program, though it may be run, is one line, and leaves no copy."""
    (work / "editor").write_bytes(b"\0")
    (work / "editor").chmod(0o755)
    done = run("config", "edit", env={"VISUAL": str(work / "editor")})
    assert (done.rc, done.stderr.count("\n")) == (2, 1)
    assert [path.name for path in config_file.parent.iterdir()] == ["config.toml"]


def test_on_a_terminal_it_is_asked_for_again(live, config_file, work):
    """On a terminal a mistake is told and the same text edited again, until it is right or nobody wants to."""
    editor = work / "editor"
    editor.write_text(
        '#!/bin/sh\nif grep -q scael "$1"; then sed -i s/scael/seed/ "$1"; else sed -i s/scale/scael/ "$1"; fi\n'
    )
    editor.chmod(0o755)
    env = {"VISUAL": str(editor), "SEEDVR_API_KEY": KEY}
    with live("config", "edit", env=env, columns=160) as screen:
        screen.wait_for(r"did you mean scale", r"edit it again\? \[Y/n\]")
        screen.press("\r")
        assert screen.end() == 0
    assert config_file.read_text() == TEXT.replace("scale", "seed")
    editor.write_text('#!/bin/sh\nsed -i s/seed/sede/ "$1"\n')
    with live("config", "edit", env=env, columns=160) as screen:
        screen.wait_for(r"edit it again\?")
        screen.press("n\r")
        assert screen.end() == 2
    assert "your text is in" in screen.text.replace("\n", "")
    with live("config", "edit", env=env, columns=160) as screen:
        screen.wait_for(r"edit it again\?")
        screen.press("\x03")
        assert screen.end() == 130
    assert "your text is in" in screen.text.replace("\n", "")
    assert config_file.read_text() == TEXT.replace("scale", "seed")
