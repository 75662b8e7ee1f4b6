"""The package as a user has it: its own dependencies alone, console script, and bytecode."""

import os
import re
import tomllib
import venv
from collections.abc import Iterable
from importlib import metadata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "seedvr_cli")

SCRIPT = """\
#!{python}
import sys
from seedvr_cli.__main__ import main
sys.exit(main())
"""


def install(folder: str, *extras: str, beside: Iterable[str] = ()) -> tuple[str, str]:
    """A venv of links to this checkout and to what it depends on; the paths of its python and its `seedvr`.

    `extras` are the package's own, `beside` is what else a rival needs; RuntimeError where one is not installed here.
    What else is installed beside this interpreter stays out: httpx, for one, loads three times as long where click,
    Rich and Pygments are there.
    """
    venv.create(folder, symlinks=True)
    python, script = (os.path.join(folder, "bin", name) for name in ("python", "seedvr"))
    (site,) = (path for path, _, _ in os.walk(folder) if os.path.basename(path) == "site-packages")
    os.symlink(PACKAGE, os.path.join(site, "seedvr_cli"))
    for distribution in needed([*own_requirements(extras), *beside]):
        for top in {path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}:
            os.symlink(os.path.realpath(str(distribution.locate_file(top))), os.path.join(site, top))
    with open(os.open(script, os.O_WRONLY | os.O_CREAT, 0o755), "w", encoding="utf-8") as file:
        file.write(SCRIPT.format(python=python))
    return python, script


def own_requirements(extras: Iterable[str]) -> list[str]:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    return [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]


def needed(requirements: Iterable[str]) -> list[metadata.Distribution]:
    """The distributions that fulfil them, and theirs; without extras, and without what is for other systems."""
    found: dict[str, metadata.Distribution] = {}
    left = list(requirements)
    while left:
        requirement, _, marker = left.pop().partition(";")
        name = re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")
        if name in found or "extra" in marker:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            if not marker:
                raise RuntimeError(f"this benchmark needs {name}: pip install {name}") from error
            continue
        left += found[name].requires or []
    return list(found.values())
