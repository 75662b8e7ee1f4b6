"""The API key: where it is found, and how it is never shown."""

import os
import re

from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import KeyMissing, UsageError

KEY_VARIABLES = ("SEEDVR_API_KEY", "PIXAZO_API_KEY")
KEYRING = "the keyring"
VENDOR_KEY_FILE = "~/.pixazo/api-key"
# Seconds that an api-key-command may take: it may ask for a passphrase.
KEY_COMMAND_SECONDS = 60
# Bytes of a key file that are looked at.
LONGEST_KEY_FILE = 1 << 16
_VARIABLE = re.compile(r"(?:export\s+)?([A-Z_]+)\s*=\s*(.*)")
# Keys that this process has held: whatever it logs must not show them.
seen_keys: set[str] = set()


def find_key(
    settings: Settings, key_file: str | None = None, *, seconds: float = KEY_COMMAND_SECONDS
) -> tuple[str, str]:
    """The API key and where it comes from, in the order of cli.md, with the keyring after the config file.

    KeyMissing where there is none.

    `seconds` is how long a command may take that prints it.
    """
    if key_file is not None:
        return check_key(_read_key_file(key_file, "--api-key-file"), "--api-key-file"), "--api-key-file"
    for variable in KEY_VARIABLES:
        if os.environ.get(variable):
            return check_key(os.environ[variable], variable), variable
    if settings.values.get("api-key"):
        return str(settings.values["api-key"]), f"{settings.path} [{settings.profile}]"
    if command := settings.values.get("api-key-command"):
        return check_key(_run_key_command(command, seconds), "api_key_command"), "api_key_command"
    from seedvr_cli.settings.key_store import read_key  # late: most have their key elsewhere

    if (stored := read_key(settings.profile)) is not None:
        return check_key(stored, KEYRING), KEYRING
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


def _read_key_file(path: str, where: str) -> str:
    import sys

    try:
        if path == "-":
            return sys.stdin.readline()
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            return _key_in(file.read(LONGEST_KEY_FILE))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UsageError(f"{where}: {path}: {reason}") from error


def _key_in(text: str) -> str:
    """The key of a file that has it alone on its first line, or as a variable, as .env files do."""
    for line in text.splitlines():
        variable = _VARIABLE.fullmatch(line.strip())
        if variable and variable[1] in KEY_VARIABLES:
            return variable[2].strip().strip("\"'")
    return next((line for line in text.splitlines() if line.strip()), "")


def _run_key_command(command: str, seconds: float) -> str:
    try:
        return output_of(command, seconds)
    except ValueError as error:
        raise KeyMissing(f"api_key_command{error}") from error


def output_of(command: str, seconds: float = KEY_COMMAND_SECONDS) -> str:
    """What a command prints that a setting names, such as a password manager's; ValueError says how it failed."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S602 - the user's own file names the command, as git's config does
            command,
            shell=True,
            check=True,
            stdin=subprocess.DEVNULL,  # standard input may be somebody's list
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds,
        )
    except subprocess.CalledProcessError as error:
        raise ValueError(f" ended with exit code {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise ValueError(f" did not end in {seconds:g} seconds") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f": {error}") from error
    return done.stdout
