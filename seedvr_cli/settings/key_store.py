"""The key in the system's keyring, by profile: what the extra `keyring` brings.

Only what keeps secrets is asked: a backend that writes plain text is none, and neither is one that keeps nothing.
"""

from importlib.util import find_spec
from typing import Any

from seedvr_cli.values.errors import KeyMissing, UsageError

# What the entry is called there; its user name is the profile.
SERVICE = "seedvr"
# What a backend says of itself; those that keep plain text, or nothing, are below.
LEAST_PRIORITY = 1


def read_key(profile: str) -> str | None:
    """The profile's key; None where there is none, or nothing to keep one. KeyMissing where it is not to be had."""
    if find_spec("keyring") is None:
        return None
    try:
        backend = _backend()
        return None if backend is None else backend.get_password(SERVICE, profile)
    except Exception as error:  # every system has its own: of D-Bus, of the user, of what stands in the environment
        raise KeyMissing(f"the keyring does not tell its key: {_reason(error)}",
                         hint="unlock it, or set SEEDVR_API_KEY") from error  # fmt: skip


def store_key(profile: str, key: str) -> None:
    """Keep it there; UsageError where that cannot be."""
    backend = find_store()
    try:
        backend.set_password(SERVICE, profile, key)
    except Exception as error:
        raise UsageError(f"--keyring: the keyring does not take it: {_reason(error)}", hint="unlock it") from error


def find_store() -> Any:
    """What keeps keys here; UsageError where there is nothing that does."""
    if find_spec("keyring") is None:
        raise UsageError("--keyring: the extra is not installed", hint="pip install 'seedvr-cli[keyring]'")
    try:
        backend = _backend()
    except Exception as error:
        raise UsageError(f"--keyring: the keyring cannot be used: {_reason(error)}") from error
    if backend is None:
        raise UsageError("--keyring: nothing on this machine keeps secrets for you, other than as plain text",
                         hint="a desktop's session does; elsewhere set SEEDVR_API_KEY or api-key-command")  # fmt: skip
    return backend


def remove_key(profile: str) -> bool:
    """Whether there was one. UsageError where it cannot be taken away."""
    if find_spec("keyring") is None:
        return False
    try:
        backend = _backend()
        if backend is None or backend.get_password(SERVICE, profile) is None:
            return False
        backend.delete_password(SERVICE, profile)
    except Exception as error:
        raise UsageError(f"the keyring does not give up its key: {_reason(error)}", hint="unlock it") from error
    return True


def _backend() -> Any:
    """The first that keeps secrets, or None."""
    import keyring

    found = keyring.get_keyring()
    return next((one for one in getattr(found, "backends", [found]) if one.priority >= LEAST_PRIORITY), None)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
