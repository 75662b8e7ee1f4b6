"""The three endpoints as data: the one place that knows a path, a parameter, a range, a spelling or a price.

Flags are checked against it, bodies and prices are made from it, the sandbox validates with it, and the
README's table is generated from it. Source of every figure: the vendor's reference, its parameter and price tables.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

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

# Words for on and off, as a shell or a table brings them.
BOOLEAN_WORDS = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
# Characters of a wrong value that a message shows.
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a request's body, and the flag that sets it, with its `short` form such as `x` where it has one.

    `choices` maps what a user may write to the gateway's spelling of it. Where `changes_result` is False, two requests
    that differ in it alone have the same result.
    """

    wire: str
    flag: str
    kind: Literal["number", "integer", "choice", "text", "boolean", "url", "events"]
    minimum: float | None = None
    maximum: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    short: str = ""
    changes_result: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """The words to choose from, without the second spellings."""
        return tuple(word for word in self.choices if word not in SECOND_SPELLINGS)

    @property
    def allowed(self) -> str:
        """The allowed values in words: `1-8`, `png, jpg, webp`, `text`."""
        if self.kind == "events":
            return "a list of " + ", ".join(self.choices)
        if self.choices:
            return ", ".join(self.words)
        if self.minimum is not None:
            return f"{self.minimum:g}-{self.maximum:.0f}"
        return {"url": "an https URL", "boolean": "on or off"}.get(self.kind, self.kind)

    def parse(self, value: Any) -> Any:
        """The gateway's spelling of a value that a user gave, text from a shell or JSON; ValueError if it is none."""
        return _PARSERS[self.kind](self, value)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """List price in millionths of a US dollar, up to this many pixels on the output's short side (None: any)."""

    label: str
    short_side: int | None
    micros: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One product of the gateway, under our own name: `model_id` does not tell them apart.

    `result_type` is what answers call every result, whatever it is, and `has_spaced_stamps` whether the ends of jobs
    are written with a space in place of the T and the Z (reference: the endpoints' own examples).
    """

    name: str
    kind: Kind
    model: str
    title: str
    path: str
    model_id: str
    source_key: str
    parameters: tuple[Parameter, ...]
    prices: tuple[PriceRow, ...]
    result_type: str | None = None
    has_spaced_stamps: bool = False

    def by_flag(self, flag: str) -> Parameter | None:
        """The parameter that the flag sets, or None where this endpoint has none."""
        return next((parameter for parameter in self.parameters if parameter.flag == flag), None)

    def by_wire(self, wire: str) -> Parameter | None:
        """The parameter with this body key, or None."""
        return next((parameter for parameter in self.parameters if parameter.wire == wire), None)

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


def _number(wire: str, flag: str, low: float, high: float, note: str, short: str = "") -> Parameter:
    return Parameter(wire, flag, "number", low, high, note=note, short=short)


def _choice(wire: str, flag: str, note: str, *words: str, **spellings: str) -> Parameter:
    return Parameter(wire, flag, "choice", choices={**{word: word for word in words}, **spellings}, note=note)


def _format(note: str, *words: str, **spellings: str) -> Parameter:
    return replace(_choice("output_format", "format", note, *words, **spellings), short="f")


def _events(*words: str) -> Parameter:
    return Parameter(
        "webhook_events_filter",
        "body-webhook-events",
        "events",
        choices={word: word for word in words},
        note="what it is called for",
        changes_result=False,
    )


_FLAT_PRICE = (PriceRow("all resolutions", None, 1_000),)

SEVEN_B_IMAGE = Endpoint(
    name="7b-image",
    kind="image",
    model="7b",
    title="SeedVR2 7B, pictures",
    path="/seedvr2-7b-upscale/image-request",
    model_id="seedvr2-7b-upscale",
    source_key="image_url",
    parameters=(
        _number("upscale_factor", "scale", 1, 8, "multiplies the size", "x"),
        Parameter("res_w", "width", "integer", 256, 4096, note="output width in pixels, overrides the scale"),
        Parameter("res_h", "height", "integer", 256, 4096, note="output height in pixels, overrides the scale"),
        _format("of the result", "png", "webp", jpg="jpeg", jpeg="jpeg"),
        _number("noise_scale", "noise", 0, 1, "adds synthetic detail"),
        _SEED,
        Parameter("job_id", "job-id", "text", note="your own name for it; deduplicates nothing", changes_result=False),
    ),
    prices=_FLAT_PRICE,
    has_spaced_stamps=True,
)

THREE_B_IMAGE = Endpoint(
    name="3b-image",
    kind="image",
    model="3b",
    title="SeedVR2 3B, pictures",
    path="/seedvr-upscale/v1/upscale-image/generate",
    model_id="seedvr-upscale",
    source_key="image_url",
    parameters=(
        _number("upscale_factor", "scale", 1, 8, "multiplies the size", "x"),
        _choice("target_resolution", "target", "output resolution", "720p", "1080p", "1440p", "2160p"),
        _TARGET_MODE,
        _format("of the result", "png", "webp", jpg="jpg", jpeg="jpg"),
        _number("noise_scale", "noise", 0, 1, "smooths noise away"),
        _SEED,
        Parameter("sync_mode", "sync", "boolean", note="the answer carries the result itself", changes_result=False),
        _BODY_WEBHOOK,
        _events("*", "completed"),
    ),
    prices=_FLAT_PRICE,
    result_type="application/octet-stream",
)

THREE_B_VIDEO = Endpoint(
    name="3b-video",
    kind="video",
    model="3b",
    title="SeedVR2 3B, videos",
    path="/seedvr-upscale/v1/upscale-video/generate",
    model_id="seedvr-upscale",
    source_key="video_url",
    parameters=(
        _number("upscale_factor", "scale", 1, 4, "multiplies the size", "x"),
        _choice("target_resolution", "target", "output resolution", "720p", "1080p"),
        _TARGET_MODE,
        _format(
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


# Body keys that tell the gateway whom to call.
NOTIFICATION_KEYS = frozenset(
    parameter.wire
    for endpoint in ENDPOINTS.values()
    for parameter in endpoint.parameters
    if parameter.kind in {"url", "events"}
)


def endpoints_of(kind: str) -> list[Endpoint]:
    """The endpoints for pictures or for videos; the first is the one that is used where no model is named."""
    return [endpoint for endpoint in ENDPOINTS.values() if endpoint.kind == kind]


def check(parameter: Parameter, value: Any, where: str, endpoint: Endpoint) -> Any:
    """The gateway's spelling of a value that a user gave: text from a shell, or JSON.

    Raises UsageError, which names `where` the value came from and what the endpoint takes.
    """
    try:
        return parameter.parse(value)
    except ValueError as error:
        raise UsageError(f"{where}: {endpoint.name} takes {parameter.allowed}, not {show(value)}") from error


def parse_boolean(value: Any) -> bool:
    """On or off from JSON or one of the usual words; ValueError otherwise."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEAN_WORDS:
        return BOOLEAN_WORDS[value.lower()]
    raise ValueError(f"{show(value)} is not one of true, false")


def show(value: Any) -> str:
    """A wrong value in quotes, as much of it as says which it is."""
    import json  # late: a right value need not be shown

    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    except (ValueError, TypeError):  # an integer of thousands of digits
        text = f"a {type(value).__name__}"
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def _parse_number(parameter: Parameter, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no number")  # noqa: TRY004 - whatever is wrong with a value
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("no number that counts") from error
    low, high = parameter.minimum, parameter.maximum
    if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError("out of range")
    if number.is_integer():
        return int(number)  # 2, 2.0 and "2" are the same request, and are paid for once
    if parameter.kind == "integer":
        raise ValueError("no integer")
    return number


def _parse_choice(parameter: Parameter, value: Any) -> str:
    if isinstance(value, str):
        if value.lower() in parameter.choices:
            return parameter.choices[value.lower()]
        if value in parameter.choices.values():
            return value
    raise ValueError("none of the words")


def _parse_events(parameter: Parameter, value: Any) -> list[str]:
    events = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    known = list(parameter.choices)  # a list, as what JSON brings may not be hashable
    if not isinstance(events, list) or not events or any(event not in known for event in events):
        raise ValueError("no list of events")
    return events


def _parse_url(_: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not is_allowed_url(value):
        raise ValueError("no URL")
    return value


def _parse_text(_: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


_PARSERS: Mapping[str, Callable[[Parameter, Any], Any]] = {
    "number": _parse_number,
    "integer": _parse_number,
    "choice": _parse_choice,
    "boolean": lambda _, value: parse_boolean(value),
    "events": _parse_events,
    "url": _parse_url,
    "text": _parse_text,
}
