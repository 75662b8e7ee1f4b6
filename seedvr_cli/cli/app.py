"""The commands together, and the one boundary where errors become a line and an exit code."""

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import TyperException

from seedvr_cli import __version__
from seedvr_cli.values.errors import SeedvrError

# 128 + SIGPIPE, as a shell reports it.
PIPE_CLOSED = 141
# Set by a shell that asks what may come next: then all commands are needed.
COMPLETION = "_SEEDVR_COMPLETE"
# Where each command is, in the order of --help. Only the one that is asked for is loaded.
COMMANDS = {
    "image": "seedvr_cli.cli.image",
    "video": "seedvr_cli.cli.video",
    "status": "seedvr_cli.cli.status",
    "download": "seedvr_cli.cli.download",
    "spend": "seedvr_cli.cli.spend",
    "forget": "seedvr_cli.cli.forget",
    "config": "seedvr_cli.cli.config",
    "sandbox": "seedvr_cli.cli.sandbox",
    "completion": "seedvr_cli.cli.completion",
}


def make_app(only: str | None = None) -> typer.Typer:
    """The command line; with `only`, as much of it as that command needs."""
    app = typer.Typer(
        name="seedvr",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,  # Rich takes longer to load than the rest of --help together
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(seedvr)
    for name in [only] if only in COMMANDS else COMMANDS:
        command = getattr(import_module(COMMANDS[name]), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(hidden=name == "completion")(command)
    return app


def seedvr(
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Upscale pictures and videos with the hosted SeedVR2 gateway.

    A job is paid for once: the same command again does the rest, and only the rest. Try any command with --sandbox
    first: it needs no key and costs nothing.
    """
    if version:
        print(f"seedvr {__version__}")
        raise typer.Exit


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit code. No exception gets out."""
    try:
        app = make_app(arguments[0] if arguments and COMPLETION not in os.environ else None)
        code = typer.main.get_command(app).main(args=arguments, prog_name="seedvr", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _refuse(error)
    except SeedvrError as error:
        from seedvr_cli.render.human import error_line

        print(error_line(error), file=sys.stderr)
        return error.exit_code
    except SystemExit as error:  # Typer ends by itself after a completion, and, with 1, where a pipe is closed
        return _forget_stdout() if error.code == 1 else int(error.code or 0)
    except BrokenPipeError:
        return _forget_stdout()
    except (KeyboardInterrupt, typer.Abort):
        print("seedvr: interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, it is one line
        print(_log(error, arguments), file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def _forget_stdout() -> int:
    """Nobody reads it any more: let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _refuse(error: TyperException) -> int:
    message = error.format_message().strip()
    if "\n" in message:  # a command without arguments shows its help
        print(message, file=sys.stderr)
    else:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "seedvr"
        print(f"seedvr: {message.rstrip('.')}; '{command} --help' shows how", file=sys.stderr)
    return error.exit_code


def _log(error: Exception, arguments: list[str]) -> str:
    """Keep the traceback, without secrets, where it can be sent from; the line for the user."""
    from seedvr_cli.render.human import clean
    from seedvr_cli.settings.folders import state_folder

    head = clean(f"seedvr: unforeseen error: {type(error).__name__}: {error}".splitlines()[0])
    try:
        path = os.path.join(state_folder(), "errors.log")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        text = f"seedvr {__version__}: {arguments}\n{''.join(traceback.format_exception(error))}\n"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(_without_secrets(text))
    except OSError:
        return _without_secrets(head)
    return _without_secrets(f"{head}; the details are in {path}; the ledger is whole")


def _without_secrets(text: str) -> str:
    """The keys that this process could know, and what looks like credentials in a URL, blotted out."""
    import re

    from seedvr_cli.settings.file import load
    from seedvr_cli.settings.key import KEY_VARIABLES, find_key, seen_keys
    from seedvr_cli.values.catalog import KEY_HEADER

    try:
        settings = load()
        if "api-key-command" not in settings.values:
            find_key(settings)
    except SeedvrError:
        pass
    secrets = {*seen_keys, *(os.environ.get(name, "") for name in KEY_VARIABLES)}
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = re.sub(rf"(?i)({KEY_HEADER}['\"]?\s*[:=,]\s*b?['\"]?)[^'\"\s,)]+", r"\1***", text)
    text = re.sub(r"(?i)([?&](?:[\w-]*(?:token|signature|sig|key|credential|secret)[\w-]*)=)[^&\s'\"]+", r"\1***", text)
    return re.sub(r"//[^/\s:@]+:[^/\s@]+@", "//***@", text)
