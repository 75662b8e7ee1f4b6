"""`seedvr config`."""

import sys
from typing import Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.completion import setting_names, setting_words

config = typer.Typer(
    help="Your key and defaults, by profile: get, set, unset, list, path.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A flag's name, such as 'scale', or 'api-key'.", autocompletion=setting_names
    ),
]  # fmt: skip


@config.command("get")
def get(
    name: Name,
    *,
    json: o.Json = None,
    profile: o.Profile = None,
) -> None:
    """Print a stored value; exit code 1 where there is none. A key is not shown whole."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import mask
    from seedvr_cli.settings.known import setting_name

    key = setting_name(name, "config get")
    settings = load(profile)
    if key not in settings.written:
        print(f"seedvr: {key} is not set", file=sys.stderr)
        raise typer.Exit(1)
    value = mask(settings.values[key]) if key == "api-key" else settings.written[key]
    write_line(machine.line(value) if json else show(value))


@config.command("set")
def set_(
    name: Name,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="Left out for api-key: it is asked for.", autocompletion=setting_words),
    ] = None,
    *,
    quiet: o.Quiet = None,
    profile: o.Profile = None,
) -> None:
    """Store a default. 'config set api-key' asks without echo, or reads standard input when that is a pipe."""
    import os

    from seedvr_cli.settings.file import store
    from seedvr_cli.settings.known import SETTINGS, setting_name
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.options import as_stored

    key = setting_name(name, "config set")
    if key == "api-key":
        if value is not None:
            raise UsageError("config set api-key: a key on the command line shows in the list of processes",
                             hint="leave it out and it is asked for, or pipe it in")  # fmt: skip
        value = _ask_key()
    elif value is None:
        raise UsageError(f"config set {key}: give a VALUE")
    checked = as_stored(SETTINGS[key].read(value, f"config set {key}"), value)
    profile = profile or os.environ.get("SEEDVR_PROFILE") or "default"
    path = store(profile, key, checked)
    if not quiet:
        print(f"seedvr: {key} is stored in {path} [{profile}]", file=sys.stderr)


@config.command("unset")
def unset(
    name: Name,
    *,
    quiet: o.Quiet = None,
    profile: o.Profile = None,
) -> None:
    """Remove a stored value."""
    from seedvr_cli.settings.file import load, store
    from seedvr_cli.settings.known import setting_name

    key = setting_name(name, "config unset")
    settings = load(profile)
    if key in settings.values:
        store(settings.profile, key, None)
    elif not quiet:
        print(f"seedvr: {key} was not set", file=sys.stderr)


@config.command("list")
def list_(
    *,
    json: o.Json = None,
    profile: o.Profile = None,
) -> None:
    """Print what is stored, and where the key comes from. A key is never shown whole."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import find_key, mask
    from seedvr_cli.values.errors import KeyMissing
    from seedvr_cli.values.redaction import redact

    settings = load(profile)
    values = dict(settings.written)
    if "api-key" in values:
        values["api-key"] = mask(settings.values["api-key"])
    if "ledger-url" in values:
        values["ledger-url"] = redact(str(values["ledger-url"]))
    if json:
        write_line(machine.line(values))
        return
    for key, value in values.items():
        write_line(f"{key} = {show(value)}")
    if "api-key-command" in settings.values:
        origin = "the key comes from api_key_command, if the environment has none"
    else:
        try:
            key, where = find_key(settings)
            origin = f"the key {mask(key)} comes from {where}"
        except KeyMissing as error:
            origin = f"{error.message}; {error.hint}"
    print(f"seedvr: profile {settings.profile}; {origin}", file=sys.stderr)


@config.command("path")
def path() -> None:
    """Print the path of the config file."""
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import config_file

    write_line(config_file())


def show(value: object) -> str:
    """A stored value as it would be typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        value = [f"{name}={one}" for name, one in value.items()]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _ask_key() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    import getpass

    return getpass.getpass("API key: ")
