"""What the gateway takes: bodies and headers checked against the catalog, in the gateway's own spelling only."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from seedvr_cli.values.catalog import WEBHOOK_HEADER, WEBHOOK_MODE_HEADER, WEBHOOK_MODES, Endpoint
from seedvr_cli.values.parameter import Parameter
from seedvr_cli.values.urls import is_allowed_url, is_loopback


class BadRequest(Exception):
    """What is wrong with a submission, in one sentence that names the key or the header."""


def read_body(endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    """The submission's JSON object, checked.

    Unknown keys pass, as they do on the real gateway. Raises BadRequest (reference: Request Parameters).
    """
    try:
        values = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON") from error
    if not isinstance(values, dict):
        raise BadRequest("The body is not a JSON object")
    source = values.get(endpoint.source_key)
    if source is None:
        raise BadRequest(f"'{endpoint.source_key}' is required")
    if not isinstance(source, str) or not is_source(source):
        raise BadRequest(f"'{endpoint.source_key}' must be an https URL")
    for parameter in endpoint.parameters:
        if parameter.wire in values:
            _check_value(parameter, values[parameter.wire])
    return values


def read_webhook(headers: Mapping[str, str]) -> tuple[str | None, str]:
    """The webhook headers' URL (None: no webhook) and mode. Raises BadRequest (reference: Webhook Headers)."""
    url = headers.get(WEBHOOK_HEADER.lower()) or None
    mode = headers.get(WEBHOOK_MODE_HEADER.lower()) or WEBHOOK_MODES[0]
    if url is not None and not is_allowed_url(url):
        raise BadRequest(f"{WEBHOOK_HEADER} must be an https URL")
    if mode not in WEBHOOK_MODES:
        raise BadRequest(f"{WEBHOOK_MODE_HEADER} must be one of {', '.join(WEBHOOK_MODES)}")
    return url, mode


def is_source(url: str) -> bool:
    """Whether the sandbox can read it: https, http to this machine, or, its own extensions, `file:` and `data:`."""
    scheme = url[:5].lower()
    if scheme == "data:":
        return "," in url
    if scheme == "file:":
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return parts.path.startswith("/") and (not parts.netloc or is_loopback(parts.netloc))
    return is_allowed_url(url)


def _check_value(parameter: Parameter, value: Any) -> None:
    wanted = _NOT_AS_WANTED[parameter.kind](parameter, value)
    if wanted is not None:
        raise BadRequest(f"'{parameter.wire}' must be {wanted}")


def _number(parameter: Parameter, value: Any) -> str | None:
    whole = parameter.kind == "integer"
    # bool is an int to Python, and not a number to JSON.
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return "an integer" if whole else "a number"
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    return None if low <= value <= high else f"between {low:.10g} and {high:.10g}"


def _choice(parameter: Parameter, value: Any) -> str | None:
    spellings = tuple(dict.fromkeys(parameter.choices.values()))
    return None if value in spellings else f"one of {', '.join(spellings)}"


def _events(parameter: Parameter, value: Any) -> str | None:
    known = list(parameter.choices)
    is_right = isinstance(value, list) and value and all(event in known for event in value)
    return None if is_right else f"a list of {', '.join(known)}"


# What a value of each kind must be, where it is something else.
_NOT_AS_WANTED: Mapping[str, Callable[[Parameter, Any], str | None]] = {
    "number": _number,
    "integer": _number,
    "choice": _choice,
    "events": _events,
    "boolean": lambda _, value: None if isinstance(value, bool) else "true or false",
    "url": lambda _, value: None if isinstance(value, str) and is_allowed_url(value) else "an https URL",
    "text": lambda _, value: None if isinstance(value, str) else "a string",
}


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")
