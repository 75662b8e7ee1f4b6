"""`seedvr completion`: the scripts in `completions/`, and the answers to the questions that they ask at each TAB.

A script calls `seedvr` with the words so far in `_SEEDVR_WORDS`. The first line of the answer is `files` where paths of
this machine belong and `words` otherwise, and each line after it is a word, a tab, and what it means. Typer's own
scripts are not used: zsh evaluates what they print, the descriptions load Rich, and a `--flag=value` stays alone.
"""

import os
import sys
from typing import Annotated, Any

import typer

# Typer brings Click inside and exports nothing of its completion; pyproject.toml bounds the version.
from typer._click.core import Parameter
from typer._click.shell_completion import (
    CompletionItem,
    ShellComplete,
    _resolve_context,
    _resolve_incomplete,
    add_completion_class,
)

# Between two words of a question: no shell and no file name has it.
SEPARATOR = "\x1f"
# What options and arguments that take a path say in their help.
PATHS = ("PATH", "FILE", "SOURCE", "[REQUEST_ID|FOLDER]")
# Jobs that `status` and `download` offer.
LATEST = 50

SHELLS = ("bash", "zsh", "fish", "powershell")


def completion(
    shell: Annotated[
        str,
        typer.Argument(metavar="|".join(SHELLS), help="The shell.", autocompletion=lambda: list(SHELLS)),
    ],
    *,
    install: Annotated[bool, typer.Option("--install", help="Write it where the shell looks, and say where.")] = False,
) -> None:
    """Print the completion script of a shell, or install it.

    Commands, flags, their words, files, request ids, profiles, settings, faults and topics are completed.
    """
    from seedvr_cli.cli.shells import beginning, place, script, write
    from seedvr_cli.render.results import write_line
    from seedvr_cli.values.errors import UsageError

    if shell not in SHELLS:
        raise UsageError(f"completion: {shell!r} is not one of {', '.join(SHELLS)}")
    if not install:
        write_line(script(shell))
        return
    path = place(shell)
    is_new = write(path, script(shell) + "\n")
    write_line(path)
    print(f"seedvr: {'written' if is_new else 'it is there already'}; {beginning(shell, path)}", file=sys.stderr)


class Answer(ShellComplete):
    """The answer to a script's question."""

    def source_vars(self) -> dict[str, Any]:
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        *args, incomplete = os.environ.get("_SEEDVR_WORDS", "").split(SEPARATOR)
        if args and args[-1] == "=":  # bash takes `--flag=value` for three words
            args.pop()
        return args[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help or ''}"

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        context = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        target, incomplete = _resolve_incomplete(context, args, incomplete)
        takes_path = isinstance(target, Parameter) and (target.metavar or "").startswith(PATHS)
        items = target.shell_complete(context, incomplete)
        for item in items:
            if command := getattr(target, "commands", {}).get(item.value):
                item.help = command.get_short_help_str(limit=80)  # Typer cuts at 45
        words = map(self.format_completion, items)
        return "\n".join(["files" if takes_path else "words", *words])


for _shell in SHELLS:
    add_completion_class(Answer, _shell)


def help_words(incomplete: str) -> list[tuple[str, str]]:
    """What `help` takes: commands, and topics with what they are about."""
    from seedvr_cli.cli.app import COMMANDS
    from seedvr_cli.cli.topics import TOPICS

    words = {**dict.fromkeys(COMMANDS, "a command"), **{name: topic.summary for name, topic in TOPICS.items()}}
    return [(word, meaning) for word, meaning in words.items() if word.startswith(incomplete)]


def fault_names(incomplete: str) -> list[tuple[str, str]]:
    """What can go wrong in the sandbox, with what each means."""
    from seedvr_cli.sandbox.faults import FAULTS

    return [(name, meaning) for name, meaning in FAULTS.items() if name.startswith(incomplete)]


# Words that are not in the code: asked for at TAB, so they never complain.


def profiles(incomplete: str) -> list[str]:
    """The profiles of the config file."""
    import tomllib

    from seedvr_cli.settings.folders import config_file

    try:
        with open(config_file(), "rb") as file:
            names = list(tomllib.load(file))
    except (OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]


def setting_names(incomplete: str) -> list[str]:
    """What `config` stores."""
    from seedvr_cli.settings.known import SETTINGS

    return [name for name in SETTINGS if name.startswith(incomplete)]


def setting_words(context: typer.Context, incomplete: str) -> list[str]:
    """The words that a setting takes, where it takes certain words only."""
    from seedvr_cli.settings.known import SETTINGS
    from seedvr_cli.values.options import option_name

    setting = SETTINGS.get(option_name(str(context.params.get("name"))))
    return [word for word in setting.words if word.startswith(incomplete)] if setting else []


def field_words(incomplete: str) -> list[str]:
    """Fields of the JSON object, behind the commas that are there."""
    from seedvr_cli.render.fields import field_names

    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in field_names() if name.startswith(begun)]


def request_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The latest jobs of the ledger with their status and source; read only, and without waiting for a writer."""
    from seedvr_cli.ledger.glance import latest_jobs
    from seedvr_cli.render.talk import clean
    from seedvr_cli.settings.folders import state_folder

    chosen = context.params.get("request_ids") or ()
    is_sandbox = bool(context.params.get("sandbox"))
    rows = latest_jobs(state_folder(), is_sandbox=is_sandbox, beginning=incomplete, limit=LATEST)
    return [(name, clean(f"{status}, {source}")) for name, status, source in rows if name not in chosen]


def tags(context: typer.Context, incomplete: str) -> list[str]:
    """The tags under which something was spent."""
    from seedvr_cli.ledger.glance import known_tags
    from seedvr_cli.settings.folders import state_folder

    return known_tags(state_folder(), is_sandbox=bool(context.params.get("sandbox")), beginning=incomplete)


def job_states(incomplete: str) -> list[str]:
    """The words of `status --state`."""
    from seedvr_cli.ledger.listing import STATES

    return [word for word in STATES if word.startswith(incomplete)]
