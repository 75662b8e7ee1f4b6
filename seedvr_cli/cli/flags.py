"""How flags are made: from the table of options, which reads their text, and from the catalog for the request's."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

# Typer brings Click inside; pyproject.toml bounds the version.
from typer._click.types import FloatParamType, IntParamType

from seedvr_cli.values.catalog import Endpoint, endpoints_of
from seedvr_cli.values.options import OPTIONS, read
from seedvr_cli.values.parameter import Parameter

# What a flag's value is called, by the kind of its parameter.
METAVARS = {"number": "N", "integer": "N", "text": "TEXT", "url": "URL", "events": "LIST"}
# Kinds whose allowed values a flag's help begins with; words stand in the metavar, and here where models differ.
RANGED = frozenset({"number", "integer", "events", "choice"})

# What the parser says of a number, with its value as it was written or as it was read.
_NO_NUMBER = re.compile(r"(?:('.*'|\".*\")|(\S+)) is not (?:a valid|in the range) ", re.DOTALL)
# Commands that have a flag: where there are more, it is a common one, and to name them helps nobody.
MOST_OWNERS = 3

Owners = Sequence[tuple[Endpoint, Parameter]]


def value_option(
    name: str,
    *flags: str,
    meaning: str,
    metavar: str | None = None,
    words: Sequence[str] | None = None,
    default: str | None = None,
) -> Any:
    """Typer's option for one of the table, which reads its text; its words, where they are few, are offered at TAB.

    `default` is what the help says, where the table does not know it.
    """
    words = OPTIONS[name].words if words is None else words

    def reader(text: str) -> Any:
        return read(name, text, f"--{name}")

    reader.option = name  # type: ignore[attr-defined] # for what describes the flag

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return typer.Option(
        *(flags or (f"--{name}",)),
        metavar=metavar or "|".join(words),
        help=meaning,
        show_default=default or False,
        parser=reader,
        autocompletion=complete if words else None,
    )


def read_fields(text: str) -> str:
    """What --fields was given; where that is the next option, there is no value, and the fields are printed."""
    if text.startswith("-"):
        print_fields()
        raise typer.Exit
    return text


def print_fields() -> None:
    """What --fields takes, one a line."""
    from seedvr_cli.render.fields import field_names
    from seedvr_cli.render.results import write_line

    for name in field_names():
        write_line(name)


def owners(flag: str, commands: Mapping[str, Any]) -> list[str]:
    """The commands that have a flag, as they would be written, with the model where it is one of a model's; or none."""
    names = [
        name
        for name, command in commands.items()
        if any(flag in (*one.opts, *one.secondary_opts) for one in command.params)
    ]
    names = [name for name in names if endpoints_of(name)] or names  # what upscales is what is meant, if it has it
    return [f"'seedvr {name}{_model_for(name, flag)}'" for name in names] if len(names) <= MOST_OWNERS else []


def near(flag: str, known: Iterable[str]) -> list[str]:
    """Those of the flags that may have been meant: the dashes, which all have in common, do not count."""
    return [one for one in known if difflib.get_close_matches(flag.lstrip("-"), [one.lstrip("-")])]


def number_trouble(error: Any) -> str | None:
    """What is wrong with the number of a flag, in the words of all others; None for what is no number's."""
    kind = getattr(error.param, "type", None)
    found = _NO_NUMBER.match(error.message)
    if found is None or not isinstance(kind, IntParamType | FloatParamType):
        return None
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    what = "whole number" if isinstance(kind, IntParamType) else "number"
    limits = "" if least is None else f" of {least} or more" if most is None else f" from {least} to {most}"
    return f"{error.param.opts[-1]}: {found[1] or repr(found[2])} is not a {what}{limits}"


def request_flags(kind: str) -> Iterator[tuple[str, Any]]:
    """The catalog's flags for a command: the option's name in Python and its annotation."""
    endpoints = endpoints_of(kind)
    if len(endpoints) > 1:
        models = [endpoint.model for endpoint in endpoints]
        yield (
            "model",
            Annotated[str | None, value_option("model", meaning="Which model.", words=models, default=models[0])],
        )
    for flag in dict.fromkeys(one.flag for endpoint in endpoints for one in endpoint.parameters if one.flag):
        owners = [(endpoint, one) for endpoint in endpoints if (one := endpoint.by_flag(flag))]
        yield flag.replace("-", "_"), _request_flag(flag, owners, some_only=len(owners) < len(endpoints))


def _model_for(command: str, flag: str) -> str:
    endpoints = endpoints_of(command)
    name = flag.removeprefix("--").removeprefix("no-")
    models = [endpoint.model for endpoint in endpoints if endpoint.by_flag(name)]
    return f" --model {models[0]}" if models and len(models) < len(endpoints) else ""


def _request_flag(flag: str, owners: Owners, *, some_only: bool) -> Any:
    parameter, sentence = owners[0][1], _sentence(owners, some_only=some_only)
    if parameter.kind == "boolean":
        return Annotated[bool | None, typer.Option(f"--{flag}/--no-{flag}", help=sentence)]
    shorts = dict.fromkeys(f"-{one.short}" for _, one in owners if one.short)
    words = [*dict.fromkeys(word for _, one in owners if one.kind == "choice" for word in one.words)]
    metavar = METAVARS.get(parameter.kind)
    return Annotated[
        str | None, value_option(flag, *shorts, f"--{flag}", meaning=sentence, metavar=metavar, words=words)
    ]


def _sentence(owners: Owners, *, some_only: bool) -> str:
    """`0-1. 7B: adds synthetic detail. 3B: smooths noise away.`, with the models at its end where not all have it."""
    ranges = _by_model(owners, lambda one: one.allowed if one.kind in RANGED else "")
    if len(ranges) == 1 and owners[0][1].kind == "choice":
        ranges = []
    sentences = ranges + _by_model(owners, lambda one: one.note)
    if some_only:
        sentences[-1] += f" ({', '.join(endpoint.model.upper() for endpoint, _ in owners)})"
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def _by_model(owners: Owners, say: Callable[[Parameter], str]) -> list[str]:
    """What is said of each: one sentence where it is the same of all, else one for each model."""
    models: dict[str, list[str]] = {}
    for endpoint, parameter in owners:
        models.setdefault(say(parameter), []).append(endpoint.model.upper())
    if len(models) == 1:
        return [text[:1].upper() + text[1:] for text in models if text]
    return [f"{' and '.join(names)}: {text}" for text, names in models.items() if text]
