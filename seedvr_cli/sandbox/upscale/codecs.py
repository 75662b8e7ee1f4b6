"""What videos are encoded with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

THREADS = 2
"""Of a decoder and of an encoder, each of which keeps frames of its own."""

PRESETS = {"fast": "ultrafast", "balanced": "veryfast", "quality": "medium"}
"""From `output_write_mode` to the encoders' word. There are slower ones: no trial is worth waiting for those."""


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder, the name MP4 gives its streams, and its constant rate factors by `output_quality`.

    `memory` is in bytes for each pixel of a frame: with less to look back and ahead at than presets have, and no
    larger files for it at constant rate factors.
    """

    encoder: Literal["libx264", "libx265"]
    tag: str
    rate_factors: Mapping[str, int]
    options: Mapping[str, str]
    memory: int


def chosen_codec(params: Mapping[str, object]) -> Codec:
    """The encoder that `output_format` names."""
    return CODECS[str(params.get("output_format") or DEFAULT_FORMAT)]


def encoder_options(codec: Codec, params: Mapping[str, object]) -> dict[str, str]:
    """By `output_quality` and `output_write_mode`."""
    quality = str(params.get("output_quality") or "high")
    preset = PRESETS[str(params.get("output_write_mode") or "balanced")]
    return {"crf": str(codec.rate_factors[quality]), "preset": preset, **codec.options}


DEFAULT_FORMAT = "X264 (.mp4)"
CODECS = {
    DEFAULT_FORMAT: Codec(
        "libx264", "avc1", {"low": 28, "medium": 23, "high": 18}, {"rc-lookahead": "4", "refs": "1"}, 36
    ),
    # x265 reaches the look of an x264 rate factor some three steps later. Apple's players want hvc1 and not hev1.
    # Its own log goes to standard error past FFmpeg's, and it takes its own words for threads.
    "H265 (.mp4)": Codec(
        "libx265",
        "hvc1",
        {"low": 31, "medium": 26, "high": 21},
        {"x265-params": f"log-level=error:rc-lookahead=1:ref=1:frame-threads=1:pools={THREADS}"},
        60,
    ),
}
