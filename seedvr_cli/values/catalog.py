"""The three endpoints as data: the one place that knows a path, a parameter, a range, a spelling or a price.

Flags are checked against it, bodies and prices are made from it, the sandbox validates with it, and the
README's table is generated from it. Source of every figure: the vendor's reference, its parameter and price tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import Parameter, show

Kind = Literal["image", "video"]

STATUS_PATH = "/v2/requests/status/"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
WEBHOOK_HEADER = "X-Webhook-URL"
WEBHOOK_MODE_HEADER = "X-Webhook-Mode"
WEBHOOK_MODES = ("terminal", "sync")

# Words of `status`. Any other word is a job that still runs.
COMPLETED, FAILED, ERROR = "COMPLETED", "FAILED", "ERROR"
TERMINAL = frozenset({COMPLETED, FAILED, ERROR})


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
    are written with a space in place of the T and the Z (reference: the endpoints' own examples). `usual_scale` and
    `usual_format` are what it makes where nothing is asked for, if that is documented.
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
    usual_scale: float | None = None
    usual_format: str | None = None

    @property
    def largest_side(self) -> int | None:
        """Pixels that a side of the result may have, where that is documented (reference: res_w, res_h)."""
        width = self.by_wire("res_w")
        return int(width.maximum) if width is not None and width.maximum is not None else None

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


_SEED = Parameter("seed", "seed", "integer", 0, 2147483647, note="the same seed, the same result")
_TARGET_MODE = Parameter("upscale_mode", "", "choice", choices={"factor": "factor", "target": "target"})
_BODY_WEBHOOK = Parameter("webhook", "body-webhook", "url", note="called with the result", changes_result=False)


def _scale(most: float) -> Parameter:
    return Parameter("upscale_factor", "scale", "number", 1, most, note="multiplies the size", short="x")


def _noise(note: str) -> Parameter:
    return Parameter("noise_scale", "noise", "number", 0, 1, note=note)


def _choice(wire: str, flag: str, note: str, *words: str, **spellings: str) -> Parameter:
    return Parameter(wire, flag, "choice", choices={**{word: word for word in words}, **spellings}, note=note)


def _format(note: str, *words: str, **spellings: str) -> Parameter:
    return replace(_choice("output_format", "format", note, *words, **spellings), short="f", follows=True)


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
        _scale(8),
        Parameter("res_w", "width", "integer", 256, 4096, note="output width in pixels, overrides the scale"),
        Parameter("res_h", "height", "integer", 256, 4096, note="output height in pixels, overrides the scale"),
        _format("format of the result", "png", "webp", jpg="jpeg", jpeg="jpeg"),
        _noise("adds synthetic detail"),
        _SEED,
        Parameter("job_id", "job-id", "text", note="your own name for it; deduplicates nothing", changes_result=False),
    ),
    prices=_FLAT_PRICE,
    has_spaced_stamps=True,
    usual_scale=2.0,
    usual_format="png",
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
        _scale(8),
        _choice("target_resolution", "target", "output resolution", "720p", "1080p", "1440p", "2160p"),
        _TARGET_MODE,
        _format("format of the result", "png", "webp", jpg="jpg", jpeg="jpg"),
        _noise("smooths noise away"),
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
        _scale(4),
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
        _noise("smooths noise away"),
        _SEED,
        _choice("output_quality", "quality", "quality of the encoding", "low", "medium", "high"),
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
