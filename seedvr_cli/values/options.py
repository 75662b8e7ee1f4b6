"""Every option that has a value, each with the one function that reads it: from a flag, the config file, a list's line.

The defaults stand here and nowhere else. A parameter of the catalog is good where at least one endpoint takes it; what
this job's endpoint takes is checked where its request is built. What only parsing needs is imported late: --help makes
flags of the table, and parses nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seedvr_cli.values.catalog import ENDPOINTS, WEBHOOK_MODES, Endpoint
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import Parameter, parse_boolean, show
from seedvr_cli.values.urls import DEFAULT_BASE_URL, check_base_url, is_allowed_url, is_object_url
from seedvr_cli.values.words import nearest

SWITCH_WORDS = ("true", "false")
PROGRESS = ("auto", "live", "plain", "none")
# More than there are ports to connect from.
MOST_JOBS = 65_535
# More than any screen has.
MOST_ROWS = 1000
# Bytes of a result; no picture and no video of this gateway comes near.
LARGEST_RESULT = 64 << 30
# Characters; an amount, a length of time or a number that takes more is none.
LONGEST_NUMBER = 100


@dataclass(frozen=True, slots=True)
class Option:
    """One option under its flag's name.

    `parse` makes a value of text from a shell, or of a TOML or JSON value; it raises ValueError. `default` is the value
    where nothing was given, `defaults` its exceptions by circumstance (`video`, `sandbox`). `is_stored`: a config file
    may have it; `is_of_item`: a list's line may have it for itself. `words` are all that it takes, where they are few.
    """

    name: str
    parse: Callable[[Any], Any]
    default: Any = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    is_stored: bool = True
    is_of_item: bool = False
    words: tuple[str, ...] = ()

    def read(self, value: Any, where: str) -> Any:
        """The parsed value; UsageError says where it stood and what is wrong."""
        try:
            return self.parse(value)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error

    def default_in(self, *circumstances: str) -> Any:
        """The default, in seconds, millionths of a dollar and so on."""
        return next((self.defaults[one] for one in circumstances if one in self.defaults), self.default)


def read(name: str, value: Any, where: str) -> Any:
    """The value of an option of the table; UsageError says where it stood and what is wrong."""
    return OPTIONS[name].read(value, where)


def read_item(own: Mapping[str, Any]) -> dict[str, Any]:
    """A line's own options by flag name, parsed; UsageError for one that is unknown, no item's, or wrong."""
    options = {}
    for written, value in own.items():
        name = option_name(written)
        if name not in ITEM_OPTIONS:
            raise UsageError(f"{written!r} is no option of an item{nearest(name, ITEM_OPTIONS)}")
        options[name] = read(name, value, name)
    return options


def option_name(written: str) -> str:
    """An option's name as the table has it: `_` and `-` are the same, and case is none."""
    return written.strip().lower().replace("_", "-").removeprefix("--")


def as_stored(value: Any, written: Any) -> Any:
    """What a config file keeps of a value: words, switches and plain numbers as parsed, the rest as it was written."""
    is_plain = isinstance(value, str | bool) or str(value) == str(written)
    return value if is_plain else written


def parse_text(value: Any) -> str:
    """Text that says something."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{show(value)} is not a text")
    return value


def _all_options() -> Iterable[Option]:
    yield _model_option()
    yield from map(_parameter_option, dict.fromkeys(one.flag for _, one in _parameters() if one.flag))
    yield Option("param", _params, is_stored=False, is_of_item=True)
    yield Option("webhook", _webhook, is_of_item=True)
    yield _word_option("webhook-mode", *WEBHOOK_MODES, is_of_item=True)
    yield Option("key", _name, is_stored=False, is_of_item=True)
    yield Option("output", parse_text, is_of_item=True)
    yield _switch("overwrite")
    yield Option("max-filesize", _size, LARGEST_RESULT)
    yield _switch("recursive")
    yield Option("jobs", _count, 16)
    yield Option(
        "poll-interval", _positive_duration, 5.0, {"sandbox": 0.25, "listen": 60.0}
    )  # it is quick, and does not mind
    yield Option("timeout", _duration, 30 * 60.0, {"video": 2 * 3600.0})
    yield Option("max-cost", _usd)
    yield Option("max-cost-per-day", _usd)
    yield Option("rate", _rate)
    yield _switch("json")
    yield _switch("quiet")
    yield _switch("verbose")
    yield _word_option("progress", *PROGRESS, default="auto")
    yield Option("rows", _rows, 10)
    yield _switch("title")
    yield _switch("bell")
    yield Option("base-url", _base_url, DEFAULT_BASE_URL)
    yield Option("public-url", _public_url)
    yield Option("upload", _object_url)
    yield Option("upload-endpoint", _webhook)
    yield Option("upload-region", parse_text)
    yield Option("upload-command", _command)
    yield _switch("keep-upload")
    yield replace(_switch("keep-metadata"), default=True)
    yield replace(_switch("keep-sound"), default=True)


def _parameters() -> list[tuple[Endpoint, Parameter]]:
    return [(endpoint, parameter) for endpoint in ENDPOINTS.values() for parameter in endpoint.parameters]


def _parameter_option(flag: str) -> Option:
    owners = [(endpoint, parameter) for endpoint, parameter in _parameters() if parameter.flag == flag]

    def parse(value: Any) -> Any:
        for _, parameter in owners:
            try:
                wire = parameter.parse(value)
            except ValueError:
                continue
            # A word stays the user's, since each endpoint has its own spelling of it.
            return value if parameter.kind == "choice" else wire
        raise ValueError(f"{_taken(owners)}, not {show(value)}")

    kinds = {parameter.kind for _, parameter in owners}
    words = tuple(
        dict.fromkeys(word for _, parameter in owners if parameter.kind == "choice" for word in parameter.words)
    )
    return Option(
        flag,
        parse,
        is_stored=kinds != {"text"},  # a text is one job's own
        is_of_item=True,
        words=SWITCH_WORDS if "boolean" in kinds else words,
    )


def _taken(owners: Iterable[tuple[Endpoint, Parameter]]) -> str:
    """`7b-image and 3b-image take 1-8, 3b-video takes 1-4`."""
    names: dict[str, list[str]] = {}
    for endpoint, parameter in owners:
        names.setdefault(parameter.allowed, []).append(endpoint.name)
    return ", ".join(
        f"{' and '.join(who)} {'takes' if len(who) == 1 else 'take'} {allowed}" for allowed, who in names.items()
    )


def _model_option() -> Option:
    words = tuple(dict.fromkeys(endpoint.model for endpoint in ENDPOINTS.values()))

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in {*words, *ENDPOINTS}:
            raise ValueError(f"{show(value)} is not one of {', '.join(words)}")
        return value.lower()

    return Option("model", parse, is_of_item=True, words=words)


def _word_option(name: str, *words: str, default: str | None = None, is_of_item: bool = False) -> Option:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError(f"{show(value)} is not one of {', '.join(words)}")
        return value.lower()

    return Option(name, parse, default, is_of_item=is_of_item, words=words)


def _switch(name: str) -> Option:
    def parse(value: Any) -> bool:
        return parse_boolean(value if isinstance(value, bool) else _number(value))

    return Option(name, parse, default=False, words=SWITCH_WORDS)


def _params(value: Any) -> dict[str, Any]:
    """Body keys with their JSON values: a table as it is, or KEY=VALUE words, whose value may be JSON or is text."""
    if isinstance(value, Mapping):
        return dict(value)
    params: dict[str, Any] = {}
    for word in value if isinstance(value, list) else [value]:
        key, equals, text = word.partition("=") if isinstance(word, str) else ("", "", "")
        if not equals or not key:
            raise ValueError(f"{show(word)}: write it as KEY=VALUE")
        if key in params:
            raise ValueError(f"{key} is given twice")
        is_text = any(parameter.wire == key and parameter.kind == "text" for _, parameter in _parameters())
        params[key] = text if is_text else json_or_text(text, key)
    return params


def json_or_text(text: str, where: str) -> Any:
    """The JSON value if the text is one, else the text; ValueError for NaN and infinities."""
    import json

    constants: list[str] = []
    try:
        value = json.loads(text, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return text
    if constants:
        raise ValueError(f"{where}: {constants[0]} is no JSON value")
    return value


def _webhook(value: Any) -> str:
    if not isinstance(value, str) or not is_allowed_url(value) or not value.isascii():
        raise ValueError(f"{show(value)} is not an https URL")
    return value


def _command(value: Any) -> str:
    import shlex

    text = parse_text(value)
    if not shlex.split(text):  # ValueError where a quote is open
        raise ValueError(f"{show(value)} is no command")
    return text


def _public_url(value: Any) -> str:
    url = _webhook(value)
    if "?" in url or "#" in url:
        raise ValueError(f"{show(value)}: what stands behind ? or # is no part of an address that others are made of")
    return url


def _object_url(value: Any) -> str:
    if not isinstance(value, str) or not is_object_url(value) or not value.partition("://")[2].strip("/"):
        raise ValueError(f"{show(value)} is not s3://BUCKET/PREFIX, gs://... or az://...")
    return value


def _name(value: Any) -> str:
    """A name: what says something, in text or as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"{show(value)} is not a name")
    return str(value).strip()


def _rows(value: Any) -> int:
    text = _number(value)
    if not text.isdecimal() or int(text) > MOST_ROWS:
        raise ValueError(f"{show(value)} is not a whole number from 0 to {MOST_ROWS}")
    return int(text)


def _count(value: Any) -> int:
    text = _number(value)
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise ValueError(f"{show(value)} is not a whole number from 1 to {MOST_JOBS}")
    return int(text)


def _duration(value: Any) -> float:
    from seedvr_cli.values.schedule import parse_duration

    seconds = parse_duration(_number(value))
    if not math.isfinite(seconds):
        raise ValueError(f"{show(value)} is not a duration such as 90s, 30m or 2h")
    return seconds


def _positive_duration(value: Any) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise ValueError(f"{show(value)} is not longer than nothing")
    return seconds


def _usd(value: Any) -> int:
    from seedvr_cli.values.money import parse_usd

    return parse_usd(_number(value))


def _rate(value: Any) -> float:
    from seedvr_cli.values.schedule import parse_rate

    return parse_rate(_number(value))


def _size(value: Any) -> int:
    from seedvr_cli.values.size import parse_size

    return parse_size(_number(value))


def _base_url(value: Any) -> str:
    try:
        return check_base_url(parse_text(value), "")
    except UsageError as error:
        raise ValueError(error.message.removeprefix(": ")) from error


def _number(value: Any) -> str:
    """What may be a number, as short text."""
    try:
        text = str(value)
    except ValueError:  # thousands of digits, in a language that has whole numbers of any length
        text = "9" * (LONGEST_NUMBER + 1)
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of more than {LONGEST_NUMBER} characters is too long")
    return text


OPTIONS: Mapping[str, Option] = {option.name: option for option in _all_options()}
# What a line of a list may set for itself.
ITEM_OPTIONS = frozenset(option.name for option in OPTIONS.values() if option.is_of_item)
