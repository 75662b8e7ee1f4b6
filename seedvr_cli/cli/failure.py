"""A command that fails as a whole: a line on standard error, and for who reads JSON an object on standard output."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from seedvr_cli.cli.streams import forget_stdout
from seedvr_cli.values.errors import OutputLost, SeedvrError

# Flags that ask for objects; the last one that stands there counts.
JSON_FLAGS = {"--json": True, "--fields": True, "--no-json": False, "--print": False}
# Commands that print JSON only where they are asked to on the spot: they show and change what is stored.
NOT_BY_PROFILE = frozenset({"config"})


def fail(error: SeedvrError, command: Any, arguments: Sequence[str], raised: BaseException | None = None) -> int:
    """Say it; returns the exit code. `command` is Typer's, as far as it could be made; `raised` what became `error`."""
    from seedvr_cli.render.talk import Talk, error_line
    from seedvr_cli.settings.key import seen_keys

    talk = Talk(secrets=seen_keys)
    talk.error(error_line(error))
    words = list(takewhile(lambda word: word != "--", arguments))
    summary = next(_given("--summary", words), None)
    if summary is not None and _has("--summary", command, words):
        from seedvr_cli.cli.totals import sum_up_failure

        sum_up_failure(summary, error, talk, raised=raised or error)
    if not isinstance(error, OutputLost) and wants_objects(command, arguments):
        from seedvr_cli.render import machine
        from seedvr_cli.render.results import write_line

        try:
            write_line(machine.line(machine.failure_object(error)))
        except BrokenPipeError:
            forget_stdout()
        except OutputLost:
            pass  # the exit code says enough
    return error.exit_code


def wants_objects(command: Any, arguments: Sequence[str]) -> bool:
    """Whether JSON is asked for, also where the words could not be understood: by a flag, else by the profile."""
    words = list(takewhile(lambda word: word != "--", arguments))
    asked = [JSON_FLAGS[word] for word in (word.partition("=")[0] for word in words) if word in JSON_FLAGS]
    if asked:
        return asked[-1]
    return bool(words) and words[0] not in NOT_BY_PROFILE and _has("--json", command, words) and _is_stored(words)


def _has(flag: str, command: Any, words: Sequence[str]) -> bool:
    """Whether the command that the words name has that flag."""
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return any(flag in option.opts for option in getattr(command, "params", ()))


def _is_stored(words: Sequence[str]) -> bool:
    """Whether the profile says so; what is wrong with that is said already."""
    from seedvr_cli.settings.file import load

    try:
        return bool(load(next(_given("--profile", words), None)).choose("json", None))
    except SeedvrError:
        return False


def _given(flag: str, words: Sequence[str]) -> Iterator[str]:
    """What the words give the flag, the last one first."""
    for word, value in reversed(list(zip(words, [*words[1:], None], strict=True))):
        if word == flag and value is not None:
            yield value
        elif word.startswith(f"{flag}="):
            yield word.partition("=")[2]
