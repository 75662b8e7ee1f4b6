"""A user's key and defaults: the config file, the environment, and where things are kept."""

import os
import stat
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.catalog import ENDPOINTS, WEBHOOK_MODES, check, is_allowed_url
from seedvr_cli.errors import KeyMissing, UsageError
from seedvr_cli.money import parse_usd
from seedvr_cli.request import check_base_url, nearest
from seedvr_cli.schedule import parse_duration, parse_rate

APP = "seedvr"
KEY_NAMES = ("api-key", "api-key-command")
KEY_VARIABLES = ("SEEDVR_API_KEY", "PIXAZO_API_KEY")
VENDOR_KEY_FILE = "~/.pixazo/api-key"
PROGRESS = ("auto", "live", "plain", "none")
MODELS = tuple(endpoint.model for endpoint in ENDPOINTS.values() if endpoint.kind == "image")
# Seconds that an api-key-command may take: it may ask for a passphrase.
KEY_COMMAND_SECONDS = 60

# Keys that this process has held: whatever it logs must not show them.
seen_keys: set[str] = set()


@dataclass(frozen=True, slots=True)
class Settings:
    """A profile's stored values, by flag name, checked."""

    profile: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)


def config_file() -> str:
    """The path of the config file."""
    return os.path.join(_folder("config"), "config.toml")


def state_folder() -> str:
    """Where the ledger, the sandbox's jobs and the log of unforeseen errors are."""
    return _folder("state")


def load(profile: str | None = None) -> Settings:
    """The settings of a profile (the flag, SEEDVR_PROFILE, or `default`); UsageError for a bad file, name or value."""
    path = config_file()
    name = profile or os.environ.get("SEEDVR_PROFILE") or "default"
    document = _read(path)
    for other, table in document.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {other!r} stands outside a profile such as [default]")
    if name not in document:
        if name != "default":
            raise UsageError(f"--profile: {path} has no profile {name!r}{nearest(name, document)}")
        return Settings(name, path)
    values = {}
    for written, value in document[name].items():
        key = setting_name(written, f"{path}, [{name}]")
        values[key] = check_setting(key, value, f"{path}, [{name}] {written}")
    return Settings(name, path, values)


def setting_name(text: str, where: str) -> str:
    """The flag's name of a setting, `_` and `-` alike; UsageError names the nearest right one."""
    name = text.strip().lower().replace("_", "-").removeprefix("--")
    if name not in SETTINGS:
        raise UsageError(f"{where}: there is no setting {text!r}{nearest(name, SETTINGS)}",
                         hint="'seedvr config list' shows them all")  # fmt: skip
    return name


def check_setting(name: str, value: Any, where: str) -> Any:
    """The value in its stored form; UsageError says what the setting takes."""
    try:
        return SETTINGS[name](value)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message.partition(': ')[2] or error.message}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}: {error}") from error


def find_key(settings: Settings, key_file: str | None = None) -> tuple[str, str]:
    """The API key and where it comes from, in the order of cli.md; KeyMissing where there is none."""
    if key_file is not None:
        return check_key(_read_key_file(key_file, "--api-key-file"), "--api-key-file"), "--api-key-file"
    for variable in KEY_VARIABLES:
        if os.environ.get(variable):
            return check_key(os.environ[variable], variable), variable
    if settings.values.get("api-key"):
        return str(settings.values["api-key"]), f"{settings.path} [{settings.profile}]"
    if command := settings.values.get("api-key-command"):
        return check_key(_run_key_command(command), "api_key_command"), "api_key_command"
    vendor = os.path.expanduser(VENDOR_KEY_FILE)
    if os.path.isfile(vendor):
        return check_key(_read_key_file(vendor, VENDOR_KEY_FILE), VENDOR_KEY_FILE), VENDOR_KEY_FILE
    raise KeyMissing("no API key")


def check_key(text: object, where: str) -> str:
    """A key's first line; UsageError where it could not stand in a header. Never shows the key."""
    lines = str(text).strip().splitlines()
    key = lines[0].strip() if lines else ""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{where}: that is no API key (one line of plain characters without spaces)")
    seen_keys.add(key)
    return key


def mask(key: str) -> str:
    """Enough of a key to recognise it by, and no more."""
    return f"{key[:2]}…{key[-2:]}" if len(key) >= 12 else "…"


def store(profile: str, name: str, value: Any) -> str:
    """Write a checked value; None removes it. Atomic, mode 0600, comments kept; returns the path."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = config_file()
    try:
        with open(path, encoding="utf-8") as file:
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
    _write(path, tomlkit.dumps(document))
    return path


def _folder(kind: str) -> str:
    home = os.environ.get("SEEDVR_HOME")
    if home:
        return os.path.join(os.path.abspath(os.path.expanduser(home)), kind)
    import platformdirs

    return {"config": platformdirs.user_config_dir, "state": platformdirs.user_state_dir}[kind](APP, appauthor=False)


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", hint="mend it by hand; 'seedvr config path' prints where it is") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _write(path: str, text: str) -> None:
    """Whole or not at all; through a link of a dotfile manager, not over it."""
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
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise UsageError(f"{path}: {error.strerror}") from error


def _read_key_file(path: str, where: str) -> str:
    import sys

    try:
        if path == "-":
            return sys.stdin.readline()
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.readline(4096)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UsageError(f"{where}: {path}: {reason}") from error


def _run_key_command(command: str) -> str:
    import subprocess

    try:
        done = subprocess.run(  # noqa: S602 - the user's own file names the command, as git's config does
            command,
            shell=True,
            check=True,
            stdin=subprocess.DEVNULL,  # standard input may be somebody's list
            stdout=subprocess.PIPE,
            text=True,
            timeout=KEY_COMMAND_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise KeyMissing(f"api_key_command ended with exit code {error.returncode}") from error
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise KeyMissing(f"api_key_command: {error}") from error
    return done.stdout


# What may be stored, each with the function that checks a value: text from a shell, or a TOML value.


def _parameter(flag: str) -> Callable[[Any], Any]:
    """A default for a parameter is good where at least one endpoint takes it."""

    def checked(value: Any) -> Any:
        failure: UsageError | None = None
        for endpoint in ENDPOINTS.values():
            parameter = endpoint.by_flag(flag)
            if parameter is None:
                continue
            try:
                check(parameter, value, f"--{flag}", endpoint)
            except UsageError as error:
                failure = failure or error
                continue
            return (
                _plain_number(value) if parameter.kind in {"number", "integer"} else _boolean_or_same(parameter, value)
            )
        raise failure or UsageError(f"--{flag}: unknown")

    return checked


def _boolean_or_same(parameter: Any, value: Any) -> Any:
    return _boolean(value) if parameter.kind == "boolean" else value


def _plain_number(value: Any) -> Any:
    number = float(value)
    return int(number) if number.is_integer() else number


def _one_of(*words: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"{value!r} is not one of {', '.join(words)}")
        return value

    return checked


def _boolean(value: Any) -> Any:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is not one of true, false")
    return words[str(value).lower()]


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
        raise ValueError(f"{value!r} is not a whole number from 1 on")
    return int(value)


def _duration(value: Any) -> Any:
    parse_duration(str(value))
    return value


def _positive_duration(value: Any) -> Any:
    if parse_duration(str(value)) <= 0:
        raise ValueError(f"{value!r} is not longer than nothing")
    return value


def _usd(value: Any) -> Any:
    parse_usd(str(value))
    return value


def _rate(value: Any) -> Any:
    parse_rate(str(value))
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def _url(value: Any) -> Any:
    if not isinstance(value, str) or not is_allowed_url(value):
        raise ValueError(f"{value!r} is not an https URL")
    return value


SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "api-key": lambda value: check_key(value, "api-key"),
    "api-key-command": _text,
    "model": _one_of(*MODELS),
    **{
        flag: _parameter(flag)
        for flag in dict.fromkeys(
            parameter.flag
            for endpoint in ENDPOINTS.values()
            for parameter in endpoint.parameters
            if parameter.flag and parameter.flag != "job-id"
        )
    },
    "webhook": _url,
    "webhook-mode": _one_of(*WEBHOOK_MODES),
    "output": _text,
    "overwrite": _boolean,
    "recursive": _boolean,
    "jobs": _count,
    "poll-interval": _positive_duration,
    "timeout": _duration,
    "max-cost": _usd,
    "max-cost-per-day": _usd,
    "rate": _rate,
    "json": _boolean,
    "quiet": _boolean,
    "verbose": _boolean,
    "progress": _one_of(*PROGRESS),
    "base-url": lambda value: check_base_url(_text(value), "base-url"),
}
