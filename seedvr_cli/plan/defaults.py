"""What a request takes of the profile's defaults: those that fit its endpoint."""

from collections.abc import Mapping
from typing import Any

from seedvr_cli.values.catalog import Endpoint, check
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.request import SIZE_FLAGS


def with_defaults(defaults: Mapping[str, Any], endpoint: Endpoint, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request's options with the profile's defaults where they fit this endpoint."""
    chosen = dict(options)
    sized = any(options.get(flag) is not None for flag in SIZE_FLAGS)
    for flag, value in defaults.items():
        if chosen.get(flag) is not None or (flag in SIZE_FLAGS and sized):
            continue
        parameter = endpoint.by_flag(flag)
        if parameter is not None:
            try:
                check(parameter, value, flag, endpoint)
            except UsageError:
                continue  # it is another endpoint's default
        elif flag not in {"webhook", "webhook-mode"}:
            continue
        chosen[flag] = value
    if chosen.get("target") and chosen.get("scale") and not sized:
        chosen["scale"] = None  # both are stored: the resolution says more
    if not chosen.get("webhook") and not options.get("webhook-mode"):
        chosen["webhook-mode"] = None
    return chosen


def dropped_size(defaults: Mapping[str, Any], endpoint: Endpoint, options: Mapping[str, Any]) -> str | None:
    """Of the profile's sizes none fits the endpoint: what is said of it, as results will not have the size meant."""
    stored = [flag for flag in SIZE_FLAGS if flag in defaults]
    chosen = with_defaults(defaults, endpoint, options)
    if not stored or any(chosen.get(flag) is not None for flag in SIZE_FLAGS):
        return None
    parameters = {flag: endpoint.by_flag(flag) for flag in stored}
    reasons = [
        f"{flag} {defaults[flag]} ({f'it takes {parameter.allowed}' if parameter else 'it has no such parameter'})"
        for flag, parameter in parameters.items()
    ]
    return f"{endpoint.name} does not use the stored {', '.join(reasons)}; its own default holds"
