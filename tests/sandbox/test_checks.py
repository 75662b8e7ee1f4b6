"""What the sandbox takes and refuses: sources, parameters and webhooks, as the reference has them."""

import pytest
from helpers.world import PICTURE, VIDEO, WorldBench


@pytest.mark.parametrize(
    "url",
    [None, "", 7, [], "source.png", "ftp://a/b", "http://a.example/b.png", "https://", "https://a b", "file:a.png",
     "file://host/a.png", "data:image/png", "https://a\n/b"],
)  # fmt: skip
def test_sources_that_are_refused(url):
    """A source that is missing, no text, or no URL that the sandbox reads is answered 400 and named."""
    assert "image_url" in WorldBench().refused({"image_url": url})


@pytest.mark.parametrize(
    "url",
    ["https://a.example/b.png", "http://127.0.0.1:1/a", "http://localhost/a", "http://[::1]:1/a", "file:///a/b.png",
     "file://localhost/a/b.png", "data:image/png;base64,AAAA", "DATA:,x"],
)  # fmt: skip
def test_sources_that_are_taken(url):
    """https URLs are taken, http ones to this machine, and the sandbox's own file: and data: URLs."""
    assert WorldBench().submit({"image_url": url}).status == 202


def test_the_source_has_the_endpoints_key():
    """A video's source under `image_url` is a missing source."""
    assert "video_url" in WorldBench().refused(PICTURE, "3b-video")


REFUSED = [
    ("7b-image", "upscale_factor", [0.99, 8.01, "2", True, None, [2]]),
    ("7b-image", "res_w", [255, 4097, 1024.5, "1024", False]),
    ("7b-image", "res_h", [255, 4097, 1024.0, None]),
    ("7b-image", "output_format", ["jpg", "JPEG", "gif", 1, ["png"]]),
    ("7b-image", "noise_scale", [-0.1, 1.1, "0"]),
    ("7b-image", "seed", [-1, 2147483648, 1.5, "1", True]),
    ("7b-image", "job_id", [7, None]),
    ("3b-image", "upscale_factor", [0, 9]),
    ("3b-image", "upscale_mode", ["both", "Factor", None]),
    ("3b-image", "target_resolution", ["1080", "480p", 1080]),
    ("3b-image", "output_format", ["jpeg", "X264 (.mp4)"]),
    ("3b-image", "sync_mode", ["true", 1, None]),
    ("3b-image", "webhook", ["http://a.example/", "a", 7]),
    ("3b-image", "webhook_events_filter", ["completed", [], ["start"], [["completed"]], None]),
    ("3b-video", "upscale_factor", [0.5, 4.5]),
    ("3b-video", "target_resolution", ["1440p", "2160p"]),
    ("3b-video", "output_format", ["h264", "mp4", "X264"]),
    ("3b-video", "output_quality", ["best", "HIGH"]),
    ("3b-video", "output_write_mode", ["slow"]),
    ("3b-video", "webhook_events_filter", [["finished"]]),
]
TAKEN = [
    ("7b-image", "upscale_factor", [1, 8, 2.5]),
    ("7b-image", "res_w", [256, 4096]),
    ("7b-image", "output_format", ["jpeg", "png", "webp"]),
    ("7b-image", "noise_scale", [0, 1, 0.5]),
    ("7b-image", "seed", [0, 2147483647]),
    ("7b-image", "job_id", ["mine"]),
    ("7b-image", "sync_mode", ["not a parameter of 7B"]),
    ("7b-image", "no_such_key", [{"any": "thing"}]),
    ("3b-image", "output_format", ["jpg", "png", "webp"]),
    ("3b-image", "upscale_factor", [2]),
    ("3b-image", "target_resolution", ["720p", "1080p", "1440p", "2160p"]),
    ("3b-image", "sync_mode", [False]),
    ("3b-image", "webhook", ["https://a.example/hook", "http://127.0.0.1:1/hook"]),
    ("3b-image", "webhook_events_filter", [["*"], ["completed"]]),
    ("3b-video", "output_format", ["X264 (.mp4)", "H265 (.mp4)"]),
    ("3b-video", "output_quality", ["low", "medium", "high"]),
    ("3b-video", "output_write_mode", ["fast", "balanced", "quality"]),
    ("3b-video", "webhook_events_filter", [["start", "output", "completed"]]),
]


def _cases(table):
    return [(endpoint, name, value) for endpoint, name, values in table for value in values]


@pytest.mark.parametrize(("endpoint", "name", "value"), _cases(REFUSED))
def test_parameters_that_are_refused(endpoint, name, value):
    """A value out of the reference's range, or not in its spelling, is answered 400 and its key is named."""
    source = VIDEO if endpoint == "3b-video" else PICTURE
    assert f"'{name}'" in WorldBench().refused({**source, name: value}, endpoint)


@pytest.mark.parametrize(("endpoint", "name", "value"), _cases(TAKEN))
def test_parameters_that_are_taken(endpoint, name, value):
    """Every value of the reference is taken, and so are keys that it does not have."""
    source = VIDEO if endpoint == "3b-video" else PICTURE
    assert WorldBench().submit({**source, name: value}, endpoint).status == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-webhook-url": "https://a.example/hook"}, 202),
        ({"x-webhook-url": "https://a.example/hook", "x-webhook-mode": "sync"}, 202),
        ({"x-webhook-url": "http://127.0.0.1:9/hook"}, 202),
        ({"x-webhook-url": "http://a.example/hook"}, 400),
        ({"x-webhook-url": "hook"}, 400),
        ({"x-webhook-url": "https://a.example/hook", "x-webhook-mode": "always"}, 400),
    ],
)
def test_webhook_headers(headers, status):
    """X-Webhook-URL must be https or this machine, and X-Webhook-Mode one of the reference's two words."""
    assert WorldBench().submit(headers=headers).status == status
