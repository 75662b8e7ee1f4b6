"""What people write, as values: a function for each kind of it, all of which raise ValueError for anything else.

What it comes as is text from a shell, or a TOML or JSON value. What only parsing needs is imported late: --help makes
flags of the options' table, and parses nothing.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import Parameter, show
from seedvr_cli.values.trust import SYSTEM
from seedvr_cli.values.urls import check_base_url, is_allowed_url, is_object_url

# Characters of a tag.
LONGEST_TAG = 64
# Characters; an amount, a length of time or a number that takes more is none.
LONGEST_NUMBER = 100


def parse_text(value: Any) -> str:
    """Text that says something."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{show(value)} is not a text")
    return value


def parse_params(value: Any) -> dict[str, Any]:
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
        is_text = any(parameter.wire == key and parameter.kind == "text" for parameter in _parameters())
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


def parse_https_url(value: Any) -> str:
    """An https URL in ASCII; http on this machine."""
    if not isinstance(value, str) or not is_allowed_url(value) or not value.isascii():
        raise ValueError(f"{show(value)} is not an https URL")
    return value


def parse_command(value: Any) -> str:
    """Words of a command line."""
    import shlex

    text = parse_text(value)
    if not shlex.split(text):  # ValueError where a quote is open
        raise ValueError(f"{show(value)} is no command")
    return text


def parse_public_url(value: Any) -> str:
    """An https URL that others are made of."""
    url = parse_https_url(value)
    if "?" in url or "#" in url:
        raise ValueError(f"{show(value)}: what stands behind ? or # is no part of an address that others are made of")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("a name and a password are no part of an address that the gateway is told")
    return url


def parse_object_url(value: Any) -> str:
    """A place in an object store."""
    if not isinstance(value, str) or not is_object_url(value) or not value.partition("://")[2].strip("/"):
        raise ValueError(f"{show(value)} is not s3://BUCKET/PREFIX, gs://... or az://...")
    return value


def parse_path(value: Any) -> str:
    """A file's path, good in every folder from now on."""
    import os

    return os.path.abspath(os.path.expanduser(parse_text(value)))


def parse_trusted(value: Any) -> str:
    """A path of certificates, or the word for the system's own."""
    return SYSTEM if value == SYSTEM else parse_path(value)


def parse_name(value: Any) -> str:
    """A name: what says something, in text or as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"{show(value)} is not a name")
    return str(value).strip()


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    """The parser of a whole number from `least` to `most`."""

    def parse(value: Any) -> int:
        text = parse_number(value)
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"{show(value)} is not a whole number from {least} to {most}")
        return int(text)

    return parse


def parse_tags(value: Any) -> tuple[str, ...]:
    """Labels: one text or several, each of which may be several between commas; each once."""
    words = value if isinstance(value, list | tuple) else [value]
    tags = [tag.strip() for word in words for tag in parse_name(word).split(",")]
    for tag in tags:
        _check_tag(tag)
    return tuple(dict.fromkeys(tags))


def parse_tag_costs(value: Any) -> dict[str, int]:
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
    return {tag: parse_dollars(amount) for tag, amount in value.items()}


def _check_tag(tag: str) -> None:
    if not tag or not tag.isprintable() or "," in tag or len(tag) > LONGEST_TAG:
        raise ValueError(f"{show(tag)} is not a tag: up to {LONGEST_TAG} characters, no comma")


def parse_seconds(value: Any) -> float:
    """Seconds of a duration."""
    from seedvr_cli.values.schedule import parse_duration

    seconds = parse_duration(parse_number(value))
    if not math.isfinite(seconds):
        raise ValueError(f"{show(value)} is not a duration such as 90s, 30m or 2h")
    return seconds


def show_hours(seconds: float) -> str:
    """`30m`, `2h`."""
    return f"{seconds / 3600:g}h" if seconds >= 3600 else f"{seconds / 60:g}m"


def show_gigabytes(size: int) -> str:
    """`64G`."""
    return f"{size >> 30}G"


def parse_positive_seconds(value: Any) -> float:
    """The same, of one that is longer than nothing."""
    seconds = parse_seconds(value)
    if seconds <= 0:
        raise ValueError(f"{show(value)} is not longer than nothing")
    return seconds


def parse_dollars(value: Any) -> int:
    """Millionths of a dollar."""
    from seedvr_cli.values.money import parse_usd

    return parse_usd(parse_number(value))


def parse_per_second(value: Any) -> float:
    """How many a second."""
    from seedvr_cli.values.schedule import parse_rate

    return parse_rate(parse_number(value))


def parse_file_size(value: Any) -> int:
    """Bytes of a size."""
    from seedvr_cli.values.size import parse_size

    return parse_size(parse_number(value))


def parse_gateway_url(value: Any) -> str:
    """A gateway's address."""
    try:
        return check_base_url(parse_text(value), "")
    except UsageError as error:
        raise ValueError(error.message.removeprefix(": ")) from error


def parse_number(value: Any) -> str:
    """What may be a number, as short text."""
    try:
        text = str(value)
    except ValueError:  # thousands of digits, in a language that has whole numbers of any length
        text = "9" * (LONGEST_NUMBER + 1)
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of more than {LONGEST_NUMBER} characters is too long")
    return text


def _parameters() -> Iterator[Parameter]:
    return (parameter for endpoint in ENDPOINTS.values() for parameter in endpoint.parameters)
