"""Every setting that there is: what holds, what would hold without a word from anybody, and who says so."""

import os
from collections.abc import Iterator
from typing import Any

from seedvr_cli.settings.file import chosen_profile, find_base_url
from seedvr_cli.settings.key import KEY_VARIABLES, KEYRING, find_key, mask
from seedvr_cli.settings.known import SETTINGS
from seedvr_cli.settings.ledger_url import VARIABLE as LEDGER_VARIABLE
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import KeyMissing
from seedvr_cli.values.options import Option, as_stored
from seedvr_cli.values.redaction import redact, without_login
from seedvr_cli.values.setting import Setting, Source


def survey(settings: Settings, profile: str | None = None) -> Iterator[Setting]:
    """The profile, which `profile` may have been given for, and then all settings. A key is not shown whole.

    A program that prints a key or a URL is not run for it.
    """
    source, where = _profile_source(settings, profile)
    meaning = "Which part of your config file holds."
    yield Setting("profile", settings.profile, "default", source, where, _told(source, where, settings), meaning)
    for name, option in SETTINGS.items():
        value, source, where = _found(name, settings)
        default = _default(option)
        value = default if value is None else value
        yield Setting(name, value, default, source, where, _told(source, where, settings), _meaning(option))


def shown(name: str, value: Any) -> Any:
    """A stored value for people: without passwords, and without what signs a URL."""
    if not isinstance(value, str):
        return value
    return redact(without_login(value) if name == "ledger-url" else value)


def _told(source: Source, where: str | None, settings: Settings) -> str:
    words: dict[Source, str] = {
        "environment": f"environment variable {where}",
        "project": f"project file {where}",
        "profile": f"profile {settings.profile} in {where}",
        "keyring": KEYRING,
        "command": f"what {where} prints",
    }
    return words.get(source, where or source)


def _default(option: Option) -> Any:
    """As it would be stored."""
    return None if option.default is None else as_stored(option.default, option.shown_default())


def _meaning(option: Option) -> str:
    """With the defaults of other circumstances: `Stop waiting, not the job (video: 2h).`"""
    others = ", ".join(f"{name}: {option.shown_default(name)}" for name in option.defaults)
    return f"{option.meaning.removesuffix('.')} ({others})." if others else option.meaning


def _profile_source(settings: Settings, given: str | None) -> tuple[Source, str | None]:
    _, said_by = chosen_profile(given, settings.project)
    sources: dict[str, tuple[Source, str | None]] = {
        "--profile": ("flag", "--profile"),
        "SEEDVR_PROFILE": ("environment", "SEEDVR_PROFILE"),
        "default": ("default", None),
    }
    return sources.get(said_by, ("project", said_by))


def _found(name: str, settings: Settings) -> tuple[Any, Source, str | None]:
    match name:
        case "api-key":
            return _key(settings)
        case "base-url" if os.environ.get("SEEDVR_BASE_URL"):
            return find_base_url(settings), "environment", "SEEDVR_BASE_URL"
        case "ledger-url" if os.environ.get(LEDGER_VARIABLE):
            return shown(name, os.environ[LEDGER_VARIABLE].strip()), "environment", LEDGER_VARIABLE
        case "ledger-url" if name not in settings.values and f"{name}-command" in settings.values:
            return None, "command", f"{name}-command"
    return _stored(name, settings)


def _stored(name: str, settings: Settings) -> tuple[Any, Source, str | None]:
    project, value = settings.project, settings.values.get(name)
    if project is not None and value is not None and project.values.get(name) == value:
        return value if isinstance(value, str) else project.written[name], "project", project.path
    if value is None or name not in settings.written:  # a project's cap may be above the default, which holds then
        return None, "default", None
    written = settings.written[name]
    return shown(name, written), "profile", settings.path


def _key(settings: Settings) -> tuple[Any, Source, str | None]:
    if not any(map(os.environ.get, KEY_VARIABLES)):
        if "api-key" in settings.values:
            return mask(settings.values["api-key"]), "profile", settings.path
        if "api-key-command" in settings.values:
            return None, "command", "api-key-command"
    try:
        key, origin = find_key(settings)
    except KeyMissing:
        return None, "default", None
    if origin == KEYRING:
        return mask(key), "keyring", None
    return mask(key), "environment" if origin in KEY_VARIABLES else "file", origin
