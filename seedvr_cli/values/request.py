"""A request: what one job asks of the gateway, checked against the catalog before anything is sent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seedvr_cli.values.catalog import (
    ENDPOINTS,
    NOTIFICATION_KEYS,
    WEBHOOK_HEADER,
    WEBHOOK_MODE_HEADER,
    WEBHOOK_MODES,
    Endpoint,
    check,
)
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import SAME
from seedvr_cli.values.urls import is_allowed_url
from seedvr_cli.values.words import nearest

# Characters of the key; 128 bits of SHA-256 are plenty for one user's jobs.
KEY_LENGTH = 32

# The flags that set the size; a stored default of one gives way to any other on the command line.
SIZE_FLAGS = frozenset({"scale", "width", "height", "target"})


@dataclass(frozen=True, slots=True)
class Source:
    """Where the picture or video comes from.

    `text` is what the user wrote, `url` what the gateway is told, `identity` what the ledger compares (the URL, or the
    digest of a local file's content), `name` the file name that results are named after. `path` is a file or an object
    that the gateway cannot read as it is, and gets an address of when it is submitted.
    """

    text: str
    url: str
    identity: str
    name: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One submission. `params` is the body without the source and without `notify`, which says whom to call."""

    endpoint: Endpoint
    source: Source
    params: Mapping[str, Any]
    notify: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body as it is sent."""
        return {self.endpoint.source_key: self.source.url, **self.params, **self.notify}

    def calling(self, url: str) -> "Request":
        """The same, and the gateway calls this URL (reference: X-Webhook-URL)."""
        return replace(self, headers={**self.headers, WEBHOOK_HEADER: url})

    def reading(self, url: str) -> "Request":
        """The same, and the gateway is told to read the source there."""
        return replace(self, source=replace(self.source, url=url))

    @property
    def answers_at_once(self) -> bool:
        """Whether the answer to the submission carries the result, and so takes as long as the job."""
        return bool(self.params.get("sync_mode"))

    def price(self) -> int:
        """List price in millionths of a dollar, as far as it is known before the job is done."""
        return self.endpoint.price(target=self.params.get("target_resolution"))


def job_key(gateway: str, endpoint: str, identifying: str, source: str) -> str:
    """What "the same request" means: the only place where the key of a job is made.

    `identifying` are the parameters that change the result (`identifying_params`); `source` is a source's identity, or
    `named_identity` of the user's own name for the job.
    """
    text = f"{gateway}\n{endpoint}\n{identifying}\n{source}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]


def named_identity(name: str) -> str:
    """What stands in the source's place where the user has named the job: no URL and no digest begins like this."""
    return f"key:{name}"


def identifying_params(endpoint: Endpoint, params: Mapping[str, Any]) -> str:
    """One text for parameters that ask for the same result, whatever their order."""
    return _encode({wire: value for wire, value in params.items() if endpoint.changes_result(wire)})


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def choose_endpoint(kind: str, model: str | None) -> Endpoint:
    """The endpoint for a command and its --model; UsageError for an unknown model."""
    candidates = [endpoint for endpoint in ENDPOINTS.values() if endpoint.kind == kind]
    if not candidates:
        raise UsageError(f"kind: {kind!r} is none of {', '.join(sorted({one.kind for one in ENDPOINTS.values()}))}")
    if model is None:
        return candidates[0]
    for endpoint in candidates:
        if model.lower() in {endpoint.model, endpoint.name}:
            return endpoint
    models = ", ".join(endpoint.model for endpoint in candidates)
    raise UsageError(f"--model: {model!r} is not a model for {kind}s ({models})")


def build_request(
    endpoint: Endpoint,
    source: Source,
    options: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    *,
    calls_us: bool = False,
) -> Request:
    """A checked request.

    `options` are values by flag name (None: not set), `webhook` and `webhook-mode` among them; `extra` are other body
    keys with their JSON values, as -p gives them. `calls_us`: the gateway is to be given an
    address of ours to call. Raises UsageError for anything the endpoint does not take.
    """
    body: dict[str, Any] = {}
    headers: dict[str, str] = {}
    for flag, value in options.items():
        if value is None:
            continue
        if flag == "webhook":
            headers[WEBHOOK_HEADER] = _webhook(value)
        elif flag == "webhook-mode":
            headers[WEBHOOK_MODE_HEADER] = _webhook_mode(value)
        else:
            _add_option(endpoint, body, flag, value)
    if calls_us and WEBHOOK_HEADER in headers:
        raise UsageError("--webhook and --callback: the gateway calls one of the two")
    if WEBHOOK_MODE_HEADER in headers and WEBHOOK_HEADER not in headers and not calls_us:
        raise UsageError("--webhook-mode needs --webhook URL")
    for key, value in (extra or {}).items():
        _add_extra(endpoint, body, key, value)
    _settle_size(endpoint, body)
    _check_json(body)
    params = {key: value for key, value in body.items() if key not in NOTIFICATION_KEYS}
    notify = {key: value for key, value in body.items() if key in NOTIFICATION_KEYS}
    return Request(endpoint, source, params, notify, headers)


def _add_option(endpoint: Endpoint, body: dict[str, Any], flag: str, value: Any) -> None:
    parameter = endpoint.by_flag(flag)
    if parameter is not None:
        checked = check(parameter, value, f"--{flag}", endpoint)
        if checked is not False:  # a switch that is off is not sent
            body[parameter.wire] = checked
    elif value is not False:
        raise UsageError(_not_here(endpoint, flag))


def _add_extra(endpoint: Endpoint, body: dict[str, Any], key: str, value: Any) -> None:
    if key == endpoint.source_key:
        raise UsageError(f"-p {key}: the source is given as SOURCE")
    if key in body:
        raise UsageError(f"-p {key}: given twice")
    parameter = endpoint.by_wire(key)
    if parameter is not None and parameter.follows and value == SAME:
        raise UsageError(f"-p {key}: {SAME} is a word of --{parameter.flag}")
    body[key] = value if parameter is None else check(parameter, value, f"-p {key}", endpoint)


def _check_json(body: Mapping[str, Any]) -> None:
    """A number without end, or bytes of a command line that are no text, could not be sent: better known now."""
    for key, value in body.items():
        try:
            json.dumps({key: value}, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise UsageError(f"-p {key}: that cannot be written as JSON") from error


def _settle_size(endpoint: Endpoint, body: dict[str, Any]) -> None:
    if "target_resolution" in body:
        if "upscale_factor" in body:
            raise UsageError(f"--scale and --target: {endpoint.name} takes one of the two")
        if body.setdefault("upscale_mode", "target") != "target":
            raise UsageError("-p upscale_mode: --target needs upscale_mode target")
    elif body.get("upscale_mode") == "target":
        raise UsageError("-p upscale_mode: mode target needs --target")


def _webhook(value: Any) -> str:
    if not isinstance(value, str) or not is_allowed_url(value) or not value.isascii():
        raise UsageError(f"--webhook: {value!r} is not an https URL")
    return value


def _webhook_mode(value: Any) -> str:
    if value not in WEBHOOK_MODES:
        raise UsageError(f"--webhook-mode: {value!r} is not one of {', '.join(WEBHOOK_MODES)}")
    return str(value)


def _not_here(endpoint: Endpoint, flag: str) -> str:
    others = [other for other in ENDPOINTS.values() if other.by_flag(flag)]
    if not others:
        flags = [parameter.flag for parameter in endpoint.parameters]
        return f"--{flag}: {endpoint.name} has no such parameter{nearest(flag, flags)}"
    where = ", ".join(
        f"{other.name} (--model {other.model})" if other.kind == endpoint.kind else other.name for other in others
    )
    return f"--{flag}: {endpoint.name} has no such parameter; it belongs to {where}"
