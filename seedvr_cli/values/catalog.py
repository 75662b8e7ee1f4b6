"""The three endpoints as data: the one place that knows a path, a parameter, a range, a spelling or a price.

Flags are checked against it, bodies and prices are made from it, the sandbox validates with it, and the
README's table is generated from it. Source of every figure: the vendor's reference, its parameter and price tables.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.urls import is_allowed_url

Kind = Literal["image", "video"]

STATUS_PATH = "/v2/requests/status/"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
WEBHOOK_HEADER = "X-Webhook-URL"
WEBHOOK_MODE_HEADER = "X-Webhook-Mode"
WEBHOOK_MODES = ("terminal", "sync")

# Words of `status`. Any other word is a job that still runs.
COMPLETED, FAILED, ERROR = "COMPLETED", "FAILED", "ERROR"
TERMINAL = frozenset({COMPLETED, FAILED, ERROR})

# Body keys that tell the gateway whom to call, and say nothing about the result.
NOTIFICATION_KEYS = frozenset({"webhook", "webhook_events_filter"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a request's body, and the flag that sets it.

    `choices` maps what a user may write to the gateway's spelling of it. `changes_result`: whether two requests that
    differ in it ask for two results.
    """

    wire: str
    flag: str
    kind: Literal["number", "integer", "choice", "text", "boolean", "url", "events"]
    minimum: float | None = None
    maximum: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    changes_result: bool = True

    @property
    def allowed(self) -> str:
        """The allowed values in words: `1-8`, `png, jpg, webp`, `text`."""
        if self.kind == "events":
            return "a list of " + ", ".join(self.choices)
        if self.choices:
            return ", ".join(dict.fromkeys(name for name in self.choices if name not in SECOND_SPELLINGS))
        if self.minimum is not None:
            return f"{self.minimum:g}-{self.maximum:.0f}"
        return {"url": "an https URL", "boolean": "on or off"}.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """List price in millionths of a US dollar, up to this many pixels on the output's short side (None: any)."""

    label: str
    short_side: int | None
    micros: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One product of the gateway, under our own name: `model_id` does not tell them apart."""

    name: str
    kind: Kind
    model: str
    title: str
    path: str
    model_id: str
    source_key: str
    default_format: str
    parameters: tuple[Parameter, ...]
    prices: tuple[PriceRow, ...]

    def by_flag(self, flag: str) -> Parameter | None:
        """The parameter that the flag sets, or None where this endpoint has none."""
        return next((parameter for parameter in self.parameters if parameter.flag == flag), None)

    def by_wire(self, wire: str) -> Parameter | None:
        """The parameter with this body key, or None."""
        return next((parameter for parameter in self.parameters if parameter.wire == wire), None)

    def changes_result(self, wire: str) -> bool:
        """Whether a body key is part of what is paid for; one that we do not know is."""
        parameter = self.by_wire(wire)
        return parameter is None or parameter.changes_result

    def price(self, size: tuple[int, int] | None = None, target: str | None = None) -> int:
        """List price in millionths of a dollar for an output of that size in pixels, or of that target.

        Where neither is known, the dearest row counts.
        """
        short_side = min(size) if size else int(target.removesuffix("p")) if target else None
        if short_side is None:
            return max(row.micros for row in self.prices)
        rows = sorted(self.prices, key=lambda row: row.short_side or 0)
        fitting = (row for row in rows if row.short_side is None or short_side <= row.short_side)
        return next(fitting, rows[-1]).micros


# Other spellings that are understood and not shown.
SECOND_SPELLINGS = frozenset({"jpeg", "x264", "x265", "hevc", "avc"})

_SEED = Parameter("seed", "seed", "integer", 0, 2147483647, note="the same seed, the same result")
_TARGET_MODE = Parameter("upscale_mode", "", "choice", choices={"factor": "factor", "target": "target"})
_BODY_WEBHOOK = Parameter("webhook", "body-webhook", "url", note="called with the result", changes_result=False)


def _number(wire: str, flag: str, low: float, high: float, note: str) -> Parameter:
    return Parameter(wire, flag, "number", low, high, note=note)


def _choice(wire: str, flag: str, note: str, *words: str, **spellings: str) -> Parameter:
    return Parameter(wire, flag, "choice", choices={**{word: word for word in words}, **spellings}, note=note)


def _events(*words: str) -> Parameter:
    choices = {word: word for word in words}
    return Parameter("webhook_events_filter", "body-webhook-events", "events", choices=choices, changes_result=False)


_FLAT_PRICE = (PriceRow("all resolutions", None, 1_000),)

SEVEN_B_IMAGE = Endpoint(
    name="7b-image",
    kind="image",
    model="7b",
    title="SeedVR2 7B, pictures",
    path="/seedvr2-7b-upscale/image-request",
    model_id="seedvr2-7b-upscale",
    source_key="image_url",
    default_format="png",
    parameters=(
        _number("upscale_factor", "scale", 1, 8, "multiplies the size"),
        Parameter("res_w", "width", "integer", 256, 4096, note="output width in pixels, overrides the scale"),
        Parameter("res_h", "height", "integer", 256, 4096, note="output height in pixels, overrides the scale"),
        _choice("output_format", "format", "of the result", "png", "webp", jpg="jpeg", jpeg="jpeg"),
        _number("noise_scale", "noise", 0, 1, "adds synthetic detail"),
        _SEED,
        Parameter("job_id", "job-id", "text", note="your own name for it; deduplicates nothing", changes_result=False),
    ),
    prices=_FLAT_PRICE,
)

THREE_B_IMAGE = Endpoint(
    name="3b-image",
    kind="image",
    model="3b",
    title="SeedVR2 3B, pictures",
    path="/seedvr-upscale/v1/upscale-image/generate",
    model_id="seedvr-upscale",
    source_key="image_url",
    default_format="png",
    parameters=(
        _number("upscale_factor", "scale", 1, 8, "multiplies the size"),
        _choice("target_resolution", "target", "output resolution", "720p", "1080p", "1440p", "2160p"),
        _TARGET_MODE,
        _choice("output_format", "format", "of the result", "png", "webp", jpg="jpg", jpeg="jpg"),
        _number("noise_scale", "noise", 0, 1, "smooths noise away"),
        _SEED,
        Parameter("sync_mode", "sync", "boolean", note="the answer carries the result itself", changes_result=False),
        _BODY_WEBHOOK,
        _events("*", "completed"),
    ),
    prices=_FLAT_PRICE,
)

THREE_B_VIDEO = Endpoint(
    name="3b-video",
    kind="video",
    model="3b",
    title="SeedVR2 3B, videos",
    path="/seedvr-upscale/v1/upscale-video/generate",
    model_id="seedvr-upscale",
    source_key="video_url",
    default_format="h264",
    parameters=(
        _number("upscale_factor", "scale", 1, 4, "multiplies the size"),
        _choice("target_resolution", "target", "output resolution", "720p", "1080p"),
        _TARGET_MODE,
        _choice(
            "output_format",
            "format",
            "codec of the result",
            h264="X264 (.mp4)",
            h265="H265 (.mp4)",
            x264="X264 (.mp4)",
            x265="H265 (.mp4)",
            avc="X264 (.mp4)",
            hevc="H265 (.mp4)",
        ),
        _number("noise_scale", "noise", 0, 1, "smooths noise away"),
        _SEED,
        _choice("output_quality", "quality", "of the encoding", "low", "medium", "high"),
        _choice("output_write_mode", "write-mode", "speed of the encoding", "fast", "balanced", "quality"),
        _BODY_WEBHOOK,
        _events("*", "start", "output", "completed"),
    ),
    prices=(
        PriceRow("720p", 720, 120_000),
        PriceRow("1080p", 1080, 680_000),
        PriceRow("1440p", 1440, 1_950_000),
        PriceRow("2160p", 2160, 820_000),
    ),
)

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {endpoint.name: endpoint for endpoint in (SEVEN_B_IMAGE, THREE_B_IMAGE, THREE_B_VIDEO)}
)


def check(parameter: Parameter, value: Any, where: str, endpoint: Endpoint) -> Any:
    """The gateway's spelling of a value that a user gave: text from a shell, or JSON.

    Raises UsageError, which names `where` the value came from and what the endpoint takes.
    """

    def refuse() -> NoReturn:
        shown = value if isinstance(value, str) else json.dumps(value)
        raise UsageError(f"{where}: {endpoint.name} takes {parameter.allowed}, not {shown!r}")

    match parameter.kind:
        case "number" | "integer":
            return _check_number(parameter, value) if _check_number(parameter, value) is not None else refuse()
        case "choice":
            if not isinstance(value, str):
                refuse()
            spellings = set(parameter.choices.values())
            return parameter.choices.get(value.lower()) or (value if value in spellings else refuse())
        case "boolean":
            words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
            words |= {"on": True, "off": False}
            if isinstance(value, bool):
                return value
            return words[value.lower()] if isinstance(value, str) and value.lower() in words else refuse()
        case "events":
            events = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
            known = list(parameter.choices)  # a list, as what JSON brings may not be hashable
            if not isinstance(events, list) or not events or any(event not in known for event in events):
                refuse()
            return events
        case "url":
            return value if isinstance(value, str) and is_allowed_url(value) else refuse()
        case "text":
            return value if isinstance(value, str) and value else refuse()


def _check_number(parameter: Parameter, value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    low, high = parameter.minimum, parameter.maximum
    if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
        return None
    if number.is_integer():
        return int(number)  # 2, 2.0 and "2" are the same request, and are paid for once
    return number if parameter.kind == "number" else None
