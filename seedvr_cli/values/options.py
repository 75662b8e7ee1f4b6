"""Every option that has a value, each with the one function that reads it: from a flag, the config file, a list's line.

The defaults stand here and nowhere else. A parameter of the catalog is good where at least one endpoint takes it; what
this job's endpoint takes is checked where its request is built. What only parsing needs is imported late: --help makes
flags of the table, and parses nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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
# Characters of a tag.
LONGEST_TAG = 64
# Characters; an amount, a length of time or a number that takes more is none.
LONGEST_NUMBER = 100


@dataclass(frozen=True, slots=True)
class Option:
    """One option under its flag's name.

    `parse` makes a value of text from a shell, or of a TOML or JSON value; it raises ValueError. `default` is the value
    where nothing was given, `defaults` its exceptions by circumstance (`video`, `sandbox`). `is_stored`: a config file
    may have it; `is_of_item`: a list's line may have it for itself. `words` are all that it takes, where they are few,
    `limits` the smallest and the largest number. `meaning` says in a sentence what a stored value does. `show` writes a
    value as it would be given. `in_project`: whether a project's file may have it, or only make it lower, as a cap that
    a user has set is not for others to raise.
    """

    name: str
    parse: Callable[[Any], Any]
    default: Any = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    is_stored: bool = True
    is_of_item: bool = False
    words: tuple[str, ...] = ()
    meaning: str = ""
    in_project: Literal["no", "yes", "lower"] = "no"
    limits: tuple[float, float] | None = None
    show: Callable[[Any], str] = str

    def read(self, value: Any, where: str) -> Any:
        """The parsed value; UsageError says where it stood and what is wrong."""
        try:
            return self.parse(value)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error

    def default_in(self, *circumstances: str) -> Any:
        """The default, in seconds, millionths of a dollar and so on."""
        return next((self.defaults[one] for one in circumstances if one in self.defaults), self.default)

    def shown_default(self, *circumstances: str) -> str | None:
        """The default as it would be given; None where there is none, and where it is that nothing is done."""
        default = self.default_in(*circumstances)
        return None if default is None or default is False else "on" if default is True else self.show(default)


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
    yield Option("webhook", _webhook, is_of_item=True, meaning="The gateway calls it with the result.")
    yield _word_option("webhook-mode", *WEBHOOK_MODES, is_of_item=True, meaning="Called once at the end, or each time.")
    yield Option("key", _name, is_stored=False, is_of_item=True)
    yield Option("tag", _tags, is_stored=False, is_of_item=True)
    yield Option("output", parse_text, is_of_item=True, meaning="Where results go.", in_project="yes")
    yield _switch("overwrite", meaning="Replace a file that is in the way.")
    yield Option(
        "max-filesize",
        _size,
        LARGEST_RESULT,
        show=_show_size,
        meaning="Refuse a result that is larger.",
        in_project="lower",
    )
    yield _switch("recursive", meaning="Look into the folders of a folder.")
    yield Option("jobs", _count, 16, limits=(1, MOST_JOBS), meaning="Jobs in flight at once.", in_project="yes")
    yield Option(
        "poll-interval",
        _positive_duration,
        5.0,
        {"sandbox": 0.25, "listen": 60.0},  # it is quick, and does not mind
        show="{:g}".format,
        meaning="Seconds between two polls of a job, at most.",
        in_project="yes",
    )
    yield Option(
        "timeout",
        _duration,
        30 * 60.0,
        {"video": 2 * 3600.0},
        show=_show_duration,
        meaning="Stop waiting, not the job.",
        in_project="yes",
    )
    yield Option("max-cost", _usd, meaning="What a run may cost, in US dollars.", in_project="lower")
    yield Option("max-cost-per-day", _usd, meaning="What all runs of a day may cost.", in_project="lower")
    yield Option("max-cost-per-month", _usd, meaning="What all runs of a month may cost.", in_project="lower")
    yield Option("max-cost-per-tag", _tag_costs, meaning="What all jobs of a tag may cost: nightly=5,album=20.")
    yield Option("rate", _rate, meaning="Submissions a second, at the most.", in_project="yes")
    yield _switch("json", meaning="One JSON object a line.")
    yield _switch("quiet", meaning="Nothing but errors on standard error.")
    yield _switch("verbose", meaning="Say more on standard error.")
    yield _word_option("progress", *PROGRESS, default="auto", meaning="How progress is shown.")
    yield Option("rows", _rows, 10, limits=(0, MOST_ROWS), meaning="Jobs that the live display shows, at most.")
    yield _switch("title", meaning="Put the progress into the terminal's title.")
    yield _switch("bell", meaning="Ring the terminal's bell at the end.")
    yield Option("base-url", _base_url, DEFAULT_BASE_URL, meaning="The gateway's address.")
    yield Option("public-url", _public_url, meaning="What 'seedvr listen' is reached by from outside.")
    yield Option("upload", _object_url, meaning="The bucket through which the gateway reads your own files.")
    yield Option("upload-endpoint", _webhook, meaning="The bucket's server, where it is not Amazon's.")
    yield Option("upload-region", parse_text, meaning="The bucket's region.")
    yield Option("upload-command", _command, meaning="A program that uploads a file and prints its URL.")
    yield _switch("keep-upload", meaning="Leave what was uploaded where it is.")
    yield replace(
        _switch("keep-metadata", meaning="Carry EXIF, profile, XMP and IPTC to the result."),
        default=True,
        in_project="yes",
    )
    yield replace(
        _switch("keep-sound", meaning="Copy the sound, subtitles and chapters that a video lost."),
        default=True,
        in_project="yes",
    )


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
        limits=limits_of([parameter for _, parameter in owners]),
        meaning=_meaning(owners),
        in_project="no" if kinds & {"url", "events", "text"} else "yes",  # whom the gateway calls is the user's alone
    )


def limits_of(parameters: Iterable[Parameter]) -> tuple[float, float] | None:
    """The smallest and the largest number that one of them takes; None where they take no numbers."""
    limits = [(one.minimum, one.maximum) for one in parameters if one.minimum is not None and one.maximum is not None]
    return (min(low for low, _ in limits), max(high for _, high in limits)) if limits else None


def _meaning(owners: Iterable[tuple[Endpoint, Parameter]]) -> str:
    """The catalog's note as a sentence; where there are several, with the kind or the model that each is about."""
    notes = dict.fromkeys(one.note for _, one in owners)
    if len(notes) == 1:
        return "".join(f"{note[:1].upper()}{note[1:]}." for note in notes)
    kinds = {(f"{endpoint.kind}s", one.note): None for endpoint, one in owners}
    models = {(endpoint.model.upper(), one.note): None for endpoint, one in owners}
    about = kinds if len({kind for kind, _ in kinds}) == len(kinds) else models
    return " ".join(f"{whom[:1].upper()}{whom[1:]}: {note}." for whom, note in about)


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

    return Option("model", parse, is_of_item=True, words=words, meaning="Which model.", in_project="yes")


def _word_option(name: str, *words: str, default: str | None = None, is_of_item: bool = False, meaning: str) -> Option:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError(f"{show(value)} is not one of {', '.join(words)}")
        return value.lower()

    return Option(name, parse, default, is_of_item=is_of_item, words=words, meaning=meaning)


def _switch(name: str, *, meaning: str) -> Option:
    def parse(value: Any) -> bool:
        return parse_boolean(value if isinstance(value, bool) else _number(value))

    return Option(name, parse, default=False, words=SWITCH_WORDS, meaning=meaning)


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


def _tags(value: Any) -> tuple[str, ...]:
    """Labels: one text or several, each of which may be several between commas; each once."""
    words = value if isinstance(value, list | tuple) else [value]
    tags = [tag.strip() for word in words for tag in _name(word).split(",")]
    for tag in tags:
        _check_tag(tag)
    return tuple(dict.fromkeys(tags))


def _tag_costs(value: Any) -> dict[str, int]:
    """Amounts by tag: `NAME=USD`, several between commas, or a table."""
    if not isinstance(value, Mapping):
        pairs = [word.rpartition("=") for word in parse_text(value).split(",")]
        value = {tag.strip(): amount for tag, _, amount in pairs}
        if len(value) < len(pairs):
            raise ValueError("a tag is given twice")
    for tag in value:
        if not tag:
            raise ValueError("write it as TAG=USD, several between commas")
        _check_tag(tag)
    return {tag: _usd(amount) for tag, amount in value.items()}


def _check_tag(tag: str) -> None:
    if not tag or not tag.isprintable() or "," in tag or len(tag) > LONGEST_TAG:
        raise ValueError(f"{show(tag)} is not a tag: up to {LONGEST_TAG} characters, no comma")


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


def _show_duration(seconds: float) -> str:
    return f"{seconds / 3600:g}h" if seconds >= 3600 else f"{seconds / 60:g}m"


def _show_size(size: int) -> str:
    return f"{size >> 30}G"


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
