"""What a config file may have: every option that can be a default, and the key."""

from collections.abc import Mapping
from typing import Any

from seedvr_cli.settings.key import check_key
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import OPTIONS, Option, option_name
from seedvr_cli.values.parsers import parse_text
from seedvr_cli.values.words import nearest


def setting_name(text: str, where: str) -> str:
    """The flag's name of a setting; UsageError names the nearest right one."""
    name = option_name(text)
    if name not in SETTINGS:
        raise UsageError(f"{where}: there is no setting {text!r}{nearest(name, SETTINGS)}",
                         hint="'seedvr config list --all' shows them")  # fmt: skip
    return name


def _key(value: Any) -> str:
    try:
        return check_key(value, "")
    except UsageError as error:
        raise ValueError(error.message.removeprefix(": ")) from error


SETTINGS: Mapping[str, Option] = {
    "api-key": Option("api-key", _key, meaning="Your key for the gateway."),
    "api-key-command": Option("api-key-command", parse_text, meaning="A program that prints the key."),
    "ledger-url": Option("ledger-url", parse_text, meaning="The ledger that machines share."),
    "ledger-url-command": Option("ledger-url-command", parse_text, meaning="A program that prints its URL."),
    **{name: option for name, option in OPTIONS.items() if option.is_stored},
}
