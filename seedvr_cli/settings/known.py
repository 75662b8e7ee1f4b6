"""The settings that there are, each with the function that reads its value."""

from collections.abc import Callable, Mapping
from typing import Any

from seedvr_cli.settings.key import check_key
from seedvr_cli.values.catalog import ENDPOINTS, WEBHOOK_MODES, check
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.money import parse_usd
from seedvr_cli.values.schedule import parse_duration, parse_rate
from seedvr_cli.values.urls import check_base_url, is_allowed_url
from seedvr_cli.values.words import nearest

PROGRESS = ("auto", "live", "plain", "none")
MODELS = tuple(endpoint.model for endpoint in ENDPOINTS.values() if endpoint.kind == "image")


def setting_name(text: str, where: str) -> str:
    """The flag's name of a setting, `_` and `-` alike; UsageError names the nearest right one."""
    name = text.strip().lower().replace("_", "-").removeprefix("--")
    if name not in SETTINGS:
        raise UsageError(f"{where}: there is no setting {text!r}{nearest(name, SETTINGS)}",
                         hint="'seedvr config list' shows them all")  # fmt: skip
    return name


def check_setting(name: str, value: Any, where: str) -> Any:
    """The value in its stored form; UsageError says what the setting takes."""
    try:
        return SETTINGS[name](value)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message.partition(': ')[2] or error.message}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}: {error}") from error


def _parameter(flag: str) -> Callable[[Any], Any]:
    """A default for a parameter is good where at least one endpoint takes it."""

    def checked(value: Any) -> Any:
        failure: UsageError | None = None
        for endpoint in ENDPOINTS.values():
            parameter = endpoint.by_flag(flag)
            if parameter is None:
                continue
            try:
                check(parameter, value, f"--{flag}", endpoint)
            except UsageError as error:
                failure = failure or error
                continue
            return (
                _plain_number(value) if parameter.kind in {"number", "integer"} else _boolean_or_same(parameter, value)
            )
        raise failure or UsageError(f"--{flag}: unknown")

    return checked


def _boolean_or_same(parameter: Any, value: Any) -> Any:
    return _boolean(value) if parameter.kind == "boolean" else value


def _plain_number(value: Any) -> Any:
    number = float(value)
    return int(number) if number.is_integer() else number


def _one_of(*words: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"{value!r} is not one of {', '.join(words)}")
        return value

    return checked


def _boolean(value: Any) -> Any:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is not one of true, false")
    return words[str(value).lower()]


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
        raise ValueError(f"{value!r} is not a whole number from 1 on")
    return int(value)


def _duration(value: Any) -> Any:
    parse_duration(str(value))
    return value


def _positive_duration(value: Any) -> Any:
    if parse_duration(str(value)) <= 0:
        raise ValueError(f"{value!r} is not longer than nothing")
    return value


def _usd(value: Any) -> Any:
    parse_usd(str(value))
    return value


def _rate(value: Any) -> Any:
    parse_rate(str(value))
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def _url(value: Any) -> Any:
    if not isinstance(value, str) or not is_allowed_url(value):
        raise ValueError(f"{value!r} is not an https URL")
    return value


SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "api-key": lambda value: check_key(value, "api-key"),
    "api-key-command": _text,
    "model": _one_of(*MODELS),
    **{
        flag: _parameter(flag)
        for flag in dict.fromkeys(
            parameter.flag
            for endpoint in ENDPOINTS.values()
            for parameter in endpoint.parameters
            if parameter.flag and parameter.flag != "job-id"
        )
    },
    "webhook": _url,
    "webhook-mode": _one_of(*WEBHOOK_MODES),
    "output": _text,
    "overwrite": _boolean,
    "recursive": _boolean,
    "jobs": _count,
    "poll-interval": _positive_duration,
    "timeout": _duration,
    "max-cost": _usd,
    "max-cost-per-day": _usd,
    "rate": _rate,
    "json": _boolean,
    "quiet": _boolean,
    "verbose": _boolean,
    "progress": _one_of(*PROGRESS),
    "base-url": lambda value: check_base_url(_text(value), "base-url"),
}
