"""A user's key and defaults: the config file, the environment, and where things are kept."""

import os
import stat
from contextlib import suppress
from typing import Any

from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.known import SETTINGS, setting_name
from seedvr_cli.settings.profile import LARGEST_FILE, Project, Settings
from seedvr_cli.settings.project import find_project, with_project, without_mistakes
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import read
from seedvr_cli.values.system import replace
from seedvr_cli.values.words import nearest


def load(profile: str | None = None) -> Settings:
    """The settings of a profile, and those of the project's file over them; UsageError for a bad file, name or value.

    The profile is that of the flag, of SEEDVR_PROFILE, of the project's file, or `default`.
    """
    return _load(profile, find_project())


def load_own(profile: str | None = None) -> Settings:
    """The same for who looks at the user's own file or mends it: a project's file that is wrong is only not read."""
    return _load(profile, without_mistakes())


def chosen_profile(given: str | None, project: Project | None) -> tuple[str, str]:
    """The name of the profile that is in use, and what says so; UsageError for what is no name."""
    if given is not None:
        return _checked(given, "--profile"), "--profile"
    if variable := os.environ.get("SEEDVR_PROFILE"):
        return _checked(variable, "SEEDVR_PROFILE"), "SEEDVR_PROFILE"
    if project is not None and project.profile:
        return project.profile, project.path
    return "default", "default"


def _checked(name: str, where: str) -> str:
    if not name.strip():
        raise UsageError(f"{where}: it is empty", hint="an unset variable, perhaps")
    if not name.isprintable():
        raise UsageError(f"{where}: {name!r} is no name of a profile: it has a character that cannot be shown")
    return name


def read_document(path: str) -> dict[str, Any]:
    """The file as it stands, by profile; empty where there is none. UsageError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    from seedvr_cli.settings.text import parse  # late: many have no file

    return parse(path, content)


def _load(profile: str | None, project: Project | None) -> Settings:
    name, chosen_by = chosen_profile(profile, project)
    settings = _profile(config_file(), name, chosen_by)
    return settings if project is None else with_project(settings, project)


def _profile(path: str, name: str, chosen_by: str) -> Settings:
    document = read_document(path)
    for other, table in document.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {other!r} stands outside a profile such as [default]")
    if name not in document:
        if name != "default":
            raise UsageError(f"{chosen_by}: {path} has no profile {name!r}{nearest(name, document)}",
                             hint="'seedvr config profiles' lists them")  # fmt: skip
        return Settings(name, path)
    values, written = {}, {}
    for text, value in document[name].items():
        key = setting_name(text, f"{path}, [{name}]")
        values[key], written[key] = SETTINGS[key].read(value, f"{path}, [{name}] {text}"), value
    return Settings(name, path, values, written)


def find_base_url(settings: Settings, given: str | None = None) -> str:
    """The gateway's address: what was given, SEEDVR_BASE_URL, the profile's, or the hosted one."""
    variable = os.environ.get("SEEDVR_BASE_URL")
    if given is None and variable:
        given = read("base-url", variable, "SEEDVR_BASE_URL")
    return str(settings.choose("base-url", given))


def store(profile: str, name: str, value: Any) -> str:
    """Write a value as it is to stand there; None removes it. Atomic, mode 0600, comments kept; returns the path."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = config_file()
    try:
        with open(path, encoding="utf-8-sig") as file:
            document = tomlkit.parse(file.read())
    except FileNotFoundError:
        document = tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    table: Any = document.setdefault(profile, tomlkit.table())
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {profile!r} is not a profile")
    written = next((key for key in table if key.replace("_", "-") == name), name)
    if value is None:
        table.pop(written, None)
    else:
        table[written] = value
    write(path, tomlkit.dumps(document))
    return path


def write(path: str, text: str) -> None:
    """Whole or not at all, mode 0600; through a link of a dotfile manager, not over it."""
    import tempfile

    target = os.path.realpath(path)
    temporary = None
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".config-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, stat.S_IRUSR | stat.S_IWUSR)
        replace(temporary, target)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise UsageError(f"{path}: {error.strerror}") from error
