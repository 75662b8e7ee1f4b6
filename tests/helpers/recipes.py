"""The recipes that the README shows: their text, with a test's folder in place of /data."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.command import KEY, clean_environment
from helpers.places import ROOT

RECIPES = ROOT / "tests" / "recipes"


def text_of(name: str, data: Path) -> str:
    """A recipe as it stands, but for the place of its data."""
    text = (RECIPES / name).read_text(encoding="utf-8")
    assert "/data/" in text
    return text.replace("/data/", f"{data}/")


def environment_of(home: Path, url: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a recipe's machine has: a home, a key, and here another gateway."""
    make_home(home)
    return clean_environment(home, {"SEEDVR_API_KEY": KEY, "SEEDVR_BASE_URL": url, **(more or {})})


def make_home(home: Path) -> None:
    """A home from which the gateway is asked often."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "config.toml").write_text("[default]\npoll_interval = 0.1\n")


def needs(module: str) -> None:
    """Skips where a package is missing that .ci/engines installs."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: .ci/engines runs this")


def installed(program: str) -> str:
    """The path of a program that .ci/engines installs; skips where it is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: .ci/engines runs this")
    return path


def holders(folder: Path) -> set[int]:
    """The processes that have a file open below the folder."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:  # it has just ended, or is another user's
            continue
        if target.startswith(f"{folder}/"):
            found.add(int(link.parts[2]))
    return found
