"""Every option that has a value, each with the one function that reads it: from a flag, the config file, a list's line.

The defaults stand here and nowhere else. A parameter of the catalog is good where at least one endpoint takes it; what
this job's endpoint takes is checked where its request is built.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from seedvr_cli.values.catalog import ENDPOINTS, WEBHOOK_MODES, Endpoint
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import Parameter, parse_boolean, show
from seedvr_cli.values.parsers import (
    parse_command,
    parse_dollars,
    parse_file_size,
    parse_gateway_url,
    parse_https_url,
    parse_name,
    parse_number,
    parse_object_url,
    parse_params,
    parse_path,
    parse_per_second,
    parse_positive_seconds,
    parse_public_url,
    parse_seconds,
    parse_tag_costs,
    parse_tags,
    parse_text,
    parse_trusted,
    show_gigabytes,
    show_hours,
    whole_number,
)
from seedvr_cli.values.urls import DEFAULT_BASE_URL
from seedvr_cli.values.words import nearest

SWITCH_WORDS = ("true", "false")
PROGRESS = ("auto", "live", "plain", "none")
# More than there are ports to connect from.
MOST_JOBS = 65_535
# More than any screen has.
MOST_ROWS = 1000
# Bytes of a result; no picture and no video of this gateway comes near.
LARGEST_RESULT = 64 << 30


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


def _all_options() -> Iterable[Option]:
    yield _model_option()
    yield from map(_parameter_option, dict.fromkeys(one.flag for _, one in _parameters() if one.flag))
    yield Option("param", parse_params, is_stored=False, is_of_item=True)
    yield Option("webhook", parse_https_url, is_of_item=True, meaning="The gateway calls it with the result.")
    yield _word_option("webhook-mode", *WEBHOOK_MODES, is_of_item=True, meaning="Called once at the end, or each time.")
    yield Option("key", parse_name, is_stored=False, is_of_item=True)
    yield Option("tag", parse_tags, is_stored=False, is_of_item=True)
    yield Option("output", parse_text, is_of_item=True, meaning="Where results go.", in_project="yes")
    yield _switch("overwrite", meaning="Replace a file that is in the way.")
    yield Option(
        "max-filesize",
        parse_file_size,
        LARGEST_RESULT,
        show=show_gigabytes,
        meaning="Refuse a result that is larger.",
        in_project="lower",
    )
    yield _switch("recursive", meaning="Look into the folders of a folder.")
    yield Option(
        "jobs",
        whole_number(1, MOST_JOBS),
        16,
        limits=(1, MOST_JOBS),
        meaning="Jobs in flight at once.",
        in_project="yes",
    )
    yield Option(
        "poll-interval",
        parse_positive_seconds,
        5.0,
        {"sandbox": 0.25, "listen": 60.0},  # it is quick, and does not mind
        show="{:g}".format,
        meaning="Seconds between two polls of a job, at most.",
        in_project="yes",
    )
    yield Option(
        "timeout",
        parse_seconds,
        30 * 60.0,
        {"video": 2 * 3600.0},
        show=show_hours,
        meaning="Stop waiting, not the job.",
        in_project="yes",
    )
    yield Option("max-cost", parse_dollars, meaning="What a run may cost, in US dollars.", in_project="lower")
    yield Option("max-cost-per-day", parse_dollars, meaning="What all runs of a day may cost.", in_project="lower")
    yield Option("max-cost-per-month", parse_dollars, meaning="What all runs of a month may cost.", in_project="lower")
    yield Option("max-cost-per-tag", parse_tag_costs, meaning="What all jobs of a tag may cost: nightly=5,album=20.")
    yield Option("rate", parse_per_second, meaning="Submissions a second, at the most.", in_project="yes")
    yield _switch("json", meaning="One JSON object a line.")
    yield _switch("quiet", meaning="Nothing but errors on standard error.")
    yield _switch("verbose", meaning="Say more on standard error.")
    yield _word_option("progress", *PROGRESS, default="auto", meaning="How progress is shown.")
    yield Option(
        "rows",
        whole_number(0, MOST_ROWS),
        10,
        limits=(0, MOST_ROWS),
        meaning="Jobs that the live display shows, at most.",
    )
    yield _switch("title", meaning="Put the progress into the terminal's title.")
    yield _switch("bell", meaning="Ring the terminal's bell at the end.")
    yield Option("base-url", parse_gateway_url, DEFAULT_BASE_URL, meaning="The gateway's address.")
    yield Option("ca-bundle", parse_trusted, meaning="Whom to trust: a file or folder of certificates, or 'system'.")
    yield Option("client-cert", parse_path, meaning="A certificate to show the gateway.")
    yield Option("client-key", parse_path, meaning="Its key, where that is in a file of its own.")
    yield Option("public-url", parse_public_url, meaning="What 'seedvr listen' is reached by from outside.")
    yield Option("upload", parse_object_url, meaning="The bucket through which the gateway reads your own files.")
    yield Option("upload-endpoint", parse_https_url, meaning="The bucket's server, where it is not Amazon's.")
    yield Option("upload-region", parse_text, meaning="The bucket's region.")
    yield Option("upload-command", parse_command, meaning="A program that uploads a file and prints its URL.")
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
        return parse_boolean(value if isinstance(value, bool) else parse_number(value))

    return Option(name, parse, default=False, words=SWITCH_WORDS, meaning=meaning)


OPTIONS: Mapping[str, Option] = {option.name: option for option in _all_options()}
# What a line of a list may set for itself.
ITEM_OPTIONS = frozenset(option.name for option in OPTIONS.values() if option.is_of_item)
