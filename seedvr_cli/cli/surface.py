"""The surface as values: what commands and flags there are, with all that help, manuals and the schema say of them.

It is read off the command line that the parser uses, so that there is nothing to keep in step.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Typer brings Click inside; pyproject.toml bounds the version.
from typer._click.core import Command as ClickCommand
from typer._click.types import IntParamType

from seedvr_cli.cli.examples import EXAMPLES, Example
from seedvr_cli.cli.groups import HEADINGS, OWN
from seedvr_cli.values.catalog import endpoints_of
from seedvr_cli.values.options import OPTIONS, SWITCH_WORDS, Option, limits_of

# What kind of value a flag takes, by what it is called in the help; a test asks for those that are not here.
TYPES = {
    "TEXT": "text", "NAME": "text", "KEY=VALUE": "text", "CMD": "text", "LIST": "list", "GLOB": "glob", "I/N": "share",
    "N": "number", "N/s": "rate", "USD": "usd", "SIZE": "size", "DURATION": "duration", "SECONDS": "duration",
    "WHEN": "time", "URL": "url", "HOST:PORT": "address", "PATH": "path", "FILE": "path",
    "NAME[=PROBABILITY]": "fault", "SOURCE": "source",
    "SOURCE|REQUEST_ID": "source", "REQUEST_ID": "request_id", "REQUEST_ID|FOLDER": "request_id",
    "PLAN": "path", "STATEMENT": "path", "VALUE": "text", "TOPIC": "text", "WORD": "text",
}  # fmt: skip
# Variables that stand for a flag.
VARIABLES = {"--base-url": "SEEDVR_BASE_URL", "--profile": "SEEDVR_PROFILE"}
# Commands whose defaults are those of another circumstance than their own name.
CIRCUMSTANCES = {"download": "video"}


class Argument(NamedTuple):
    """A word that a command takes."""

    name: str
    type: str
    words: tuple[str, ...]
    required: bool
    repeatable: bool
    help: str


class Flag(NamedTuple):
    """An option; `metavar` is None for a switch, `negative` what turns that off. `default` is as it would be given."""

    name: str
    short: str | None
    negative: str | None
    metavar: str | None
    type: str
    words: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    default: str | None
    repeatable: bool
    environment: str | None
    setting: str | None
    group: str
    rare: bool
    help: str


class Face(NamedTuple):
    """A command: `name` has the words behind `seedvr`, `text` the paragraphs, the first of which begins the summary.

    `words` are lists of words that it takes, by their heading, with what each means.
    """

    name: str
    section: str
    summary: str
    text: tuple[str, ...]
    examples: tuple[Example, ...]
    arguments: tuple[Argument, ...]
    flags: tuple[Flag, ...]
    words: Mapping[str, Mapping[str, str]]
    commands: "tuple[Face, ...]"

    @property
    def title(self) -> str:
        """The command as it is typed."""
        return f"seedvr {self.name}".rstrip()

    @property
    def usage(self) -> str:
        """What may stand behind it."""
        words = [_metavar(argument) for argument in self.arguments] + (["COMMAND ..."] if self.commands else [])
        return " ".join([self.title, *(["[OPTIONS]"] if self.flags else []), *words])

    def groups(self) -> "Iterator[tuple[str, list[Flag]]]":
        """The flags under their headings, rare ones last."""
        for heading in (OWN, *HEADINGS):
            flags = [flag for flag in self.flags if flag.group == heading]
            if flags:
                yield heading, sorted(flags, key=lambda flag: flag.rare)

    def walk(self) -> "Iterator[Face]":
        """The command and those below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def describe(command: ClickCommand, name: str = "", *, depth: int = 1) -> Face:
    """The face of a command, and of those below it: what they are for, and more of them where `depth` is greater."""
    from seedvr_cli.cli.app import SECTIONS

    section = next((section for section, names in SECTIONS.items() if name.partition(" ")[0] in names), "")
    below: Mapping[str, ClickCommand] = getattr(command, "commands", {})
    text = tuple(" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n") if part)
    visible = [one for one in command.params if depth and not getattr(one, "hidden", False)]
    return Face(
        name=name,
        section=section,
        summary=_first_sentence(text[0]) if text else "",
        text=text,
        examples=EXAMPLES.get(name, ()),
        arguments=tuple(_argument(one) for one in visible if one.param_type_name == "argument"),
        flags=tuple(_flag(one, command, name) for one in visible if one.param_type_name == "option"),
        words=_words(name) if depth else {},
        commands=tuple(
            describe(below[word], f"{name} {word}".strip(), depth=depth - 1) for word in _in_order(below) if depth
        ),
    )


def describe_all() -> Face:
    """The whole face of the whole command line."""
    from typer.main import get_command

    from seedvr_cli.cli.app import make_app

    return describe(get_command(make_app()), depth=9)


def _words(name: str) -> dict[str, Mapping[str, str]]:
    if name == "sandbox":
        from seedvr_cli.sandbox.faults import FAULTS

        return {"Faults": FAULTS}
    if name == "help":
        from seedvr_cli.cli.topics import TOPICS

        return {"Topics": {topic: page.summary for topic, page in TOPICS.items()}}
    return {}


def _in_order(commands: Mapping[str, ClickCommand]) -> list[str]:
    """As the table has them: Typer puts those that have others below them last."""
    from seedvr_cli.cli.app import COMMANDS

    visible = [name for name, command in commands.items() if not command.hidden]
    return sorted(visible, key=lambda name: COMMANDS.index(name) if name in COMMANDS else 0)


def _metavar(argument: Argument) -> str:
    text = "|".join(argument.words) or argument.name
    return (text if argument.required else f"[{text}]") + ("..." if argument.repeatable else "")


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".") + "."


def _argument(parameter: Any) -> Argument:
    metavar = str(parameter.metavar or parameter.name).removesuffix("...").strip("[]")
    is_words = "|" in metavar and metavar.islower()
    return Argument(
        name=str(parameter.name).upper() if is_words else metavar,
        type="choice" if is_words else TYPES.get(metavar, "text"),
        words=tuple(metavar.split("|")) if is_words else (),
        required=bool(parameter.required),
        repeatable=parameter.nargs == -1,
        help=parameter.help or "",
    )


def _flag(parameter: Any, command: ClickCommand, name: str) -> Flag:
    long = next((word for word in parameter.opts if word.startswith("--")), parameter.opts[0])
    option = _option(parameter, long.removeprefix("--"))
    metavar = None if parameter.is_flag else str(parameter.metavar)
    words = tuple(metavar.split("|")) if metavar and "|" in metavar and metavar not in TYPES else ()
    low, high = _limits(parameter, option, name)
    group, rare = getattr(command.callback, "places", {}).get(parameter.name, (OWN, False))
    kind = "switch" if metavar is None else "choice" if words else TYPES.get(metavar, "text")
    return Flag(
        name=long,
        short=next((word for word in parameter.opts if not word.startswith("--")), None),
        negative=next(iter(parameter.secondary_opts), None),
        metavar=metavar,
        type="integer" if kind == "number" and _is_whole(parameter, option, name) else kind,
        words=words,
        minimum=low,
        maximum=high,
        default=_default(parameter, option, name),
        repeatable=bool(parameter.multiple),
        environment=VARIABLES.get(long),
        setting=option.name if option is not None and option.is_stored else None,
        group=group or OWN,
        rare=rare,
        help=parameter.help or "",
    )


def _option(parameter: Any, name: str) -> Option | None:
    """The option of the table that reads the flag."""
    if parameter.is_flag:
        return OPTIONS[name] if name in OPTIONS and OPTIONS[name].words == SWITCH_WORDS else None
    of_table = getattr(getattr(parameter.type, "func", None), "option", None)
    return OPTIONS[of_table] if of_table else None


def _limits(parameter: Any, option: Option | None, name: str) -> tuple[float | None, float | None]:
    if hasattr(parameter.type, "min"):
        return parameter.type.min, parameter.type.max
    if option is None:
        return None, None
    own = [one for endpoint in endpoints_of(name) if (one := endpoint.by_flag(option.name))]
    return limits_of(own) or option.limits or (None, None)


def _is_whole(parameter: Any, option: Option | None, name: str) -> bool:
    if option is None:
        return isinstance(parameter.type, IntParamType)
    own = [one for endpoint in endpoints_of(name) if (one := endpoint.by_flag(option.name))]
    return all(one.kind == "integer" for one in own) if own else option.limits is not None


def _default(parameter: Any, option: Option | None, name: str) -> str | None:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    given = parameter.default
    if given is True or (given != "" and isinstance(given, str | int | float) and not isinstance(given, bool)):
        return "on" if given is True else f"{given:g}" if isinstance(given, float) else str(given)
    return option.shown_default(CIRCUMSTANCES.get(name, name)) if option is not None else None
