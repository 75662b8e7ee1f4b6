"""The README is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command import clean_environment
from readme import (
    FILE,
    HELP,
    README,
    RECIPE,
    RECIPES,
    SKILL,
    TABLE,
    help_screen,
    with_files,
    with_tables,
    without_files,
)

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", [README, SKILL], ids=lambda page: page.name)
def test_tables_are_what_the_code_goes_by(page):
    """The tables of the README and of the skill are what `python tests/readme.py` would write."""
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text
    assert len(TABLE.findall(text)) == text.count("made by tests/readme.py -->")


def test_the_screen_that_is_kept_is_that_of_help():
    """The screen of `image --help` in tests/data is what `python tests/readme.py` would write."""
    assert HELP.read_text(encoding="utf-8") == help_screen()


def test_files_are_shown_as_they_are_tested():
    """Recipes, the action and the image's recipe stand in the README, as `python tests/readme.py` would write them."""
    text = README.read_text(encoding="utf-8")
    assert with_files(text) == text
    files = [file.name for file in RECIPES.iterdir() if file.is_file()]
    recipes = [name for name in files if not name.startswith("test_") and name != "conftest.py"]
    assert sorted(match[1] for match in RECIPE.finditer(text)) == sorted(recipes)
    assert {match[1] for match in FILE.finditer(text)} == {".github/actions/seedvr/action.yml", ".github/Containerfile"}


def test_every_flag_in_the_readme_exists():
    """Each --flag that the README shows, beside recipes, which are run, is an option of some command."""
    from typer.main import get_command

    from seedvr_cli.cli.app import make_app

    def flags(command):
        found = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for child in getattr(command, "commands", {}).values():
            found |= flags(child)
        return found

    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", without_files(README.read_text(encoding="utf-8"))))
    foreign = {"--raw-output", "--help", "--version", "--cli-input-json"}
    assert shown - flags(get_command(make_app())) - foreign == set()


def test_the_projects_file_of_the_readme_is_one(tmp_path, monkeypatch):
    """The example of a project's file has nothing in it that a project may not set."""
    from seedvr_cli.settings.project import find_project

    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "seedvr.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_project().profile == "work"


def test_every_linked_file_exists():
    """Each relative link of the README leads to a file."""
    for target in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", README.read_text(encoding="utf-8")):
        assert (ROOT / (target[0] or target[1])).exists(), target


def test_every_exit_code_is_listed():
    """The README's exit codes are those of the code."""
    from seedvr_cli.values.errors import PRECEDENCE

    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
        for code in row.split(",")
    }
    assert listed == {0, *PRECEDENCE}


def test_the_python_of_the_readme_runs(tmp_path):
    """Each Python example runs as it stands, and prints what it says."""
    text = without_files(README.read_text(encoding="utf-8"))
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    environment = clean_environment(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "https://example.com/a.png listed big/a-2x.png",
        "https://example.com/b.png listed big/b-4x.png",
    ]
    assert (tmp_path / "a-2160p.png").stat().st_size > 0
