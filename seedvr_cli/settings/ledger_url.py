"""Where the ledger is that machines share, if there is one."""

import os

from seedvr_cli.settings.key import KEY_COMMAND_SECONDS, output_of, seen_keys
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.redaction import login_secrets

VARIABLE = "SEEDVR_LEDGER_URL"


def find_ledger_url(settings: Settings, *, seconds: float = KEY_COMMAND_SECONDS) -> str | None:
    """SEEDVR_LEDGER_URL, else the profile's, else what its command prints; None for this machine's ledger alone.

    No other variable: a DATABASE_URL is another program's.
    """
    if os.environ.get(VARIABLE, "x").strip() == "":  # a secret that CI does not have here, say
        raise UsageError(f"{VARIABLE} is empty", hint="unset it for the ledger of this machine alone")
    url = os.environ.get(VARIABLE) or settings.values.get("ledger-url")
    if not url and (command := settings.values.get("ledger-url-command")):
        try:
            url = output_of(command, seconds).strip()
        except ValueError as error:
            raise UsageError(f"ledger_url_command{error}") from error
        if not url:
            raise UsageError("ledger_url_command printed nothing")
    if not url:
        return None
    seen_keys.update(login_secrets(str(url).strip()))
    return str(url).strip()
