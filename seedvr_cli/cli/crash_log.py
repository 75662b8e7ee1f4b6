"""What nobody foresaw: a line for the user, and the details, without secrets, where they can be sent from."""

import os
import traceback
from collections.abc import Sequence

from seedvr_cli import __version__
from seedvr_cli.values.errors import SeedvrError, Unforeseen


def log_crash(error: Exception, arguments: Sequence[str]) -> SeedvrError:
    """Keep the traceback; what the user is told, which says where it is."""
    from seedvr_cli.render.talk import clean
    from seedvr_cli.values.redaction import redact

    path, secrets = keep_traceback(error, arguments), known_secrets()
    head = clean(f"unforeseen error: {type(error).__name__}: {error}".splitlines()[0])
    hint = f"the details are in {path}; the ledger is whole" if path else None
    return SeedvrError(redact(head, secrets), hint=hint and redact(hint, secrets), code=Unforeseen.code)


def keep_traceback(error: Exception, arguments: Sequence[str]) -> str | None:
    """Write it to the log, without secrets; the log's path, or None where there is no place for one."""
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.redaction import redact

    text = f"seedvr {__version__}: {list(arguments)}\n{''.join(traceback.format_exception(error))}\n"
    try:
        path = os.path.join(state_folder(), "errors.log")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(redact(text, known_secrets()))
    except (OSError, SeedvrError):
        return None
    return path


def known_secrets() -> set[str]:
    """The keys and the proxies' passwords that this process could know."""
    from seedvr_cli.gateway.proxies import proxy_secrets
    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import KEY_VARIABLES, find_key, seen_keys

    try:
        settings = load()
        if "api-key-command" not in settings.values:
            find_key(settings)
    except SeedvrError:
        pass
    return {*seen_keys, *proxy_secrets(), *(os.environ.get(name, "") for name in KEY_VARIABLES)}
