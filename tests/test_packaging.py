"""What the wheel holds, and what pyproject.toml promises about it."""

import contextlib
import re
import tomllib
from configparser import ConfigParser
from email.parser import HeaderParser
from pathlib import PurePosixPath
from zipfile import ZipFile

import hatchling.build
import pytest
from helpers.places import ROOT
from readme import README

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel's files by name."""
    folder = tmp_path_factory.mktemp("wheel")
    with contextlib.chdir(ROOT):
        name = hatchling.build.build_wheel(str(folder))
    with ZipFile(folder / name) as archive:
        return {file: archive.read(file) for file in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    """The wheel's metadata."""
    (name,) = (file for file in wheel if file.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel[name].decode())


def test_both_names_are_the_command(wheel):
    """The wheel installs `seedvr`, and the same under the package's name, which `uvx seedvr-cli` runs."""
    (name,) = (file for file in wheel if file.endswith(".dist-info/entry_points.txt"))
    scripts = ConfigParser()
    scripts.read_string(wheel[name].decode())
    assert dict(scripts["console_scripts"]) == dict.fromkeys(("seedvr", "seedvr-cli"), "seedvr_cli.__main__:main")


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("seedvr.bash", "share/bash-completion/completions/seedvr"),
        ("_seedvr", "share/zsh/site-functions/_seedvr"),
        ("seedvr.fish", "share/fish/vendor_completions.d/seedvr.fish"),
    ],
)
def test_a_completion_script_is_where_its_shell_looks(script, place, wheel):
    """The wheel puts each shell's script below the prefix, under the name by which that shell finds it."""
    (name,) = (file for file in wheel if file.endswith(f".data/data/{place}"))
    assert wheel[name] == (ROOT / "completions" / script).read_bytes()


def test_the_wheel_is_the_package_and_nothing_else(wheel):
    """Every file of the package is in the wheel, the mark of its types among them, and no test is."""
    files = {PurePosixPath(file) for file in wheel}
    package = {file for file in files if file.parts[0] == "seedvr_cli"}
    ours = (path for path in (ROOT / "seedvr_cli").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert package == {PurePosixPath(path.relative_to(ROOT).as_posix()) for path in ours}
    assert PurePosixPath("seedvr_cli/py.typed") in package
    assert {re.sub(r"^seedvr_cli-[^/]*\.", "", file.parts[0]) for file in files - package} == {"data", "dist-info"}


def test_the_metadata_has_links_and_a_licence(wheel, metadata):
    """The wheel says under which licence it is, brings its text, and links the pages that an index shows."""
    assert metadata["License-Expression"] == "MIT"
    (name,) = (file for file in wheel if file.endswith(".dist-info/licenses/LICENSE"))
    assert wheel[name] == (ROOT / "LICENSE").read_bytes()
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL"))
    assert links.keys() == {"Homepage", "Repository", "Changelog", "Issues"}
    assert all(link.startswith("https://") for link in links.values())


def test_the_oldest_python_is_the_first_that_is_named(metadata):
    """The lowest Python that the wheel installs on is the lowest among those that it says it is for."""
    named = re.findall(r"(?m)^Programming Language :: Python :: 3\.(\d+)$", "\n".join(metadata.get_all("Classifier")))
    assert metadata["Requires-Python"] == f">=3.{min(map(int, named))}"


FLOOR = r"[\w-]+(\[\w+\])?>=\d[\d.]*(,<[\d.]+)?(; python_version < '[\d.]+')?"


@pytest.mark.parametrize("line", DECLARED)
def test_a_dependency_has_a_reason_and_a_floor(line):
    """Above each dependency a comment says why it is there, and its lowest version is given, but for our own extras."""
    assert re.search(rf'(?m)^ *# \w.*\n *"{re.escape(line)}",', PYPROJECT)
    assert line.startswith(f"{PROJECT['name']}[") or re.fullmatch(FLOOR, line)


def test_what_builds_the_wheel_is_what_it_is_tested_with():
    """The tests' hatchling has the same floor as the one that builds what is published, and Typer the same range."""
    builder, command_line = tomllib.loads(PYPROJECT)["build-system"]["requires"]
    assert builder in EXTRAS["test"]
    assert command_line in PROJECT["dependencies"]


def test_the_readme_tells_of_each_extra():
    """The README has a row for each extra that is not for development."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| ", README.read_text(encoding="utf-8").partition("## First picture")[0])
    assert set(rows) == EXTRAS.keys() - {"test", "dev"}


def test_groups_are_the_extras():
    """Each dependency group for development is the extra of the same name, so that the two have the same in them."""
    groups = tomllib.loads(PYPROJECT)["dependency-groups"]
    assert groups == {name: [f"{PROJECT['name']}[{name}]"] for name in ("test", "dev")}
    assert groups.keys() <= EXTRAS.keys()


def test_each_command_has_a_manual_page(wheel):
    """The wheel puts a page where `man` looks below the prefix: of `seedvr`, and of each command."""
    from seedvr_cli.cli.surface import describe_all

    found = {file.rpartition("/")[2]: text for file, text in wheel.items() if "/data/share/man/man1/" in file}
    assert sorted(found) == sorted(f"{face.title.replace(' ', '-')}.1" for face in describe_all().walk())
    assert all(text.startswith(b".TH SEEDVR") for text in found.values())
