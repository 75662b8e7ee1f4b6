"""The profile's defaults stand in for flags that are not given, where they fit the endpoint."""

import pytest
from helpers.planning import IMAGE, IMAGE_3B, URL, VIDEO

from seedvr_cli.plan.defaults import dropped_size, with_defaults
from seedvr_cli.values.catalog import ENDPOINTS


def test_defaults_stand_in_for_flags():
    """A stored default counts where the flag is not given."""
    assert with_defaults({"scale": 4, "seed": 7}, IMAGE, {"scale": None, "seed": 1})["scale"] == 4
    assert with_defaults({"scale": 4, "seed": 7}, IMAGE, {"scale": None, "seed": 1})["seed"] == 1
    assert with_defaults({"sync": True}, IMAGE_3B, {"sync": None})["sync"] is True
    assert with_defaults({"sync": True}, IMAGE_3B, {"sync": False})["sync"] is False


def test_defaults_of_other_endpoints_are_passed_over():
    """A default that the endpoint does not take is left out, not refused."""
    assert with_defaults({"target": "1080p", "quality": "high"}, IMAGE, {}).keys() <= {"webhook-mode"}
    assert "format" not in with_defaults({"format": "h265"}, IMAGE, {})
    assert "scale" not in with_defaults({"scale": 8}, VIDEO, {})
    assert "target" not in with_defaults({"target": "2160p"}, VIDEO, {})


@pytest.mark.parametrize("flag", ["scale", "width", "height"])
def test_a_size_that_is_given_replaces_every_stored_one(flag):
    """Where the command sets a size, no stored size of another flag is mixed in."""
    given_ = {flag: 512 if flag != "scale" else 2}
    chosen = with_defaults({"scale": 4, "width": 800, "height": 600}, IMAGE, given_)
    assert {name: value for name, value in chosen.items() if value is not None} == given_


def test_a_stored_resolution_says_more_than_a_stored_scale():
    """Where a profile stores both, the resolution counts where the endpoint has it."""
    stored = {"scale": 2, "target": "1080p"}
    assert with_defaults(stored, IMAGE_3B, {}) == {"scale": None, "target": "1080p", "webhook-mode": None}
    assert with_defaults(stored, IMAGE, {})["scale"] == 2


def test_a_stored_mode_needs_a_webhook():
    """A stored webhook mode alone says nothing; with a webhook it counts."""
    assert with_defaults({"webhook-mode": "sync"}, IMAGE, {})["webhook-mode"] is None
    assert with_defaults({"webhook-mode": "sync"}, IMAGE, {"webhook": URL})["webhook-mode"] == "sync"
    assert with_defaults({"webhook-mode": "sync", "webhook": URL}, IMAGE, {}) == {
        "webhook": URL,
        "webhook-mode": "sync",
    }


@pytest.mark.parametrize(
    ("name", "defaults", "options", "told"),
    [
        (
            "3b-video",
            {"scale": 6},
            {},
            "3b-video does not use the stored scale 6 (it takes 1-4); its own",
        ),
        ("3b-image", {"width": 2048}, {}, "3b-image does not use the stored width 2048 (it has no such parameter)"),
        ("3b-video", {"target": "2160p"}, {}, "target 2160p (it takes 720p, 1080p)"),
        ("3b-video", {"scale": 6}, {"scale": 2}, None),
        ("3b-video", {"scale": 6, "target": "720p"}, {}, None),
        ("3b-video", {"scale": 4}, {}, None),
        ("3b-video", {"format": "png"}, {}, None),
        ("7b-image", {}, {}, None),
    ],
)
def test_a_stored_size_that_does_not_fit_is_told(name, defaults, options, told):
    """A default size that the endpoint cannot take is said to be dropped, where no other size takes its place."""
    said = dropped_size(defaults, ENDPOINTS[name], options)
    assert said is None if told is None else told in said
