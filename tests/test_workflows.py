"""Workflows for other people's runners, which do not run here: they are what they are meant to be."""

import re
import tomllib

import yaml
from helpers.places import ROOT

PLATFORMS = yaml.safe_load((ROOT / ".github" / "workflows" / "platforms.yml").read_text(encoding="utf-8"))


def test_the_quick_tests_run_on_windows_and_macos():
    """On each of the two, with every Python that the package names."""
    (job,) = PLATFORMS["jobs"].values()
    matrix = job["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert matrix == {"os": ["windows-latest", "macos-latest"], "python": named}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        'pip install ".[test]"', 'pytest -m "not slow"',
    ]  # fmt: skip


def test_the_workflow_may_only_read():
    """No step may write to the repository."""
    assert PLATFORMS["permissions"] == {"contents": "read"}
