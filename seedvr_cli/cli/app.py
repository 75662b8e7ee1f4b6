"""The commands together, and the one boundary where errors become a line and an exit code."""

import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import typer

# Typer brings Click inside and does not export this one; pyproject.toml bounds the version.
from typer._click.exceptions import BadOptionUsage, BadParameter, NoArgsIsHelpError, NoSuchOption
from typer.exceptions import TyperException

from seedvr_cli import __version__
from seedvr_cli.cli.failure import fail
from seedvr_cli.cli.streams import forget_stdout
from seedvr_cli.values.errors import Interrupted, SeedvrError, UsageError

# What the system says of a standard output that cannot be written to.
STREAM_ERRORS = frozenset({errno.ENOSPC, errno.EBADF, errno.EIO, errno.EAGAIN, errno.EFBIG})
# Set by a shell that asks what may come next: then all commands are needed.
COMPLETION = "_SEEDVR_COMPLETE"
# The commands in the order of --help, under its headings; each is in the file of its name. Only the one that is asked
# for is loaded.
SECTIONS = {
    "Upscaling": ("image", "video", "apply"),
    "Jobs": ("status", "download", "report", "listen"),
    "Money": ("spend", "reconcile", "forget"),
    "Setting up": ("config", "doctor", "ledger", "completion"),
    "Trying": ("sandbox",),
    "Reading": ("help", "version", "schema"),
}
COMMANDS = tuple(name for names in SECTIONS.values() for name in names)


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
        command = getattr(import_module(f"seedvr_cli.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command()(command)
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
    command = None
    try:
        app = make_app(arguments[0] if arguments and COMPLETION not in os.environ else None)
        command = get_command(app)
        code = command.main(args=arguments, prog_name="seedvr", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _refuse(error, command, arguments)
    except SeedvrError as error:
        return fail(error, command, arguments)
    except SystemExit as error:  # Typer ends by itself after a completion, and, with 1, where a pipe is closed
        return forget_stdout() if error.code == 1 else int(error.code or 0)
    except BrokenPipeError:
        return forget_stdout()
    except (KeyboardInterrupt, typer.Abort) as error:
        return fail(Interrupted("interrupted"), command, arguments, error)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, it is one line
        if isinstance(error, OSError) and error.filename is None and error.errno in STREAM_ERRORS:
            _say(f"seedvr: cannot write to standard output: {error.strerror}")
            return 1
        from seedvr_cli.cli.crash_log import log_crash

        return fail(log_crash(error, arguments), command, arguments, error)
    return code if isinstance(code, int) else 0


def get_command(app: typer.Typer) -> Any:
    """The command line for the parser; its help, and that of all below it, is ours."""
    command = typer.main.get_command(app)
    _give_help(command)
    return command


def _give_help(command: Any) -> None:
    command.get_help = _help_of
    for below in getattr(command, "commands", {}).values():
        _give_help(below)


def _help_of(context: Any) -> str:
    from seedvr_cli.cli.help_text import help_of

    return help_of(context)


def _refuse(error: TyperException, command: Any, arguments: list[str]) -> int:
    if isinstance(error, BadOptionUsage) and error.option_name == "--fields":  # without a value it asks what there is
        from seedvr_cli.cli.flags import print_fields

        try:
            print_fields()
        except BrokenPipeError:
            return forget_stdout()
        except SeedvrError as lost:
            return fail(lost, command, arguments)
        return 0
    if isinstance(error, NoArgsIsHelpError):  # a command without arguments shows its help
        from seedvr_cli.cli.help_text import help_text

        _say(help_text(error.ctx, sys.stderr))
        return error.exit_code
    import re

    hint = None
    if isinstance(error, NoSuchOption):
        from seedvr_cli.cli.flags import near, owners

        error.possibilities = near(error.option_name, error.possibilities or ())
        if found := owners(error.option_name, get_command(make_app()).commands):
            error.possibilities, hint = (), f"{' and '.join(found)} {'has' if len(found) == 1 else 'have'} it"
    context = getattr(error, "ctx", None)
    # A flag without its value names no command; the first word does.
    path = context.command_path if context else " ".join(["seedvr", *({*arguments[:1]} & {*COMMANDS})])
    # The parser's own words, as all others are put: one clause, and in brackets what may have been meant.
    message = error.format_message().strip().rstrip(".")
    message = re.sub(r"\. Did you mean '(.+)'\?$", r" (did you mean \1?)", message)
    message = f"{message[:1].lower()}{message[1:]}"
    if isinstance(error, BadParameter):
        from seedvr_cli.cli.flags import number_trouble

        message = number_trouble(error) or message
    return fail(UsageError(message, hint=hint or f"'{path} --help' shows how"), command, arguments)


def _say(text: str) -> None:
    """A standard error that cannot be written to is nobody's."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
