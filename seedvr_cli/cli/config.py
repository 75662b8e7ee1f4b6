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
    json: o.Json = False,
    quiet: o.Quiet = False,  # noqa: ARG001 - as on every command
    verbose: o.Verbose = False,  # noqa: ARG001 - as on every command
    progress: o.Progress = None,  # noqa: ARG001 - as on every command
    base_url: o.BaseUrl = None,  # noqa: ARG001 - as on every command
    sandbox: o.Sandbox = False,  # noqa: ARG001 - as on every command
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,  # noqa: ARG001 - as on every command
) -> None:
    """Print a stored value; exit code 1 where there is none. A key is not shown whole."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import mask
    from seedvr_cli.settings.known import setting_name

    key = setting_name(name, "config get")
    values = load(profile).values
    if key not in values:
        print(f"seedvr: {key} is not set", file=sys.stderr)
        raise typer.Exit(1)
    value = mask(values[key]) if key == "api-key" else values[key]
    write_line(machine.line(value) if json else show(value))


@config.command("set")
def set_(
    name: Name,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="Left out for api-key: it is asked for.", autocompletion=setting_words),
    ] = None,
    *,
    json: o.Json = False,  # noqa: ARG001 - as on every command
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,  # noqa: ARG001 - as on every command
    progress: o.Progress = None,  # noqa: ARG001 - as on every command
    base_url: o.BaseUrl = None,  # noqa: ARG001 - as on every command
    sandbox: o.Sandbox = False,  # noqa: ARG001 - as on every command
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,  # noqa: ARG001 - as on every command
) -> None:
    """Store a default. 'config set api-key' asks without echo, or reads standard input when that is a pipe."""
    import os

    from seedvr_cli.settings.file import store
    from seedvr_cli.settings.known import check_setting, setting_name
    from seedvr_cli.values.errors import UsageError

    key = setting_name(name, "config set")
    if key == "api-key":
        if value is not None:
            raise UsageError("config set api-key: a key on the command line shows in the list of processes",
                             hint="leave it out and it is asked for, or pipe it in")  # fmt: skip
        value = _ask_key()
    elif value is None:
        raise UsageError(f"config set {key}: give a VALUE")
    checked = check_setting(key, value, f"config set {key}")
    profile = profile or os.environ.get("SEEDVR_PROFILE") or "default"
    path = store(profile, key, checked)
    if not quiet:
        print(f"seedvr: {key} is stored in {path} [{profile}]", file=sys.stderr)


@config.command("unset")
def unset(
    name: Name,
    *,
    json: o.Json = False,  # noqa: ARG001 - as on every command
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,  # noqa: ARG001 - as on every command
    progress: o.Progress = None,  # noqa: ARG001 - as on every command
    base_url: o.BaseUrl = None,  # noqa: ARG001 - as on every command
    sandbox: o.Sandbox = False,  # noqa: ARG001 - as on every command
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,  # noqa: ARG001 - as on every command
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
    json: o.Json = False,
    quiet: o.Quiet = False,  # noqa: ARG001 - as on every command
    verbose: o.Verbose = False,  # noqa: ARG001 - as on every command
    progress: o.Progress = None,  # noqa: ARG001 - as on every command
    base_url: o.BaseUrl = None,  # noqa: ARG001 - as on every command
    sandbox: o.Sandbox = False,  # noqa: ARG001 - as on every command
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,
) -> None:
    """Print what is stored, and where the key comes from. A key is never shown whole."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import find_key, mask
    from seedvr_cli.values.errors import KeyMissing

    settings = load(profile)
    values = {key: mask(value) if key == "api-key" else value for key, value in settings.values.items()}
    if json:
        write_line(machine.line(values))
        return
    for key, value in values.items():
        write_line(f"{key} = {show(value)}")
    if "api-key-command" in settings.values:
        origin = "the key comes from api_key_command, if the environment has none"
    else:
        try:
            key, where = find_key(settings, api_key_file)
            origin = f"the key {mask(key)} comes from {where}"
        except KeyMissing as error:
            origin = f"{error.message}; {error.hint}"
    print(f"seedvr: profile {settings.profile}; {origin}", file=sys.stderr)


@config.command("path")
def path(
    *,
    json: o.Json = False,  # noqa: ARG001 - as on every command
    quiet: o.Quiet = False,  # noqa: ARG001 - as on every command
    verbose: o.Verbose = False,  # noqa: ARG001 - as on every command
    progress: o.Progress = None,  # noqa: ARG001 - as on every command
    base_url: o.BaseUrl = None,  # noqa: ARG001 - as on every command
    sandbox: o.Sandbox = False,  # noqa: ARG001 - as on every command
    profile: o.Profile = None,  # noqa: ARG001 - as on every command
    api_key_file: o.ApiKeyFile = None,  # noqa: ARG001 - as on every command
) -> None:
    """Print the path of the config file."""
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import config_file

    write_line(config_file())


def show(value: object) -> str:
    """A stored value as it would be typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _ask_key() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    import getpass

    return getpass.getpass("API key: ")
