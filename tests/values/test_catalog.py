"""The catalog against the vendor's reference: paths, parameters, flags, values and prices."""

import json
import math

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.cli.app import make_app
from seedvr_cli.values.catalog import (
    COMPLETED,
    ENDPOINTS,
    ERROR,
    FAILED,
    KEY_HEADER,
    STATUS_PATH,
    TERMINAL,
    WEBHOOK_HEADER,
    WEBHOOK_MODE_HEADER,
    WEBHOOK_MODES,
    check,
)
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parameter import SECOND_SPELLINGS
from seedvr_cli.values.urls import DEFAULT_BASE_URL

SEED = (0, 2147483647)
# The vendor's reference, copied by hand: path, model_id, each parameter with what is allowed, and the price list in
# dollars by the pixels of the short side. A tuple is a range, a set is a list of words.
REFERENCE = {
    "7b-image": {
        "path": "/seedvr2-7b-upscale/image-request",
        "model_id": "seedvr2-7b-upscale",
        "source": "image_url",
        "parameters": {
            "upscale_factor": ("number", 1, 8),
            "res_h": ("integer", 256, 4096),
            "res_w": ("integer", 256, 4096),
            "output_format": {"jpeg", "png", "webp"},
            "noise_scale": ("number", 0, 1),
            "seed": ("integer", *SEED),
            "job_id": "text",
        },
        "prices": {None: 0.001},
    },
    "3b-image": {
        "path": "/seedvr-upscale/v1/upscale-image/generate",
        "model_id": "seedvr-upscale",
        "source": "image_url",
        "parameters": {
            "upscale_mode": {"factor", "target"},
            "upscale_factor": ("number", 1, 8),
            "target_resolution": {"720p", "1080p", "1440p", "2160p"},
            "noise_scale": ("number", 0, 1),
            "output_format": {"jpg", "png", "webp"},
            "seed": ("integer", *SEED),
            "sync_mode": "boolean",
            "webhook": "url",
            "webhook_events_filter": {"*", "completed"},
        },
        "prices": {None: 0.001},
    },
    "3b-video": {
        "path": "/seedvr-upscale/v1/upscale-video/generate",
        "model_id": "seedvr-upscale",
        "source": "video_url",
        "parameters": {
            "upscale_mode": {"factor", "target"},
            "upscale_factor": ("number", 1, 4),
            "target_resolution": {"720p", "1080p"},
            "noise_scale": ("number", 0, 1),
            "output_format": {"X264 (.mp4)", "H265 (.mp4)"},
            "output_quality": {"low", "medium", "high"},
            "output_write_mode": {"fast", "balanced", "quality"},
            "seed": ("integer", *SEED),
            "webhook": "url",
            "webhook_events_filter": {"*", "start", "output", "completed"},
        },
        "prices": {720: 0.12, 1080: 0.68, 1440: 1.95, 2160: 0.82},
    },
}
PARAMETERS = [(name, wire) for name, facts in REFERENCE.items() for wire in facts["parameters"]]
RANGES = [
    (name, wire, *allowed)
    for name, facts in REFERENCE.items()
    for wire, allowed in facts["parameters"].items()
    if isinstance(allowed, tuple)
]


def parameter(name, wire):
    return ENDPOINTS[name].by_wire(wire)


def checked(name, wire, value):
    return check(parameter(name, wire), value, f"-p {wire}", ENDPOINTS[name])


def allowed(one):
    """What a parameter of the catalog allows, in the form of the table above."""
    if one.kind in {"number", "integer"}:
        return (one.kind, one.minimum, one.maximum)
    return set(one.choices.values()) or one.kind


@pytest.mark.parametrize("name", REFERENCE)
def test_the_catalog_has_the_facts_of_the_reference(name):
    """Path, model id and source key of an endpoint are those of the reference."""
    endpoint, facts = ENDPOINTS[name], REFERENCE[name]
    assert (endpoint.path, endpoint.model_id, endpoint.source_key) == (
        facts["path"],
        facts["model_id"],
        facts["source"],
    )


@pytest.mark.parametrize("name", REFERENCE)
def test_the_catalog_has_the_parameters_of_the_reference(name):
    """An endpoint has exactly the parameters of the reference, each with its range or its words."""
    found = {one.wire: allowed(one) for one in ENDPOINTS[name].parameters}
    assert found == REFERENCE[name]["parameters"]
    assert len(ENDPOINTS[name].parameters) == len(found)


@pytest.mark.parametrize("name", REFERENCE)
def test_the_catalog_has_the_prices_of_the_reference(name):
    """An endpoint has exactly the rows of the reference's price list."""
    found = {row.short_side: row.micros / 1_000_000 for row in ENDPOINTS[name].prices}
    assert found == REFERENCE[name]["prices"]


def test_there_are_the_three_endpoints_and_no_other():
    """Our names of the endpoints are the keys of the catalog."""
    assert list(ENDPOINTS) == list(REFERENCE)
    assert [endpoint.name for endpoint in ENDPOINTS.values()] == list(REFERENCE)
    assert [(endpoint.kind, endpoint.model) for endpoint in ENDPOINTS.values()] == [
        ("image", "7b"),
        ("image", "3b"),
        ("video", "3b"),
    ]


def test_the_words_of_the_protocol_are_those_of_the_reference():
    """Headers, paths and status words are spelled as the reference spells them."""
    assert DEFAULT_BASE_URL == "https://gateway.pixazo.ai"
    assert STATUS_PATH == "/v2/requests/status/"
    assert KEY_HEADER == "Ocp-Apim-Subscription-Key"
    assert (WEBHOOK_HEADER, WEBHOOK_MODE_HEADER) == ("X-Webhook-URL", "X-Webhook-Mode")
    assert WEBHOOK_MODES == ("terminal", "sync")
    assert (COMPLETED, FAILED, ERROR) == ("COMPLETED", "FAILED", "ERROR")
    assert set(TERMINAL) == {"COMPLETED", "FAILED", "ERROR"}


# Flags.

# The contract's table of flags.
FLAGS = {
    "scale": "upscale_factor",
    "width": "res_w",
    "height": "res_h",
    "target": "target_resolution",
    "format": "output_format",
    "noise": "noise_scale",
    "seed": "seed",
    "job-id": "job_id",
    "sync": "sync_mode",
    "quality": "output_quality",
    "write-mode": "output_write_mode",
    "body-webhook": "webhook",
    "body-webhook-events": "webhook_events_filter",
}


def test_every_parameter_has_its_flag():
    """Each parameter is set by the flag of the contract; only upscale_mode, which the client sets itself, has none."""
    for endpoint in ENDPOINTS.values():
        for one in endpoint.parameters:
            assert FLAGS.get(one.flag) == one.wire or (one.flag == "" and one.wire == "upscale_mode")
            assert not one.flag or endpoint.by_flag(one.flag) is one


@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_commands_have_the_flags_of_their_endpoints(kind):
    """`image` and `video` have every flag of their endpoints, `-p`, and none that only other endpoints have."""
    command = typer.main.get_command(make_app()).commands[kind]
    options = {name.removeprefix("--") for option in command.params for name in option.opts}
    own = {one.flag for endpoint in ENDPOINTS.values() if endpoint.kind == kind for one in endpoint.parameters} - {""}
    assert own <= options
    assert options & FLAGS.keys() == own
    assert {"param", "webhook", "webhook-mode"} <= options


def test_an_unknown_flag_or_key_is_none():
    """An endpoint has nothing for a flag or a body key that is not its own."""
    assert ENDPOINTS["7b-image"].by_flag("target") is None
    assert ENDPOINTS["3b-image"].by_wire("res_w") is None


# Values.


@pytest.mark.parametrize(("name", "wire", "kind", "low", "high"), RANGES)
def test_both_edges_of_a_range_are_allowed(name, wire, kind, low, high):
    """The lowest and the highest value of a range are taken, as text from a shell and as a JSON number."""
    for edge in (low, high):
        assert checked(name, wire, str(edge)) == edge
        assert checked(name, wire, edge) == edge
        assert checked(name, wire, float(edge)) == edge


@pytest.mark.parametrize(("name", "wire", "kind", "low", "high"), RANGES)
def test_beyond_the_edges_is_refused(name, wire, kind, low, high):
    """The next value below and above a range is a usage error that names the endpoint and the range."""
    step = 1 if kind == "integer" else 0.001
    for beyond in (low - step, high + step):
        for value in (beyond, str(beyond)):
            with pytest.raises(UsageError) as caught:
                checked(name, wire, value)
            assert name in caught.value.message
            assert f"{low}-{high}" in caught.value.message
            assert str(value) in caught.value.message


@pytest.mark.parametrize(("name", "wire", "kind", "low", "high"), RANGES)
def test_between_the_edges_kind_decides(name, wire, kind, low, high):
    """A number may have decimals, and an integer may not."""
    between = low + 0.5
    if kind == "number":
        assert checked(name, wire, str(between)) == between
    else:
        for value in (between, str(between)):
            with pytest.raises(UsageError):
                checked(name, wire, value)


NO_NUMBERS = ["", " ", "two", "2x", "0x2", "nan", "inf", "-inf", "1e999", "9" * 400]
NO_JSON_NUMBERS = [math.nan, math.inf, 10**400, True, False, None, [2], {}]


@pytest.mark.parametrize("value", [*NO_NUMBERS, *NO_JSON_NUMBERS], ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(("name", "wire"), [("7b-image", "upscale_factor"), ("7b-image", "seed"), ("3b-video", "seed")])
def test_what_is_no_number_is_refused(name, wire, value):
    """Words, nothing, truth values, lists, infinities and numbers without end are no numbers."""
    with pytest.raises(UsageError, match=name):
        checked(name, wire, value)


@settings(deadline=None)
@given(st.integers(256, 4096), st.sampled_from(["{}", "{}.0", "{}e0", " {} ", "+{}"]))
def test_equal_numbers_become_one(number, form):
    """Whatever a whole number is written like, the body gets the same integer."""
    for value in (form.format(number), number, float(number)):
        result = checked("7b-image", "res_w", value)
        assert (result, type(result)) == (number, int)
        assert json.dumps(result) == str(number)


SPELLINGS = [
    ("7b-image", {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg"}),
    ("3b-image", {"png": "png", "webp": "webp", "jpg": "jpg", "jpeg": "jpg"}),
    ("3b-video", dict.fromkeys(("h264", "x264", "avc", "X264 (.mp4)"), "X264 (.mp4)")),
    ("3b-video", dict.fromkeys(("h265", "x265", "hevc", "H265 (.mp4)"), "H265 (.mp4)")),
]


@pytest.mark.parametrize(("name", "spellings"), SPELLINGS)
def test_a_format_is_spelled_as_the_endpoint_spells_it(name, spellings):
    """A user writes any usual word for a format, in any case, and the gateway gets its own spelling."""
    for written, wire in spellings.items():
        assert checked(name, "output_format", written) == wire
        if written != wire:
            assert checked(name, "output_format", written.upper()) == wire


@pytest.mark.parametrize(
    ("name", "wire", "value"),
    [
        ("7b-image", "output_format", "gif"),
        ("7b-image", "output_format", "h264"),
        ("3b-image", "output_format", "mp4"),
        ("3b-video", "output_format", "png"),
        ("3b-video", "target_resolution", "1440p"),
        ("3b-video", "target_resolution", "2160p"),
        ("3b-image", "target_resolution", "4k"),
        ("3b-image", "target_resolution", 1080),
        ("3b-video", "output_quality", "best"),
        ("3b-video", "output_write_mode", "slow"),
        ("3b-image", "upscale_mode", "auto"),
        ("3b-image", "output_format", ""),
        ("3b-image", "output_format", None),
        ("3b-image", "output_format", ["png"]),
    ],
)
def test_another_word_is_refused(name, wire, value):
    """A word that the endpoint does not list is a usage error that lists those it has."""
    with pytest.raises(UsageError) as caught:
        checked(name, wire, value)
    assert name in caught.value.message
    assert parameter(name, wire).allowed in caught.value.message


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("FALSE", False), ("1", True), ("0", False),
                                                 ("yes", True), ("no", False), ("on", True), ("off", False),
                                                 (True, True), (False, False)])  # fmt: skip
def test_a_switch_understands_the_usual_words(value, expected):
    """A truth value may be JSON or one of the usual words."""
    assert checked("3b-image", "sync_mode", value) is expected


@pytest.mark.parametrize("value", ["", "maybe", 1, 0, None, [True]])
def test_another_switch_is_refused(value):
    """Anything else is no truth value."""
    with pytest.raises(UsageError, match="on or off"):
        checked("3b-image", "sync_mode", value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("3b-image", "*", ["*"]),
        ("3b-image", "completed", ["completed"]),
        ("3b-image", ["completed"], ["completed"]),
        ("3b-video", "start,output,completed", ["start", "output", "completed"]),
        ("3b-video", " start , completed ", ["start", "completed"]),
        ("3b-video", ["*"], ["*"]),
    ],
)
def test_events_are_a_list(name, value, expected):
    """The events of a body webhook become a JSON array, whether written with commas or as JSON."""
    assert checked(name, "webhook_events_filter", value) == expected


@pytest.mark.parametrize("value", ["", "done", "completed,done", "start", [], [1], [["*"]], [{}], {}, None, 3, True])
def test_other_events_are_refused(value):
    """An event that the endpoint does not list, or no list at all, is a usage error."""
    with pytest.raises(UsageError, match="3b-image takes a list of"):
        checked("3b-image", "webhook_events_filter", value)


def test_a_text_must_say_something():
    """A job id is any text that is not empty."""
    assert checked("7b-image", "job_id", "5") == "5"
    for value in ("", None, 5, ["a"]):
        with pytest.raises(UsageError):
            checked("7b-image", "job_id", value)


def test_a_body_webhook_is_an_https_url():
    """The webhook in the body is called over https."""
    assert checked("3b-image", "webhook", "https://example.com/hook") == "https://example.com/hook"
    for value in ("http://example.com/hook", "example.com", "", None, 5, ["https://example.com"]):
        with pytest.raises(UsageError, match="an https URL"):
            checked("3b-image", "webhook", value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(PARAMETERS), JSON_VALUES)
def test_a_value_is_checked_or_refused_and_nothing_else(which, value):
    """Whatever JSON is given for a parameter, it comes out as the endpoint takes it, or is a usage error."""
    try:
        result = checked(*which, value)
    except UsageError:
        return
    permitted = REFERENCE[which[0]]["parameters"][which[1]]
    if isinstance(permitted, tuple):
        assert permitted[1] <= result <= permitted[2]
    elif isinstance(permitted, set):
        assert set(result if isinstance(result, list) else [result]) <= permitted
    else:
        assert isinstance(result, bool if permitted == "boolean" else str)


@settings(deadline=None)
@given(st.sampled_from(PARAMETERS), JSON_VALUES)
def test_a_checked_value_stays_as_it_is(which, value):
    """Checking what was checked before changes nothing, so that a repeated command is the same request."""
    try:
        once = checked(*which, value)
    except UsageError:
        return
    assert checked(*which, once) == once


@pytest.mark.parametrize(("name", "wire"), PARAMETERS)
def test_what_is_allowed_can_be_said(name, wire):
    """Each parameter says in words what it takes, without the second spellings that are only understood."""
    words = parameter(name, wire).allowed
    assert words
    assert not SECOND_SPELLINGS & set(words.replace(",", " ").split())


# Prices.


@pytest.mark.parametrize(
    ("size", "micros"),
    [
        ((640, 360), 120_000),
        ((1280, 720), 120_000),
        ((720, 1280), 120_000),
        ((1282, 721), 680_000),
        ((1920, 1080), 680_000),
        ((1080, 1920), 680_000),
        ((1080, 1080), 680_000),
        ((2048, 1081), 1_950_000),
        ((2560, 1440), 1_950_000),
        ((2562, 1442), 820_000),
        ((3840, 2160), 820_000),
        ((7680, 4320), 820_000),
    ],
)
def test_a_video_is_priced_by_its_short_side(size, micros):
    """The row of the price list is the first that the output's short side fits in, standing or lying."""
    assert ENDPOINTS["3b-video"].price(size=size) == micros


@pytest.mark.parametrize(("target", "micros"), [("720p", 120_000), ("1080p", 680_000)])
def test_a_video_with_a_target_is_priced_by_it(target, micros):
    """A target resolution tells the price before anything is sent."""
    assert ENDPOINTS["3b-video"].price(target=target) == micros


def test_a_video_of_unknown_size_is_the_dearest():
    """Where the output's size is not known, the dearest row counts, which is not the largest resolution's."""
    assert ENDPOINTS["3b-video"].price() == 1_950_000


@pytest.mark.parametrize("name", ["7b-image", "3b-image"])
def test_a_picture_costs_the_same_at_any_size(name):
    """A picture's list price does not depend on its size."""
    endpoint = ENDPOINTS[name]
    assert {endpoint.price(), endpoint.price(size=(1, 1)), endpoint.price(size=(9000, 9000))} == {1_000}
    assert endpoint.price(target="2160p") == 1_000
