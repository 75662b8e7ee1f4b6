"""`config edit`: the user's own editor on a copy of the config file."""

import os
import shlex
import shutil
import subprocess
import sys

from seedvr_cli.render.talk import clean
from seedvr_cli.settings.draft import Draft
from seedvr_cli.values.errors import Interrupted, UsageError

# The variables that name an editor, with arguments if need be, in the order in which they count.
VARIABLES = ("VISUAL", "EDITOR")


def edit_config() -> None:
    """Edit until there is no mistake, or nobody wants to; what was written is never lost."""
    words = _editor()
    draft = Draft.begin()
    try:
        while True:
            _run(words, draft)
            if not draft.is_changed:
                draft.drop()
                _say("nothing is changed")
                return
            mistakes = draft.mistakes()
            if not mistakes:
                draft.put_in_place()
                _say(f"{draft.target} is stored")
                return
            for mistake in mistakes:
                _say(mistake)
            if not _asks_again():
                raise UsageError(f"{draft.target} is as it was; your text is in {draft.path}")
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; {draft.target} is as it was; your text is in {draft.path}") from error


def _editor() -> list[str]:
    for variable in VARIABLES:
        if not os.environ.get(variable, "").strip():
            continue
        command = os.environ[variable]
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"{variable}: {command}: {error}") from error
        if shutil.which(os.path.expanduser(words[0])) is None:
            raise UsageError(f"{variable}: there is no program {words[0]!r}")
        return [os.path.expanduser(words[0]), *words[1:]]
    raise UsageError("config edit: no editor is set", hint="set VISUAL or EDITOR; 'seedvr config path' says which file")


def _run(words: list[str], draft: Draft) -> None:
    try:
        code = subprocess.run([*words, draft.path], check=False).returncode  # noqa: S603 - the user's own editor
    except OSError as error:
        draft.drop()
        raise UsageError(f"config edit: {words[0]}: {error.strerror}") from error
    if not os.path.isfile(draft.path):
        draft.drop()
        raise UsageError(f"config edit: {words[0]} has removed the text; {draft.target} is as it was")
    if code == 0:
        return
    kept = f"; your text is in {draft.path}" if draft.is_changed else ""
    if not kept:
        draft.drop()
    raise UsageError(f"config edit: {words[0]} ended with {code}; {draft.target} is as it was{kept}")


def _asks_again() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print("seedvr: edit it again? [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _say(text: str) -> None:
    print(clean(f"seedvr: {text}"), file=sys.stderr)
