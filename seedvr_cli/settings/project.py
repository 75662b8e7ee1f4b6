"""A project's file, `seedvr.toml`: defaults for whoever works in its folder, and nothing that is the user's alone.

It comes along with what others wrote, a repository for one. So it may choose among the user's profiles, say how jobs
are made, where in its own folder results go, and lower a cap; it never holds a key, runs a program, names another
address or replaces files.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seedvr_cli.settings.profile import LARGEST_FILE, Project, Settings
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import OPTIONS, option_name
from seedvr_cli.values.system import has_modes, owner_is_trusted

NAME = "seedvr.toml"
# Set to anything but 0, there is no such file.
IGNORED = "SEEDVR_NO_PROJECT"
_HINT = f"mend it there, or set {IGNORED}=1 to go without it"


def find_project() -> Project | None:
    """The nearest one, from the working folder up to the home folder or the root; UsageError where it is wrong.

    Without one it costs a look at each folder.
    """
    path = None if os.environ.get(IGNORED, "") not in {"", "0"} else _find()
    if path is None:
        return None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            return Project(path, distrust="it is no file")
        with open(path, "rb") as file:
            distrust = _distrust(os.fstat(file.fileno()))
            content = b"" if distrust else file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return Project(path, distrust="it is a link to nothing")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint=_HINT) from error
    return Project(path, distrust=distrust) if distrust else _read(path, content)


def without_mistakes() -> Project | None:
    """The same, where a mistake in it is why it is not read."""
    try:
        return find_project()
    except UsageError as error:
        path = _find() or ""
        return Project(path, distrust=error.message.removeprefix(path).lstrip(":, "))


def with_project(own: Settings, project: Project) -> Settings:
    """The user's settings with the project's over them; of two caps the lower one holds."""
    from seedvr_cli.values.request import SIZE_FLAGS

    values = dict(own.values)
    if not SIZE_FLAGS.isdisjoint(project.values):  # one size gives way to another, however it is said
        values = {name: value for name, value in values.items() if name not in SIZE_FLAGS}
    for name, value in project.values.items():
        limit = own.choose(name, None) if OPTIONS[name].in_project == "lower" else None
        values[name] = value if limit is None else min(value, limit)
    return replace(own, values=values, project=project)


def _find() -> str | None:
    try:
        folder = os.getcwd()
    except OSError:  # it is gone
        return None
    home = os.path.realpath(os.path.expanduser("~"))
    while True:
        path = os.path.join(folder, NAME)
        if os.path.lexists(path):
            return path
        above = os.path.dirname(folder)
        if folder in {home, above}:
            return None
        folder = above


def _distrust(status: os.stat_result) -> str | None:
    """Why what it says is not the word of this user or of the system, who alone may choose a profile.

    Its folder does not matter: what others put there is theirs, and what is ours says what we wrote.
    """
    if not owner_is_trusted(status):
        return "it belongs to another user"
    return "everybody may write to it" if has_modes() and status.st_mode & stat.S_IWOTH else None


def _read(path: str, content: bytes) -> Project:
    from seedvr_cli.settings.text import find_line, parse

    document = parse(path, content, hint=_HINT)
    text = content.decode("utf-8-sig")
    values: dict[str, Any] = {}
    written: dict[str, Any] = {}
    for word, value in document.items():
        line = find_line(text, None, word) or find_line(text, word, None)
        where = f"{path}, line {line}" if line else path
        try:
            name = _known(word, value, where)
            values[name], written[name] = _value(name, value, f"{where}: {word}", os.path.dirname(path)), value
        except UsageError as error:
            error.hint = error.hint or _HINT
            raise
    profile = values.pop("profile", None)
    written.pop("profile", None)
    return Project(path, values, written, profile)


def _known(word: str, value: Any, where: str) -> str:
    from seedvr_cli.settings.known import SETTINGS
    from seedvr_cli.values.words import nearest

    name = option_name(word)
    if isinstance(value, Mapping):
        raise UsageError(f"{where}: {word!r} is a table; a project's file has none",
                         hint="profiles stand in your own config file; 'profile = \"NAME\"' chooses one")  # fmt: skip
    allowed = ["profile", *(one.name for one in OPTIONS.values() if one.in_project != "no")]
    if name in allowed:
        return name
    if name in SETTINGS:
        hint = f"take it out, or set {IGNORED}=1; 'seedvr config set {name}' sets it for you"
        raise UsageError(f"{where}: {word} is for your own config file; a project's file may not set it", hint=hint)
    raise UsageError(f"{where}: there is no setting {word!r}{nearest(name, allowed)}")


def _value(name: str, value: Any, where: str, folder: str) -> Any:
    if name == "profile":
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where}: that is no profile's name")
        return value
    parsed = OPTIONS[name].read(value, where)
    return _within(parsed, where, folder) if name == "output" else parsed


def _within(output: str, where: str, folder: str) -> str:
    """The place as seen from the working folder; UsageError where it is not in the project's."""
    whole = os.path.join(folder, output)
    is_odd = output == "-" or "://" in output or output.startswith("~") or os.path.isabs(output)
    root = os.path.realpath(folder)
    if is_odd or os.path.commonpath([root, os.path.realpath(whole)]) != root:
        raise UsageError(f"{where}: {output} does not lie in the project's folder, {folder}")
    if "/" in output[output.find("{") :] and "{" in output:  # a link may stand under any name that comes of it
        raise UsageError(f"{where}: {output}: in a project's file {{fields}} are for the name, not for folders")
    return os.path.relpath(whole) + ("/" if output.endswith(("/", os.sep)) else "")
