"""What `doctor` asks of the settings: the config file, and where the key comes from."""

import os
import shlex
import stat

from seedvr_cli.settings.file import load, read_document
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.key import find_key
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.checkup import Check, CheckState
from seedvr_cli.values.errors import KeyMissing, UsageError
from seedvr_cli.values.system import has_modes

# Whoever else may read or write the file.
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_config(profile: str | None = None) -> Check:
    """The config file and all of its profiles: readable by its owner alone, and without a word that nobody knows."""
    path = config_file()
    try:
        chosen = load(profile)
        for name in read_document(path):
            load(name)
    except UsageError as error:
        return Check("config", "problem", error.message, error.hint)
    beside = _told(chosen)
    state: CheckState = "warning" if chosen.project and chosen.project.distrust else "ok"
    if not os.path.exists(path):
        return Check("config", state, f"there is no config file ({path}); profile {chosen.profile}{beside}")
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if has_modes() and mode & OTHERS:
        who = f"others may get at it (mode {mode:04o})"
        return Check("config", "warning", f"{path} [{chosen.profile}]: {who}{beside}", f"chmod 600 {shlex.quote(path)}")
    return Check("config", state, f"{path} [{chosen.profile}]{beside}")


def _told(chosen: Settings) -> str:
    """What a project's file adds."""
    project = chosen.project
    if project is None:
        return ""
    if project.distrust:
        return f"; project file {project.path} is not read: {project.distrust}"
    names = ", ".join([*(["profile"] if project.profile else []), *project.values]) or "nothing"
    return f"; project file {project.path} sets {names}"


def check_key_origin(
    settings: Settings, key_file: str | None = None, *, seconds: float
) -> tuple[Check, str | None]:  # fmt: skip
    """Where the key comes from, never what it is; and the key, for the gateway. `seconds` as in `find_key`."""
    try:
        key, origin = find_key(settings, key_file, seconds=seconds)
    except (KeyMissing, UsageError) as error:
        return Check("key", "problem", error.message, error.hint), None
    return Check("key", "ok", f"from {origin}"), key
